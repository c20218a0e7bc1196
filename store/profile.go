package store

import (
	"cmp"
	"time"

	"lwbs/lwm2m"
)

// A Profile is what a kind of device is given. It holds no secrets.
//
// The JSON form is that of the admin API; package profilefile reads the YAML that
// people write.
type Profile struct {
	Name     string   `json:"name"`
	Revision Revision `json:"revision,omitempty"`

	Accounts      []Account       `json:"accounts"`
	AccessControl []AccessControl `json:"accessControl,omitempty"`

	// NoAccessControl says that several Accounts deliberately have no AccessControl: the devices
	// do without Object 2.
	NoAccessControl bool `json:"noAccessControl,omitempty"`

	Objects []ObjectValues `json:"objects,omitempty"`
	Delete  DeletePolicy   `json:"delete,omitzero"`

	// BootstrapServer replaces the Bootstrap-Server Account of the devices; nil leaves it
	// unchanged.
	BootstrapServer *BootstrapServer `json:"bootstrapServer,omitempty"`

	// Format is the content format of Writes: "auto" (the client's preferred one,
	// else TLV), or a format's name. Empty means auto.
	Format string `json:"format,omitempty"`

	// DiscoverFailed says what to do when the client refuses Bootstrap-Discover, so that the
	// Instance of its Bootstrap-Server Account stays unknown: "assume" takes BootstrapInstance,
	// "fail" ends the session. Empty means assume.
	DiscoverFailed string `json:"discoverFailed,omitempty"`

	// BootstrapInstance is the Security Object Instance that is assumed to be the
	// Bootstrap-Server Account where Discover does not tell. Default 0.
	BootstrapInstance lwm2m.InstanceID `json:"bootstrapInstance,omitempty"`

	// Verify says whether the server checks before Finish what the device holds, with Discover and
	// with Reads of Objects 1 and 2: "none" does not, "record" notes differences in the history,
	// "fail" ends the session at the first. Empty means none.
	Verify string `json:"verify,omitempty"`

	// Pack says how a Bootstrap-Pack-Request is answered: "allow" with a pack, "refuse" with 5.01,
	// after which clients send POST /bs. Empty means refuse: a client never reports whether it
	// could use a pack.
	Pack string `json:"pack,omitempty"`

	// RotateAfter is how old a key may become that lwbs has made for a device: then the device is given
	// another when it bootstraps. Zero means that it is never too old.
	RotateAfter Duration `json:"rotateAfter,omitempty"`

	// SecretsOverNoSec permits key material to be written over plain CoAP.
	SecretsOverNoSec bool `json:"secretsOverNoSec,omitempty"`

	// BootstrapsPerSecond is how many of its devices may be bootstrapped in a second; the others wait for their turn. Zero
	// means no limit; at most MaxRate.
	BootstrapsPerSecond int `json:"bootstrapsPerSecond,omitempty"`

	Device DeviceLimits `json:"device,omitzero"`

	Created time.Time `json:"created,omitzero"` // set by the store
	Updated time.Time `json:"updated,omitzero"` // set by the store
}

// Where a key of an account comes from.
const (
	KeyGenerate = "generate" // made once for each device
	KeyRenew    = "renew"    // made anew at every bootstrap
	KeySupplied = "supplied" // kept in the device record by the operator
)

