package bootstrap

import (
	"context"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Store is what a [Server] calls of a [store.Store], whose documentation says what each method
// promises. The methods may be called concurrently.
type Store interface {
	// Device and DeviceByIdentity look the device up that a peer names, or proves to be.
	Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error)
	DeviceByIdentity(ctx context.Context, kind store.CredentialKind, identity string) (store.Device, error)

	// Groups and GroupSize tell which unknown devices are enrolled, and EnrolDevice makes their
	// records.
	Groups(ctx context.Context) (store.Groups, error)
	GroupSize(ctx context.Context, name string) (int, error)
	EnrolDevice(ctx context.Context, d store.Device, rev store.Revision) (store.Device, error)

	// Revisions is asked before each operation: an edit may end the session.
	Revisions(ctx context.Context, ep lwm2m.EndpointName) (store.Revisions, error)

	// Profile is asked for what the device is given.
	Profile(ctx context.Context, name string) (store.Profile, error)

	// LwM2MServer tells whether a server that accounts are handed over to is the one that was told.
	LwM2MServer(ctx context.Context, name string) (store.LwM2MServer, error)

	// PutDevice keeps new keys before the client has them, and what a session left behind.
	PutDevice(ctx context.Context, d store.Device) (store.Device, error)

	// Those of pending devices are for the list of unknown devices that wait for approval.
	PutPendingDevice(ctx context.Context, p store.PendingDevice) error
	PendingDevices(ctx context.Context) ([]store.PendingDevice, error)
	DeletePendingDevice(ctx context.Context, id string) error

	// AppendSession keeps how an attempt ended; Sessions and LastSession read that back.
	AppendSession(ctx context.Context, s store.Session) error
	EndSession(ctx context.Context, s store.Session, d store.Device) (store.Device, error)
	Sessions(ctx context.Context, q store.SessionQuery) ([]store.Session, error)
	LastSession(ctx context.Context) (id string, err error)
}
