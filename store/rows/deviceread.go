package rows

import (
	"bytes"
	"fmt"
	"math"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows/wire"
	"lwbs/store/seal"
)

// DecodeDevice reads what EncodeDevice wrote, and rows of the first schema. With a nil Keyring the secrets are
// empty. Its error wraps ErrCorrupt, ErrNewer or ErrNoKey.
func DecodeDevice(k *seal.Keyring, b []byte) (store.Device, error) {
	if isJSON(b) {
		return decodeDeviceJSON(k, b)
	}
	r, err := wire.Open(b, wire.Device)
	if err != nil {
		return store.Device{}, err
	}
	d, err := readEndpoint(&r)
	if err != nil {
		return store.Device{}, err
	}
	in := deviceReader{Reader: r, opener: opener{keyring: k, endpoint: d.Endpoint}}
	for in.Next() {
		in.field(&d)
	}
	d.Unknown = in.Kept()
	if err := in.Err(); err != nil {
		return store.Device{}, err
	}
	return d, in.opener.err
}

// readEndpoint reads the first field of a device, which secrets are bound to.
func readEndpoint(r *wire.Reader) (d store.Device, err error) {
	if !r.Next() || r.Number() != deviceEndpoint {
		r.Fail(fmt.Errorf("%w: it does not begin with an endpoint", store.ErrCorrupt))
	}
	d.Endpoint = lwm2m.EndpointName(r.Text())
	return d, r.Err()
}

// A deviceReader reads one device.
type deviceReader struct {
	wire.Reader
	opener opener
}

// field reads the next field of d.
func (r *deviceReader) field(d *store.Device) {
	switch r.Number() {
	case deviceEndpoint:
		r.Fail(fmt.Errorf("%w: it has two endpoints", store.ErrCorrupt))
	case deviceRevision:
		d.Revision = store.Revision(r.Uint(math.MaxUint64))
	case deviceProfile:
		d.Profile = r.Text()
	case deviceGroup:
		d.Group = r.Text()
	case deviceDisabled:
		d.Disabled = r.True()
	case deviceNoSec:
		d.NoSec = r.True()
	case deviceCredential:
		if d.Credentials == nil {
			d.Credentials = make([]store.Credential, 0, r.Alike())
		}
		d.Credentials = append(d.Credentials, r.credential(r.Nested()))
	case deviceAccount:
		if d.Accounts == nil {
			d.Accounts = make(map[string]store.AccountKeys)
		}
		name, a := r.account(r.Nested())
		d.Accounts[name] = a
	case deviceSecret:
		if d.Secrets == nil {
			d.Secrets = make(map[lwm2m.Path]lwm2m.Secret)
		}
		path, s := r.secret(r.Nested())
		d.Secrets[path] = s
	case deviceVar:
		if d.Vars == nil {
			d.Vars = make(map[string]string)
		}
		name, value := variable(r.Nested())
		d.Vars[name] = value
	case deviceTag:
		d.Tags = append(d.Tags, r.Text())
	case deviceFormat:
		d.Format = r.Format()
	case deviceNote:
		d.Note = r.Text()
	case deviceInstance:
		if d.Written.Instances == nil {
			d.Written.Instances = make([]store.WrittenInstance, 0, r.Alike())
		}
		d.Written.Instances = append(d.Written.Instances, writtenInstance(r.Nested()))
	case deviceBootstrap:
		d.Written.BootstrapInstance = new(lwm2m.InstanceID(r.Uint(math.MaxUint16)))
	case deviceSettings:
		d.Settings = r.Uint(math.MaxUint64)
	case deviceHolds:
		d.Holds = holding(r.Nested())
	case deviceHandedOver:
		d.HandedOver = append(d.HandedOver, r.handedOver(r.Nested()))
	case deviceCreated:
		d.Created = r.Time()
	case deviceUpdated:
		d.Updated = r.Time()
	default:
		r.Keep()
	}
}

func (r *deviceReader) credential(in wire.Reader) (c store.Credential) {
	var key []byte
	for in.Next() {
		switch in.Number() {
		case credentialKind:
			c.Kind = store.CredentialKind(in.Text())
		case credentialIdentity:
			c.Identity = in.Text()
		case credentialKey:
			key = in.Bytes()
		case credentialGroup:
			c.Group = in.Text()
		case credentialGroupKey:
			c.GroupKey = in.Int()
		case credentialCreated:
			c.Created = in.Time()
		case credentialPending:
			c.Pending = in.True()
		case credentialReplaces:
			c.Replaces = in.Text()
		case credentialURI:
			c.URI = in.Text()
		case credentialRotate:
			c.Rotate = in.Time()
		case credentialExpires:
			c.Expires = in.Time()
		default:
			in.Keep()
		}
	}
	c.Unknown = in.Kept()
	c.Key = r.opener.open(key, "credential", string(c.Kind), c.Identity)
	return c
}

