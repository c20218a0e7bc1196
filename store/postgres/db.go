// Package postgres keeps the records in a PostgreSQL database, which several servers may share.
//
// The layout is in schema.go. A record is one row with the bytes of package rows, in which secrets are sealed with
// a key that the database does not have; columns beside it are what is looked for. Every edit is one transaction:
// it reads what it decides on, with the locks that this takes, and sends what it writes with the commit (package
// cluster). The bytes of a record are written only while the row of the record is locked, so that an edit which is
// based on another revision is refused, whichever server it comes from.
//
// A server remembers no record: each look-up asks the database, in one round trip. It remembers only what profiles,
// groups and LwM2M Servers were decoded to, by their revision.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/seal"
)

// Options configure a [DB]. Zero means the default stated at the field.
type Options struct {
	// The limits of the history, the outbox and the audit are those of package store/bolt, with its defaults. Sessions,
	// UnprovedSessions and UnknownSessions may be exceeded until the next [DB.Tidy].
	SessionsPerDevice int // default 20
	Sessions          int // default 1,000,000
	UnprovedPerDevice int // default 8
	UnprovedSessions  int // default 50,000
	UnknownSessions   int // default 10,000
	Messages          int // default 200,000
	MessageBytes      int // default 128 MiB
	EventsOfReceiver  int // default 20,000
	DeadLetters       int // default 10,000
	AuditEntries      int // default 100,000

	// TidyEvery is how often the history is cut to its limits, and its next parts are made. Default 1 minute.
	TidyEvery time.Duration

	// Existing refuses a database without tables with ErrNoTables, in place of making them.
	Existing bool

	// Patience and Answer are those of a [cluster.Config].
	Patience time.Duration
	Answer   time.Duration

	// Unreadable, where set, is told of each record that cannot be read, when that shows for the first time. It may
	// be called from any goroutine, and must not wait.
	Unreadable func(*store.UnreadableError)

	// Failed, where set, is told why the database could not be tidied.
	Failed func(error)
}

func (o Options) withDefaults() Options {
	for _, limit := range []struct {
		field     *int
		byDefault int
	}{{&o.SessionsPerDevice, 20}, {&o.Sessions, 1_000_000}, {&o.UnprovedPerDevice, 8}, {&o.UnprovedSessions, 50_000}, {&o.UnknownSessions, 10_000},
		{&o.Messages, 200_000}, {&o.MessageBytes, 128 << 20}, {&o.EventsOfReceiver, 20_000}, {&o.DeadLetters, 10_000}, {&o.AuditEntries, 100_000}} {
		if *limit.field <= 0 {
			*limit.field = limit.byDefault
		}
	}
	if o.TidyEvery <= 0 {
		o.TidyEvery = time.Minute
	}
	if o.Unreadable == nil {
		o.Unreadable = func(*store.UnreadableError) {}
	}
	if o.Failed == nil {
		o.Failed = func(error) {}
	}
	return o
}

// A DB is a database that keeps the records. It implements [store.Store], [store.Access] and [store.AuditLog]; it
// keeps no associations.
type DB struct {
	link    *cluster.DB
	keyring *seal.Keyring
	opts    Options

	profiles remembered[store.Profile]
	groups   remembered[store.Groups]
	servers  remembered[map[string]store.LwM2MServer] // without secrets
	unread   unread
	appends  appends

	appended chan struct{}   // there may be messages in the outbox that were not looked at
	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	stopped  sync.WaitGroup
}

var (
	_ store.Store    = (*DB)(nil)
	_ store.Access   = (*DB)(nil)
	_ store.AuditLog = (*DB)(nil)
)