// An Account is an LwM2M Server Account as a profile describes it: a Security and a
// Server Object Instance with the same Short Server ID. Strings marked "template"
// are text/template over .Endpoint and .Vars.
type Account struct {
	// Name is how device records refer to the account; unique in the profile.
	Name string `json:"name"`

	// RenamedFrom are former names of the account: keys that a device record has under one of them
	// are those of this account.
	RenamedFrom []string `json:"renamedFrom,omitempty"`

	URI           string              `json:"uri,omitempty"` // template; Resource 0/x/0; required without Servers
	ShortServerID lwm2m.ShortServerID `json:"shortServerID"`

	// Security is the mode: "psk", "rpk", "certificate" or "nosec". Empty means nosec for coap URIs
	// and psk for coaps.
	Security string `json:"security,omitempty"`

	// Identity is Resource 0/x/3 of a PSK account; template. Empty means the
	// endpoint name.
	Identity string `json:"identity,omitempty"`

	// Key is where Resource 0/x/5 comes from: generate, renew or supplied. Empty
	// means generate for PSK.
	Key string `json:"key,omitempty"`

	// KeyLength of a generated key, in bytes. Zero means 16.
	KeyLength int `json:"keyLength,omitempty"`

	// ServerPublicKey is Resource 0/x/4, DER; template. Empty for PSK and NoSec.
	ServerPublicKey Octets `json:"serverPublicKey,omitempty"`

	// Lifetime is Resource 1/x/1. Nil means 24h; zero, from LwM2M 1.2 on, means no limit.
	Lifetime *Duration `json:"lifetime,omitempty"`

	Binding string `json:"binding,omitempty"` // template; Resource 1/x/7; empty means "U"

	// HandOver is the name of the [LwM2MServer] that is told how a device will come, before the
	// device is told that its bootstrap is complete. Empty for none.
	HandOver string `json:"handOver,omitempty"`

	// Servers are the names of the [LwM2MServer]s over which devices are spread, in place of HandOver: each
	// device is assigned one of them, by their weights. Without a URI it is given that of its server. Empty
	// for none.
	Servers []string `json:"servers,omitempty"`

	// Assigned is the one of Servers that a device is assigned; empty in a profile that is no device's.
	Assigned string `json:"-"`

	// OSCORE, where not nil, protects the messages to the server end to end, with or
	// without DTLS below (RFC 8613).
	OSCORE *OSCORE `json:"oscore,omitempty"`

	// NotificationStoring is Resource 1/x/6. Absent means true.
	NotificationStoring *bool `json:"notificationStoring,omitempty"`

	// SecurityResources and ServerResources hold every other Resource of Objects 0 and 1 to be
	// written, and Resources 0/x/3 and 4 and 1/x/1 and 6 where their value is a template.
	SecurityResources map[lwm2m.ResourceID]Literal `json:"securityResources,omitempty"`
	ServerResources   map[lwm2m.ResourceID]Literal `json:"serverResources,omitempty"`
}

// ServerNames are the LwM2M Servers that a names.
func (a Account) ServerNames() []string {
	if a.HandOver == "" {
		return a.Servers
	}
	return append([]string{a.HandOver}, a.Servers...)
}

// An OSCORE is the security context of an account: an instance of Object 21, to which
// Resource 0/x/17 refers. The identifiers are those of the device.
//
// SenderID and RecipientID are templates of text, or of "hex:…" or "base64:…". With the
// default algorithm they have seven bytes at most (RFC 8613 §3.3).
type OSCORE struct {
	// MasterSecret is where Resource 21/x/0 comes from: generate, once for each device,
	// or supplied. Empty means generate.
	MasterSecret string `json:"masterSecret,omitempty"`

	// MasterSecretLength of a generated one, in bytes. Zero means 16.
	MasterSecretLength int `json:"masterSecretLength,omitempty"`

	SenderID    string `json:"senderID,omitempty"`    // Resource 21/x/1
	RecipientID string `json:"recipientID,omitempty"` // Resource 21/x/2

	// AEADAlgorithm and HMACAlgorithm are Resources 21/x/3 and 4, numbers of COSE. Nil
	// leaves the Resource out: a client then takes 10, AES-CCM-16-64-128, and 5, HMAC
	// 256/256 (RFC 8613 §3.2). Leshan's client refuses Finish where 4 is there.
	AEADAlgorithm *int `json:"aeadAlgorithm,omitempty"`
	HMACAlgorithm *int `json:"hmacAlgorithm,omitempty"`

	// MasterSalt and IDContext are Resources 21/x/5 and 6; templates. The salt need not
	// be secret (RFC 8613 §3.2). Empty leaves the Resource out.
	MasterSalt Octets `json:"masterSalt,omitempty"`
	IDContext  Octets `json:"idContext,omitempty"`
}

// BootstrapServerAccount is the name under which a device record holds its keys for the profile's
// BootstrapServer; no Account may have it.
const BootstrapServerAccount = "bootstrapServer"

// A BootstrapServer is the account that devices bootstrap with from now on: the address of a
// Bootstrap-Server and a pre-shared key. It is given to devices that authenticate; one that comes
// over plain CoAP keeps its account.
type BootstrapServer struct {
	URI string `json:"uri"` // template; Resource 0/x/0

	// Identity is the PSK identity, Resource 0/x/3; template. Empty means the endpoint name. Where
	// the device has a credential with it, "-2" and so on is appended, since the old and the new
	// credential must differ.
	Identity string `json:"identity,omitempty"`

	// Key is where Resource 0/x/5 comes from: generate (a device that bootstraps with
	// one that was made here keeps it), renew or supplied. Empty means generate.
	Key string `json:"key,omitempty"`

	// KeyLength of a generated key, in bytes. Zero means 16.
	KeyLength int `json:"keyLength,omitempty"`

	// ClientHoldOffTime is Resource 0/x/11: how long a device waits before it bootstraps by
	// itself. Nil means 1 s, since Wakaama needs the Resource. Zero means that it does not wait.
	ClientHoldOffTime *Duration `json:"clientHoldOffTime,omitempty"`

	// ClientHoldOffSpread is how much longer a device waits at the most: each has a time of its own, always the same.
	// Zero means that all wait equally long.
	ClientHoldOffSpread Duration `json:"clientHoldOffSpread,omitempty"`

	// AccountTimeout is Resource 0/x/12: how long after a bootstrap a device keeps its Bootstrap-Server Account. Zero leaves
	// the Resource out: it keeps it. AccountTimeoutSpread is for it what ClientHoldOffSpread is for ClientHoldOffTime.
	AccountTimeout       Duration `json:"accountTimeout,omitempty"`
	AccountTimeoutSpread Duration `json:"accountTimeoutSpread,omitempty"`
}

