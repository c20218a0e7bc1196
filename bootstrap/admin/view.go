package admin

import (
	"cmp"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A Device is a record as an operator sees it. Keys are absent unless asked for.
type Device struct {
	Endpoint    lwm2m.EndpointName    `json:"endpoint"`
	Revision    store.Revision        `json:"revision"`
	Profile     string                `json:"profile"`
	Group       string                `json:"group,omitempty"` // that it is in
	Disabled    bool                  `json:"disabled"`
	NoSec       bool                  `json:"noSec"`
	Credentials []Credential          `json:"credentials"`
	Accounts    map[string]Account    `json:"accounts,omitempty"`
	Secrets     map[lwm2m.Path]Secret `json:"secrets,omitempty"`
	Vars        map[string]string     `json:"vars,omitempty"`
	Tags        []string              `json:"tags,omitempty"`
	Format      lwm2m.Format          `json:"format,omitzero"`
	Note        string                `json:"note,omitempty"`

	// Written are the Object Instances that the device was given in earlier sessions and
	// holds, as far as is known.
	Written []store.WrittenInstance `json:"written,omitempty"`

	// HandedOver are the LwM2M Servers that may know it.
	HandedOver []HandedOver `json:"handedOver,omitempty"`

	// Outbox are messages about it that wait, at most MaxOutboxOfDevice; only where one device is read.
	Outbox []Message `json:"outbox,omitempty"`

	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`

	// State is how far it has come, and Seen when it last came, zero for never; told where it is
	// read, not by edits.
	State DeviceState `json:"state,omitempty"`
	Seen  time.Time   `json:"seen,omitzero"`

	// Due is why it is to bootstrap again; told where it was bootstrapped.
	Due []profile.DueReason `json:"due,omitempty"`

	// Holds is which revision of which profile it was given in its last bootstrap that succeeded; nil
	// where the record does not say so.
	Holds *Holding `json:"holds,omitempty"`

	// Rotating is whether a new key was asked for or made for it that is not known to be in use yet;
	// Rotations are these keys.
	Rotating  bool       `json:"rotating,omitempty"`
	Rotations []Rotation `json:"rotations,omitempty"`

	// Expires is when the first of its certificates expires of which that is known; zero for none.
	Expires time.Time `json:"expires,omitzero"`

	// Last is the newest attempt of which it is known that it is the device's; nil where
	// there is none.
	Last *store.Session `json:"last,omitempty"`

	// Unproved is the newest attempt under its name or identity that nothing proves to be
	// the device's, or that another device made; nil where there is none after Last.
	Unproved *store.Session `json:"unproved,omitempty"`

	// Running is the session of it that is running, as it stands; nil for none.
	Running *store.Session `json:"running,omitempty"`

	// Warnings are what could be better about the record; told by edits only.
	Warnings []string `json:"warnings,omitempty"`
}

// A Credential is one way the device may authenticate to the Bootstrap-Server.
type Credential struct {
	Kind      store.CredentialKind `json:"kind"`
	Identity  string               `json:"identity"`
	KeyLength int                  `json:"keyLength"`     // bytes
	Key       string               `json:"key,omitempty"` // hexadecimal
	Created   time.Time            `json:"created"`

	// Group is set where the key is not stored, but derived from key GroupKey of this group, zero
	// for the current one; or where the certificate must be of a CA of this group.
	Group    string `json:"group,omitempty"`
	GroupKey int    `json:"groupKey,omitempty"`

	// Pending is set where the device is given it in place of another and has not come
	// with it yet; Replaces is the identity of that other one.
	Pending  bool   `json:"pending,omitempty"`
	Replaces string `json:"replaces,omitempty"`

	// Expires is when the certificate expires that the device came with last; zero where that is unknown.
	Expires time.Time `json:"expires,omitzero"`
}

// A Holding is which revision of a profile a device was given, and since when it holds that.
type Holding struct {
	Profile  string         `json:"profile"`
	Revision store.Revision `json:"revision"`
	Since    time.Time      `json:"since"`
}

// An Account is what is individual to the device in one account of its profile.
type Account struct {
	Identity  string    `json:"identity,omitempty"`
	KeyLength int       `json:"keyLength"`
	Key       string    `json:"key,omitempty"` // hexadecimal
	Delivered time.Time `json:"delivered,omitzero"`

	// OwnIdentity is whether the record has the identity, and not the profile.
	OwnIdentity bool `json:"ownIdentity,omitempty"`

	// Certificate is that of the device in the account, or its raw public key, DER. Expires is when the
	// certificate expires.
	Certificate []byte    `json:"certificate,omitempty"`
	Expires     time.Time `json:"expires,omitzero"`

	// MasterSecret is that of the account's OSCORE context, where it has one.
	MasterSecretLength int    `json:"masterSecretLength,omitempty"` // bytes
	MasterSecret       string `json:"masterSecret,omitempty"`       // hexadecimal
}

// A HandedOver is an LwM2M Server that may know a device.
type HandedOver struct {
	Server       string             `json:"server"`
	Account      string             `json:"account"`
	Endpoint     lwm2m.EndpointName `json:"endpoint,omitempty"` // where the server knows it by another name than it has now
	Identity     string             `json:"identity,omitempty"` // of a PSK; as hex:… where it is no text
	Acknowledged bool               `json:"acknowledged"`       // else it is not known whether the server was told
	At           time.Time          `json:"at"`
}

// MaxOutboxOfDevice is the limit of Device.Outbox.
const MaxOutboxOfDevice = 20

// A Secret is the value of a secret Resource, such as /11/0/6.
type Secret struct {
	Length int    `json:"length"`          // bytes
	Value  string `json:"value,omitempty"` // hexadecimal
}

// view is d, whose profile is p, as it is shown.
func view(p store.Profile, d store.Device, reveal bool) Device {
	out := Device{
		Endpoint: d.Endpoint, Revision: d.Revision, Profile: d.Profile, Group: d.Group, Disabled: d.Disabled, NoSec: d.NoSec,
		Credentials: []Credential{}, Accounts: make(map[string]Account, len(d.Accounts)),
		Vars: d.Vars, Tags: slices.Clone(d.Tags), Format: d.Format, Note: d.Note, Created: d.Created, Updated: d.Updated,
		Written: slices.Clone(d.Written.Instances), Rotating: d.Rotating(), Rotations: rotationsOf(d),
	}
	o := d.Outline()
	out.Expires, out.Due = o.Expires, profile.Due(p, profile.ContentOf(p), o, time.Now())
	if h := d.Holds; h != (store.Holding{}) {
		out.Holds = &Holding{h.Profile, h.Revision, h.Since}
	}
	for _, h := range d.HandedOver {
		v := HandedOver{Server: h.Server, Account: h.Account, Identity: store.IdentityText([]byte(h.Identity)), Acknowledged: h.Digest.Len() > 0, At: h.At}
		if h.Endpoint != d.Endpoint {
			v.Endpoint = h.Endpoint
		}
		out.HandedOver = append(out.HandedOver, v)
	}
	for _, c := range d.Credentials {
		v := Credential{Kind: c.Kind, Identity: c.Identity, KeyLength: c.Key.Len(), Created: c.Created, Group: c.Group, GroupKey: c.GroupKey, Pending: c.Pending, Expires: c.Expires}
		if c.Kind == store.CredentialPSK {
			v.Identity, v.Replaces = store.IdentityText([]byte(c.Identity)), store.IdentityText([]byte(c.Replaces))
		}
		if reveal {
			v.Key = hex.EncodeToString(c.Key.Reveal())
		}
		out.Credentials = append(out.Credentials, v)
	}
	given := profile.PSKIdentities(p, d)
	for name, a := range d.Accounts {
		v := accountView(a, reveal)
		v.Identity = cmp.Or(v.Identity, given[name])
		out.Accounts[name] = v
	}
	if len(d.Secrets) > 0 {
		out.Secrets = make(map[lwm2m.Path]Secret, len(d.Secrets))
	}
	for path, s := range d.Secrets {
		v := Secret{Length: s.Len()}
		if reveal {
			v.Value = hex.EncodeToString(s.Reveal())
		}
		out.Secrets[path] = v
	}
	return out
}

func accountView(a store.AccountKeys, reveal bool) Account {
	v := Account{Identity: a.Identity, OwnIdentity: a.Identity != "", Certificate: a.Certificate, KeyLength: a.Key.Len(), MasterSecretLength: a.MasterSecret.Len(), Delivered: a.Delivered}
	if c, err := x509.ParseCertificate(a.Certificate); err == nil {
		v.Expires = c.NotAfter
	}
	if reveal {
		v.Key = hex.EncodeToString(a.Key.Reveal())
		v.MasterSecret = hex.EncodeToString(a.MasterSecret.Reveal())
	}
	return v
}

// viewOfMade is d as it is shown to whoever edited it: with the keys of accounts that were made
// for it, as they differ from those that it had before, and with its key to bootstrap with where
// that was made, too.
func viewOfMade(p store.Profile, d store.Device, before map[string]store.AccountKeys, credential bool) Device {
	out := view(p, d, false)
	if credential {
		out.Credentials = view(p, d, true).Credentials
	}
	for name, a := range d.Accounts {
		shown, all := out.Accounts[name], accountView(a, true)
		if !before[name].Key.Equal(a.Key) {
			shown.Key = all.Key
		}
		if !before[name].MasterSecret.Equal(a.MasterSecret) {
			shown.MasterSecret = all.MasterSecret
		}
		out.Accounts[name] = shown
	}
	return out
}

// A CA is the certificate of a CA that a record has.
type CA struct {
	Subject     string    `json:"subject"`
	Fingerprint string    `json:"fingerprint"`
	Expires     time.Time `json:"expires"`
}

func viewOfCA(der []byte) CA {
	ca := CA{Fingerprint: store.Fingerprint(der)}
	if c, err := x509.ParseCertificate(der); err == nil {
		ca.Subject, ca.Expires = c.Subject.String(), c.NotAfter
	}
	return ca
}

// A Queue is how devices wait for their turn, where a profile or an LwM2M Server takes only so many a second.
type Queue struct {
	Of      bootstrap.LimitOf `json:"of"`
	Name    string            `json:"name"`
	Rate    int               `json:"rate"`             // devices a second
	Waiting int               `json:"waiting"`          // devices
	Oldest  int               `json:"oldest,omitempty"` // for how many seconds the first of them has waited
	Passed  uint64            `json:"passed"`           // that had their turn since the queue was made
}

// QueuesOf are the queues of a server.
func QueuesOf(all []bootstrap.QueueState) (out []Queue) {
	for _, q := range all {
		out = append(out, Queue{q.Of, q.Name, q.Rate, q.Waiting, int(q.Oldest.Seconds()), q.Passed})
	}
	return out
}
