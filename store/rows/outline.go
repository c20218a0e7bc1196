package rows

import (
	"encoding/json"
	"fmt"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// An outlineRow is what is read of a device's row.
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
	err = outline(row, &s)
	return s, err
}

// outline reads a part of a row.
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
