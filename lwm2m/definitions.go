package lwm2m

// The operations that LwM2M Servers have, as the registry's letters.
const (
	opNone Operations = 0
	opR               = Readable
	opRW              = Readable | Writable
	opE               = Executable
)

const (
	single    = false
	multiple  = true
	optional  = false
	mandatory = true
)

// objectDefinitions is the table of Objects, by ID. The facts are those of the OMA
// registry: Object 0 version 1.2, Object 1 version 1.2, Object 2 version 1.1, Object 3
// version 1.2, Object 10 version 1.1, Object 11 version 1.1, Object 21 version 2.0.
var objectDefinitions = []ObjectDefinition{
	{ObjectSecurity, "LwM2M Security", true, securityResources},
	{ObjectServer, "LwM2M Server", true, serverResources},
	{ObjectAccessControl, "LwM2M Access Control", true, accessControlResources},
	{ObjectDevice, "Device", false, deviceResources},
	{10, "Cellular Connectivity", false, cellularResources},
	{11, "APN Connection Profile", true, apnResources},
	{ObjectOSCORE, "LwM2M OSCORE", true, oscoreResources},
}

var securityResources = []ResourceDefinition{
	{0, "LwM2M Server URI", TypeString, single, mandatory, opNone, 0, 255, "", Version10, false, false},
	{1, "Bootstrap-Server", TypeBoolean, single, mandatory, opNone, 0, 0, "", Version10, false, false},
	{2, "Security Mode", TypeInteger, single, mandatory, opNone, 0, 4, "", Version10, false, false},
	{3, "Public Key or Identity", TypeOpaque, single, mandatory, opNone, 0, 0, "", Version10, false, false},
	{4, "Server Public Key", TypeOpaque, single, mandatory, opNone, 0, 0, "", Version10, false, false},
	{5, "Secret Key", TypeOpaque, single, mandatory, opNone, 0, 0, "", Version10, true, false},
	{6, "SMS Security Mode", TypeInteger, single, optional, opNone, 0, 255, "", Version10, false, false},
	{7, "SMS Binding Key Parameters", TypeOpaque, single, optional, opNone, 0, 6, "", Version10, true, false},
	{8, "SMS Binding Secret Key(s)", TypeOpaque, single, optional, opNone, 0, 48, "", Version10, true, false},
	{9, "LwM2M Server SMS Number", TypeString, single, optional, opNone, 0, 0, "", Version10, false, false},
	{10, "Short Server ID", TypeInteger, single, optional, opNone, 1, 65534, "", Version10, false, false},
	{11, "Client Hold Off Time", TypeInteger, single, optional, opNone, 0, maxSeconds, "s", Version10, false, false},
	{12, "Bootstrap-Server Account Timeout", TypeInteger, single, optional, opNone, 0, maxSeconds, "s", Version10, false, false},
	{13, "Matching Type", TypeUnsigned, single, optional, opNone, 0, 3, "", Version11, false, false},
	{14, "SNI", TypeString, single, optional, opNone, 0, 0, "", Version11, false, false},
	{15, "Certificate Usage", TypeUnsigned, single, optional, opNone, 0, 3, "", Version11, false, false},
	{16, "DTLS/TLS Ciphersuite", TypeUnsigned, multiple, optional, opNone, 0, 65535, "", Version11, false, false},
	{17, "OSCORE Security Mode", TypeObjectLink, single, optional, opNone, 0, 0, "", Version11, false, false},
	{18, "Groups To Use by Client", TypeUnsigned, multiple, optional, opNone, 0, 65535, "", Version12, false, false},
	{19, "Signature Algorithms Supported by Server", TypeUnsigned, multiple, optional, opNone, 0, 65535, "", Version12, false, false},
	{20, "Signature Algorithms To Use by Client", TypeUnsigned, multiple, optional, opNone, 0, 65535, "", Version12, false, false},
	{21, "Signature Algorithm Certs Supported by Server", TypeUnsigned, multiple, optional, opNone, 0, 65535, "", Version12, false, false},
	{22, "TLS 1.3 Features To Use by Client", TypeUnsigned, single, optional, opNone, 0, 65535, "", Version12, false, false},
	{23, "TLS Extensions Supported by Server", TypeUnsigned, single, optional, opNone, 0, 65535, "", Version12, false, false},
	{24, "TLS Extensions To Use by Client", TypeUnsigned, single, optional, opNone, 0, 65535, "", Version12, false, false},
	{25, "Secondary LwM2M Server URI", TypeString, multiple, optional, opNone, 0, 255, "", Version12, false, false},
	{26, "MQTT Server", TypeObjectLink, single, optional, opNone, 0, 0, "", Version12, false, false},
	{27, "LwM2M COSE Security", TypeObjectLink, multiple, optional, opNone, 0, 0, "", Version12, false, false},
	{28, "RDS Destination Port", TypeInteger, single, optional, opNone, 0, 15, "", Version12, false, false},
	{29, "RDS Source Port", TypeInteger, single, optional, opNone, 0, 15, "", Version12, false, false},
	{30, "RDS Application ID", TypeString, single, optional, opNone, 0, 0, "", Version12, false, false},
}

