package pending

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// ErrFull is returned for a device for which there is no room: all that could make room for it are
// waiting themselves.
var ErrFull = errors.New("the list of pending devices is full")

// Store is what a [List] needs of the store.
type Store interface {
	PutPendingDevice(ctx context.Context, p store.PendingDevice) error
	PendingDevices(ctx context.Context) ([]store.PendingDevice, error)
	DeletePendingDevice(ctx context.Context, id string) error
}

// A Wait is the session of a device that is parked.
type Wait struct {
	Session string    // its ID
	Since   time.Time // when it was parked
	Until   time.Time // when it ends unless the device is approved
}

// A Device is a pending device, and how it waits.
type Device struct {
	store.PendingDevice
	Wait *Wait // nil where no session of it is parked
}

// A List has the pending devices. Its methods may be called concurrently.
type List struct {
	store  Store
	log    *slog.Logger
	writes sync.WaitGroup // only Close waits for them

	mu      sync.Mutex
	limits  Limits            // guarded by mu
	devices map[string]*entry // by ID; guarded by mu
	byKey   map[key]*entry    // the same; guarded by mu
	rate    rate              // of new devices of plain CoAP; guarded by mu
	decided func(id string)   // see OnDecision; guarded by mu
}

// An entry is a device on the list. It is guarded by mu of the list.
type entry struct {
	store.PendingDevice
	wait    *Wait
	stored  time.Time  // the Last that is in the store
	writing sync.Mutex // is held while the entry is written or removed; taken without mu
	gone    bool       // it was removed; guarded by writing, too
}

// A key is what tells one device from another: what it authenticated with and the name that it gave.
type key struct{ kind, identity, endpoint string }

func keyOf(p store.PendingDevice) key { return key{string(p.Kind), p.Identity, string(p.Endpoint)} }

// Open returns the list of what s has. Where s cannot be read the list begins empty, and the error
// says why.
func Open(ctx context.Context, s Store, log *slog.Logger, limits Limits) (*List, error) {
	l := &List{store: s, log: log, limits: limits.withDefaults(), devices: make(map[string]*entry), byKey: make(map[key]*entry)}
	all, err := s.PendingDevices(ctx)
	if err != nil {
		return l, fmt.Errorf("read the pending devices: %w", err)
	}
	for _, p := range all {
		e := &entry{PendingDevice: p, stored: p.Last}
		l.devices[p.ID], l.byKey[keyOf(p)] = e, e
	}
	return l, nil
}

// OnDecision makes decided be called, in a goroutine of whoever decides, with the ID of each device
// that was rejected or taken off the list. It must be quick.
func (l *List) OnDecision(decided func(id string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.decided = decided
}

// Find returns the pending device that p is: with the same credential and name.
func (l *List) Find(p store.PendingDevice) (Device, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byKey[keyOf(p)].view()
}

// Rejected returns the refusal of a device that an operator has rejected, and its ID; nil for others. The
// answer is that to an unknown device.
func (l *List) Rejected(p store.PendingDevice) (id string, refused *outcome.Refusal) {
	d, ok := l.Find(p)
	if !ok || d.Rejected.IsZero() {
		return "", nil
	}
	return d.ID, outcome.Unacceptable(store.CauseRejected, "on %s, as %s", d.PendingDevice.Rejected.UTC().Format(time.DateTime+" UTC"), d.ID)
}

// Get returns the pending device with an ID.
func (l *List) Get(id string) (Device, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.devices[id].view()
}

func (e *entry) view() (Device, bool) {
	if e == nil {
		return Device{}, false
	}
	d := Device{PendingDevice: e.Clone()}
	if e.wait != nil {
		w := *e.wait
		d.Wait = &w
	}
	return d, true
}

// All returns the pending devices: those that wait first, then the others, and those that were
// rejected last, in the order in which they came first.
func (l *List) All() []Device {
	l.mu.Lock()
	all := make([]Device, 0, len(l.devices))
	for _, e := range l.devices {
		d, _ := e.view()
		all = append(all, d)
	}
	l.mu.Unlock()
	slices.SortFunc(all, func(a, b Device) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.First.Compare(b.First), cmp.Compare(a.ID, b.ID))
	})
	return all
}

func (d Device) rank() int {
	switch {
	case !d.Rejected.IsZero():
		return 2
	case d.Wait == nil:
		return 1
	}
	return 0
}

// Len is how many devices are on the list and were not rejected.
func (l *List) Len() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.devices {
		if e.Rejected.IsZero() {
			n++
		}
	}
	return n
}

// Park notes that a session of p is parked, puts p on the list where it is not, and returns its ID.
// The same device keeps its ID. The caller calls Keep next, and Leave when the session goes on or
// ends. The error is ErrFull, or a [*RateError].
func (l *List) Park(p store.PendingDevice, w Wait) (id string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byKey[keyOf(p)]
	if e == nil {
		if e, err = l.add(p, w.Since); err != nil {
			return "", err
		}
	}
	e.Remote, e.Last, e.Count = p.Remote, w.Since, e.Count+1
	e.Named, e.Group, e.Profile, e.Names = p.Named, p.Group, p.Profile, slices.Clone(p.Names)
	e.wait = &w
	return e.ID, nil
}

