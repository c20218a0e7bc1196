package lwm2m

// The operations that LwM2M Servers have, as the registry's letters.
const (
	opNone Operations = 0
	opR               = Readable
	opRW              = Readable | Writable
	opW               = Writable
	opE               = Executable
)

const (
	single    = false
	multiple  = true
	optional  = false
	mandatory = true
)

// maxSeconds is the longest time that a signed 32-bit number of seconds can tell; no
// Client needs more, and some have no wider integer.
const maxSeconds = 1<<31 - 1

// objectDefinitions is the table of Objects, by ID. The facts are those of the OMA
// registry's file for the version that is stated, such as version_history/4-1_3.xml; how
// an Object was in versions before that is in objectPasts.
var objectDefinitions = []ObjectDefinition{
	{ObjectSecurity, "LwM2M Security", Version12, multiple, mandatory, securityResources},
	{ObjectServer, "LwM2M Server", Version12, multiple, mandatory, serverResources},
	{ObjectAccessControl, "LwM2M Access Control", Version11, multiple, optional, accessControlResources},
	{ObjectDevice, "Device", Version12, single, mandatory, deviceResources},
	{4, "Connectivity Monitoring", Version{1, 3}, single, optional, monitoringResources},
	{5, "Firmware Update", Version12, single, optional, firmwareResources},
	{6, "Location", Version10, single, optional, locationResources},
	{7, "Connectivity Statistics", Version10, single, optional, statisticsResources},
	{10, "Cellular Connectivity", Version11, single, optional, cellularResources},
	{11, "APN Connection Profile", Version11, multiple, optional, apnResources},
	{ObjectOSCORE, "LwM2M OSCORE", Version{2, 0}, multiple, optional, oscoreResources},
	{23, "LwM2M COSE", Version10, multiple, optional, coseResources},
	{24, "MQTT Server", Version10, multiple, optional, mqttResources},
}