// maxSeconds is the longest time that a signed 32-bit number of seconds can tell; no
// Client needs more, and some have no wider integer.
const maxSeconds = 1<<31 - 1

var serverResources = []ResourceDefinition{
	{0, "Short Server ID", TypeInteger, single, mandatory, opR, 1, 65534, "", Version10, false, false},
	{1, "Lifetime", TypeInteger, single, mandatory, opRW, 0, maxSeconds, "s", Version10, false, false},
	{2, "Default Minimum Period", TypeInteger, single, optional, opRW, 0, maxSeconds, "s", Version10, false, false},
	{3, "Default Maximum Period", TypeInteger, single, optional, opRW, 1, maxSeconds, "s", Version10, false, false},
	{4, "Disable", TypeNone, single, optional, opE, 0, 0, "", Version10, false, false},
	{5, "Disable Timeout", TypeInteger, single, optional, opRW, 0, maxSeconds, "s", Version10, false, false},
	{6, "Notification Storing When Disabled or Offline", TypeBoolean, single, mandatory, opRW, 0, 0, "", Version10, false, false},
	{7, "Binding", TypeString, single, mandatory, opRW, 1, 8, "", Version10, false, false},
	{8, "Registration Update Trigger", TypeNone, single, mandatory, opE, 0, 0, "", Version10, false, false},
	{9, "Bootstrap-Request Trigger", TypeNone, single, optional, opE, 0, 0, "", Version11, false, false},
	{10, "APN Link", TypeObjectLink, single, optional, opRW, 0, 0, "", Version11, false, false},
	{11, "TLS-DTLS Alert Code", TypeUnsigned, single, optional, opR, 0, 255, "", Version11, false, true},
	{12, "Last Bootstrapped", TypeTime, single, optional, opR, 0, 0, "", Version11, false, true},
	{13, "Registration Priority Order", TypeUnsigned, single, optional, opNone, 0, maxSeconds, "", Version11, false, false},
	{14, "Initial Registration Delay Timer", TypeUnsigned, single, optional, opNone, 0, maxSeconds, "s", Version11, false, false},
	{15, "Registration Failure Block", TypeBoolean, single, optional, opNone, 0, 0, "", Version11, false, false},
	{16, "Bootstrap on Registration Failure", TypeBoolean, single, optional, opNone, 0, 0, "", Version11, false, false},
	{17, "Communication Retry Count", TypeUnsigned, single, optional, opNone, 1, maxSeconds, "", Version11, false, false},
	{18, "Communication Retry Timer", TypeUnsigned, single, optional, opNone, 0, maxSeconds, "s", Version11, false, false},
	{19, "Communication Sequence Delay Timer", TypeUnsigned, single, optional, opNone, 0, 1<<32 - 1, "s", Version11, false, false},
	{20, "Communication Sequence Retry Count", TypeUnsigned, single, optional, opNone, 1, maxSeconds, "", Version11, false, false},
	{21, "Trigger", TypeBoolean, single, optional, opRW, 0, 0, "", Version11, false, false},
	{22, "Preferred Transport", TypeString, single, optional, opRW, 1, 1, "", Version11, false, false},
	{23, "Mute Send", TypeBoolean, single, optional, opRW, 0, 0, "", Version11, false, false},
	{24, "Alternate APN Links", TypeObjectLink, multiple, optional, opRW, 0, 0, "", Version12, false, false},
	{25, "Supported Server Versions", TypeString, multiple, optional, opRW, 0, 0, "", Version12, false, false},
	{26, "Default Notification Mode", TypeInteger, single, optional, opRW, 0, 1, "", Version12, false, false},
	{27, "Profile ID Hash Algorithm", TypeUnsigned, single, optional, opRW, 0, 255, "", Version12, false, false},
}

