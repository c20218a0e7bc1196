package rows

import (
	"maps"
	"slices"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows/wire"
	"lwbs/store/seal"
)

// The fields of a device and of what is in it. A number is never used for something else.
const (
	deviceEndpoint   wire.Number = 1 // the first field of each record
	deviceRevision   wire.Number = 2
	deviceProfile    wire.Number = 3
	deviceGroup      wire.Number = 4
	deviceDisabled   wire.Number = 5
	deviceNoSec      wire.Number = 6
	deviceCredential wire.Number = 7
	deviceAccount    wire.Number = 8
	deviceSecret     wire.Number = 9
	deviceVar        wire.Number = 10
	deviceTag        wire.Number = 11
	deviceFormat     wire.Number = 12
	deviceNote       wire.Number = 13
	deviceInstance   wire.Number = 14
	deviceBootstrap  wire.Number = 15 // the Instance of the Bootstrap-Server Account
	deviceSettings   wire.Number = 16
	deviceHolds      wire.Number = 17
	deviceHandedOver wire.Number = 18
	deviceCreated    wire.Number = 19
	deviceUpdated    wire.Number = 20

	credentialKind     wire.Number = 1
	credentialIdentity wire.Number = 2
	credentialKey      wire.Number = 3
	credentialGroup    wire.Number = 4
	credentialGroupKey wire.Number = 5
	credentialCreated  wire.Number = 6
	credentialPending  wire.Number = 7
	credentialReplaces wire.Number = 8
	credentialURI      wire.Number = 9
	credentialRotate   wire.Number = 10
	credentialExpires  wire.Number = 11

	accountName          wire.Number = 1
	accountIdentity      wire.Number = 2
	accountCertificate   wire.Number = 3
	accountKey           wire.Number = 4
	accountMaster        wire.Number = 5
	accountKeyMade       wire.Number = 6
	accountPending       wire.Number = 7
	accountPendingMaster wire.Number = 8
	accountPendingMade   wire.Number = 9
	accountRotate        wire.Number = 10
	accountDelivered     wire.Number = 11

	instancePath        wire.Number = 1
	instanceAccount     wire.Number = 2
	instanceServer      wire.Number = 3
	instanceTarget      wire.Number = 4
	instanceUnconfirmed wire.Number = 5

	holdsProfile  wire.Number = 1
	holdsRevision wire.Number = 2
	holdsContent  wire.Number = 3
	holdsSettings wire.Number = 4
	holdsSince    wire.Number = 5

	toldServer   wire.Number = 1
	toldAccount  wire.Number = 2
	toldEndpoint wire.Number = 3
	toldIdentity wire.Number = 4
	toldDigest   wire.Number = 5
	toldAt       wire.Number = 6

	entryName  wire.Number = 1 // of what is kept by name or path
	entryValue wire.Number = 2

	// fieldMembers has the members of a JSON object that the release did not know which wrote the first binary
	// row in its place. It is an unknown field of this one, too, and so it is kept.
	fieldMembers wire.Number = 1000
)

// appendPlace appends what binds a sealed secret to the record and field that it belongs to.
func appendPlace(b []byte, ep lwm2m.EndpointName, field ...string) []byte {
	b = append(append(b, "lwbs/1\x00device\x00"...), ep...)
	for _, part := range field {
		b = append(append(b, 0), part...)
	}
	return b
}

// EncodeDevice returns the stored bytes of a device. Its error wraps ErrInvalid.
func EncodeDevice(k *seal.Keyring, d store.Device) ([]byte, error) {
	w := deviceWriter{Writer: wire.NewWriter(wire.Device, 512), keyring: k, endpoint: d.Endpoint, place: make([]byte, 0, 160)}
	w.Element(deviceEndpoint, string(d.Endpoint))
	w.Uint(deviceRevision, uint64(d.Revision))
	w.Text(deviceProfile, d.Profile)
	w.Text(deviceGroup, d.Group)
	w.True(deviceDisabled, d.Disabled)
	w.True(deviceNoSec, d.NoSec)
	for i := range d.Credentials {
		w.credential(&d.Credentials[i])
	}
	w.accounts(d.Accounts)
	w.secrets(d.Secrets)
	for _, name := range sorted(d.Vars) {
		m := w.Begin(deviceVar)
		w.Text(entryName, name)
		w.Text(entryValue, d.Vars[name])
		w.End(m)
	}
	for _, tag := range d.Tags {
		w.Element(deviceTag, tag)
	}
	w.Format(deviceFormat, d.Format)
	w.Text(deviceNote, d.Note)
	w.written(d.Written)
	w.Uint(deviceSettings, d.Settings)
	w.holds(d.Holds)
	for i := range d.HandedOver {
		w.handedOver(&d.HandedOver[i])
	}
	w.Time(deviceCreated, d.Created)
	w.Time(deviceUpdated, d.Updated)
	w.Raw(d.Unknown)
	return w.Record()
}

