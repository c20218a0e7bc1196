package handover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A Store has the records of LwM2M Servers.
type Store interface {
	// LwM2MServer and Device return one record. Error: store.ErrNotFound.
	LwM2MServer(ctx context.Context, name string) (store.LwM2MServer, error)
	Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error)

	// DevicesHandedOver returns devices that a server may know by an identity.
	DevicesHandedOver(ctx context.Context, server, identity string, limit int) ([]lwm2m.EndpointName, error)
}

// Servers tell the LwM2M Servers of a Store. Their methods may be called concurrently.
type Servers struct {
	store   Store
	options Options

	mu    sync.Mutex
	built map[string]built // by name; guarded by mu

	told locks // by what a server knows a device by, while it is told of it or is told to forget it
}

// A built is a Server with its connections and log-ins, which is made anew when its record was edited.
type built struct {
	updated time.Time // of the record
	server  Server
}

// NewServers returns the servers of a store.
func NewServers(s Store, options Options) *Servers {
	return &Servers{store: s, options: options, built: make(map[string]built)}
}

// Close closes the connections that are open. It is called when nothing is told any more.
func (s *Servers) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.built {
		b.close()
	}
	clear(s.built)
}

func (b built) close() {
	if c, is := b.server.(interface{ closeIdle() }); is {
		c.closeIdle()
	}
}

// Forget closes the connections to the server of this name, whose record was deleted.
func (s *Servers) Forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.built[name].close()
	delete(s.built, name)
}

// HandOver tells the server of this name how a device will come, within the time of its record. The record
// of the device must say by now that the server may know it: see [store.HandedOver]. The error is one line
// without secrets, unless it is that of ctx.
func (s *Servers) HandOver(ctx context.Context, name string, ep lwm2m.EndpointName, account lwm2m.ServerAccount, info lwm2m.BootstrapInfo) error {
	a := AccountOf(ep, account, info)
	return s.tell(ctx, name, func(ctx context.Context, record store.LwM2MServer, server Server) error {
		own := a.handedOver(name)
		unlock, err := s.told.lock(ctx, lockOf(record, own))
		if err != nil {
			return unavailable("it is still told of something else about this device")
		}
		defer unlock()
		if err := s.mayBeTold(ctx, record, own); err != nil {
			return err
		}
		return Deliver(ctx, func(ctx context.Context) error { return server.Put(ctx, a) })
	})
}

// mayBeTold reports why a server must not be told of a device: its record does not say so any more, since
// it was deleted or disabled, or another device has the identity in a file that knows identities only.
func (s *Servers) mayBeTold(ctx context.Context, record store.LwM2MServer, own store.HandedOver) error {
	d, err := s.store.Device(ctx, own.Endpoint)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !slices.ContainsFunc(d.HandedOver, func(h store.HandedOver) bool { return sameDevice(record, h, own) }) {
		return refused("it is not told of it, as the device record was deleted or disabled meanwhile")
	}
	if !record.Kind.ByIdentity() {
		return nil
	}
	other, found, err := s.otherWith(ctx, record, own, d)
	if err == nil && found {
		err = refused("device %q has the identity %s in this file already, where an identity is of one device: give the two different ones", other, outcome.Printable(own.Identity, maxReason))
	}
	return err
}

// otherWith returns another device that was told under the same identity, or was to be told before d was.
func (s *Servers) otherWith(ctx context.Context, record store.LwM2MServer, own store.HandedOver, d store.Device) (other lwm2m.EndpointName, found bool, err error) {
	const looked = 100
	names, err := s.store.DevicesHandedOver(ctx, record.Name, own.Identity, looked)
	if err != nil {
		return "", false, err
	}
	since := func(d store.Device) (at time.Time, acknowledged bool) {
		for _, h := range d.HandedOver {
			if sameDevice(record, h, own) && (at.IsZero() || h.At.Before(at)) {
				at, acknowledged = h.At, acknowledged || h.Digest.Len() > 0
			}
		}
		return at, acknowledged
	}
	at, _ := since(d)
	for _, name := range names {
		o, err := s.store.Device(ctx, name)
		if name == d.Endpoint || err != nil {
			continue
		}
		if before, acknowledged := since(o); !before.IsZero() && (acknowledged || before.Before(at)) {
			return name, true, nil
		}
	}
	return "", false, nil
}

// sameDevice reports whether a server takes a and b for the same device.
func sameDevice(record store.LwM2MServer, a, b store.HandedOver) bool {
	if a.Server != b.Server || a.Server != record.Name {
		return false
	}
	if record.Kind.ByIdentity() {
		return a.Identity == b.Identity
	}
	return a.Endpoint == b.Endpoint
}

// lockOf is what must not be done at the same time with what a server knows of a device.
func lockOf(record store.LwM2MServer, h store.HandedOver) string {
	if record.Kind.ByIdentity() {
		return record.Name + "\x00identity\x00" + h.Identity
	}
	return record.Name + "\x00endpoint\x00" + string(h.Endpoint)
}

// Test tells the server of a device that does not exist, and lets it forget that device. Of a server
// that knows devices by other means it only shows that it can be asked.
func (s *Servers) Test(ctx context.Context, name string) error {
	a, asked := testAccount(), false
	err := s.tell(ctx, name, func(ctx context.Context, _ store.LwM2MServer, server Server) error {
		if t, is := server.(tester); is {
			asked = true
			return Deliver(ctx, t.test)
		}
		return Deliver(ctx, func(ctx context.Context) error { return server.Put(ctx, a) })
	})
	if err != nil || asked {
		return err
	}
	err = s.tell(ctx, name, func(ctx context.Context, _ store.LwM2MServer, server Server) error {
		return Deliver(ctx, func(ctx context.Context) error { return server.Remove(ctx, a) })
	})
	if err != nil {
		return fmt.Errorf("it was told of the device %s, and does not forget it, so remove it there: %w", TestEndpoint, err)
	}
	return nil
}

// tell calls act with the server of this name and its record, within the time of that.
func (s *Servers) tell(ctx context.Context, name string, act func(context.Context, store.LwM2MServer, Server) error) error {
	record, err := s.store.LwM2MServer(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		s.Forget(name)
		return refused("there is no LwM2M Server %q", name)
	}
	if err != nil {
		return err
	}
	server, err := s.server(record)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, record.HandOverTimeout())
	defer cancel()
	return act(ctx, record, server)
}

func (s *Servers) server(record store.LwM2MServer) (Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.built[record.Name]; b.server != nil && b.updated.Equal(record.Updated) {
		return b.server, nil
	}
	server, err := New(record, s.options)
	if err == nil {
		s.built[record.Name].close()
		s.built[record.Name] = built{record.Updated, server}
	}
	return server, err
}
