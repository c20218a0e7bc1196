package grammar

import (
	"lwbs/lwm2m"
	"lwbs/store"
)

// The words that more than one key takes.
var keySources = []string{store.KeyGenerate, store.KeyRenew, store.KeySupplied}

// noLimit is the upper bound of numbers that have none of their own.
const noLimit = 1 << 16

// Profile is a whole document.
var Profile = &Section{Name: "Profile", Keys: []Key{
	{Name: "name", Kind: Text, Required: true, Doc: "The name of the profile in device records."},
	{Name: "accounts", Kind: List, Of: Account, Doc: "The LwM2M Servers that a device is given."},
	{Name: "bootstrapServer", Kind: Mapping, Of: BootstrapServer, Default: "the account is not touched", Doc: "Replaces the Bootstrap-Server Account of the device, if it authenticates."},
	{Name: "accessControl", Kind: AccessRules, Of: AccessControl, Doc: "Instances of Object 2. Required with two or more accounts; none for no access control."},
	{Name: "objects", Kind: List, Of: Object, Doc: "Instances of any other Object."},
	{Name: "delete", Kind: DeleteRule, Words: []string{store.DeleteDiscovered, store.DeleteReplaced, store.DeleteAll, store.DeleteNone}, Default: store.DeleteDiscovered,
		Doc: "What is deleted before anything is written: the accounts of the device except its Bootstrap-Server Account (discovered), of these only those of servers in the profile (replaced), all, none, or a list of paths."},
	{Name: "format", Kind: Word, Words: []string{FormatAuto, "tlv", "senml-json", "senml-cbor", "lwm2m-cbor"}, Default: FormatAuto, Doc: "The content format of writes; auto means the one that the device prefers, else TLV."},
	{Name: "discoverFailed", Kind: Word, Words: []string{"assume", DiscoverFail}, Default: "assume", Doc: "What to do if the device refuses Discover: assume that bootstrapInstance is its Bootstrap-Server Account, or end the session."},
	{Name: "bootstrapInstance", Kind: Integer, Max: lwm2m.MaxID - 1, Default: "0", Doc: "The Instance of Object 0 that is assumed to be the Bootstrap-Server Account where Discover does not tell."},
	{Name: "verify", Kind: Word, Words: []string{"none", VerifyRecord, VerifyFail}, Default: "none", Doc: "Whether the server checks before Finish what the device holds: record notes differences in the history, fail ends the session."},
	{Name: "pack", Kind: Word, Words: []string{PackAllow, "refuse"}, Default: "refuse", Doc: "Whether a Bootstrap-Pack-Request of LwM2M 1.2 is answered."},
	{Name: "rotateAfter", Kind: Duration, Positive: true, Default: "never", Doc: "The age, such as 365d, at which a key that lwbs has made is replaced by another at the next bootstrap of the device, which is due until then: the keys of accounts, and with bootstrapServer the key to bootstrap with."},
	{Name: "secretsOverNoSec", Kind: Boolean, Default: "false", Doc: "Permits keys and other secrets over plain CoAP."},
	{Name: "bootstrapsPerSecond", Kind: Integer, Max: store.MaxRate, Default: "no limit", Doc: "How many of its devices may be bootstrapped in a second; the others wait for their turn, the oldest first."},
	{Name: "device", Kind: Mapping, Of: DeviceLimits, Doc: "The limits of this kind of device."},
}}

