package postgres

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
)

// A transaction is one try of an edit.
type transaction struct {
	*cluster.Tx
	db *DB

	tallies  map[string]int // what is added to counts
	appended bool           // messages were appended to the outbox
}

// edit runs decide in a transaction: see [cluster.DB.Edit]. Where ctx has an entry of the audit that no edit has
// appended, this one does, if it changes something.
func (db *DB) edit(ctx context.Context, decide func(ctx context.Context, tx *transaction) error) error {
	audit := store.AuditOf(ctx)
	if audit != nil && !audit.Claim() {
		audit = nil
	}
	var id store.AuditID
	appended := false
	err := db.link.Edit(ctx, func(ctx context.Context, raw *cluster.Tx) error {
		id, appended = 0, false // of an earlier try
		tx := &transaction{Tx: raw, db: db}
		if err := decide(ctx, tx); err != nil {
			return err
		}
		tx.writeTallies()
		if audit != nil && tx.Changes() > 0 {
			e, err := tx.appendAudit(ctx, audit.Entry)
			if err != nil {
				return err
			}
			id = e.ID
		}
		appended = tx.appended
		return nil
	})
	if err != nil {
		id = 0
	}
	if audit != nil {
		audit.Settle(id)
	}
	if err == nil && appended {
		db.tellAppended()
	}
	return err
}

// tellAppended has what reads the outbox look for messages.
func (db *DB) tellAppended() {
	select {
	case db.appended <- struct{}{}:
	default: // it is about to look
	}
}

// MessagesAppended implements [store.Store].
func (db *DB) MessagesAppended() <-chan struct{} { return db.appended }

// isRefusal reports an error about one record of an edit, in place of one that fails the whole.
func isRefusal(err error) bool {
	return errors.Is(err, store.ErrOutboxFull) || errors.Is(err, store.ErrInvalid)
}

// Names of counts, and in how many rows each is.
const (
	tallyDevices = "devices"
	tallyParts   = 16
)

func tallyOfGroup(group string) string { return "group " + group }

// count changes a count.
func (tx *transaction) count(name string, by int) {
	if tx.tallies == nil {
		tx.tallies = make(map[string]int)
	}
	tx.tallies[name] += by
}

// countGroup changes how many devices a group has; none where it has no name.
func (tx *transaction) countGroup(group string, by int) {
	if group != "" {
		tx.count(tallyOfGroup(group), by)
	}
}

// writeTallies has the changes of counts written, each in one of its rows.
func (tx *transaction) writeTallies() {
	part := rand.IntN(tallyParts)
	for _, name := range slices.Sorted(maps.Keys(tx.tallies)) {
		if n := tx.tallies[name]; n != 0 {
			tx.Write("insert into tally (name, part, n) values ($1, $2, $3) on conflict (name, part) do update set n = tally.n + excluded.n", name, part, n)
		}
	}
}

const sqlTally = "select coalesce(sum(n), 0)::bigint from tally where name = $1"

// tally reads a count.
func tally(ctx context.Context, q cluster.Reader, name string) (n int, err error) {
	err = q.QueryRow(ctx, sqlTally, name).Scan(&n)
	return n, err
}

// one reads at most one row of a query.
func one(sql string, args []any, into ...any) cluster.Query {
	return cluster.Query{SQL: sql, Args: args, Row: func(r pgx.Rows) error { return r.Scan(into...) }}
}
