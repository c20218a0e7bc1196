package object

import "lwbs/lwm2m"

// The Objects that bootstrapping is about.

var securityResources = []ResourceDefinition{
	{0, "LwM2M Server URI", lwm2m.TypeString, single, mandatory, opNone, 0, 255, "", lwm2m.Version10, false, false, nil},
	{1, "Bootstrap-Server", lwm2m.TypeBoolean, single, mandatory, opNone, 0, 0, "", lwm2m.Version10, false, false, nil},
	{2, "Security Mode", lwm2m.TypeInteger, single, mandatory, opNone, 0, 4, "", lwm2m.Version10, false, false, nil},
	{3, "Public Key or Identity", lwm2m.TypeOpaque, single, mandatory, opNone, 0, 0, "", lwm2m.Version10, false, false, nil},
	{4, "Server Public Key", lwm2m.TypeOpaque, single, mandatory, opNone, 0, 0, "", lwm2m.Version10, false, false, nil},
	{5, "Secret Key", lwm2m.TypeOpaque, single, mandatory, opNone, 0, 0, "", lwm2m.Version10, true, false, nil},
	{6, "SMS Security Mode", lwm2m.TypeInteger, single, optional, opNone, 0, 255, "", lwm2m.Version10, false, false, nil},
	{7, "SMS Binding Key Parameters", lwm2m.TypeOpaque, single, optional, opNone, 0, 6, "", lwm2m.Version10, true, false, nil},
	{8, "SMS Binding Secret Key(s)", lwm2m.TypeOpaque, single, optional, opNone, 0, 0, "", lwm2m.Version10, true, false, []Interval{{16, 16}, {32, 32}, {48, 48}}},
	{9, "LwM2M Server SMS Number", lwm2m.TypeString, single, optional, opNone, 0, 0, "", lwm2m.Version10, false, false, nil},
	{10, "Short Server ID", lwm2m.TypeInteger, single, optional, opNone, 1, 65534, "", lwm2m.Version10, false, false, nil},
	{11, "Client Hold Off Time", lwm2m.TypeInteger, single, optional, opNone, 0, maxSeconds, "s", lwm2m.Version10, false, false, nil},
	{12, "Bootstrap-Server Account Timeout", lwm2m.TypeInteger, single, optional, opNone, 0, maxSeconds, "s", lwm2m.Version10, false, false, nil},
	{13, "Matching Type", lwm2m.TypeUnsigned, single, optional, opNone, 0, 3, "", lwm2m.Version11, false, false, nil},
	{14, "SNI", lwm2m.TypeString, single, optional, opNone, 0, 0, "", lwm2m.Version11, false, false, nil},
	{15, "Certificate Usage", lwm2m.TypeUnsigned, single, optional, opNone, 0, 3, "", lwm2m.Version11, false, false, nil},
	{16, "DTLS/TLS Ciphersuite", lwm2m.TypeUnsigned, multiple, optional, opNone, 0, 65535, "", lwm2m.Version11, false, false, nil},
	{17, "OSCORE Security Mode", lwm2m.TypeObjectLink, single, optional, opNone, 0, 0, "", lwm2m.Version11, false, false, nil},
	{18, "Groups To Use by Client", lwm2m.TypeUnsigned, multiple, optional, opNone, 0, 65535, "", lwm2m.Version12, false, false, nil},
	{19, "Signature Algorithms Supported by Server", lwm2m.TypeUnsigned, multiple, optional, opNone, 0, 65535, "", lwm2m.Version12, false, false, nil},
	{20, "Signature Algorithms To Use by Client", lwm2m.TypeUnsigned, multiple, optional, opNone, 0, 65535, "", lwm2m.Version12, false, false, nil},
	{21, "Signature Algorithm Certs Supported by Server", lwm2m.TypeUnsigned, multiple, optional, opNone, 0, 65535, "", lwm2m.Version12, false, false, nil},
	{22, "TLS 1.3 Features To Use by Client", lwm2m.TypeUnsigned, single, optional, opNone, 0, 65535, "", lwm2m.Version12, false, false, nil},
	{23, "TLS Extensions Supported by Server", lwm2m.TypeUnsigned, single, optional, opNone, 0, 65535, "", lwm2m.Version12, false, false, nil},
	{24, "TLS Extensions To Use by Client", lwm2m.TypeUnsigned, single, optional, opNone, 0, 65535, "", lwm2m.Version12, false, false, nil},
	{25, "Secondary LwM2M Server URI", lwm2m.TypeString, multiple, optional, opNone, 0, 255, "", lwm2m.Version12, false, false, nil},
	{26, "MQTT Server", lwm2m.TypeObjectLink, single, optional, opNone, 0, 0, "", lwm2m.Version12, false, false, nil},
	{27, "LwM2M COSE Security", lwm2m.TypeObjectLink, multiple, optional, opNone, 0, 0, "", lwm2m.Version12, false, false, nil},
	{28, "RDS Destination Port", lwm2m.TypeInteger, single, optional, opNone, 0, 15, "", lwm2m.Version12, false, false, nil},
	{29, "RDS Source Port", lwm2m.TypeInteger, single, optional, opNone, 0, 15, "", lwm2m.Version12, false, false, nil},
	{30, "RDS Application ID", lwm2m.TypeString, single, optional, opNone, 0, 0, "", lwm2m.Version12, false, false, nil},
}