// Account is an LwM2M Server Account.
var Account = &Section{Name: "Account", Named: true, Keys: []Key{
	{Name: "name", Kind: Text, Required: true, Doc: "The name of the account in device records."},
	{Name: "renamedFrom", Kind: Texts, Doc: "Former names of the account: keys that device records have under them are kept."},
	{Name: "uri", Kind: Text, Required: true, Unless: "servers", Template: true, Doc: "Resource 0/x/0, such as coaps://lwm2m.example.com:5684; with servers, in place of the URI for devices of the assigned one."},
	{Name: "shortServerID", Kind: Integer, Required: true, Min: 1, Max: lwm2m.MaxID - 1, Doc: "Resources 0/x/10 and 1/x/0."},
	{Name: "security", Kind: Word, Words: []string{SecurityPSK, SecurityRPK, SecurityCertificate, SecurityNoSec}, Default: "nosec with coap, psk with coaps", Doc: "Resource 0/x/2."},
	{Name: "identity", Kind: Text, Template: true, Default: "the endpoint name", Doc: "Resource 0/x/3: the PSK identity, or the certificate or raw public key in DER; text, hex:… or base64:…."},
	{Name: "key", Kind: Word, Words: keySources, Default: "generate with psk, else supplied", Doc: "The source of Resource 0/x/5: generated once for each device, generated at every bootstrap, or supplied in the device record."},
	{Name: "keyLength", Kind: Integer, Min: 1, Max: store.MaxKey, ZeroIsDefault: true, Default: "16", Doc: "Bytes of a generated key."},
	{Name: "serverPublicKey", Kind: Bytes, Template: true, Doc: "Resource 0/x/4 in DER, with rpk and certificate."},
	{Name: "lifetime", Kind: Duration, Template: true, Default: "24h", Doc: "Resource 1/x/1; 0 means no limit (LwM2M 1.2)."},
	{Name: "binding", Kind: Text, Template: true, Default: "U", Doc: "Resource 1/x/7."},
	{Name: "handOver", Kind: Text, Doc: "The name of the LwM2M Server (lwbs lwm2m-server) that is told the account of each device before its bootstrap ends."},
	{Name: "servers", Kind: Texts, Doc: "The names of several LwM2M Servers, in place of handOver: each device is assigned one of them, always the same, by their weights; one that is drained has no devices assigned."},
	{Name: "oscore", Kind: Mapping, Of: OSCORE, Doc: "A security context of Object 21, to which Resource 0/x/17 refers."},
	{Name: "notificationStoring", Kind: Boolean, Template: true, Default: "true", Doc: "Resource 1/x/6."},
	{Name: "securityResources", Kind: Resources, Template: true, Doc: "Other Resources of Object 0 by ID; the account may also have them under their names, such as clientHoldOffTime."},
	{Name: "serverResources", Kind: Resources, Template: true, Doc: "The same for Object 1, such as defaultMinimumPeriod."},
}}

// OSCORE is the security context of an account.
var OSCORE = &Section{Name: "OSCORE", Keys: []Key{
	{Name: "masterSecret", Kind: Word, Words: []string{store.KeyGenerate, store.KeySupplied}, Default: store.KeyGenerate, Doc: "The source of Resource 21/x/0: generated once for each device, or supplied in the device record."},
	{Name: "masterSecretLength", Kind: Integer, Min: 1, Max: store.MaxKey, ZeroIsDefault: true, Default: "16", Doc: "Bytes of a generated master secret."},
	{Name: "senderID", Kind: Text, Template: true, Doc: "Resource 21/x/1, the device's; text, hex:… or base64:…."},
	{Name: "recipientID", Kind: Text, Template: true, Doc: "Resource 21/x/2, the server's; each has up to 7 bytes with the default algorithm."},
	{Name: "aeadAlgorithm", Kind: Integer, Min: -noLimit, Max: noLimit, Default: "not written: a client takes 10", Doc: "Resource 21/x/3, a number of COSE."},
	{Name: "hmacAlgorithm", Kind: Integer, Min: -noLimit, Max: noLimit, Default: "not written: a client takes 5", Doc: "Resource 21/x/4, a number of COSE."},
	{Name: "masterSalt", Kind: Bytes, Template: true, Doc: "Resource 21/x/5."},
	{Name: "idContext", Kind: Bytes, Template: true, Doc: "Resource 21/x/6."},
}}

// BootstrapServer is the account that devices bootstrap with from now on.
var BootstrapServer = &Section{Name: "BootstrapServer", Keys: []Key{
	{Name: "uri", Kind: Text, Required: true, Template: true, Doc: "Resource 0/x/0, which begins with coaps://."},
	{Name: "identity", Kind: Text, Template: true, Default: "the endpoint name", Doc: "The PSK identity, Resource 0/x/3."},
	{Name: "key", Kind: Word, Words: keySources, Default: store.KeyGenerate, Doc: "The source of Resource 0/x/5, as in an account."},
	{Name: "keyLength", Kind: Integer, Min: 1, Max: store.MaxKey, ZeroIsDefault: true, Default: "16", Doc: "Bytes of a generated key."},
	{Name: "clientHoldOffTime", Kind: Duration, Default: "1s", Doc: "Resource 0/x/11: how long a device waits before it bootstraps by itself; 0 means that it does not wait."},
	{Name: "clientHoldOffSpread", Kind: Duration, Default: "0s", Doc: "How much longer a device waits at the most: each has a time of its own, always the same, so that they do not come at once."},
	{Name: "accountTimeout", Kind: Duration, Default: "0s: no limit", Doc: "Resource 0/x/12: how long after a bootstrap a device keeps its Bootstrap-Server Account; without it, it does not come back."},
	{Name: "accountTimeoutSpread", Kind: Duration, Default: "0s", Doc: "The same as clientHoldOffSpread for accountTimeout."},
}}

