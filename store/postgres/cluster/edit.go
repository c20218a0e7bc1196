package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Tx is one try of an edit. What it reads is read now; what it writes is sent with the commit.
type Tx struct {
	conn   *pgxpool.Conn
	begun  bool
	writes *pgx.Batch
}

// Read runs statements that read, and lock what they read, in one round trip.
func (tx *Tx) Read(ctx context.Context, queries ...Query) error {
	b := new(pgx.Batch)
	if !tx.begun {
		b.Queue("begin isolation level read committed")
	}
	for _, q := range queries {
		b.Queue(q.SQL, q.Args...)
	}
	results := tx.conn.SendBatch(ctx, b)
	err := tx.results(results, queries)
	return errors.Join(err, results.Close())
}

func (tx *Tx) results(results pgx.BatchResults, queries []Query) error {
	if !tx.begun {
		if _, err := results.Exec(); err != nil {
			return err
		}
		tx.begun = true
	}
	for _, q := range queries {
		rows, err := results.Query()
		if err != nil {
			return err
		}
		for rows.Next() {
			if err = q.Row(rows); err != nil {
				break
			}
		}
		rows.Close()
		if err = errors.Join(err, rows.Err()); err != nil {
			return err
		}
	}
	return nil
}

// A Query is one statement, and what is done with each row that it gives.
type Query struct {
	SQL  string
	Args []any
	Row  func(pgx.Rows) error
}

// Write has a statement run with the commit.
func (tx *Tx) Write(sql string, args ...any) { tx.writes.Queue(sql, args...) }

// Changes is how many statements are going to run with the commit.
func (tx *Tx) Changes() int { return tx.writes.Len() }

// Edit runs decide in a transaction, and commits it. It calls decide again where another edit came between or the
// connection was lost, so that decide must begin anew each time. An error of decide undoes the edit.
//
// Each edit that writes leaves a row in the table edit, with a number of its own. Where the connection is lost
// when the commit was sent, the edit is not repeated: another connection puts a row with the same number there.
// If that is possible, the edit was not stored and cannot be any more, as its own row would be the second one.
func (db *DB) Edit(ctx context.Context, decide func(ctx context.Context, tx *Tx) error) error {
	end, err := db.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	defer db.writing.begin()()
	for tries := db.newTries(); ; {
		number := newNumber()
		doubt, err := db.editOnce(ctx, number, decide)
		if err == nil || !doubt && isOurs(err) && !errors.Is(err, ErrAgain) {
			return err
		}
		if doubt {
			stored, unknown := db.wasStored(ctx, number, tries)
			if unknown != nil {
				return fmt.Errorf("it is not known whether the edit was stored: %w", db.adapt(ctx, unknown))
			}
			if stored {
				return nil
			}
			continue
		}
		switch {
		case ctx.Err() != nil:
		case isAgain(err) && tries.between(ctx):
			continue
		case isLost(err) && tries.again(ctx):
			db.pool.Reset()
			continue
		}
		return db.adapt(ctx, err)
	}
}

func newNumber() (number [16]byte) {
	_, _ = rand.Read(number[:]) // never fails
	return number
}

// editOnce is one try. Doubt reports that it may have been stored all the same.
func (db *DB) editOnce(ctx context.Context, number [16]byte, decide func(ctx context.Context, tx *Tx) error) (doubt bool, err error) {
	deciding, cancel := context.WithTimeout(ctx, db.answer)
	defer cancel()
	conn, err := db.pool.Acquire(deciding)
	if err != nil {
		return false, err
	}
	tx := &Tx{conn: conn, writes: new(pgx.Batch)}
	committed := false
	defer func() {
		if tx.begun && !committed && !conn.Conn().IsClosed() {
			rollback, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if _, failed := conn.Exec(rollback, "rollback"); failed != nil {
				_ = conn.Conn().Close(rollback)
			}
		}
		conn.Release()
	}()
	if err := decide(deciding, tx); err != nil {
		return false, err
	}
	if tx.Changes() == 0 {
		return false, nil
	}
	doubt, err = db.commit(ctx, tx, number)
	committed = err == nil
	return doubt, err
}

// perWrite is added to how long a commit waits for the database, for each statement.
const perWrite = 20 * time.Millisecond

// commit sends what tx writes and the commit.
func (db *DB) commit(ctx context.Context, tx *Tx, number [16]byte) (doubt bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, db.answer+time.Duration(tx.Changes())*perWrite)
	defer cancel()
	b := new(pgx.Batch)
	if !tx.begun {
		b.Queue("begin isolation level read committed")
	}
	b.QueuedQueries = append(b.QueuedQueries, tx.writes.QueuedQueries...)
	b.Queue("insert into edit (id, stored, at) values ($1, true, now())", number[:])
	b.Queue("commit")
	results := tx.conn.SendBatch(ctx, b)
	for n := b.Len(); n > 0 && err == nil; n-- {
		_, err = results.Exec()
	}
	if failed := results.Close(); err == nil {
		err = failed
	}
	switch code := codeOf(err); {
	case err == nil:
		tx.begun = false
		return false, nil
	case code == codeShutdown, code == codeCrash: // perhaps of a commit that waits for a standby
		return true, err
	case code != "":
		tx.begun = true
		return false, err
	}
	return !pgconn.SafeToRetry(err), err
}

// wasStored finds out whether the edit with a number was stored, and has it never stored where it was not.
func (db *DB) wasStored(ctx context.Context, number [16]byte, tries *tries) (stored bool, err error) {
	for {
		db.pool.Reset()
		err = db.viewOnce(ctx, func(ctx context.Context, q Reader) error {
			return q.QueryRow(ctx, "insert into edit (id, stored, at) values ($1, false, now()) on conflict (id) do update set at = now() returning stored", number[:]).Scan(&stored)
		})
		if err == nil || !isLost(err) || !tries.again(ctx) {
			return stored, err
		}
	}
}

// Forget removes the numbers of edits of more than an hour ago: no connection is as old that is not known to be lost.
func (db *DB) Forget(ctx context.Context) error {
	return db.Exec(ctx, "delete from edit where at < now() - interval '1 hour'")
}

// Exec runs one statement that may be run twice, again where another came between.
func (db *DB) Exec(ctx context.Context, sql string, args ...any) error {
	for tries := db.newTries(); ; {
		err := db.View(ctx, func(ctx context.Context, _ Reader) error {
			_, err := db.pool.Exec(ctx, sql, args...)
			if isAgain(err) {
				err = fmt.Errorf("%w: %s", ErrAgain, oneLine(err))
			}
			return err
		})
		if !errors.Is(err, ErrAgain) || !tries.between(ctx) {
			return err
		}
	}
}
