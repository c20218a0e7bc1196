package why

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"lwbs/bootstrap/explain"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Store is what a [Guide] looks up in the store: see [store.Store].
type Store interface {
	Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error)
	DeviceByIdentity(ctx context.Context, kind store.CredentialKind, identity string) (store.Device, error)
	Profile(ctx context.Context, name string) (store.Profile, error)
	Groups(ctx context.Context) (store.Groups, error)
	GroupSize(ctx context.Context, name string) (int, error)
	NearDevices(ctx context.Context, name string, limit int) ([]store.NearDevice, error)
	NamesBeginning(ctx context.Context, prefix string, limit int) ([]store.NearDevice, error)
	Sessions(ctx context.Context, q store.SessionQuery) ([]store.Session, error)
}

// Live is what a [Guide] asks of what is not recorded yet, or of the server itself.
type Live interface {
	// Running returns the session of a device that is running, where there is none a request in its name
	// that waits for its first answer (Proof is none), nil for neither.
	Running(ep lwm2m.EndpointName) *store.Session

	// RunningSessions returns all sessions that are running, oldest first.
	RunningSessions(ctx context.Context) ([]store.Session, error)

	// Handshake returns from where and when the newest DTLS handshake began that is under way and whose
	// peer has named this PSK identity; ok is false for none.
	Handshake(identity string) (from string, since time.Time, ok bool)

	// PendingDevice returns the pending device with an ID, nil for none; PendingDevices all.
	PendingDevice(ctx context.Context, id string) (*store.PendingDevice, error)
	PendingDevices(ctx context.Context) ([]store.PendingDevice, error)

	Server(ctx context.Context) (Server, error)
}

// A Server is what an answer says of the server.
type Server struct {
	Running    bool
	Started    time.Time
	Listens    []string // such as coaps://0.0.0.0:5684
	Active     int      // sessions that are running
	Unrecorded uint64   // attempts without a record of their own since the server was started
	Database   string   // the file that the records are in
}

// A Guide answers why devices are not bootstrapped. All fields are required; its methods may be called
// concurrently.
type Guide struct {
	Store Store
	Live  Live
}

// Of tells what is known of a name, and explains the last attempts, at most limit; zero means 3. That there
// is no such device is no error.
func (g Guide) Of(ctx context.Context, name string, limit int) (Answer, error) {
	if limit < 0 || limit > MaxReasons {
		return Answer{}, fmt.Errorf("%w: %d attempts, 1 to %d are possible", store.ErrInvalid, limit, MaxReasons)
	}
	i := g.inquiry()
	i.why, i.limit = Answer{Name: name, Attempts: []Reason{}}, cmp.Or(limit, 3)
	if err := i.run(ctx); err != nil {
		return Answer{}, fmt.Errorf("why %q: %w", name, err)
	}
	return i.why, nil
}

// Explain puts a session into words, by the records as they are now.
func (g Guide) Explain(ctx context.Context, s store.Session) (Reason, error) {
	return g.inquiry().explain(ctx, s)
}

func (g Guide) inquiry() *inquiry {
	return &inquiry{store: g.Store, live: g.Live, near: make(map[string][]store.NearDevice)}
}

// A Reason is one attempt, explained.
type Reason struct {
	Session store.Session `json:"session"`
	explain.Explanation
}

// An Answer is what is known of one name.
type Answer struct {
	Name string `json:"name"` // that was asked about

	// Endpoint is the device that has the name, or an identity that is the name; empty where
	// there is none. Identity is that identity, empty for the endpoint name itself.
	Endpoint lwm2m.EndpointName `json:"endpoint,omitempty"`
	Identity string             `json:"identity,omitempty"`

	// Address is the IP address that the name is; only where it is no device's, and nothing
	// came under it. Then Attempts are those that came from there, or that are told of
	// together for its network.
	Address string `json:"address,omitempty"`

	// Running is the session of the device that is running, or, with the proof none, a request in
	// its name over plain CoAP that may become one; nil for neither.
	Running *Reason `json:"running,omitempty"`

	// Attempts are the last ones of the device and under its name, the newest first. The
	// last of which it is known that they are its own is among them.
	Attempts []Reason `json:"attempts"`

	// More is whether there are older ones than Attempts.
	More bool `json:"more,omitempty"`

	// Never explains why there is nothing to explain: set where no attempt of the device is recorded,
	// also of an unknown device that is on the list of pending devices.
	Never *explain.Explanation `json:"never,omitempty"`

	// Likely are attempts that may be the device's, though nothing proves it.
	Likely []Likeness `json:"likely,omitempty"`

	// Near are devices that the name may be meant for; only where Endpoint is empty.
	Near []store.NearDevice `json:"near,omitempty"`

	// Notes are what else is worth knowing, a sentence each.
	Notes []string `json:"notes,omitempty"`
}

// Limits of what is looked at for an answer to why.
const (
	MaxReasons   = 100 // attempts that are explained
	maxNear      = 5   // devices that a name may be meant for
	lastAttempts = 20  // of a device, that are looked at for what they have in common
)
