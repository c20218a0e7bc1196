package lwm2m

// The Objects that bootstrapping is about.

var securityResources = []ResourceDefinition{
	{0, "LwM2M Server URI", TypeString, single, mandatory, opNone, 0, 255, "", Version10, false, false, nil},
	{1, "Bootstrap-Server", TypeBoolean, single, mandatory, opNone, 0, 0, "", Version10, false, false, nil},
	{2, "Security Mode", TypeInteger, single, mandatory, opNone, 0, 4, "", Version10, false, false, nil},
	{3, "Public Key or Identity", TypeOpaque, single, mandatory, opNone, 0, 0, "", Version10, false, false, nil},
	{4, "Server Public Key", TypeOpaque, single, mandatory, opNone, 0, 0, "", Version10, false, false, nil},
	{5, "Secret Key", TypeOpaque, single, mandatory, opNone, 0, 0, "", Version10, true, false, nil},
	{6, "SMS Security Mode", TypeInteger, single, optional, opNone, 0, 255, "", Version10, false, false, nil},
	{7, "SMS Binding Key Parameters", TypeOpaque, single, optional, opNone, 0, 6, "", Version10, true, false, nil},
	{8, "SMS Binding Secret Key(s)", TypeOpaque, single, optional, opNone, 0, 0, "", Version10, true, false, []Interval{{16, 16}, {32, 32}, {48, 48}}},
	{9, "LwM2M Server SMS Number", TypeString, single, optional, opNone, 0, 0, "", Version10, false, false, nil},
	{10, "Short Server ID", TypeInteger, single, optional, opNone, 1, 65534, "", Version10, false, false, nil},
	{11, "Client Hold Off Time", TypeInteger, single, optional, opNone, 0, maxSeconds, "s", Version10, false, false, nil},
	{12, "Bootstrap-Server Account Timeout", TypeInteger, single, optional, opNone, 0, maxSeconds, "s", Version10, false, false, nil},
	{13, "Matching Type", TypeUnsigned, single, optional, opNone, 0, 3, "", Version11, false, false, nil},
	{14, "SNI", TypeString, single, optional, opNone, 0, 0, "", Version11, false, false, nil},
	{15, "Certificate Usage", TypeUnsigned, single, optional, opNone, 0, 3, "", Version11, false, false, nil},
	{16, "DTLS/TLS Ciphersuite", TypeUnsigned, multiple, optional, opNone, 0, 65535, "", Version11, false, false, nil},
	{17, "OSCORE Security Mode", TypeObjectLink, single, optional, opNone, 0, 0, "", Version11, false, false, nil},
	{18, "Groups To Use by Client", TypeUnsigned, multiple, optional, opNone, 0, 65535, "", Version12, false, false, nil},
	{19, "Signature Algorithms Supported by Server", TypeUnsigned, multiple, optional, opNone, 0, 65535, "", Version12, false, false, nil},
	{20, "Signature Algorithms To Use by Client", TypeUnsigned, multiple, optional, opNone, 0, 65535, "", Version12, false, false, nil},
	{21, "Signature Algorithm Certs Supported by Server", TypeUnsigned, multiple, optional, opNone, 0, 65535, "", Version12, false, false, nil},
	{22, "TLS 1.3 Features To Use by Client", TypeUnsigned, single, optional, opNone, 0, 65535, "", Version12, false, false, nil},
	{23, "TLS Extensions Supported by Server", TypeUnsigned, single, optional, opNone, 0, 65535, "", Version12, false, false, nil},
	{24, "TLS Extensions To Use by Client", TypeUnsigned, single, optional, opNone, 0, 65535, "", Version12, false, false, nil},
	{25, "Secondary LwM2M Server URI", TypeString, multiple, optional, opNone, 0, 255, "", Version12, false, false, nil},
	{26, "MQTT Server", TypeObjectLink, single, optional, opNone, 0, 0, "", Version12, false, false, nil},
	{27, "LwM2M COSE Security", TypeObjectLink, multiple, optional, opNone, 0, 0, "", Version12, false, false, nil},
	{28, "RDS Destination Port", TypeInteger, single, optional, opNone, 0, 15, "", Version12, false, false, nil},
	{29, "RDS Source Port", TypeInteger, single, optional, opNone, 0, 15, "", Version12, false, false, nil},
	{30, "RDS Application ID", TypeString, single, optional, opNone, 0, 0, "", Version12, false, false, nil},
}

