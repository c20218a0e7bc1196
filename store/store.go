package store

import (
	"context"

	"lwbs/lwm2m"
)

// A Store keeps devices, profiles and sessions. All methods may be called
// concurrently. An edit that returned without error survives a crash of the
// process or the machine; one that returned an error left no trace, but for a
// context that ended while the edit was under way, which may have been kept.
//
// Every method may return an error that wraps ErrClosed or the error of its context, or is
// an [*UnreadableError]. Lists leave out records that cannot be read.
type Store interface {
	// PutDevice creates d when d.Revision is zero, else replaces the record that
	// has that revision, and returns the record as it is now kept. Errors:
	// ErrExists, ErrNotFound, ErrConflict, ErrIdentityTaken, and ErrNotFound when
	// d.Profile does not exist; ErrFull.
	PutDevice(ctx context.Context, d Device) (Device, error)

	// Device returns one record. Error: ErrNotFound.
	Device(ctx context.Context, ep lwm2m.EndpointName) (Device, error)

	// DeviceByIdentity returns the device that has a credential of this kind and
	// identity. Error: ErrNotFound.
	DeviceByIdentity(ctx context.Context, kind CredentialKind, identity string) (Device, error)

	// Devices returns one page. The page is complete when it is shorter than the
	// limit.
	Devices(ctx context.Context, q DeviceQuery) ([]Device, error)

	// DeviceSample returns how many devices have a profile, and the names of at most n
	// of them, spread evenly over all in their order; the first and the last are among
	// them where n is 2 or more.
	DeviceSample(ctx context.Context, profile string, n int) (total int, names []lwm2m.EndpointName, err error)

	// DeleteDevice removes the record with this revision; zero stands for any, also for
	// a damaged one. Its sessions stay. Errors: ErrNotFound, ErrConflict.
	DeleteDevice(ctx context.Context, ep lwm2m.EndpointName, rev Revision) error

	// RenameDevice gives the record with this revision, zero for any, another name, and moves
	// its history there. Everything else of it stays, its identities too. Sessions that are
	// appended under the old name afterwards, with an ID that is kept, go to the new one.
	// Errors: ErrNotFound, ErrConflict, ErrExists where a device is called so already,
	// ErrInvalid, ErrNewer where the record has secrets that only a newer lwbs can seal anew.
	RenameDevice(ctx context.Context, ep, to lwm2m.EndpointName, rev Revision) (Device, error)

	// NearDevices returns devices whose endpoint name, PSK identity or certificate name is
	// near to name, the nearest first, at most limit. It may leave out some beyond the first
	// millions. See [NameMatcher].
	NearDevices(ctx context.Context, name string, limit int) ([]NearDevice, error)

	// PutProfile is to profiles what PutDevice is to devices. With revision zero it also
	// replaces a damaged record.
	PutProfile(ctx context.Context, p Profile) (Profile, error)

	// PutProfiles is PutProfile for several profiles with different names: it keeps all
	// of them or none. Its error is about the first that cannot be kept. It returns them
	// in their order.
	PutProfiles(ctx context.Context, ps []Profile) ([]Profile, error)

	// Profile returns one record. Error: ErrNotFound.
	Profile(ctx context.Context, name string) (Profile, error)

	// Profiles returns one page.
	Profiles(ctx context.Context, q ProfileQuery) ([]Profile, error)

	// DeleteProfile removes the record with this revision; zero stands for any.
	// Errors: ErrNotFound, ErrConflict, ErrInUse while a device names it.
	DeleteProfile(ctx context.Context, name string, rev Revision) error

	// AppendSession keeps a session that has ended, and drops those with the lowest IDs
	// above the limits. A session with the same ID is replaced.
	AppendSession(ctx context.Context, s Session) error

	// Session returns one session. Error: ErrNotFound.
	Session(ctx context.Context, id string) (Session, error)

	// Sessions returns one page.
	Sessions(ctx context.Context, q SessionQuery) ([]Session, error)

	// LastSession is the highest ID of the sessions that are kept; empty where there
	// are none.
	LastSession(ctx context.Context) (string, error)

	// Stats counts what is kept.
	Stats(ctx context.Context) (Stats, error)

	// Close waits for edits under way. Later calls return ErrClosed.
	Close() error
}

// Stats counts what a store keeps.
type Stats struct {
	Backend  string `json:"backend"`
	Schema   int    `json:"schema"`
	Devices  int    `json:"devices"`
	Profiles int    `json:"profiles"`
	Sessions int    `json:"sessions"`
	Bytes    int64  `json:"bytes"`     // on disk
	Free     int64  `json:"freeBytes"` // of those, reusable
}
