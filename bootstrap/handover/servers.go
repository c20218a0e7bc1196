package handover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Store has the records of LwM2M Servers.
type Store interface {
	// LwM2MServer returns one record. Error: store.ErrNotFound.
	LwM2MServer(ctx context.Context, name string) (store.LwM2MServer, error)
}

// Servers tell the LwM2M Servers of a Store. Their methods may be called concurrently.
type Servers struct {
	store   Store
	options Options

	mu    sync.Mutex
	built map[string]built // by name; guarded by mu
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

// HandOver tells the server of this name how a device will come, within the time of its record. The
// error is one line without secrets, unless it is that of ctx.
func (s *Servers) HandOver(ctx context.Context, name string, ep lwm2m.EndpointName, account lwm2m.ServerAccount, info lwm2m.BootstrapInfo) error {
	return s.tell(ctx, name, func(ctx context.Context, server Server) error {
		return server.Put(ctx, AccountOf(ep, account, info))
	})
}

// Test tells the server of a device that does not exist, and lets it forget that device. Of a server
// that knows devices by other means it only shows that it can be asked.
func (s *Servers) Test(ctx context.Context, name string) error {
	a, asked := testAccount(), false
	err := s.tell(ctx, name, func(ctx context.Context, server Server) error {
		if t, is := server.(tester); is {
			asked = true
			return t.test(ctx)
		}
		return server.Put(ctx, a)
	})
	if err != nil || asked {
		return err
	}
	err = s.tell(ctx, name, func(ctx context.Context, server Server) error { return server.Remove(ctx, a) })
	if err != nil {
		return fmt.Errorf("it was told of the device %s, and does not forget it, so remove it there: %w", TestEndpoint, err)
	}
	return nil
}

// tell calls act with the server of this name.
func (s *Servers) tell(ctx context.Context, name string, act func(context.Context, Server) error) error {
	record, err := s.store.LwM2MServer(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
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
	return Deliver(ctx, func(ctx context.Context) error { return act(ctx, server) })
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