// AccessControl is one Instance of Object 2.
var AccessControl = &Section{Name: "AccessControl", Keys: []Key{
	{Name: "object", Kind: Integer, Required: true, Min: 1, Max: lwm2m.MaxID - 1, Doc: "The Object."},
	{Name: "instance", Kind: Integer, Max: lwm2m.MaxID, Default: "0", Doc: "The Instance of the Object; 65535 means the whole Object."},
	{Name: "owner", Kind: Integer, Min: 1, Max: lwm2m.MaxID, Default: "65535", Doc: "The Short Server ID of the server that may change the rights; 65535 leaves changes to bootstrapping."},
	{Name: "rights", Kind: Rights, Doc: "The sum of R 1, W 2, E 4, D 8, C 16 by Short Server ID; 0 stands for every server that is not named."},
}}

// Object is an Instance of any other Object.
var Object = &Section{Name: "ObjectValues", Keys: []Key{
	{Name: "path", Kind: Path, Required: true, Doc: "The path of the Instance, such as /3/0."},
	{Name: "version", Kind: Version, Default: "the newest known", Doc: "The version of the Object that devices have."},
	{Name: "partial", Kind: Boolean, Default: "false", Doc: "Devices have the Instance and keep Resources that are not named here: it is not deleted before."},
	{Name: "resources", Kind: Resources, Required: true, Template: true, Doc: "Values by ID or registry name; supplied for a secret, whose value is in the device record."},
}}

// DeviceLimits are what a kind of device cannot do.
var DeviceLimits = &Section{Name: "DeviceLimits", Keys: []Key{
	{Name: "emptyResources", Kind: Word, Words: []string{"write", EmptyOmit}, Default: "write", Doc: "Whether unused Resources of 0/x/3, 4 and 5 are written with length zero."},
	{Name: "blockSize", Kind: Integer, Min: 16, Max: 1024, ZeroIsDefault: true, Default: "1024", Doc: "The largest block of a write in bytes, a power of two."},
	{Name: "writes", Kind: Word, Words: []string{"instance", WritesObject, WritesResource}, Default: "instance", Doc: "What one write contains: an Instance, all Instances of an Object, or a Resource."},
	{Name: "order", Kind: Word, Words: []string{"security-first", OrderServerFirst}, Default: "security-first", Doc: "Which Object of an account is written first."},
	{Name: "maxPayload", Kind: Integer, Max: noLimit, Default: "no limit", Doc: "Bytes of one write over all its blocks; a larger one is written in parts."},
	{Name: "maxAccounts", Kind: Integer, Max: noLimit, Default: "no limit", Doc: "LwM2M Servers at a time."},
	{Name: "maxIdentity", Kind: Integer, Max: noLimit, Default: "no limit", Doc: "Bytes of Resource 0/x/3."},
	{Name: "maxKey", Kind: Integer, Max: noLimit, Default: "no limit", Doc: "Bytes of Resource 0/x/5."},
	{Name: "maxURI", Kind: Integer, Max: noLimit, Default: "no limit", Doc: "Bytes of Resource 0/x/0."},
	{Name: "patience", Kind: Duration, Positive: true, Default: "10m", Doc: "How long the device waits for its turn while it is kept alive: 90s for Leshan, 15s for AwaLWM2M; Anjay, Wakaama and Zephyr wait without end."},
	{Name: "ackTimeout", Kind: Duration, Positive: true, Default: "2s", Doc: "CoAP's ACK_TIMEOUT towards the device."},
}}

// Sections returns all sections, the document first.
func Sections() []*Section {
	return []*Section{Profile, Account, OSCORE, BootstrapServer, AccessControl, Object, DeviceLimits}
}
