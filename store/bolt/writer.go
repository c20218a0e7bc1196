package bolt

import (
	"context"

	"go.etcd.io/bbolt"

	"lwbs/store"
)

// maxGroup is how many edits go into one transaction.
const maxGroup = 256

// An edit is one change to the database, and where to tell of its end.
type edit struct {
	// apply makes the change. It first checks everything, and refuses before it has
	// written anything; then the other edits of the group go on. It fails where
	// writing fails, which undoes the whole group.
	apply func(tx *bbolt.Tx) (refused, failed error)
	end   chan<- error
}

// edit hands apply to the writer and waits for its end.
func (db *DB) edit(ctx context.Context, apply func(*bbolt.Tx) (refused, failed error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	end := make(chan error, 1)
	if err := db.hand(ctx, edit{apply, end}); err != nil {
		return err
	}
	select {
	case err := <-end:
		return err
	case <-ctx.Done():
		return ctx.Err() // the edit may be kept, as the contract says
	}
}

func (db *DB) hand(ctx context.Context, e edit) error {
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
func (db *DB) write() {
	defer close(db.done)
	for first := range db.edits {
		group := []edit{first}
		for len(group) < maxGroup && len(db.edits) > 0 {
			next, ok := <-db.edits
			if !ok {
				break
			}
			group = append(group, next)
		}
		db.commit(group)
	}
}

// commit applies a group in one transaction and tells each edit how it ended.
func (db *DB) commit(group []edit) {
	ends := make([]error, len(group))
	err := db.db.Update(func(tx *bbolt.Tx) error {
		for i, e := range group {
			refused, failed := e.apply(tx)
			if failed != nil {
				return failed
			}
			ends[i] = refused
		}
		return nil
	})
	for i, e := range group {
		if err != nil {
			ends[i] = adapt(err)
		}
		e.end <- ends[i]
	}
}
