package store

import (
	"encoding/json"
	"fmt"
	"time"

	"lwbs/lwm2m"
)

// A DeviceOutline is what tells how far a device has come. It takes a tenth of the time of a Device and its
// sessions to read.
type DeviceOutline struct {
	Endpoint lwm2m.EndpointName
	Profile  string
	Group    string
	Tags     []string
	Disabled bool
	Updated  time.Time

	Delivered time.Time // when it last accepted the key of an account; zero for never
	Written   bool      // it was given Instances in earlier sessions
	Rotating  bool      // a new key was made for it and is not known to be in use: see [Device.Rotating]

	// Newest is its newest attempt that counts, and Last the newest of the last [OutlineSessions] that
	// says more than that it idles, else the same; nil for none.
	Newest, Last *SessionOutline
}

// OutlineSessions is how many attempts of a device are looked at for its DeviceOutline.
const OutlineSessions = 5

// A SessionOutline is what of a session tells how far its device has come.
type SessionOutline struct {
	Cause           Cause     `json:"cause"`
	Profile         string    `json:"profile"`
	ProfileRevision Revision  `json:"profileRevision"`
	Started         time.Time `json:"started"`
	Ended           time.Time `json:"ended"`
}

// OutlineOf is the outline of a session.
func OutlineOf(s Session) SessionOutline {
	return SessionOutline{s.Cause, s.Profile, s.ProfileRevision, s.Started, s.Ended}
}

// Rotating reports whether a new key was made for d, to bootstrap with or for an account, which the device
// has not come with, or accepted in a session that succeeded.
func (d Device) Rotating() bool {
	rotating := false
	for _, c := range d.Credentials {
		rotating = rotating || c.Pending
	}
	for _, a := range d.Accounts {
		rotating = rotating || !a.Pending.IsZero()
	}
	return rotating
}

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
func OutlineDevice(row []byte) (DeviceOutline, error) {
	var r outlineRow
	if err := outline(row, &r); err != nil {
		return DeviceOutline{}, err
	}
	o := DeviceOutline{Endpoint: r.Endpoint, Profile: r.Profile, Group: r.Group, Tags: r.Tags, Disabled: r.Disabled, Updated: r.Updated, Written: len(r.Written.Instances) > 0}
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
func OutlineSession(row []byte) (s SessionOutline, err error) {
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
			return fmt.Errorf("%w: %v", ErrNewer, err)
		}
		return fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	return nil
}
