package postgres

import (
	"context"
	"fmt"
	"sync"

	"lwbs/store"
)

// maxBatch is how many sessions one edit appends at most.
const maxBatch = 256

// appends puts sessions that end at about the same time into one edit. While one edit is under way, those that come
// wait, and go together with the next.
type appends struct {
	db *DB

	mu      sync.Mutex
	waiting []*appending // guarded by mu
	running bool         // guarded by mu
	closed  bool         // guarded by mu
	idle    sync.WaitGroup
}

// An appending is a session that waits for its edit.
type appending struct {
	ctx     context.Context
	session sessionRow
	done    chan error
}

func (a *appends) start(db *DB) { a.db = db }

// close waits for the edits under way.
func (a *appends) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.idle.Wait()
}

// AppendSession implements [store.Store].
func (db *DB) AppendSession(ctx context.Context, s store.Session) error {
	encoded, err := db.encodeSession(s)
	if err == nil {
		err = db.appends.append(ctx, encoded)
	}
	if err != nil {
		return fmt.Errorf("append session %q: %w", s.ID, err)
	}
	return nil
}

func (a *appends) append(ctx context.Context, s sessionRow) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if store.AuditOf(ctx) != nil { // whose entry goes with this edit
		return a.db.appendSessions(ctx, []sessionRow{s})
	}
	one := &appending{ctx, s, make(chan error, 1)}
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return store.ErrClosed
	}
	a.waiting = append(a.waiting, one)
	if !a.running {
		a.running = true
		a.idle.Go(a.run)
	}
	a.mu.Unlock()
	select {
	case err := <-one.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run appends what waits, until nothing does.
func (a *appends) run() {
	for {
		a.mu.Lock()
		batch := a.waiting[:min(len(a.waiting), maxBatch)]
		a.waiting = a.waiting[len(batch):]
		if len(batch) == 0 {
			a.running, a.waiting = false, nil
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		a.appendBatch(batch)
	}
}

// appendBatch appends sessions in one edit, and one by one where that fails for something of one of them.
func (a *appends) appendBatch(batch []*appending) {
	var sessions []sessionRow
	var live []*appending
	for _, one := range batch {
		if err := one.ctx.Err(); err != nil {
			one.done <- err
			continue
		}
		sessions, live = append(sessions, one.session), append(live, one)
	}
	if len(live) == 0 {
		return
	}
	// Not under the context of any of them, which may end before those of the others. What waits for the database is
	// bounded by its patience.
	err := a.db.appendSessions(context.WithoutCancel(live[0].ctx), sessions)
	for i, one := range live {
		if err != nil && len(live) > 1 && isRefusal(err) {
			one.done <- a.db.appendSessions(one.ctx, sessions[i:i+1])
			continue
		}
		one.done <- err
	}
}

// appendSessions stores sessions in one edit.
func (db *DB) appendSessions(ctx context.Context, sessions []sessionRow) error {
	return db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		history := newHistoryEdit(append([]sessionRow(nil), sessions...))
		if err := tx.Read(ctx, history.reads()...); err != nil {
			return err
		}
		var o outgoing
		if err := history.apply(ctx, tx, &o); err != nil {
			return err
		}
		return o.append(tx)
	})
}