// Open connects to a database, makes its tables where they are missing, and brings them up to date. KeyringFor
// returns the key that seals secrets; fresh tells that the database has none yet. Errors: store.ErrUnreachable,
// ErrSchema, ErrNoKey. The caller closes the DB.
func Open(ctx context.Context, pool *pgxpool.Config, name string, keyringFor func(fresh bool) (*seal.Keyring, error), opts Options) (*DB, error) {
	opts = opts.withDefaults()
	link, err := cluster.Open(cluster.Config{Pool: pool, Name: name, Patience: opts.Patience, Answer: opts.Answer})
	if err != nil {
		return nil, err
	}
	if opts.Existing {
		err = hasTables(ctx, link)
	}
	if err == nil {
		err = migrate(ctx, link)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), link.Close())
	}
	keyring, err := unlock(ctx, link, keyringFor)
	if err != nil {
		return nil, errors.Join(err, link.Close())
	}
	db := &DB{link: link, keyring: keyring, opts: opts, appended: make(chan struct{}, 1)}
	db.unread.tell = opts.Unreadable
	db.ctx, db.stop = context.WithCancel(context.WithoutCancel(ctx))
	db.appends.start(db)
	db.stopped.Go(func() { db.tidyNowAndThen(db.ctx) })
	db.stopped.Go(db.watchOutbox)
	return db, nil
}

// OpenSource is Open of a database by its address.
func OpenSource(ctx context.Context, s *Source, keyringFor func(fresh bool) (*seal.Keyring, error), opts Options) (*DB, error) {
	return Open(ctx, s.pool.Copy(), s.Name, keyringFor, opts)
}

// ErrNoTables is returned for a database in which lwbs has made no tables yet.
var ErrNoTables = errors.New("no tables of lwbs are in the database")

// Close waits for edits under way and closes the connections.
func (db *DB) Close() error {
	db.appends.close()
	db.stop()
	db.stopped.Wait()
	return db.link.Close()
}

// Writing is how long the oldest edit under way has taken so far, zero where none is.
func (db *DB) Writing() time.Duration { return db.link.Writing() }

// Ping reports why the database does not take edits now.
func (db *DB) Ping(ctx context.Context) error { return db.link.Ping(ctx) }

// Unreadable returns what of the database could not be read so far, at most 1,000 parts.
func (db *DB) Unreadable() []*store.UnreadableError { return db.unread.all() }

// Of several servers on one database one does what is to be done once: it has a lease, which it renews. Where it ends
// or cannot reach the database, another one has it at the latest when leaseTime has passed.
const (
	leaseTime  = 9 * time.Second
	leaseRenew = leaseTime / 4
)

// Lead has this server stand for what is to be done by one server of the database only, under a name, until Close. Held
// reports whether it is this one now.
func (db *DB) Lead(name string) (held func() bool) {
	var until atomic.Int64 // nanoseconds since began
	began, owner := time.Now(), make([]byte, 16)
	_, _ = rand.Read(owner) // never fails
	renew := func() {
		asked := time.Since(began)
		ctx, cancel := context.WithTimeout(db.ctx, leaseRenew)
		defer cancel()
		if db.lease(ctx, name, owner) {
			until.Store(int64(asked + leaseTime))
		}
	}
	renew()
	db.stopped.Go(func() {
		ticker := time.NewTicker(leaseRenew)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				renew()
			case <-db.ctx.Done():
				ctx, cancel := context.WithTimeout(context.WithoutCancel(db.ctx), leaseRenew)
				defer cancel()
				until.Store(0)
				_ = db.link.Exec(ctx, "delete from lease where name = $1 and owner = $2", name, owner)
				return
			}
		}
	})
	return func() bool { return int64(time.Since(began)) < until.Load() }
}

// lease gets or renews a lease, by the clock of the database.
func (db *DB) lease(ctx context.Context, name string, owner []byte) (held bool) {
	err := db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		held = false
		err := q.QueryRow(ctx, `insert into lease (name, owner, until) values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond') on conflict (name) do update
			set owner = excluded.owner, until = excluded.until where lease.owner = excluded.owner or lease.until < clock_timestamp() returning true`, name, owner, leaseTime.Milliseconds()).Scan(&held)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return err == nil && held
}

// outboxEvery is how often a server looks whether others have appended messages.
const outboxEvery = time.Second

// watchOutbox tells of messages that other servers have appended.
func (db *DB) watchOutbox() {
	ticker := time.NewTicker(outboxEvery)
	defer ticker.Stop()
	for last := int64(0); ; {
		select {
		case <-db.ctx.Done():
			return
		case <-ticker.C:
		}
		now := last
		err := db.link.View(db.ctx, func(ctx context.Context, q cluster.Reader) error {
			return q.QueryRow(ctx, "select last from outbox_count where receiver = ''").Scan(&now)
		})
		if err == nil && now != last {
			last = now
			db.tellAppended()
		}
	}
}
