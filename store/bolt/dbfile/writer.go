package dbfile

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"

	"lwbs/store"
)

// maxGroup is how many edits go into one transaction.
const maxGroup = 256

// groupWait is for how long after a transaction a patient edit waits for others, by default, until there are
// enough of them: a transaction costs as much as the edits of six sessions.
const (
	groupWait = 10 * time.Millisecond
	enough    = 64
)

// An edit is one change to the database, and where to tell of its end: see [File.Edit].
type edit struct {
	apply   func(tx *Tx) (refused, failed error)
	end     chan<- error
	patient bool // see [File.EditPatiently]
}

// Edit queues apply for the writer and waits for its end. Where apply refuses, it has written nothing,
// and the transaction goes on; where it fails or panics, the transaction starts anew. It may run several
// times, since a group is applied again without an edit that failed. Where ctx ends first, the edit may be
// kept, as the contract says.
func (db *File) Edit(ctx context.Context, apply func(*Tx) (refused, failed error)) error {
	return db.await(ctx, apply, false)
}

// EditPatiently is Edit for what no device or person waits for: while there are many edits it waits for others, so that they
// go into one transaction.
func (db *File) EditPatiently(ctx context.Context, apply func(*Tx) (refused, failed error)) error {
	return db.await(ctx, apply, true)
}

// await is Edit, or EditPatiently.
func (db *File) await(ctx context.Context, apply func(*Tx) (refused, failed error), patient bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	end := make(chan error, 1)
	if err := db.queue(ctx, edit{apply, end, patient}); err != nil {
		return err
	}
	select {
	case err := <-end:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Queue queues an edit for the writer, which sends how it ended to end, once. That needs room for it.
func (db *File) Queue(ctx context.Context, apply func(*Tx) (refused, failed error), end chan<- error) error {
	return db.queue(ctx, edit{apply, end, false})
}

func (db *File) queue(ctx context.Context, e edit) error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if db.closed {
		return store.ErrClosed
	}
	select {
	case db.edits <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write is the writer: it lives until edits is closed and drained.
func (db *File) write() {
	defer close(db.done)
	defer db.endReclaim()
	debug.SetPanicOnFault(true) // a fault of the mapped file is an error of the edit
	var last lastGroup
	for {
		var first edit
		var ok bool
		select {
		case free := <-db.reclaim.found:
			db.reclaimed(free)
			continue
		case <-db.reclaim.again:
			db.reclaimed(db.reclaim.free)
			continue
		case first, ok = <-db.edits:
			if !ok {
				return
			}
		}
		group := db.gather(first, last)
		size := len(group) // an edit that fails is taken out
		db.attempt(group)
		last = lastGroup{size, time.Now()}
	}
}

// A lastGroup is how many edits the last transaction had, and when it ended.
type lastGroup struct {
	edits int
	ended time.Time
}

// gather returns the edits of the next transaction: the first, and those that are waiting. Where the last one had several
// and all are patient, it waits until groupWait after the last has ended, or until there are enough. So a lone caller never
// waits.
func (db *File) gather(first edit, last lastGroup) []edit {
	group, patient := []edit{first}, first.patient && last.edits > 1
	var wait <-chan time.Time
	for len(group) < maxGroup {
		if patient && len(db.edits) == 0 && wait == nil {
			timer := time.NewTimer(db.opts.GroupWait - time.Since(last.ended))
			defer timer.Stop()
			wait = timer.C
		}
		if !patient && len(db.edits) == 0 {
			break
		}
		select {
		case next, more := <-db.edits:
			if !more {
				return group
			}
			group = append(group, next)
			patient = patient && next.patient && len(group) < enough
		case <-wait:
			patient = false // but those that wait now are taken
		}
	}
	return group
}

// Writing is how long the write that is under way has taken so far, zero where none is. A
// healthy disk takes milliseconds. Reads, and edits that were acknowledged, do not depend on it.
func (db *File) Writing() time.Duration {
	began := db.writing.Load()
	if began == 0 {
		return 0
	}
	return max(0, time.Since(time.Unix(0, began)))
}

// ErrPanicked is why edits failed that the writer panicked over.
var ErrPanicked = errors.New("the database's writer panicked")

// attempt commits a group. A panic fails those of its edits that were not told of their end.
func (db *File) attempt(group []edit) {
	db.writing.Store(time.Now().UnixNano())
	defer db.writing.Store(0)
	all := slices.Clone(group)
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if db.opts.Panicked != nil {
			db.opts.Panicked(p)
		}
		for _, e := range all {
			select {
			case e.end <- ErrPanicked:
			default: // it was told
			}
		}
	}()
	db.commit(group)
}

// commit applies a group in one transaction and tells each edit how it ended. An edit that
// fails is taken out, and the others are applied without it; over a damaged page that was not
// known before, only when it fails again. A transaction that cannot be
// committed, since one edit needs more room than there is or touches a damaged page, is
// tried again in halves.
func (db *File) commit(group []edit) {
	for len(group) > 0 {
		known := db.degraded.Load()
		ends, culprit, err := db.transact(group)
		db.unread.Note(err)
		switch {
		case errors.Is(Adapt(err), store.ErrFull) && db.makeRoom():
		case culprit >= 0 && db.degraded.Load() && !known: // now that it is known, there may be a way around
		case culprit >= 0 && db.heal(err):
		case culprit >= 0:
			group[culprit].end <- Adapt(err)
			group = slices.Delete(group, culprit, culprit+1)
		case err != nil && len(group) > 1 && ofOneEdit(err):
			db.commit(group[:len(group)/2])
			group = group[len(group)/2:]
		default:
			for i, e := range group {
				if err != nil {
					ends[i] = Adapt(err)
				}
				e.end <- ends[i]
			}
			return
		}
	}
}

// transact applies a group in one transaction. Culprit is the edit that err is about, or -1
// where there is none; ends are how the others would have ended.
func (db *File) transact(group []edit) (ends []error, culprit int, err error) {
	ends = make([]error, len(group))
	if db.degraded.Load() {
		db.db.NoFreelistSync = false // a list that is written need not be found out after a failure
	}
	b, err := db.db.Begin(true)
	if err != nil {
		return ends, -1, err
	}
	defer func() { _ = db.contain(b.Rollback) }() // of what was not committed, also after a panic
	tx := db.over(b)
	for i, e := range group {
		failed := db.contain(func() (failed error) {
			ends[i], failed = e.apply(tx)
			return failed
		})
		if failed != nil {
			return ends, i, errors.Join(tx.Explain(failed), db.contain(tx.Rollback))
		}
		ends[i] = tx.Explain(ends[i])
	}
	db.written = true
	err = db.hooks.Commit(tx, func() error { return db.contain(tx.Commit) })
	if damaged := new(store.UnreadableError); errors.As(err, &damaged) { // then it has not rolled back
		_ = db.contain(tx.Rollback)
	}
	return ends, -1, err
}

// ofOneEdit reports whether a transaction may have failed over one of its edits.
func ofOneEdit(err error) bool {
	return errors.Is(err, store.ErrCorrupt) || errors.Is(err, bolterrors.ErrMaxSizeReached)
}