var serverResources = []ResourceDefinition{
	{0, "Short Server ID", lwm2m.TypeInteger, single, mandatory, opR, 1, 65534, "", lwm2m.Version10, false, false, nil},
	{1, "Lifetime", lwm2m.TypeInteger, single, mandatory, opRW, 0, maxSeconds, "s", lwm2m.Version10, false, false, nil},
	{2, "Default Minimum Period", lwm2m.TypeInteger, single, optional, opRW, 0, maxSeconds, "s", lwm2m.Version10, false, false, nil},
	{3, "Default Maximum Period", lwm2m.TypeInteger, single, optional, opRW, 1, maxSeconds, "s", lwm2m.Version10, false, false, nil},
	{4, "Disable", lwm2m.TypeNone, single, optional, opE, 0, 0, "", lwm2m.Version10, false, false, nil},
	{5, "Disable Timeout", lwm2m.TypeInteger, single, optional, opRW, 0, maxSeconds, "s", lwm2m.Version10, false, false, nil},
	{6, "Notification Storing When Disabled or Offline", lwm2m.TypeBoolean, single, mandatory, opRW, 0, 0, "", lwm2m.Version10, false, false, nil},
	{7, "Binding", lwm2m.TypeString, single, mandatory, opRW, 1, 8, "", lwm2m.Version10, false, false, nil},
	{8, "Registration Update Trigger", lwm2m.TypeNone, single, mandatory, opE, 0, 0, "", lwm2m.Version10, false, false, nil},
	{9, "Bootstrap-Request Trigger", lwm2m.TypeNone, single, optional, opE, 0, 0, "", lwm2m.Version11, false, false, nil},
	{10, "APN Link", lwm2m.TypeObjectLink, single, optional, opRW, 0, 0, "", lwm2m.Version11, false, false, nil},
	{11, "TLS-DTLS Alert Code", lwm2m.TypeUnsigned, single, optional, opR, 0, 255, "", lwm2m.Version11, false, true, nil},
	{12, "Last Bootstrapped", lwm2m.TypeTime, single, optional, opR, 0, 0, "", lwm2m.Version11, false, true, nil},
	{13, "Registration Priority Order", lwm2m.TypeUnsigned, single, optional, opR, 0, maxSeconds, "", lwm2m.Version11, false, false, nil},
	{14, "Initial Registration Delay Timer", lwm2m.TypeUnsigned, single, optional, opRW, 0, maxSeconds, "s", lwm2m.Version11, false, false, nil},
	{15, "Registration Failure Block", lwm2m.TypeBoolean, single, optional, opR, 0, 0, "", lwm2m.Version11, false, false, nil},
	{16, "Bootstrap on Registration Failure", lwm2m.TypeBoolean, single, optional, opR, 0, 0, "", lwm2m.Version11, false, false, nil},
	{17, "Communication Retry Count", lwm2m.TypeUnsigned, single, optional, opRW, 1, maxSeconds, "", lwm2m.Version11, false, false, nil},
	{18, "Communication Retry Timer", lwm2m.TypeUnsigned, single, optional, opRW, 0, maxSeconds, "s", lwm2m.Version11, false, false, nil},
	{19, "Communication Sequence Delay Timer", lwm2m.TypeUnsigned, single, optional, opRW, 0, 1<<32 - 1, "s", lwm2m.Version11, false, false, nil},
	{20, "Communication Sequence Retry Count", lwm2m.TypeUnsigned, single, optional, opRW, 1, maxSeconds, "", lwm2m.Version11, false, false, nil},
	{21, "Trigger", lwm2m.TypeBoolean, single, optional, opRW, 0, 0, "", lwm2m.Version11, false, false, nil},
	{22, "Preferred Transport", lwm2m.TypeString, single, optional, opRW, 1, 1, "", lwm2m.Version11, false, false, nil},
	{23, "Mute Send", lwm2m.TypeBoolean, single, optional, opRW, 0, 0, "", lwm2m.Version11, false, false, nil},
	{24, "Alternate APN Links", lwm2m.TypeObjectLink, multiple, optional, opRW, 0, 0, "", lwm2m.Version12, false, false, nil},
	{25, "Supported Server Versions", lwm2m.TypeString, multiple, optional, opRW, 0, 0, "", lwm2m.Version12, false, false, nil},
	{26, "Default Notification Mode", lwm2m.TypeInteger, single, optional, opRW, 0, 1, "", lwm2m.Version12, false, false, nil},
	{27, "Profile ID Hash Algorithm", lwm2m.TypeUnsigned, single, optional, opRW, 0, 255, "", lwm2m.Version12, false, false, nil},
}

