package rows

import (
	"encoding/json"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows/wire"
	"lwbs/store/seal"
)

// The rows of devices as the first schema has them, in JSON. They are read, and not written any more.

type deviceRow struct {
	Endpoint    lwm2m.EndpointName    `json:"endpoint"`
	Revision    store.Revision        `json:"revision"`
	Profile     string                `json:"profile"`
	Group       string                `json:"group,omitempty"`
	Disabled    bool                  `json:"disabled,omitempty"`
	NoSec       bool                  `json:"noSec,omitempty"`
	Credentials []credentialRow       `json:"credentials,omitempty"`
	Accounts    map[string]accountRow `json:"accounts,omitempty"`
	Secrets     map[lwm2m.Path][]byte `json:"secrets,omitempty"`
	Vars        map[string]string     `json:"vars,omitempty"`
	Tags        []string              `json:"tags,omitempty"`
	Format      lwm2m.Format          `json:"format,omitzero"`
	Note        string                `json:"note,omitempty"`
	Written     *writtenRow           `json:"written,omitempty"`
	Settings    uint64                `json:"settings,omitempty"`
	Holds       *store.Holding        `json:"holds,omitempty"`
	HandedOver  []handedOverRow       `json:"handedOver,omitempty"`
	Created     time.Time             `json:"created"`
	Updated     time.Time             `json:"updated"`

	unknown string // members that this release does not know, as a JSON object
}

type credentialRow struct {
	Kind     store.CredentialKind `json:"kind"`
	Identity []byte               `json:"identity"` // bytes: it need not be UTF-8
	Key      []byte               `json:"key"`
	Group    string               `json:"group,omitempty"`
	GroupKey int                  `json:"groupKey,omitempty"`
	Created  time.Time            `json:"created"`
	Pending  bool                 `json:"pending,omitempty"`
	Replaces []byte               `json:"replaces,omitempty"`
	URI      string               `json:"uri,omitempty"`
	Rotate   time.Time            `json:"rotate,omitzero"`
	Expires  time.Time            `json:"expires,omitzero"`

	unknown string
}

type accountRow struct {
	Identity      string    `json:"identity,omitempty"`
	Certificate   []byte    `json:"certificate,omitempty"`
	Key           []byte    `json:"key,omitempty"`
	KeyMade       time.Time `json:"keyMade,omitzero"`
	Pending       []byte    `json:"pending,omitempty"`
	PendingMade   time.Time `json:"pendingMade,omitzero"`
	Master        []byte    `json:"masterSecret,omitempty"`
	PendingMaster []byte    `json:"pendingMaster,omitempty"`
	Delivered     time.Time `json:"delivered,omitzero"`
	Rotate        time.Time `json:"rotate,omitzero"`
	HandedOver    []byte    `json:"handedOver,omitempty"` // of the first hand-overs, without the name of the server; not written any more

	unknown string
}

type handedOverRow struct {
	Server   string             `json:"server"`
	Account  string             `json:"account"`
	Endpoint lwm2m.EndpointName `json:"endpoint"`
	Identity []byte             `json:"identity,omitempty"` // bytes: it need not be UTF-8
	Digest   []byte             `json:"digest,omitempty"`
	At       time.Time          `json:"at"`
}

// readUnknown notes the unknown members of a device's row.
func (r *deviceRow) readUnknown(row []byte) (err error) {
	var parts struct {
		Credentials []json.RawMessage          `json:"credentials"`
		Accounts    map[string]json.RawMessage `json:"accounts"`
	}
	body, _, err := withoutSum(row)
	if err == nil {
		err = json.Unmarshal(body, &parts)
	}
	if err == nil {
		r.unknown, err = unknownMembers(body, deviceRow{})
	}
	for i := 0; err == nil && i < len(parts.Credentials); i++ {
		r.Credentials[i].unknown, err = unknownMembers(parts.Credentials[i], credentialRow{})
	}
	for name, part := range parts.Accounts {
		a := r.Accounts[name]
		if err == nil {
			a.unknown, err = unknownMembers(part, accountRow{})
		}
		r.Accounts[name] = a
	}
	return err
}

// A writtenRow is the stored form of Written.
type writtenRow struct {
	Instances         []store.WrittenInstance `json:"instances,omitempty"`
	BootstrapInstance *lwm2m.InstanceID       `json:"bootstrapInstance,omitempty"`
}

// decodeDeviceJSON reads a row of the first schema.
func decodeDeviceJSON(k *seal.Keyring, b []byte) (store.Device, error) {
	var row deviceRow
	more, err := decodeRow(b, &row)
	if err == nil && more {
		err = row.readUnknown(b)
	}
	if err != nil {
		return store.Device{}, err
	}
	d := store.Device{
		Endpoint: row.Endpoint, Revision: row.Revision, Profile: row.Profile, Group: row.Group, Disabled: row.Disabled, NoSec: row.NoSec,
		Vars: row.Vars, Tags: row.Tags, Format: row.Format, Note: row.Note, Created: row.Created, Updated: row.Updated,
		Unknown: unknownMember(row.unknown),
	}
	if row.Written != nil {
		d.Written = store.Written{BootstrapInstance: row.Written.BootstrapInstance}
		if len(row.Written.Instances) > 0 {
			d.Written.Instances = row.Written.Instances
		}
	}
	if d.Settings = row.Settings; row.Holds != nil {
		d.Holds = *row.Holds
	}
	o := opener{keyring: k, endpoint: row.Endpoint}
	for _, c := range row.Credentials {
		d.Credentials = append(d.Credentials, store.Credential{
			Kind: c.Kind, Identity: string(c.Identity), Created: c.Created, Pending: c.Pending, Replaces: string(c.Replaces), URI: c.URI,
			Group: c.Group, GroupKey: c.GroupKey, Rotate: c.Rotate, Expires: c.Expires, Unknown: unknownMember(c.unknown), Key: o.open(c.Key, "credential", string(c.Kind), string(c.Identity)),
		})
	}
	if len(row.Accounts) > 0 {
		d.Accounts = make(map[string]store.AccountKeys, len(row.Accounts))
	}
	for name, a := range row.Accounts {
		d.Accounts[name] = store.AccountKeys{
			Identity: a.Identity, Certificate: a.Certificate, Delivered: a.Delivered, Unknown: unknownMember(a.unknown),
			KeyMade: a.KeyMade, PendingMade: a.PendingMade, Rotate: a.Rotate,
			Key:           o.open(a.Key, "account", name, "key"),
			MasterSecret:  o.open(a.Master, "account", name, "master secret"),
			Pending:       o.open(a.Pending, "account", name, "pending"),
			PendingMaster: o.open(a.PendingMaster, "account", name, "pending master secret"),
		}
	}
	for _, h := range row.HandedOver {
		d.HandedOver = append(d.HandedOver, store.HandedOver{
			Server: h.Server, Account: h.Account, Endpoint: h.Endpoint, Identity: string(h.Identity), At: h.At,
			Digest: o.open(h.Digest, "handed over", h.Server, h.Account, string(h.Endpoint), string(h.Identity)),
		})
	}
	if len(row.Secrets) > 0 {
		d.Secrets = make(map[lwm2m.Path]lwm2m.Secret, len(row.Secrets))
	}
	for path, sealed := range row.Secrets {
		d.Secrets[path] = o.open(sealed, "secret", path.String())
	}
	return d, o.err
}

// unknownMember is the field that keeps the unknown members of a JSON object; empty for none.
func unknownMember(object string) string {
	var w wire.Writer
	w.Text(fieldMembers, object)
	return string(w.Fields())
}
