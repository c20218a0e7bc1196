package store

import (
	"crypto/x509"
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
	Created  time.Time
	Updated  time.Time
	Settings uint64
	Holds    Holding

	// Keys are those that lwbs may replace by others, by the name of their account;
	// [BootstrapServerAccount] is the pre-shared key that the device bootstraps with.
	Keys map[string]KeyOutline

	// Expires is when the first of its certificates expires, of those that are known; zero for none.
	Expires time.Time

	Delivered time.Time // when it last accepted the key of an account; zero for never
	Written   bool      // it was given Instances in earlier sessions
	Rotating  bool      // a new key was made for it and is not known to be in use: see [Device.Rotating]

	// Newest is its newest attempt that counts, and Last the newest of the last [OutlineSessions] that
	// says more than that it idles, else the same; nil for none.
	Newest, Last *SessionOutline
}

// A KeyOutline is what tells how old a key is.
type KeyOutline struct {
	Made    time.Time // when it was generated; zero where that is unknown
	Pending bool      // another was generated and is not known to be in use
	Rotate  time.Time // when an operator asked for another; zero for not
	Group   bool      // it is derived from that of a group
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

// Outline is d without its sessions.
func (d Device) Outline() DeviceOutline {
	o := DeviceOutline{
		Endpoint: d.Endpoint, Profile: d.Profile, Group: d.Group, Tags: d.Tags, Disabled: d.Disabled, Created: d.Created, Updated: d.Updated,
		Settings: d.Settings, Holds: d.Holds, Written: len(d.Written.Instances) > 0,
	}
	for _, c := range d.Credentials {
		o.AddCredential(c.Kind == CredentialPSK, c.Pending, KeyOutline{Made: c.Created, Rotate: c.Rotate, Group: c.Group != ""}, c.Expires)
	}
	for name, a := range d.Accounts {
		has := !a.Key.IsZero() || !a.MasterSecret.IsZero()
		o.AddAccount(name, has, KeyOutline{Made: a.KeyMade, Pending: !a.Pending.IsZero() || !a.PendingMaster.IsZero(), Rotate: a.Rotate}, a.Delivered, a.Certificate)
	}
	return o
}

// Rotating reports whether another key was asked for or made for d, to bootstrap with or for an account,
// which the device has not come with, or accepted in a session that succeeded.
func (d Device) Rotating() bool {
	rotating := false
	for _, c := range d.Credentials {
		rotating = rotating || c.Pending || !c.Rotate.IsZero()
	}
	for _, a := range d.Accounts {
		rotating = rotating || !a.Pending.IsZero() || !a.PendingMaster.IsZero() || !a.Rotate.IsZero()
	}
	return rotating
}

// AddCredential adds a credential to the outline: a key, if it is a pre-shared one, or when its certificate
// expires, zero for unknown.
func (o *DeviceOutline) AddCredential(psk, pending bool, key KeyOutline, expires time.Time) {
	o.Rotating = o.Rotating || pending || !key.Rotate.IsZero()
	o.expire(expires)
	if !psk {
		return
	}
	if o.Keys == nil {
		o.Keys = make(map[string]KeyOutline)
	}
	have, found := o.Keys[BootstrapServerAccount]
	switch {
	case pending:
		have.Pending = true
	case !found || have.Made.IsZero() || key.Made.Before(have.Made): // of several the oldest
		pending = have.Pending
		have = key
		have.Pending = pending
	}
	o.Keys[BootstrapServerAccount] = have
}

// AddAccount adds the keys of an account to the outline. The key of the Bootstrap-Server Account that a
// record may have is supplied, and lwbs replaces it by no other.
func (o *DeviceOutline) AddAccount(name string, has bool, key KeyOutline, delivered time.Time, certificate []byte) {
	o.Rotating = o.Rotating || key.Pending || !key.Rotate.IsZero()
	if delivered.After(o.Delivered) {
		o.Delivered = delivered
	}
	if len(certificate) > 0 {
		if c, err := x509.ParseCertificate(certificate); err == nil { // else a raw public key
			o.expire(c.NotAfter)
		}
	}
	if !has || name == BootstrapServerAccount {
		return
	}
	if o.Keys == nil {
		o.Keys = make(map[string]KeyOutline)
	}
	o.Keys[name] = key
}

// expire notes the expiry of a certificate; zero for unknown.
func (o *DeviceOutline) expire(at time.Time) {
	if !at.IsZero() && (o.Expires.IsZero() || at.Before(o.Expires)) {
		o.Expires = at
	}
}
