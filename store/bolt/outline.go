package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/bolt/pages"
	"lwbs/store/rows"
)

// DeviceOutlines implements [store.Store]. It looks things up in the order of their keys, so that each page is
// read about once: the devices, then the index of their sessions, then the newest sessions.
func (db *DB) DeviceOutlines(ctx context.Context, q store.DeviceQuery) (page []store.DeviceOutline, err error) {
	limit := pageLimit(q.Limit)
	err = db.view(ctx, func(tx *transaction) error {
		devices := db.lookUp(tx, bucketDevice)
		var failed error
		db.candidates(tx, q, func(ep string) bool {
			var o store.DeviceOutline
			row, err := devices.get(ep)
			if err == nil {
				o, err = rows.OutlineDevice(row)
				if err == nil && matches(store.Device{Profile: o.Profile, Group: o.Group, Tags: o.Tags}, q) {
					page = append(page, o)
				}
			}
			if err = unreadable(bucketDevice, ep, err); err != nil && !db.skips(err) {
				failed = fmt.Errorf("device %q: %w", ep, err)
			}
			return failed == nil && len(page) < limit && ctx.Err() == nil
		})
		return errors.Join(failed, ctx.Err(), db.addSessions(ctx, tx, page))
	})
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return page, nil
}

// A lookUp gets records of one bucket in the order of their keys.
type lookUp struct {
	db     *DB
	bucket string
	in     *pages.Lookup
	err    error // why nothing can be got
}

func (db *DB) lookUp(tx *transaction, bucket []byte) *lookUp {
	l := &lookUp{db: db, bucket: string(bucket)}
	tree, err := tx.Tree(l.bucket)
	if l.err = err; err == nil {
		l.in = tree.Lookup()
	}
	return l
}

// get returns a record, which ends with the next call. The error is ErrNotFound, or tells of damage.
func (l *lookUp) get(key string) (row []byte, err error) {
	if l.err != nil {
		return nil, l.err
	}
	row, err = l.in.Get([]byte(key))
	switch {
	case err != nil:
		part := dbfile.Damaged(l.bucket, key, err)
		l.db.file.AskToHeal(part)
		return nil, part
	case row == nil:
		return nil, store.ErrNotFound
	}
	return row, nil
}

// A wanted is a session of a device, by its place on the page.
type wanted struct {
	id     string
	device int
}

// addSessions adds the newest attempts to the outlines of a page, whose devices are in their order.
func (db *DB) addSessions(ctx context.Context, tx *transaction, page []store.DeviceOutline) error {
	index, near := tx.Bucket(bucketSessionEndpoint), db.lookUp(tx, bucketSessionEndpoint)
	newest := make([]wanted, 0, len(page))
	for i := range page {
		if id := near.newestOwn(index, string(page[i].Endpoint)); len(id) > 0 {
			newest = append(newest, wanted{id[0], i})
		}
	}
	slices.SortFunc(newest, func(a, b wanted) int { return strings.Compare(a.id, b.id) })
	sessions := db.lookUp(tx, bucketSession)
	outline := func(id string) (*store.SessionOutline, error) {
		row, err := sessions.get(id)
		if err != nil {
			return nil, err
		}
		s, err := rows.OutlineSession(row)
		return &s, unreadable(bucketSession, id, err)
	}
	for _, w := range newest {
		o := &page[w.device]
		ids := []string{w.id}
		for n := 0; n < len(ids) && ctx.Err() == nil; n++ {
			s, err := outline(ids[n])
			if err != nil && !db.skips(err) {
				return fmt.Errorf("session %q: %w", ids[n], err)
			}
			if err == nil && o.Newest == nil {
				o.Newest, o.Last = s, s
			}
			if err == nil && s.Cause != store.CauseIdle {
				o.Last = s
				break
			}
			if n == 0 { // it tells too little, or nothing
				ids = newestOwn(index, string(o.Endpoint), store.OutlineSessions)
			}
		}
	}
	return ctx.Err()
}

// newestOwn are the IDs of the newest attempts of a device that count, at most most.
func newestOwn(index *bucket, ep string, most int) (ids []string) {
	index.Descend(beyond(ep), takeOwn(ep, most, &ids))
	return ids
}

// newestOwn is the ID of the newest of them; none where there is none. Almost always it is on the page where
// the next look-up is, too.
func (l *lookUp) newestOwn(index *bucket, ep string) (ids []string) {
	if l.err == nil {
		if ended, err := l.in.Before(beyond(ep), takeOwn(ep, 1, &ids)); ended && err == nil {
			return ids
		}
	}
	return newestOwn(index, ep, 1)
}

// beyond is behind all entries of a device in the index of sessions.
func beyond(ep string) []byte { return append(pair(ep, ""), 0xff) }

// takeOwn takes the IDs of attempts that count from the entries of a device.
func takeOwn(ep string, most int, ids *[]string) func(key, mark []byte) bool {
	prefix := pair(ep, "")
	return func(k, mark []byte) bool {
		if !bytes.HasPrefix(k, prefix) {
			return false
		}
		if !bytes.Equal(mark, markUnproved) {
			*ids = append(*ids, string(k[len(prefix):]))
		}
		return len(*ids) < most
	}
}