func (r *deviceReader) account(in wire.Reader) (name string, a store.AccountKeys) {
	var key, master, pending, pendingMaster []byte
	for in.Next() {
		switch in.Number() {
		case accountName:
			name = in.Text()
		case accountIdentity:
			a.Identity = in.Text()
		case accountCertificate:
			a.Certificate = bytes.Clone(in.Bytes())
		case accountKey:
			key = in.Bytes()
		case accountMaster:
			master = in.Bytes()
		case accountKeyMade:
			a.KeyMade = in.Time()
		case accountPending:
			pending = in.Bytes()
		case accountPendingMaster:
			pendingMaster = in.Bytes()
		case accountPendingMade:
			a.PendingMade = in.Time()
		case accountRotate:
			a.Rotate = in.Time()
		case accountDelivered:
			a.Delivered = in.Time()
		default:
			in.Keep()
		}
	}
	a.Unknown = in.Kept()
	a.Key = r.opener.open(key, "account", name, "key")
	a.MasterSecret = r.opener.open(master, "account", name, "master secret")
	a.Pending = r.opener.open(pending, "account", name, "pending")
	a.PendingMaster = r.opener.open(pendingMaster, "account", name, "pending master secret")
	return name, a
}

func (r *deviceReader) secret(in wire.Reader) (path lwm2m.Path, s lwm2m.Secret) {
	var sealed []byte
	for in.Next() {
		switch in.Number() {
		case entryName:
			path = in.Path()
		case entryValue:
			sealed = in.Bytes()
		}
	}
	return path, r.opener.open(sealed, "secret", path.String())
}

func (r *deviceReader) handedOver(in wire.Reader) (h store.HandedOver) {
	var digest []byte
	for in.Next() {
		switch in.Number() {
		case toldServer:
			h.Server = in.Text()
		case toldAccount:
			h.Account = in.Text()
		case toldEndpoint:
			h.Endpoint = lwm2m.EndpointName(in.Text())
		case toldIdentity:
			h.Identity = in.Text()
		case toldDigest:
			digest = in.Bytes()
		case toldAt:
			h.At = in.Time()
		}
	}
	h.Digest = r.opener.open(digest, "handed over", h.Server, h.Account, string(h.Endpoint), h.Identity)
	return h
}

func variable(in wire.Reader) (name, value string) {
	for in.Next() {
		switch in.Number() {
		case entryName:
			name = in.Text()
		case entryValue:
			value = in.Text()
		}
	}
	return name, value
}

func writtenInstance(in wire.Reader) (i store.WrittenInstance) {
	for in.Next() {
		switch in.Number() {
		case instancePath:
			i.Path = in.Path()
		case instanceAccount:
			i.Account = in.Text()
		case instanceServer:
			i.Server = lwm2m.ShortServerID(in.Uint(math.MaxUint16))
		case instanceTarget:
			i.Target = in.Path()
		case instanceUnconfirmed:
			i.Unconfirmed = in.True()
		}
	}
	return i
}

func holding(in wire.Reader) (h store.Holding) {
	for in.Next() {
		switch in.Number() {
		case holdsProfile:
			h.Profile = in.Text()
		case holdsRevision:
			h.Revision = store.Revision(in.Uint(math.MaxUint64))
		case holdsContent:
			h.Content = in.Text()
		case holdsSettings:
			h.Settings = in.Uint(math.MaxUint64)
		case holdsSince:
			h.Since = in.Time()
		}
	}
	return h
}

// An opener opens the secrets of one record and remembers the first error.
type opener struct {
	keyring  *seal.Keyring
	endpoint lwm2m.EndpointName
	err      error

	place, opened []byte // of the last secret
}

func (o *opener) open(sealed []byte, field ...string) lwm2m.Secret {
	if o.keyring == nil || len(sealed) == 0 {
		return lwm2m.Secret{}
	}
	if o.place == nil {
		o.place, o.opened = make([]byte, 0, 160), make([]byte, 0, 64)
	}
	o.place = appendPlace(o.place[:0], o.endpoint, field...)
	var err error
	o.opened, err = o.keyring.AppendOpen(o.opened[:0], sealed, o.place)
	if o.err == nil {
		o.err = err
	}
	return lwm2m.NewSecret(o.opened)
}
