package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"

	"lwbs/store"
)

// maxPruned is how many sessions one edit removes at most, above the one it adds.
const maxPruned = 100

// AppendSession implements [store.Store].
func (db *DB) AppendSession(ctx context.Context, s store.Session) error {
	b, err := store.EncodeSession(s)
	if err == nil && s.ID == "" {
		err = fmt.Errorf("%w: a session needs an ID", store.ErrInvalid)
	}
	if err == nil {
		err = db.edit(ctx, func(tx *bbolt.Tx) (refused, failed error) {
			if err := dropSession(tx, s.ID); err != nil {
				return nil, err
			}
			return nil, errors.Join(
				tx.Bucket(bucketSession).Put([]byte(s.ID), b),
				indexSession(tx, s),
				db.prune(tx, s))
		})
	}
	if err != nil {
		return fmt.Errorf("append session %q: %w", s.ID, err)
	}
	return nil
}

// history is one of the two histories with limits of their own.
type history struct {
	bucket, count []byte
}

var histories = []history{{bucketSessionKnown, keyKnown}, {bucketSessionStranger, keyStrangers}}

func historyOf(s store.Session) history {
	if s.Known {
		return histories[0]
	}
	return histories[1]
}

func indexSession(tx *bbolt.Tx, s store.Session) error {
	id, h := []byte(s.ID), historyOf(s)
	errs := []error{
		tx.Bucket(h.bucket).Put(id, pair(string(s.Endpoint), s.Identity)),
		setCount(tx, h.count, count(tx, h.count)+1),
		tx.Bucket(bucketSessionEndpoint).Put(pair(string(s.Endpoint), s.ID), present),
	}
	if s.Identity != "" {
		errs = append(errs, tx.Bucket(bucketSessionIdentity).Put(pair(s.Identity, s.ID), present))
	}
	if !s.Cause.Success() {
		errs = append(errs, tx.Bucket(bucketSessionFailed).Put(id, present))
	}
	return errors.Join(errs...)
}

// dropSession removes a session and its index entries, if there is one. It does not read
// the record, which may be one that cannot be read.
func dropSession(tx *bbolt.Tx, id string) error {
	for _, h := range histories {
		about := tx.Bucket(h.bucket).Get([]byte(id))
		if about == nil {
			continue
		}
		endpoint, identity := aboutSession(tx, id, about)
		return errors.Join(
			tx.Bucket(bucketSession).Delete([]byte(id)),
			tx.Bucket(h.bucket).Delete([]byte(id)),
			setCount(tx, h.count, count(tx, h.count)-1),
			tx.Bucket(bucketSessionEndpoint).Delete(pair(endpoint, id)),
			tx.Bucket(bucketSessionIdentity).Delete(pair(identity, id)),
			tx.Bucket(bucketSessionFailed).Delete([]byte(id)))
	}
	return nil
}

// aboutSession reads the entry of a session in its history. Those of the first databases
// have no identity in them: then it is that of the record, where that can be read.
func aboutSession(tx *bbolt.Tx, id string, about []byte) (endpoint, identity string) {
	endpoint, identity, told := strings.Cut(string(about), "\x00")
	if !told {
		s, _ := sessionIn(tx, id)
		identity = s.Identity
	}
	return endpoint, identity
}