var serverResources = []ResourceDefinition{
	{0, "Short Server ID", TypeInteger, single, mandatory, opR, 1, 65534, "", Version10, false, false, nil},
	{1, "Lifetime", TypeInteger, single, mandatory, opRW, 0, maxSeconds, "s", Version10, false, false, nil},
	{2, "Default Minimum Period", TypeInteger, single, optional, opRW, 0, maxSeconds, "s", Version10, false, false, nil},
	{3, "Default Maximum Period", TypeInteger, single, optional, opRW, 1, maxSeconds, "s", Version10, false, false, nil},
	{4, "Disable", TypeNone, single, optional, opE, 0, 0, "", Version10, false, false, nil},
	{5, "Disable Timeout", TypeInteger, single, optional, opRW, 0, maxSeconds, "s", Version10, false, false, nil},
	{6, "Notification Storing When Disabled or Offline", TypeBoolean, single, mandatory, opRW, 0, 0, "", Version10, false, false, nil},
	{7, "Binding", TypeString, single, mandatory, opRW, 1, 8, "", Version10, false, false, nil},
	{8, "Registration Update Trigger", TypeNone, single, mandatory, opE, 0, 0, "", Version10, false, false, nil},
	{9, "Bootstrap-Request Trigger", TypeNone, single, optional, opE, 0, 0, "", Version11, false, false, nil},
	{10, "APN Link", TypeObjectLink, single, optional, opRW, 0, 0, "", Version11, false, false, nil},
	{11, "TLS-DTLS Alert Code", TypeUnsigned, single, optional, opR, 0, 255, "", Version11, false, true, nil},
	{12, "Last Bootstrapped", TypeTime, single, optional, opR, 0, 0, "", Version11, false, true, nil},
	{13, "Registration Priority Order", TypeUnsigned, single, optional, opR, 0, maxSeconds, "", Version11, false, false, nil},
	{14, "Initial Registration Delay Timer", TypeUnsigned, single, optional, opRW, 0, maxSeconds, "s", Version11, false, false, nil},
	{15, "Registration Failure Block", TypeBoolean, single, optional, opR, 0, 0, "", Version11, false, false, nil},
	{16, "Bootstrap on Registration Failure", TypeBoolean, single, optional, opR, 0, 0, "", Version11, false, false, nil},
	{17, "Communication Retry Count", TypeUnsigned, single, optional, opRW, 1, maxSeconds, "", Version11, false, false, nil},
	{18, "Communication Retry Timer", TypeUnsigned, single, optional, opRW, 0, maxSeconds, "s", Version11, false, false, nil},
	{19, "Communication Sequence Delay Timer", TypeUnsigned, single, optional, opRW, 0, 1<<32 - 1, "s", Version11, false, false, nil},
	{20, "Communication Sequence Retry Count", TypeUnsigned, single, optional, opRW, 1, maxSeconds, "", Version11, false, false, nil},
	{21, "Trigger", TypeBoolean, single, optional, opRW, 0, 0, "", Version11, false, false, nil},
	{22, "Preferred Transport", TypeString, single, optional, opRW, 1, 1, "", Version11, false, false, nil},
	{23, "Mute Send", TypeBoolean, single, optional, opRW, 0, 0, "", Version11, false, false, nil},
	{24, "Alternate APN Links", TypeObjectLink, multiple, optional, opRW, 0, 0, "", Version12, false, false, nil},
	{25, "Supported Server Versions", TypeString, multiple, optional, opRW, 0, 0, "", Version12, false, false, nil},
	{26, "Default Notification Mode", TypeInteger, single, optional, opRW, 0, 1, "", Version12, false, false, nil},
	{27, "Profile ID Hash Algorithm", TypeUnsigned, single, optional, opRW, 0, 255, "", Version12, false, false, nil},
}

var accessControlResources = []ResourceDefinition{
	{0, "Object ID", TypeInteger, single, mandatory, opR, 1, 65534, "", Version10, false, false, nil},
	{1, "Object Instance ID", TypeInteger, single, mandatory, opR, 0, 65535, "", Version10, false, false, nil},
	{2, "ACL", TypeInteger, multiple, optional, opRW, 0, 31, "", Version10, false, false, nil},
	{3, "Access Control Owner", TypeInteger, single, mandatory, opRW, 0, 65535, "", Version10, false, false, nil},
}

var oscoreResources = []ResourceDefinition{
	{0, "OSCORE Master Secret", TypeOpaque, single, mandatory, opNone, 0, 0, "", Version10, true, false, nil},
	{1, "OSCORE Sender ID", TypeOpaque, single, mandatory, opNone, 0, 7, "", Version10, false, false, nil},
	{2, "OSCORE Recipient ID", TypeOpaque, single, mandatory, opNone, 0, 7, "", Version10, false, false, nil},
	{3, "OSCORE AEAD Algorithm", TypeInteger, single, optional, opNone, 0, 0, "", Version10, false, false, nil},
	{4, "OSCORE HMAC Algorithm", TypeInteger, single, optional, opNone, 0, 0, "", Version10, false, false, nil},
	{5, "OSCORE Master Salt", TypeOpaque, single, optional, opNone, 0, 0, "", Version10, true, false, nil},
	{6, "OSCORE ID Context", TypeOpaque, single, optional, opNone, 0, 0, "", Version11, false, false, nil},
}

var coseResources = []ResourceDefinition{
	{0, "KID", TypeString, single, mandatory, opNone, 0, 0, "", Version10, false, false, nil},
	{1, "AEAD Algorithm", TypeInteger, single, mandatory, opNone, 0, 0, "", Version10, false, false, nil},
	{2, "Key", TypeString, single, mandatory, opNone, 0, 0, "", Version10, true, false, nil},
}

var mqttResources = []ResourceDefinition{
	{0, "Will Retain", TypeBoolean, single, optional, opRW, 0, 0, "", Version10, false, false, nil},
	{1, "Will Topic", TypeString, single, optional, opRW, 0, 0, "", Version10, false, false, nil},
	{2, "Will Message", TypeString, single, optional, opRW, 0, 0, "", Version10, false, false, nil},
	{3, "Clean Session", TypeBoolean, single, optional, opRW, 0, 0, "", Version10, false, false, nil},
	{4, "Will QoS", TypeUnsigned, single, optional, opRW, 0, 3, "", Version10, false, false, nil},
	{5, "Keep Alive", TypeUnsigned, single, optional, opRW, 0, 65535, "", Version10, false, false, nil},
	{6, "Client Identifier", TypeString, single, mandatory, opRW, 0, 0, "", Version10, false, false, nil},
	{7, "User Name", TypeString, single, optional, opRW, 0, 0, "", Version10, false, false, nil},
	{8, "Password", TypeOpaque, single, optional, opRW, 0, 0, "", Version10, true, false, nil},
}