// add puts a new device on the list, in the place of another at the limits. The caller holds mu.
func (l *List) add(p store.PendingDevice, now time.Time) (*entry, error) {
	if p.Kind == "" && !l.rate.take(l.limits, p.Remote, now) {
		return nil, &RateError{l.limits.PlainRate}
	}
	evicted, ok := l.room(p)
	if !ok {
		return nil, ErrFull
	}
	for _, old := range evicted {
		l.forget(old)
		l.writes.Go(func() { l.failed("pending device not removed", old.ID, l.remove(context.Background(), old)) })
	}
	for p.ID = store.NewPendingID(); l.devices[p.ID] != nil; p.ID = store.NewPendingID() {
	}
	p.First, p.Count, p.Rejected = now, 0, time.Time{}
	e := &entry{PendingDevice: p.Clone()}
	l.devices[p.ID], l.byKey[keyOf(p)] = e, e
	return e, nil
}

// forget takes e off the list in memory. The caller holds mu.
func (l *List) forget(e *entry) {
	delete(l.devices, e.ID)
	delete(l.byKey, keyOf(e.PendingDevice))
}

// Leave notes that a session is not parked any more.
func (l *List) Leave(id, session string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.devices[id]; e != nil && e.wait != nil && e.wait.Session == session {
		e.wait = nil
	}
}

// storeEvery is how often it is stored when a device came last: each time could cost a disk write.
const storeEvery = time.Minute

// storeTimeout bounds the wait for the store.
const storeTimeout = 10 * time.Second

// Close waits for the writes under way. The list must not be used after it.
func (l *List) Close() { l.writes.Wait() }

// Keep stores a device in the background, unless it was stored shortly before. Where that fails, the
// list goes on without, and the log tells.
func (l *List) Keep(id string) {
	l.mu.Lock()
	e := l.devices[id]
	fresh := e != nil && !e.stored.IsZero() && e.Last.Sub(e.stored) < storeEvery
	l.mu.Unlock()
	if e == nil || fresh {
		return
	}
	l.writes.Go(func() { l.failed("pending device not kept", id, l.put(context.Background(), e)) })
}

// failed logs what became of a device in the store, if that is an error.
func (l *List) failed(what, id string, err error) {
	if err != nil {
		l.log.LogAttrs(context.Background(), slog.LevelError, what, slog.String("id", id), slog.Any("error", err))
	}
}

// put stores e as it stands.
func (l *List) put(ctx context.Context, e *entry) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	e.writing.Lock()
	defer e.writing.Unlock()
	if e.gone {
		return nil
	}
	l.mu.Lock()
	p := e.Clone()
	l.mu.Unlock()
	if err := l.store.PutPendingDevice(ctx, p); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e.stored = p.Last
	return nil
}

// remove removes e from the store.
func (l *List) remove(ctx context.Context, e *entry) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	e.writing.Lock()
	defer e.writing.Unlock()
	e.gone = true
	return l.store.DeletePendingDevice(ctx, e.ID)
}

// Reject marks a device as rejected, and returns it; first is false where it was before. Errors:
// store.ErrNotFound, and those of the store; then nothing has changed.
func (l *List) Reject(ctx context.Context, id string, now time.Time) (d Device, first bool, err error) {
	l.mu.Lock()
	e := l.devices[id]
	first = e != nil && e.Rejected.IsZero()
	if first {
		e.Rejected = now.UTC().Truncate(time.Second)
	}
	l.mu.Unlock()
	if e == nil {
		return Device{}, false, notFound(id)
	}
	if first {
		if err := l.put(ctx, e); err != nil {
			l.mu.Lock()
			e.Rejected = time.Time{}
			l.mu.Unlock()
			return Device{}, false, fmt.Errorf("reject %s: %w", id, err)
		}
		l.tell(id)
	}
	d, listed := l.Get(id)
	if !listed { // it made room for another meanwhile
		return Device{}, false, notFound(id)
	}
	return d, first, nil
}

// Remove takes a device off the list, since it has a record now. Errors: store.ErrNotFound, and those
// of the store; the device is off the list then, too, until the server is started again.
func (l *List) Remove(ctx context.Context, id string) error {
	l.mu.Lock()
	e := l.devices[id]
	if e != nil {
		l.forget(e)
	}
	l.mu.Unlock()
	if e == nil {
		return notFound(id)
	}
	defer l.tell(id)
	return l.remove(ctx, e)
}

func (l *List) tell(id string) {
	l.mu.Lock()
	decided := l.decided
	l.mu.Unlock()
	if decided != nil {
		decided(id)
	}
}

func notFound(id string) error {
	return fmt.Errorf("pending device %q: %w", id, store.ErrNotFound)
}
