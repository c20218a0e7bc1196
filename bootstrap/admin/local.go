package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/keyindex"
	"lwbs/bootstrap/handover"
	"lwbs/bootstrap/history"
	"lwbs/bootstrap/outbox"
	"lwbs/bootstrap/pending"
	"lwbs/bootstrap/profile"
	"lwbs/bootstrap/trace"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// A Backend is a store that can be looked after.
type Backend interface {
	store.Store
	store.Access
	store.AuditLog
	Check(ctx context.Context) error
	Backup(ctx context.Context, file string) error
	WriteBackup(ctx context.Context, w io.Writer) error
	Unreadable() []*store.UnreadableError
}

// Local is the API over a store in this process.
type Local struct {
	Store Backend

	// Objects are those that records are checked against; nil knows those that are built
	// in.
	Objects *object.Registry

	// Server tells of the running server; nil where there is none.
	Server func() Status

	// Running returns the session of a device that is running, where there is none a request in
	// its name that waits for its first answer (Proof is none), nil for neither; nil where
	// there is no server.
	Running func(ep lwm2m.EndpointName) *store.Session

	// Active returns the sessions that are running, oldest first; nil where there is no server.
	Active func() []store.Session

	// Pending is the server's list of pending devices; nil where there is no server.
	Pending *pending.List

	// Handshake returns from where and when the newest DTLS handshake began that is under way and
	// whose peer has named this PSK identity; ok is false for none. Nil where there is no server.
	Handshake func(identity string) (from string, since time.Time, ok bool)

	// HandOver tells LwM2M Servers of the store.
	HandOver *handover.Servers

	// CampaignChanged is told that a campaign was edited; nil where there is no server.
	CampaignChanged func()

	// Outbox delivers messages; nil where there is no server.
	Outbox *outbox.Outbox

	// Tracer records messages; nil where there is no server.
	Tracer *trace.Tracer

	// Database is the file that the records are in, for those who read about it.
	Database string

	// Events is where Watch gets its events; nil where there is no server.
	Events *Hub

	// Passwords checks and makes those of users; nil: its own.
	Passwords *access.Passwords

	// Version of the program.
	Version string

	ownPasswords sync.Once // makes Passwords where there are none
	keys         keyindex.Index
	checkers     profile.Checkers
}

var _ API = (*Local)(nil)

// Session implements [API].
func (l *Local) Session(ctx context.Context, id string) (store.Session, error) {
	return l.sessionNow(ctx, id)
}

// Sessions implements [API].
func (l *Local) Sessions(ctx context.Context, q store.SessionQuery) ([]store.Session, error) {
	if q.Before != "" && !history.IsSessionID(q.Before) {
		if _, err := l.Store.Session(ctx, q.Before); err != nil {
			return nil, fmt.Errorf("before: %w", err)
		}
	}
	return l.Store.Sessions(ctx, q)
}

// Watch implements [API].
func (l *Local) Watch(ctx context.Context, o WatchOptions, each func(Event) error) error {
	if l.Events == nil {
		return ErrNoServer
	}
	return l.Events.watch(ctx, o, each)
}

// Status implements [API].
func (l *Local) Status(ctx context.Context) (Status, error) {
	var s Status
	if l.Server != nil {
		s = l.Server()
		s.Server = true
	}
	s.Version, s.Database = l.Version, l.Database
	list, err := l.pendingList(ctx)
	if err != nil {
		return s, err
	}
	s.Pending = list.Len()
	receivers, err := l.OutboxReceivers(ctx)
	if err != nil {
		return s, err
	}
	for _, r := range receivers {
		if r.Queued+r.Dead > 0 {
			s.Outbox = append(s.Outbox, r)
		}
	}
	s.Store, err = l.Store.Stats(ctx)
	return s, err
}

// Unreadable implements [API].
func (l *Local) Unreadable(context.Context) ([]Unreadable, error) {
	out := []Unreadable{}
	for _, part := range l.Store.Unreadable() {
		out = append(out, Unreadable{part.What(), part.Err.Error()})
	}
	return out, nil
}

// Check implements [API].
func (l *Local) Check(ctx context.Context) error { return l.Store.Check(ctx) }

// Backup implements [API].
func (l *Local) Backup(ctx context.Context, file string) error { return l.Store.Backup(ctx, file) }

// WriteBackup implements [API].
func (l *Local) WriteBackup(ctx context.Context, w io.Writer) error {
	return l.Store.WriteBackup(ctx, w)
}

// Close closes the store.
func (l *Local) Close() error {
	if l.HandOver != nil {
		l.HandOver.Close()
	}
	return l.Store.Close()
}

// RunningSessions implements [API].
func (l *Local) RunningSessions(context.Context) ([]store.Session, error) {
	if l.Active == nil {
		return []store.Session{}, nil
	}
	return append([]store.Session{}, l.Active()...), nil
}

// sessionNow returns the session with an ID, as it stands where it is running.
func (l *Local) sessionNow(ctx context.Context, id string) (store.Session, error) {
	running, _ := l.RunningSessions(ctx)
	s, err := l.Store.Session(ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return s, err
	}
	if at := slices.IndexFunc(running, func(s store.Session) bool { return s.ID == id }); at >= 0 {
		return running[at], nil
	}
	return s, err
}