var accessControlResources = []ResourceDefinition{
	{0, "Object ID", lwm2m.TypeInteger, single, mandatory, opR, 1, 65534, "", lwm2m.Version10, false, false, nil},
	{1, "Object Instance ID", lwm2m.TypeInteger, single, mandatory, opR, 0, 65535, "", lwm2m.Version10, false, false, nil},
	{2, "ACL", lwm2m.TypeInteger, multiple, optional, opRW, 0, 31, "", lwm2m.Version10, false, false, nil},
	{3, "Access Control Owner", lwm2m.TypeInteger, single, mandatory, opRW, 0, 65535, "", lwm2m.Version10, false, false, nil},
}

var oscoreResources = []ResourceDefinition{
	{0, "OSCORE Master Secret", lwm2m.TypeOpaque, single, mandatory, opNone, 0, 0, "", lwm2m.Version10, true, false, nil},
	{1, "OSCORE Sender ID", lwm2m.TypeOpaque, single, mandatory, opNone, 0, 7, "", lwm2m.Version10, false, false, nil},
	{2, "OSCORE Recipient ID", lwm2m.TypeOpaque, single, mandatory, opNone, 0, 7, "", lwm2m.Version10, false, false, nil},
	{3, "OSCORE AEAD Algorithm", lwm2m.TypeInteger, single, optional, opNone, 0, 0, "", lwm2m.Version10, false, false, nil},
	{4, "OSCORE HMAC Algorithm", lwm2m.TypeInteger, single, optional, opNone, 0, 0, "", lwm2m.Version10, false, false, nil},
	{5, "OSCORE Master Salt", lwm2m.TypeOpaque, single, optional, opNone, 0, 0, "", lwm2m.Version10, true, false, nil},
	{6, "OSCORE ID Context", lwm2m.TypeOpaque, single, optional, opNone, 0, 0, "", lwm2m.Version11, false, false, nil},
}

var coseResources = []ResourceDefinition{
	{0, "KID", lwm2m.TypeString, single, mandatory, opNone, 0, 0, "", lwm2m.Version10, false, false, nil},
	{1, "AEAD Algorithm", lwm2m.TypeInteger, single, mandatory, opNone, 0, 0, "", lwm2m.Version10, false, false, nil},
	{2, "Key", lwm2m.TypeString, single, mandatory, opNone, 0, 0, "", lwm2m.Version10, true, false, nil},
}

var mqttResources = []ResourceDefinition{
	{0, "Will Retain", lwm2m.TypeBoolean, single, optional, opRW, 0, 0, "", lwm2m.Version10, false, false, nil},
	{1, "Will Topic", lwm2m.TypeString, single, optional, opRW, 0, 0, "", lwm2m.Version10, false, false, nil},
	{2, "Will Message", lwm2m.TypeString, single, optional, opRW, 0, 0, "", lwm2m.Version10, false, false, nil},
	{3, "Clean Session", lwm2m.TypeBoolean, single, optional, opRW, 0, 0, "", lwm2m.Version10, false, false, nil},
	{4, "Will QoS", lwm2m.TypeUnsigned, single, optional, opRW, 0, 3, "", lwm2m.Version10, false, false, nil},
	{5, "Keep Alive", lwm2m.TypeUnsigned, single, optional, opRW, 0, 65535, "", lwm2m.Version10, false, false, nil},
	{6, "Client Identifier", lwm2m.TypeString, single, mandatory, opRW, 0, 0, "", lwm2m.Version10, false, false, nil},
	{7, "User Name", lwm2m.TypeString, single, optional, opRW, 0, 0, "", lwm2m.Version10, false, false, nil},
	{8, "Password", lwm2m.TypeOpaque, single, optional, opRW, 0, 0, "", lwm2m.Version10, true, false, nil},
}