// A deviceWriter writes one device.
type deviceWriter struct {
	wire.Writer
	keyring  *seal.Keyring
	endpoint lwm2m.EndpointName
	place    []byte // of the last secret
}

// sealed writes a secret for one field of the device, unless it is empty.
func (w *deviceWriter) sealed(n wire.Number, s lwm2m.Secret, field ...string) {
	if s.IsZero() {
		return
	}
	w.place = appendPlace(w.place[:0], w.endpoint, field...)
	w.Append(n, func(b []byte) []byte { return w.keyring.AppendSeal(b, s.Reveal(), w.place) })
}

// sorted are the keys of m in their order.
func sorted[T any](m map[string]T) []string {
	if len(m) == 0 {
		return nil
	}
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (w *deviceWriter) credential(c *store.Credential) {
	m := w.Begin(deviceCredential)
	w.Text(credentialKind, string(c.Kind))
	w.Text(credentialIdentity, c.Identity)
	w.sealed(credentialKey, c.Key, "credential", string(c.Kind), c.Identity)
	w.Text(credentialGroup, c.Group)
	w.Uint(credentialGroupKey, uint64(c.GroupKey))
	w.Time(credentialCreated, c.Created)
	w.True(credentialPending, c.Pending)
	w.Text(credentialReplaces, c.Replaces)
	w.Text(credentialURI, c.URI)
	w.Time(credentialRotate, c.Rotate)
	w.Time(credentialExpires, c.Expires)
	w.Raw(c.Unknown)
	w.End(m)
}

func (w *deviceWriter) accounts(all map[string]store.AccountKeys) {
	for _, name := range sorted(all) {
		a := all[name]
		m := w.Begin(deviceAccount)
		w.Text(accountName, name)
		w.Text(accountIdentity, a.Identity)
		w.Bytes(accountCertificate, a.Certificate)
		w.sealed(accountKey, a.Key, "account", name, "key")
		w.sealed(accountMaster, a.MasterSecret, "account", name, "master secret")
		w.Time(accountKeyMade, a.KeyMade)
		w.sealed(accountPending, a.Pending, "account", name, "pending")
		w.sealed(accountPendingMaster, a.PendingMaster, "account", name, "pending master secret")
		w.Time(accountPendingMade, a.PendingMade)
		w.Time(accountRotate, a.Rotate)
		w.Time(accountDelivered, a.Delivered)
		w.Raw(a.Unknown)
		w.End(m)
	}
}

func (w *deviceWriter) secrets(all map[lwm2m.Path]lwm2m.Secret) {
	if len(all) == 0 {
		return
	}
	for _, path := range slices.SortedFunc(maps.Keys(all), lwm2m.Path.Compare) {
		m := w.Begin(deviceSecret)
		w.Path(entryName, path)
		w.sealed(entryValue, all[path], "secret", path.String())
		w.End(m)
	}
}

func (w *deviceWriter) written(all store.Written) {
	for i := range all.Instances {
		in := &all.Instances[i]
		m := w.Begin(deviceInstance)
		w.Path(instancePath, in.Path)
		w.Text(instanceAccount, in.Account)
		w.Uint(instanceServer, uint64(in.Server))
		w.Path(instanceTarget, in.Target)
		w.True(instanceUnconfirmed, in.Unconfirmed)
		w.End(m)
	}
	if all.BootstrapInstance != nil {
		w.Present(deviceBootstrap, uint64(*all.BootstrapInstance))
	}
}

func (w *deviceWriter) holds(h store.Holding) {
	if h == (store.Holding{}) {
		return
	}
	m := w.Begin(deviceHolds)
	w.Text(holdsProfile, h.Profile)
	w.Uint(holdsRevision, uint64(h.Revision))
	w.Text(holdsContent, h.Content)
	w.Uint(holdsSettings, h.Settings)
	w.Time(holdsSince, h.Since)
	w.End(m)
}

func (w *deviceWriter) handedOver(h *store.HandedOver) {
	m := w.Begin(deviceHandedOver)
	w.Text(toldServer, h.Server)
	w.Text(toldAccount, h.Account)
	w.Text(toldEndpoint, string(h.Endpoint))
	w.Text(toldIdentity, h.Identity)
	w.sealed(toldDigest, h.Digest, "handed over", h.Server, h.Account, string(h.Endpoint), h.Identity)
	w.Time(toldAt, h.At)
	w.End(m)
}
