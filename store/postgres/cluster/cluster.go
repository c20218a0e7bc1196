package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"lwbs/store"
)

// Config says how a database is reached.
type Config struct {
	// Pool is what a connection string was parsed to. Required.
	Pool *pgxpool.Config

	// Name is what errors call the database: without a password. Required.
	Name string

	// Patience is for how long a call goes on trying while the database cannot be reached, as while a standby
	// takes over. Default 10 s; edits end earlier with their context.
	Patience time.Duration

	// Answer is for how long one try waits for the database. Default 10 s.
	Answer time.Duration
}

// Defaults of Config, and how long a connection may stay silent before it is asked whether it lives.
const (
	defaultPatience = 10 * time.Second
	defaultAnswer   = 10 * time.Second
	aliveAfter      = 3 * time.Second
)

// A DB is a pool of connections to a database. Its methods may be called concurrently.
type DB struct {
	pool     *pgxpool.Pool
	name     string
	patience time.Duration
	answer   time.Duration

	closed  atomic.Bool
	running sync.WaitGroup // of calls
	mu      sync.Mutex     // guards that no call begins after the end
	writing writes
}

// Open makes a pool. It connects when it is used first.
func Open(cfg Config) (*DB, error) {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: aliveAfter, Interval: time.Second, Count: 3}}
	cfg.Pool.ConnConfig.DialFunc = dialer.DialContext
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg.Pool)
	if err != nil {
		return nil, fmt.Errorf("database %s: %s", cfg.Name, oneLine(err))
	}
	db := &DB{pool: pool, name: cfg.Name, patience: cfg.Patience, answer: cfg.Answer}
	if db.patience == 0 {
		db.patience = defaultPatience
	}
	if db.answer == 0 {
		db.answer = defaultAnswer
	}
	return db, nil
}

// Name is what errors call the database.
func (db *DB) Name() string { return db.name }

// begin notes that a call begins; end is called when it ends.
func (db *DB) begin(ctx context.Context) (end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed.Load() {
		return nil, store.ErrClosed
	}
	db.running.Add(1)
	return db.running.Done, nil
}

// Close waits for running calls, and closes the connections.
func (db *DB) Close() error {
	db.mu.Lock()
	was := db.closed.Swap(true)
	db.mu.Unlock()
	if was {
		return store.ErrClosed
	}
	db.running.Wait()
	db.pool.Close()
	return nil
}

// A Reader runs statements that only read.
type Reader interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// View runs read, which may be called several times: again where the connection was lost.
func (db *DB) View(ctx context.Context, read func(ctx context.Context, q Reader) error) error {
	end, err := db.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	tries := db.newTries()
	for {
		err := db.viewOnce(ctx, read)
		if err == nil || isOurs(err) {
			return err
		}
		if ctx.Err() != nil || !isLost(err) || !tries.again(ctx) {
			return db.adapt(ctx, err)
		}
		db.pool.Reset() // to the host that takes edits now
	}
}

func (db *DB) viewOnce(ctx context.Context, read func(ctx context.Context, q Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, db.answer)
	defer cancel()
	return read(ctx, db.pool)
}

// Snapshot is View of one state of the database, however many statements read it.
func (db *DB) Snapshot(ctx context.Context, read func(ctx context.Context, q Reader) error) error {
	return db.View(ctx, func(ctx context.Context, _ Reader) error {
		return pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error { return read(ctx, tx) })
	})
}

// reportPatience is for how long a Report may take.
const reportPatience = time.Hour

// Report is Snapshot of what takes long, such as looking at every record. It does not go on trying.
func (db *DB) Report(ctx context.Context, read func(ctx context.Context, q Reader) error) error {
	end, err := db.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, reportPatience)
	defer cancel()
	return db.adapt(ctx, pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error { return read(ctx, tx) }))
}

// Ping reports why the database does not take edits now; it does not go on trying.
func (db *DB) Ping(ctx context.Context) error {
	end, err := db.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	var readOnly string
	err = db.viewOnce(ctx, func(ctx context.Context, q Reader) error {
		return q.QueryRow(ctx, "show transaction_read_only").Scan(&readOnly)
	})
	if err == nil && readOnly != "off" {
		err = fmt.Errorf("%w: %s: it is a standby, which takes no edits", store.ErrUnreachable, db.name)
	}
	return db.adapt(ctx, err)
}

// Writing is how long the oldest edit has taken so far that is under way, zero where none is.
func (db *DB) Writing() time.Duration { return db.writing.oldest() }

// writes are the edits that are under way.
type writes struct {
	mu    sync.Mutex
	next  uint64
	began map[uint64]time.Time // guarded by mu
}

func (w *writes) begin() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.began == nil {
		w.began = make(map[uint64]time.Time)
	}
	id := w.next
	w.next++
	w.began[id] = time.Now()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.began, id)
	}
}

func (w *writes) oldest() (took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, began := range w.began {
		took = max(took, time.Since(began))
	}
	return took
}

var errRefused = errors.New("refused")