// prune drops the oldest sessions of s's endpoint and of its history that are above
// the limits. Those without an endpoint have the limit of the history only.
func (db *DB) prune(tx *bbolt.Tx, s store.Session) error {
	var drop []string
	if s.Endpoint != "" {
		var ids []string
		underPrefix(tx.Bucket(bucketSessionEndpoint), pair(string(s.Endpoint), ""), nil, func(k []byte) bool {
			ids = append(ids, second(k, string(s.Endpoint)))
			return len(ids) < db.opts.SessionsPerDevice+maxPruned
		})
		drop = ids[:max(0, len(ids)-db.opts.SessionsPerDevice)]
	}
	for _, id := range drop {
		if err := errors.Join(dropSession(tx, id), tx.Bucket(bucketSessionEndpoint).Delete(pair(string(s.Endpoint), id))); err != nil {
			return err
		}
	}
	h, limit := historyOf(s), uint64(db.opts.StrangerSessions)
	if s.Known {
		limit = uint64(db.opts.Sessions)
	}
	for range maxPruned {
		if count(tx, h.count) <= limit {
			return nil
		}
		oldest, _ := tx.Bucket(h.bucket).Cursor().First()
		if oldest == nil { // the count was wrong
			return setCount(tx, h.count, 0)
		}
		if err := dropSession(tx, string(oldest)); err != nil {
			return err
		}
	}
	return nil
}

// Session implements [store.Store].
func (db *DB) Session(ctx context.Context, id string) (s store.Session, err error) {
	err = db.view(ctx, func(tx *bbolt.Tx) error {
		s, err = sessionIn(tx, id)
		return err
	})
	if err != nil {
		return store.Session{}, fmt.Errorf("session %q: %w", id, err)
	}
	return s, nil
}

func sessionIn(tx *bbolt.Tx, id string) (store.Session, error) {
	b := tx.Bucket(bucketSession).Get([]byte(id))
	if b == nil {
		return store.Session{}, store.ErrNotFound
	}
	s, err := store.DecodeSession(b)
	return s, unreadable(bucketSession, id, err)
}

// LastSession implements [store.Store].
func (db *DB) LastSession(ctx context.Context) (id string, err error) {
	err = db.view(ctx, func(tx *bbolt.Tx) error {
		last, _ := tx.Bucket(bucketSession).Cursor().Last()
		id = string(last)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("last session: %w", err)
	}
	return id, nil
}

// Sessions implements [store.Store].
func (db *DB) Sessions(ctx context.Context, q store.SessionQuery) (page []store.Session, err error) {
	limit := pageLimit(q.Limit)
	err = db.view(ctx, func(tx *bbolt.Tx) error {
		var failed error
		newestFirst(tx, q, func(id string) bool {
			s, err := sessionIn(tx, id)
			switch {
			case db.skips(err):
			case err != nil:
				failed = fmt.Errorf("session %q: %w", id, err)
				return false
			case sessionMatches(s, q):
				page = append(page, s)
			}
			return len(page) < limit && ctx.Err() == nil
		})
		return errors.Join(failed, ctx.Err())
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return page, nil
}

func sessionMatches(s store.Session, q store.SessionQuery) bool {
	return (q.Endpoint == "" || s.Endpoint == q.Endpoint) &&
		(q.Identity == "" || s.Identity == q.Identity) &&
		(!q.Failed || !s.Cause.Success())
}

// newestFirst calls each with the IDs before q.Before that the best index for q has,
// from the newest to the oldest.
func newestFirst(tx *bbolt.Tx, q store.SessionQuery, each func(id string) bool) {
	bucket, group := bucketSession, ""
	switch {
	case q.Endpoint != "":
		bucket, group = bucketSessionEndpoint, string(q.Endpoint)
	case q.Identity != "":
		bucket, group = bucketSessionIdentity, q.Identity
	case q.Failed:
		bucket = bucketSessionFailed
	}
	var prefix []byte
	if group != "" {
		prefix = pair(group, "")
	}
	c := tx.Bucket(bucket).Cursor()
	for k := lastBefore(c, prefix, q.Before); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Prev() {
		if !each(string(k[len(prefix):])) {
			return
		}
	}
}

// lastBefore moves to the last key under prefix that comes before prefix+before, or to
// the last of all where before is empty.
func lastBefore(c *bbolt.Cursor, prefix []byte, before string) []byte {
	bound := append(bytes.Clone(prefix), before...)
	if before == "" {
		bound = append(bound, 0xff)
	}
	if k, _ := c.Seek(bound); k == nil {
		k, _ = c.Last()
		return k
	}
	k, _ := c.Prev()
	return k
}
