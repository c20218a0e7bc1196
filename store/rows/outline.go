package rows

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows/wire"
)

// An outlineRow is what is read of a device's row in JSON.
type outlineRow struct {
	Endpoint    lwm2m.EndpointName `json:"endpoint"`
	Profile     string             `json:"profile"`
	Group       string             `json:"group"`
	Tags        []string           `json:"tags"`
	Disabled    bool               `json:"disabled"`
	Created     time.Time          `json:"created"`
	Updated     time.Time          `json:"updated"`
	Settings    uint64             `json:"settings"`
	Holds       store.Holding      `json:"holds"`
	Credentials []struct {
		Kind    store.CredentialKind `json:"kind"`
		Created time.Time            `json:"created"`
		Group   string               `json:"group"`
		Pending bool                 `json:"pending"`
		Rotate  time.Time            `json:"rotate"`
		Expires time.Time            `json:"expires"`
	} `json:"credentials"`
	Accounts map[string]struct {
		Certificate   []byte    `json:"certificate"`
		Key           sealed    `json:"key"`
		KeyMade       time.Time `json:"keyMade"`
		Master        sealed    `json:"masterSecret"`
		Delivered     time.Time `json:"delivered"`
		Pending       sealed    `json:"pending"`
		PendingMaster sealed    `json:"pendingMaster"`
		Rotate        time.Time `json:"rotate"`
	} `json:"accounts"`
	Written struct {
		Instances []struct{} `json:"instances"`
	} `json:"written"`
}

// A sealed is whether there is a secret, which is not read.
type sealed bool

func (s *sealed) UnmarshalJSON(b []byte) error {
	*s = len(b) > len(`""`) && b[0] == '"'
	return nil
}

// OutlineDevice reads the outline of a device from its stored bytes, without its sessions. Its error wraps
// ErrCorrupt or ErrNewer.
func OutlineDevice(row []byte) (store.DeviceOutline, error) {
	if isJSON(row) {
		return outlineDeviceJSON(row)
	}
	r, err := wire.Open(row, wire.Device)
	if err != nil {
		return store.DeviceOutline{}, err
	}
	d, err := readEndpoint(&r)
	if err != nil {
		return store.DeviceOutline{}, err
	}
	o := store.DeviceOutline{Endpoint: d.Endpoint}
	for r.Next() {
		switch r.Number() {
		case deviceProfile:
			o.Profile = r.Text()
		case deviceGroup:
			o.Group = r.Text()
		case deviceDisabled:
			o.Disabled = r.True()
		case deviceCredential:
			outlineCredential(&o, r.Nested())
		case deviceAccount:
			outlineAccount(&o, r.Nested())
		case deviceTag:
			o.Tags = append(o.Tags, r.Text())
		case deviceInstance:
			o.Written = true
		case deviceSettings:
			o.Settings = r.Uint(math.MaxUint64)
		case deviceHolds:
			o.Holds = holding(r.Nested())
		case deviceCreated:
			o.Created = r.Time()
		case deviceUpdated:
			o.Updated = r.Time()
		}
	}
	if err := r.Err(); err != nil {
		return store.DeviceOutline{}, err
	}
	return o, nil
}

func outlineCredential(o *store.DeviceOutline, in wire.Reader) {
	var kind string
	var pending bool
	var key store.KeyOutline
	var expires time.Time
	for in.Next() {
		switch in.Number() {
		case credentialKind:
			kind = in.Text()
		case credentialCreated:
			key.Made = in.Time()
		case credentialGroup:
			key.Group = in.Text() != ""
		case credentialPending:
			pending = in.True()
		case credentialRotate:
			key.Rotate = in.Time()
		case credentialExpires:
			expires = in.Time()
		}
	}
	o.AddCredential(kind == string(store.CredentialPSK), pending, key, expires)
}

func outlineAccount(o *store.DeviceOutline, in wire.Reader) {
	var name string
	var has bool
	var key store.KeyOutline
	var delivered time.Time
	var certificate []byte
	for in.Next() {
		switch in.Number() {
		case accountName:
			name = in.Text()
		case accountCertificate:
			certificate = in.Bytes()
		case accountKey, accountMaster:
			has = true
		case accountKeyMade:
			key.Made = in.Time()
		case accountPending, accountPendingMaster:
			key.Pending = true
		case accountRotate:
			key.Rotate = in.Time()
		case accountDelivered:
			delivered = in.Time()
		}
	}
	o.AddAccount(name, has, key, delivered, certificate)
}

// outlineDeviceJSON is OutlineDevice for a row of the first schema.
func outlineDeviceJSON(row []byte) (store.DeviceOutline, error) {
	var r outlineRow
	if err := outline(row, &r); err != nil {
		return store.DeviceOutline{}, err
	}
	o := store.DeviceOutline{
		Endpoint: r.Endpoint, Profile: r.Profile, Group: r.Group, Tags: r.Tags, Disabled: r.Disabled, Created: r.Created, Updated: r.Updated,
		Settings: r.Settings, Holds: r.Holds, Written: len(r.Written.Instances) > 0,
	}
	for _, c := range r.Credentials {
		o.AddCredential(c.Kind == store.CredentialPSK, c.Pending, store.KeyOutline{Made: c.Created, Rotate: c.Rotate, Group: c.Group != ""}, c.Expires)
	}
	for name, a := range r.Accounts {
		o.AddAccount(name, bool(a.Key || a.Master), store.KeyOutline{Made: a.KeyMade, Pending: bool(a.Pending || a.PendingMaster), Rotate: a.Rotate}, a.Delivered, a.Certificate)
	}
	return o, nil
}

// OutlineSession reads the outline of a session from its stored bytes. Its error is as of OutlineDevice.
func OutlineSession(row []byte) (s store.SessionOutline, err error) {
	if isJSON(row) {
		err = outline(row, &s)
		return s, err
	}
	r, err := wire.Open(row, wire.Session)
	if err != nil {
		return s, err
	}
	for r.Next() {
		switch r.Number() {
		case sessionCause:
			s.Cause = cause(&r)
		case sessionProfile:
			s.Profile = r.Text()
		case sessionProfileRevision:
			s.ProfileRevision = store.Revision(r.Uint(math.MaxUint64))
		case sessionStarted:
			s.Started = r.Time()
		case sessionEnded:
			s.Ended = r.Time()
		}
	}
	if err := r.Err(); err != nil {
		return store.SessionOutline{}, err
	}
	return s, nil
}

// outline reads a part of a row of JSON.
func outline(row []byte, into any) error {
	body, summed, err := withoutSum(row)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		if summed {
			return fmt.Errorf("%w: %v", store.ErrNewer, err)
		}
		return fmt.Errorf("%w: %v", store.ErrCorrupt, err)
	}
	return nil
}
