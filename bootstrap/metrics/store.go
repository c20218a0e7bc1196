package metrics

import (
	"context"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Store returns s with the time of each operation on the way of a bootstrap
// measured. Lists and statistics, whose time is that of what was asked for, are not.
func (m *Metrics) Store(s store.Store) store.Store { return measured{s, m} }

type measured struct {
	store.Store
	metrics *Metrics
}

// took records how long op has taken since start; for defer.
func (s measured) took(op string, start time.Time) {
	s.metrics.storeTook.WithLabelValues(op).Observe(time.Since(start).Seconds())
}

func (s measured) Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error) {
	defer s.took("device", time.Now())
	return s.Store.Device(ctx, ep)
}

func (s measured) DeviceByIdentity(ctx context.Context, kind store.CredentialKind, identity string) (store.Device, error) {
	defer s.took("device_by_identity", time.Now())
	return s.Store.DeviceByIdentity(ctx, kind, identity)
}

func (s measured) Profile(ctx context.Context, name string) (store.Profile, error) {
	defer s.took("profile", time.Now())
	return s.Store.Profile(ctx, name)
}

func (s measured) PutDevice(ctx context.Context, d store.Device) (store.Device, error) {
	defer s.took("put_device", time.Now())
	return s.Store.PutDevice(ctx, d)
}

func (s measured) AppendSession(ctx context.Context, session store.Session) error {
	defer s.took("append_session", time.Now())
	return s.Store.AppendSession(ctx, session)
}