var accessControlResources = []ResourceDefinition{
	{0, "Object ID", TypeInteger, single, mandatory, opR, 1, 65534, "", Version10, false, false},
	{1, "Object Instance ID", TypeInteger, single, mandatory, opR, 0, 65535, "", Version10, false, false},
	{2, "ACL", TypeInteger, multiple, optional, opRW, 0, 31, "", Version10, false, false},
	{3, "Access Control Owner", TypeInteger, single, mandatory, opRW, 0, 65535, "", Version10, false, false},
}

var deviceResources = []ResourceDefinition{
	{0, "Manufacturer", TypeString, single, optional, opR, 0, 0, "", Version10, false, true},
	{1, "Model Number", TypeString, single, optional, opR, 0, 0, "", Version10, false, true},
	{2, "Serial Number", TypeString, single, optional, opR, 0, 0, "", Version10, false, true},
	{3, "Firmware Version", TypeString, single, optional, opR, 0, 0, "", Version10, false, true},
	{4, "Reboot", TypeNone, single, mandatory, opE, 0, 0, "", Version10, false, false},
	{5, "Factory Reset", TypeNone, single, optional, opE, 0, 0, "", Version10, false, false},
	{6, "Available Power Sources", TypeInteger, multiple, optional, opR, 0, 7, "", Version10, false, true},
	{7, "Power Source Voltage", TypeInteger, multiple, optional, opR, 0, 0, "mV", Version10, false, true},
	{8, "Power Source Current", TypeInteger, multiple, optional, opR, 0, 0, "mA", Version10, false, true},
	{9, "Battery Level", TypeInteger, single, optional, opR, 0, 100, "%", Version10, false, true},
	{10, "Memory Free", TypeInteger, single, optional, opR, 0, 0, "KiB", Version10, false, true},
	{11, "Error Code", TypeInteger, multiple, mandatory, opR, 0, 32, "", Version10, false, true},
	{12, "Reset Error Code", TypeNone, single, optional, opE, 0, 0, "", Version10, false, false},
	{13, "Current Time", TypeTime, single, optional, opRW, 0, 0, "", Version10, false, false},
	{14, "UTC Offset", TypeString, single, optional, opRW, 0, 0, "", Version10, false, false},
	{15, "Timezone", TypeString, single, optional, opRW, 0, 0, "", Version10, false, false},
	{16, "Supported Binding and Modes", TypeString, single, mandatory, opR, 0, 0, "", Version10, false, true},
	{17, "Device Type", TypeString, single, optional, opR, 0, 0, "", Version10, false, true},
	{18, "Hardware Version", TypeString, single, optional, opR, 0, 0, "", Version10, false, true},
	{19, "Software Version", TypeString, single, optional, opR, 0, 0, "", Version10, false, true},
	{20, "Battery Status", TypeInteger, single, optional, opR, 0, 6, "", Version10, false, true},
	{21, "Memory Total", TypeInteger, single, optional, opR, 0, 0, "KiB", Version10, false, true},
	{22, "ExtDevInfo", TypeObjectLink, multiple, optional, opR, 0, 0, "", Version10, false, true},
}

