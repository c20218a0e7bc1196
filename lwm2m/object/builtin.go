package object

import "lwbs/lwm2m"

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
var objectDefinitions = []Definition{
	{lwm2m.ObjectSecurity, "LwM2M Security", lwm2m.Version12, multiple, mandatory, securityResources},
	{lwm2m.ObjectServer, "LwM2M Server", lwm2m.Version12, multiple, mandatory, serverResources},
	{lwm2m.ObjectAccessControl, "LwM2M Access Control", lwm2m.Version11, multiple, optional, accessControlResources},
	{lwm2m.ObjectDevice, "Device", lwm2m.Version12, single, mandatory, deviceResources},
	{4, "Connectivity Monitoring", lwm2m.Version{Major: 1, Minor: 3}, single, optional, monitoringResources},
	{5, "Firmware Update", lwm2m.Version12, single, optional, firmwareResources},
	{6, "Location", lwm2m.Version10, single, optional, locationResources},
	{7, "Connectivity Statistics", lwm2m.Version10, single, optional, statisticsResources},
	{10, "Cellular Connectivity", lwm2m.Version11, single, optional, cellularResources},
	{11, "APN Connection Profile", lwm2m.Version11, multiple, optional, apnResources},
	{lwm2m.ObjectOSCORE, "LwM2M OSCORE", lwm2m.Version{Major: 2, Minor: 0}, multiple, optional, oscoreResources},
	{23, "LwM2M COSE", lwm2m.Version10, multiple, optional, coseResources},
	{24, "MQTT Server", lwm2m.Version10, multiple, optional, mqttResources},
}
