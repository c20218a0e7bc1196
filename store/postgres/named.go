package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/seal"
)

// A named is a kind of record that has a name and a revision, and of which there are few.
type named[T any] struct {
	kind, unreadable string // as people call it, and as a KindX of package store
	table            string
	most             int
	head             func(*T) head
	validate         func(T) error
	clone            func(T) T
	encode           func(*seal.Keyring, T) ([]byte, error)
	decode           func(*seal.Keyring, []byte) (T, error)

	// columns are those that the table has beside name, rev, created and row, and their values.
	columns []column[T]

	// version, where not empty, counts the edits of all records, under this key of meta.
	version string

	// needs returns why a record cannot be kept, for what it refers to; inUse why one cannot be deleted. Gone
	// removes what goes with one that is, changes what goes with one that is replaced. Nil for nothing.
	needs   func(context.Context, *transaction, T) error
	inUse   func(ctx context.Context, tx *transaction, name string) error
	gone    func(ctx context.Context, tx *transaction, name string) error
	changes func(tx *transaction, old, next T)
}

// A head is what all of these records have.
type head struct {
	name             string
	revision         *store.Revision
	created, updated *time.Time
}

// A column is a further one of a table.
type column[T any] struct {
	name  string
	value func(T) any
}

// put keeps a record that is based on its revision, and returns it as it is kept.
func (k *named[T]) put(ctx context.Context, db *DB, record T) (next T, err error) {
	base := k.head(&record)
	if err = k.validate(record); err == nil {
		err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
			next, err = k.replace(ctx, tx, record)
			return err
		})
	}
	if err != nil {
		var none T
		return none, fmt.Errorf("put %s %q: %w", k.kind, base.name, err)
	}
	db.unread.settled(k.unreadable, base.name)
	return next, nil
}

func (k *named[T]) replace(ctx context.Context, tx *transaction, record T) (next T, err error) {
	base := k.head(&record)
	old, exists, err := k.replaceable(ctx, tx, record)
	if err != nil {
		return next, err
	}
	next = k.clone(record)
	is, was := k.head(&next), k.head(&old)
	*is.revision++
	*is.updated = now()
	*is.created = *was.created
	if *was.revision == 0 {
		*is.created = *is.updated
	}
	row, err := k.encode(tx.db.keyring, next)
	if err != nil {
		return next, err
	}
	if k.changes != nil && exists {
		k.changes(tx, old, next)
	}
	names, places, set := "name, rev, created, row", "$1, $2, $3, $4", "rev = excluded.rev, created = excluded.created, row = excluded.row"
	args := []any{base.name, int64(*is.revision), nanoseconds(*is.created), row}
	for _, c := range k.columns {
		args = append(args, c.value(next))
		names, places, set = names+", "+c.name, fmt.Sprintf("%s, $%d", places, len(args)), set+", "+c.name+" = excluded."+c.name
	}
	sql := "insert into " + k.table + " (" + names + ") values (" + places + ")"
	if exists {
		sql += " on conflict (name) do update set " + set
	}
	tx.Write(sql, args...)
	k.countEdit(tx)
	return next, nil
}

// countEdit has the version of all records changed.
func (k *named[T]) countEdit(tx *transaction) {
	if k.version != "" {
		tx.Write("update meta set v = (v::bigint + 1)::text where k = $1", k.version)
	}
}

// replaceable returns the record that another may replace, which is locked, the zero one where there is none, or why
// it may not. Exists reports that there is one, which may be damaged.
func (k *named[T]) replaceable(ctx context.Context, tx *transaction, record T) (old T, exists bool, err error) {
	base := k.head(&record)
	old, exists, err = k.lock(ctx, tx, base.name, "no key update")
	if errors.Is(err, store.ErrNotFound) || *base.revision == 0 && errors.Is(err, store.ErrCorrupt) { // a damaged one is replaced
		err = nil
	}
	if err == nil {
		err = checkRevision(*base.revision, *k.head(&old).revision)
	}
	if err == nil && k.needs != nil {
		err = k.needs(ctx, tx, record)
	}
	if err == nil && !exists {
		n := 0 // new ones are made one after the other
		if err = tx.Read(ctx, one("select 1 from meta where k = 'schema' for update", nil, new(int)), one("select count(*) from "+k.table, nil, &n)); err == nil && n >= k.most {
			err = fmt.Errorf("%w: there are %d %ss, which is the most", store.ErrInvalid, k.most, k.kind)
		}
	}
	return old, exists, err
}

// lock reads one record and locks it, for update or for what else mode says.
func (k *named[T]) lock(ctx context.Context, tx *transaction, name, mode string) (record T, exists bool, err error) {
	var row []byte
	if err = tx.Read(ctx, one("select row from "+k.table+" where name = $1 for "+mode, []any{text(name)}, &row)); err != nil {
		return record, false, err
	}
	if row == nil {
		return record, false, store.ErrNotFound
	}
	record, err = k.read(tx.db, name, row)
	return record, true, err
}

// read decodes a row.
func (k *named[T]) read(db *DB, name string, row []byte) (T, error) {
	record, err := k.decode(db.keyring, row)
	if err == nil && k.head(&record).name != name {
		err = fmt.Errorf("%w: it is of %q", store.ErrCorrupt, k.head(&record).name)
	}
	if err != nil {
		var none T
		err = unreadable(k.unreadable, name, err)
		db.unread.note(err)
		return none, err
	}
	return record, nil
}

// get returns one record.
func (k *named[T]) get(ctx context.Context, db *DB, name string) (record T, err error) {
	var row []byte
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return notFound(q.QueryRow(ctx, "select row from "+k.table+" where name = $1", text(name)).Scan(&row))
	})
	if err == nil {
		record, err = k.read(db, name, row)
	}
	if err != nil {
		return record, fmt.Errorf("%s %q: %w", k.kind, name, err)
	}
	return record, nil
}

// list returns those that can be read, in the order of their names.
func (k *named[T]) list(ctx context.Context, db *DB) (all []T, err error) {
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		all, err = k.all(ctx, db, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %ss: %w", k.kind, err)
	}
	return all, nil
}

func (k *named[T]) all(ctx context.Context, db *DB, q cluster.Reader) (all []T, err error) {
	type found struct {
		name string
		row  []byte
	}
	rows, err := collect(ctx, q, "select name, row from "+k.table+" order by name", nil, func(rows pgx.Rows) (f found, err error) { return f, rows.Scan(&f.name, &f.row) })
	if err != nil {
		return nil, err
	}
	for _, f := range rows {
		record, err := k.read(db, f.name, f.row)
		switch {
		case db.skips(err):
		case err != nil:
			return nil, fmt.Errorf("%s %q: %w", k.kind, f.name, err)
		default:
			all = append(all, record)
		}
	}
	return all, nil
}

// delete deletes a record, of any revision where rev is zero.
func (k *named[T]) delete(ctx context.Context, db *DB, name string, rev store.Revision) error {
	err := db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		old, _, err := k.lock(ctx, tx, name, "update")
		if err == nil && rev != 0 {
			err = checkRevision(rev, *k.head(&old).revision)
		}
		if rev == 0 && errors.Is(err, store.ErrCorrupt) {
			err = nil
		}
		if err == nil && k.inUse != nil {
			err = k.inUse(ctx, tx, name)
		}
		if err != nil {
			return err
		}
		tx.Write("delete from "+k.table+" where name = $1", name)
		k.countEdit(tx)
		if k.gone != nil {
			return k.gone(ctx, tx, name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete %s %q: %w", k.kind, name, err)
	}
	db.unread.settled(k.unreadable, name)
	return nil
}
