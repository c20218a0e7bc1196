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
	Updated     time.Time          `json:"updated"`
	Credentials []struct {
		Pending bool `json:"pending"`
	} `json:"credentials"`
	Accounts map[string]struct {
		Delivered time.Time `json:"delivered"`
		Pending   string    `json:"pending"` // sealed
	} `json:"accounts"`
	Written struct {
		Instances []struct{} `json:"instances"`
	} `json:"written"`
}

// OutlineDevice reads the outline of a device from its stored bytes, without its sessions. Its error wraps
// ErrCorrupt or ErrNewer.
func OutlineDevice(row []byte) (store.DeviceOutline, error) {
	var r outlineRow
	if err := outline(row, &r); err != nil {
		return store.DeviceOutline{}, err
	}
	o := store.DeviceOutline{Endpoint: r.Endpoint, Profile: r.Profile, Group: r.Group, Tags: r.Tags, Disabled: r.Disabled, Updated: r.Updated, Written: len(r.Written.Instances) > 0}
	for _, c := range r.Credentials {
		o.Rotating = o.Rotating || c.Pending
	}
	for _, a := range r.Accounts {
		o.Rotating = o.Rotating || a.Pending != ""
		if a.Delivered.After(o.Delivered) {
			o.Delivered = a.Delivered
		}
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
