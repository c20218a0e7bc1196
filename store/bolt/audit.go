package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/rows"
)

var _ store.AuditLog = (*DB)(nil)

// edit hands apply to the writer and waits for its end. Where apply refuses, it has written nothing, and
// the transaction goes on; where it fails or panics, the transaction starts anew. It may run several
// times. Where ctx has an entry of the audit that no edit has appended,
// this one does, if it changes something.
func (db *DB) edit(ctx context.Context, apply func(*transaction) (refused, failed error)) error {
	return db.editBy(ctx, db.file.Edit, apply)
}

// editPatiently is edit for what no device or person waits for: see [dbfile.File.EditPatiently].
func (db *DB) editPatiently(ctx context.Context, apply func(*transaction) (refused, failed error)) error {
	return db.editBy(ctx, db.file.EditPatiently, apply)
}

func (db *DB) editBy(ctx context.Context, edit func(context.Context, func(*dbfile.Tx) (refused, failed error)) error, apply func(*transaction) (refused, failed error)) error {
	audit := store.AuditOf(ctx)
	if audit == nil || !audit.Claim() {
		return edit(ctx, func(tx *dbfile.Tx) (refused, failed error) { return apply(of(tx)) })
	}
	var id store.AuditID
	err := edit(ctx, func(tx *dbfile.Tx) (refused, failed error) {
		t := of(tx)
		before := t.writes
		id = 0 // of an earlier run
		if refused, failed = apply(t); refused != nil || failed != nil || t.writes == before {
			return refused, failed
		}
		e, err := db.appendAudit(t, audit.Entry)
		id = e.ID
		return nil, err
	})
	if err != nil {
		audit.Settle(0)
		return err
	}
	audit.Settle(id)
	return nil
}

// auditID is an ID as a key of the bucket.
func auditID(id store.AuditID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

// idOfAudit is the reverse of auditID; zero for another key.
func idOfAudit(key []byte) store.AuditID {
	if len(key) != 8 {
		return 0
	}
	return store.AuditID(binary.BigEndian.Uint64(key))
}

// appendAudit appends an entry, and removes the oldest ones above the limit. IDs follow each other, so that the
// first and the last tell how many there are.
func (db *DB) appendAudit(tx *transaction, e store.AuditEntry) (store.AuditEntry, error) {
	b, last := tx.Bucket(bucketAudit), lastAudit(tx)
	b.FillPercent = dbfile.CopyFill // new ones come last
	e = e.Cut()
	e.ID, e.At = store.AuditID(last+1), time.Now().UTC().Round(0)
	row, err := rows.EncodeAuditEntry(e)
	if err != nil {
		return e, err
	}
	errs := []error{setCount(tx, keyLastAudit, uint64(e.ID)), b.Put(auditID(e.ID), row)}
	for _, key := range db.auditAbove(tx, e.ID) {
		errs = append(errs, b.Delete(key))
	}
	return e, errors.Join(errs...)
}

// lastAudit returns the ID of the last entry. Where that is not known, such as in a salvaged file, it is the highest
// that an entry has.
func lastAudit(tx *transaction) uint64 {
	last, ok := countOf(tx.Bucket(bucketMeta).Get(keyLastAudit))
	if !ok {
		tx.Bucket(bucketAudit).Ascend(nil, func(k, _ []byte) bool {
			last = max(last, uint64(idOfAudit(k)))
			return true
		})
	}
	return last
}

// maxAuditDropped is how many entries an edit removes at most, where the limit was lowered.
const maxAuditDropped = 100

// auditAbove are the keys of the oldest entries that have to go when there is one with this ID.
func (db *DB) auditAbove(tx *transaction, last store.AuditID) (keys [][]byte) {
	limit := store.AuditID(db.opts.AuditEntries)
	if last <= limit {
		return nil
	}
	tx.Bucket(bucketAudit).Ascend(nil, func(k, _ []byte) bool {
		if id := idOfAudit(k); id > last-limit || len(keys) == maxAuditDropped {
			return false
		}
		keys = append(keys, append([]byte(nil), k...))
		return true
	})
	return keys
}

// AppendAudit implements [store.AuditLog].
func (db *DB) AppendAudit(ctx context.Context, e store.AuditEntry) (store.AuditEntry, error) {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		e, failed = db.appendAudit(tx, e)
		return nil, failed
	})
	if err != nil {
		return store.AuditEntry{}, fmt.Errorf("append to the audit: %w", err)
	}
	return e, nil
}

// AmendAudit implements [store.AuditLog].
func (db *DB) AmendAudit(ctx context.Context, id store.AuditID, detail string) error {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		row := tx.Bucket(bucketAudit).Get(auditID(id))
		if row == nil {
			return store.ErrNotFound, nil
		}
		e, err := rows.DecodeAuditEntry(row)
		if err != nil {
			return unreadable(bucketAudit, idText(id), err), nil
		}
		e.Detail = detail
		if row, err = rows.EncodeAuditEntry(e.Cut()); err != nil {
			return err, nil
		}
		return nil, tx.Bucket(bucketAudit).Put(auditID(id), row)
	})
	if err != nil {
		return fmt.Errorf("amend entry %d of the audit: %w", id, err)
	}
	return nil
}

func idText(id store.AuditID) string { return strconv.FormatUint(uint64(id), 10) }

// Audit implements [store.AuditLog].
func (db *DB) Audit(ctx context.Context, q store.AuditQuery) (page []store.AuditEntry, err error) {
	limit := pageLimit(q.Limit)
	var before []byte
	if q.Before != 0 {
		before = auditID(q.Before)
	}
	err = db.view(ctx, func(tx *transaction) (failed error) {
		tx.Bucket(bucketAudit).Descend(before, func(key, row []byte) bool {
			e, err := rows.DecodeAuditEntry(row)
			switch err = unreadable(bucketAudit, idText(idOfAudit(key)), err); {
			case db.skips(err):
			case err != nil:
				failed = err
			case !q.Since.IsZero() && e.At.Add(auditClockStep).Before(q.Since):
				return false // those before it are older
			case q.Selects(e):
				page = append(page, e)
			}
			return failed == nil && len(page) < limit && ctx.Err() == nil
		})
		return errors.Join(failed, ctx.Err())
	})
	if err != nil {
		return nil, fmt.Errorf("list the audit: %w", err)
	}
	return page, nil
}

// auditClockStep is how far the clock may have been set back between two entries that a query in time still finds.
const auditClockStep = 24 * time.Hour

// auditRowAt returns what is wrong with the row of an entry under a key.
func auditRowAt(key, row []byte) error {
	e, err := rows.DecodeAuditEntry(row)
	if err == nil && e.ID != idOfAudit(key) {
		err = fmt.Errorf("%w: it is of %d", store.ErrCorrupt, e.ID)
	}
	return err
}