// An AccessControl is one instance of the Access Control Object (Object 2).
type AccessControl struct {
	Object   lwm2m.ObjectID   `json:"object"`
	Instance lwm2m.InstanceID `json:"instance"` // 65535: the Object as a whole
	// Owner and the keys of Rights are Short Server IDs. Owner 65535 leaves changes
	// to bootstrapping; key 0 is every server not named.
	Owner  uint16           `json:"owner"`
	Rights map[uint16]uint8 `json:"rights"` // R 1, W 2, E 4, D 8, C 16
}

// ObjectValues are Resources of any other Object Instance.
type ObjectValues struct {
	Path lwm2m.Path `json:"path"` // an Object Instance

	// Version of the Object that devices have, such as "1.0". Empty means the newest known one.
	Version string `json:"version,omitempty"`

	// Partial says that devices have the Instance already: Resources that are not named stay. It is
	// not deleted before, and is written Resource by Resource, since many clients replace an
	// Instance that is written.
	Partial bool `json:"partial,omitempty"`

	Resources map[lwm2m.ResourceID]Literal `json:"resources"`
}

// A DeletePolicy says what is deleted before anything is written. The zero policy
// is DeleteDiscovered.
type DeletePolicy struct {
	Mode  string       `json:"mode"`            // one of the constants below
	Paths []lwm2m.Path `json:"paths,omitempty"` // for DeleteList
}

// Delete modes.
const (
	DeleteDiscovered = "discovered" // each account instance that Discover showed, but not the Bootstrap-Server Account
	DeleteReplaced   = "replaced"   // of those the ones of servers for which the profile has an account
	DeleteAll        = "all"        // DELETE /
	DeleteList       = "list"       // the named paths
	DeleteNone       = "none"
)

// DeviceLimits are the limits of a kind of device. Zero values set no limit.
type DeviceLimits struct {
	// EmptyResources is "write" or "omit": whether unused Resources of 0/x/3, 4 and 5 are written
	// with length zero. Empty means write, which Leshan clients need.
	EmptyResources string `json:"emptyResources,omitempty"`

	// BlockSize is the largest Block1 block, a power of two from 16 to 1024. Zero
	// means 1024. Smaller payloads go without blocks.
	BlockSize int `json:"blockSize,omitempty"`

	// Writes says what one Bootstrap-Write contains: "instance", "object" (all Instances of an
	// Object, Security only where the Bootstrap-Server Account is known) or "resource". Empty means
	// instance, and a Write that is refused as too large or bad is repeated in parts.
	Writes string `json:"writes,omitempty"`

	// Order is "security-first" or "server-first": which Object of an account is
	// written first. Empty means security-first.
	Order string `json:"order,omitempty"`

	// MaxPayload is the largest payload of a Write that the device takes, in bytes over all blocks.
	// A larger one is written in parts.
	MaxPayload int `json:"maxPayload,omitempty"`

	MaxAccounts int `json:"maxAccounts,omitempty"` // LwM2M Servers at a time

	MaxIdentity int `json:"maxIdentity,omitempty"` // bytes of 0/x/3
	MaxKey      int `json:"maxKey,omitempty"`      // bytes of 0/x/5
	MaxURI      int `json:"maxURI,omitempty"`      // bytes of 0/x/0

	// Patience is for how long the device waits in a session that is kept alive by Bootstrap-Discover, from the answer to
	// its request on. Zero means 10 minutes.
	Patience Duration `json:"patience,omitempty"`

	// AckTimeout is CoAP's ACK_TIMEOUT towards the device. Zero means 2 s.
	AckTimeout Duration `json:"ackTimeout,omitempty"`
}

// DefaultBlockSize is the largest block where a profile says nothing, in bytes (RFC 7959 §2.2).
const DefaultBlockSize = 1024

// Block is the largest Block1 block in bytes, the default where none is set.
func (l DeviceLimits) Block() int { return cmp.Or(l.BlockSize, DefaultBlockSize) }

// A ProfileQuery selects profiles, in the order of their names.
type ProfileQuery struct {
	After string
	Limit int // zero means 100, at most 10,000
}