var cellularResources = []ResourceDefinition{
	{0, "SMSC address", TypeString, single, optional, opRW, 0, 0, "", Version10, false, false},
	{1, "Disable radio period", TypeInteger, single, optional, opRW, 0, 65535, "min", Version10, false, false},
	{2, "Module activation code", TypeString, single, optional, opRW, 0, 0, "", Version10, true, false},
	{3, "Vendor specific extensions", TypeObjectLink, single, optional, opR, 0, 0, "", Version10, false, true},
	{4, "PSM Timer", TypeInteger, single, optional, opRW, 0, maxSeconds, "s", Version10, false, false},
	{5, "Active Timer", TypeInteger, single, optional, opRW, 0, maxSeconds, "s", Version10, false, false},
	{6, "Serving PLMN Rate control", TypeInteger, single, optional, opR, 0, 0, "", Version10, false, true},
	{7, "eDRX parameters for Iu mode", TypeOpaque, single, optional, opRW, 0, 8, "", Version10, false, false},
	{8, "eDRX parameters for WB-S1 mode", TypeOpaque, single, optional, opRW, 0, 8, "", Version10, false, false},
	{9, "eDRX parameters for NB-S1 mode", TypeOpaque, single, optional, opRW, 0, 8, "", Version10, false, false},
	{10, "eDRX parameters for A/Gb mode", TypeOpaque, single, optional, opRW, 0, 8, "", Version10, false, false},
	{11, "Activated Profile Names", TypeObjectLink, multiple, mandatory, opR, 0, 0, "", Version10, false, true},
	{12, "Supported Power Saving Modes", TypeInteger, single, optional, opR, 0, 255, "", Version11, false, true},
	{13, "Active Power Saving Modes", TypeInteger, single, optional, opRW, 0, 255, "", Version11, false, false},
	{14, "Release Assistance Indication Usage", TypeInteger, single, optional, opRW, 0, 255, "", Version11, false, false},
}

var apnResources = []ResourceDefinition{
	{0, "Profile name", TypeString, single, mandatory, opRW, 0, 0, "", Version10, false, false},
	{1, "APN", TypeString, single, optional, opRW, 0, 0, "", Version10, false, false},
	{2, "Auto select APN by device", TypeBoolean, single, optional, opRW, 0, 0, "", Version10, false, false},
	{3, "Enable status", TypeBoolean, single, optional, opRW, 0, 0, "", Version10, false, false},
	{4, "Authentication Type", TypeInteger, single, mandatory, opRW, 0, 3, "", Version10, false, false},
	{5, "User Name", TypeString, single, optional, opRW, 0, 0, "", Version10, false, false},
	{6, "Secret", TypeString, single, optional, opRW, 0, 0, "", Version10, true, false},
	{7, "Reconnect Schedule", TypeString, single, optional, opRW, 0, 0, "", Version10, false, false},
	{8, "Validity (MCC, MNC)", TypeString, multiple, optional, opRW, 0, 0, "", Version10, false, false},
	{24, "PDN Type", TypeInteger, single, optional, opRW, 0, 3, "", Version11, false, false},
}

var oscoreResources = []ResourceDefinition{
	{0, "OSCORE Master Secret", TypeOpaque, single, mandatory, opNone, 0, 0, "", Version11, true, false},
	{1, "OSCORE Sender ID", TypeOpaque, single, mandatory, opNone, 0, 7, "", Version11, false, false},
	{2, "OSCORE Recipient ID", TypeOpaque, single, mandatory, opNone, 0, 7, "", Version11, false, false},
	{3, "OSCORE AEAD Algorithm", TypeInteger, single, optional, opNone, 0, 0, "", Version11, false, false},
	{4, "OSCORE HMAC Algorithm", TypeInteger, single, optional, opNone, 0, 0, "", Version11, false, false},
	{5, "OSCORE Master Salt", TypeOpaque, single, optional, opNone, 0, 0, "", Version11, true, false},
	{6, "OSCORE ID Context", TypeOpaque, single, optional, opNone, 0, 0, "", Version12, false, false},
}
