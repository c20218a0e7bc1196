package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
)

// appendAudit has an entry appended, and the oldest ones removed above the limit. IDs follow each other in the order
// in which their edits are stored.
func (tx *transaction) appendAudit(ctx context.Context, e store.AuditEntry) (store.AuditEntry, error) {
	last := int64(0)
	if err := tx.Read(ctx, one("select v::bigint from meta where k = 'audit' for update", nil, &last)); err != nil {
		return e, err
	}
	e = e.Cut()
	e.ID, e.At = store.AuditID(last+1), now()
	row, err := rows.EncodeAuditEntry(e)
	if err != nil {
		return e, err
	}
	tx.Write("update meta set v = $1::bigint::text where k = 'audit'", last+1)
	tx.Write("insert into audit (id, at, name, action, target, row) values ($1, $2, $3, $4, $5, $6)", last+1, nanoseconds(e.At), text(e.Name), text(e.Action), text(e.Target), row)
	tx.Write("delete from audit where id <= $1", last+1-int64(tx.db.opts.AuditEntries))
	return e, nil
}

// AppendAudit implements [store.AuditLog].
func (db *DB) AppendAudit(ctx context.Context, e store.AuditEntry) (kept store.AuditEntry, err error) {
	err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		kept, err = tx.appendAudit(ctx, e)
		return err
	})
	if err != nil {
		return store.AuditEntry{}, fmt.Errorf("append to the audit: %w", err)
	}
	return kept, nil
}

func decodeAudit(id int64, row []byte) (store.AuditEntry, error) {
	e, err := rows.DecodeAuditEntry(row)
	if err == nil && int64(e.ID) != id {
		err = fmt.Errorf("%w: it is of %d", store.ErrCorrupt, e.ID)
	}
	return e, unreadable(store.KindAuditEntry, strconv.FormatInt(id, 10), err)
}

// AmendAudit implements [store.AuditLog].
func (db *DB) AmendAudit(ctx context.Context, id store.AuditID, detail string) error {
	err := db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		var row []byte
		err := tx.Read(ctx, one("select row from audit where id = $1 for update", []any{int64(id)}, &row))
		if err == nil && row == nil {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		e, err := decodeAudit(int64(id), row)
		if err != nil {
			return err
		}
		e.Detail = detail
		if row, err = rows.EncodeAuditEntry(e.Cut()); err == nil {
			tx.Write("update audit set row = $2 where id = $1", int64(id), row)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("amend entry %d of the audit: %w", id, err)
	}
	return nil
}

// Audit implements [store.AuditLog].
func (db *DB) Audit(ctx context.Context, q store.AuditQuery) (page []store.AuditEntry, err error) {
	type found struct {
		id  int64
		row []byte
	}
	limit, before := pageLimit(q.Limit), int64(q.Before)
	for more := true; more && err == nil && len(page) < limit; {
		asked := limit - len(page)
		c := auditCondition(q, before)
		var list []found
		err = db.link.View(ctx, func(ctx context.Context, r cluster.Reader) (err error) {
			list, err = collect(ctx, r, "select id, row from audit where "+c.String()+" order by id desc limit "+strconv.Itoa(asked), c.args, func(rows pgx.Rows) (f found, err error) { return f, rows.Scan(&f.id, &f.row) })
			return err
		})
		for _, f := range list {
			before = f.id
			e, wrong := decodeAudit(f.id, f.row)
			switch {
			case db.skips(wrong):
			case wrong != nil:
				err = wrong
			case q.Selects(e):
				page = append(page, e)
			}
		}
		more = len(list) == asked
	}
	if err != nil {
		return nil, fmt.Errorf("list the audit: %w", err)
	}
	return page, nil
}

// auditCondition is what of q the database looks for.
func auditCondition(q store.AuditQuery, before int64) (c condition) {
	if before != 0 {
		c.and("id < ?", before)
	}
	if q.Name != "" {
		c.and("name = ?", text(q.Name))
	}
	if q.Target != "" {
		c.and("target = ?", text(q.Target))
	}
	if q.Action != "" {
		c.and("(action = ? or (action > ? and action < ?))", text(q.Action))
		c.parts[len(c.parts)-1] = fmt.Sprintf("(action = $%[1]d or (action > $%[1]d || ' ' and action <= $%[1]d || ' ' || $%[2]d))", len(c.args), len(c.args)+1)
		c.args = append(c.args, highest)
	}
	if !q.Since.IsZero() {
		c.and("at >= ?", nanoseconds(q.Since))
	}
	if !q.Until.IsZero() {
		c.and("at < ?", nanoseconds(q.Until))
	}
	return c
}
