package store

import (
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
