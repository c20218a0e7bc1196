package admin

import (
	"context"
	"time"

	"lwbs/bootstrap/admin/why"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Why implements [API].
func (l *Local) Why(ctx context.Context, name string, limit int) (why.Answer, error) {
	return l.guide().Of(ctx, name, limit)
}

// Explain implements [API].
func (l *Local) Explain(ctx context.Context, id string) (why.Reason, error) {
	s, err := l.sessionNow(ctx, id)
	if err != nil {
		return why.Reason{}, err
	}
	return l.guide().Explain(ctx, s)
}

// Failures implements [API].
func (l *Local) Failures(ctx context.Context, examples int) (why.Failures, error) {
	return l.guide().Failures(ctx, examples)
}

func (l *Local) guide() why.Guide { return why.Guide{Store: l.Store, Live: live{l}} }

// Live is a Local as package why asks it.
type live struct{ *Local }

// Running implements [why.Live].
func (l live) Running(ep lwm2m.EndpointName) *store.Session { return l.running(ep) }

// Handshake implements [why.Live].
func (l live) Handshake(identity string) (from string, since time.Time, ok bool) {
	if l.Local.Handshake == nil {
		return "", time.Time{}, false
	}
	return l.Local.Handshake(identity)
}

// PendingDevice implements [why.Live].
func (l live) PendingDevice(ctx context.Context, id string) (*store.PendingDevice, error) {
	return l.pendingNow(ctx, id)
}

// PendingDevices implements [why.Live].
func (l live) PendingDevices(ctx context.Context) ([]store.PendingDevice, error) {
	all, err := l.Local.PendingDevices(ctx)
	out := make([]store.PendingDevice, len(all))
	for i, p := range all {
		out[i] = store.PendingDevice{ID: p.ID, Endpoint: p.Endpoint, First: p.First, Rejected: p.Rejected}
	}
	return out, err
}

// Server implements [why.Live].
func (l live) Server(ctx context.Context) (why.Server, error) {
	s, err := l.Status(ctx)
	return why.Server{Running: s.Server, Started: s.Started, Listens: s.Listens, Active: s.Active, Unrecorded: s.Unrecorded, Database: s.Database}, err
}
