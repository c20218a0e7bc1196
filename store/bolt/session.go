package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"

	"lwbs/lwm2m"
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
			s, b := s, b
			if ep, moved := movedTo(tx, s); moved {
				s.Endpoint = ep
				var err error
				if b, err = store.EncodeSession(s); err != nil {
					return err, nil
				}
			}
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

// movedTo is the endpoint under which the session with the ID of s is kept, where that is
// another than in s: the device was renamed since it began.
func movedTo(tx *bbolt.Tx, s store.Session) (ep lwm2m.EndpointName, moved bool) {
	about, ok := aboutSession(tx, s.ID)
	return lwm2m.EndpointName(about.endpoint), ok && about.endpoint != string(s.Endpoint)
}

// A history is a part of all sessions that has limits of its own.
type history struct {
	bucket, count []byte
}

// The histories: of peers that proved to be a device, of those of plain CoAP that proved
// their address, of those that proved nothing, and of those that belong to no device.
var (
	historyKnown    = history{bucketSessionKnown, keyKnown}
	historyPlain    = history{bucketSessionPlain, keyPlain}
	historyUnproved = history{bucketSessionUnproved, keyUnproved}
	historyStranger = history{bucketSessionStranger, keyStrangers}

	histories = []history{historyKnown, historyPlain, historyUnproved, historyStranger}
)

func historyOf(s store.Session) history {
	switch {
	case !s.Known:
		return historyStranger
	case s.Proof == store.ProofNone:
		return historyUnproved
	case s.Proof == store.ProofAddress:
		return historyPlain
	}
	return historyKnown
}

// limit is how many sessions of h are kept.
func (db *DB) limit(h history) uint64 {
	switch string(h.count) {
	case string(keyUnproved):
		return uint64(db.opts.UnprovedSessions)
	case string(keyStrangers):
		return uint64(db.opts.StrangerSessions)
	}
	return uint64(db.opts.Sessions)
}

// proofMark is the value of an entry in the index by endpoint, by which the sessions of a
// device with one proof are told from those with another.
func proofMark(p store.Proof) []byte {
	switch p {
	case store.ProofNone:
		return markUnproved
	case store.ProofAddress:
		return []byte("a")
	}
	return present
}

var markUnproved = []byte("n")

// An about is what the entry of a session in its history tells, so that the session can be
// dropped without being read: ENDPOINT 0 IDENTITY, and 0 CLAIMED where there is that.
type about struct {
	history                     history
	endpoint, identity, claimed string
}

func entryOf(s store.Session) []byte {
	entry := pair(string(s.Endpoint), s.Identity)
	if s.Claimed != "" {
		entry = pair(string(entry), string(s.Claimed))
	}
	return entry
}

// aboutSession reads the entry of a session, if there is one. Those of the first databases
// have no identity in them: then it is that of the record, where that can be read.
func aboutSession(tx *bbolt.Tx, id string) (a about, ok bool) {
	for _, h := range histories {
		entry := tx.Bucket(h.bucket).Get([]byte(id))
		if entry == nil {
			continue
		}
		parts := strings.SplitN(string(entry), "\x00", 3)
		a.history, a.endpoint = h, parts[0]
		if len(parts) > 1 {
			a.identity = parts[1]
		} else {
			s, _ := sessionIn(tx, id)
			a.identity = s.Identity
		}
		if len(parts) > 2 {
			a.claimed = parts[2]
		}
		return a, true
	}
	return about{}, false
}

func indexSession(tx *bbolt.Tx, s store.Session) error {
	id, h := []byte(s.ID), historyOf(s)
	errs := []error{
		tx.Bucket(h.bucket).Put(id, entryOf(s)),
		setCount(tx, h.count, count(tx, h.count)+1),
		tx.Bucket(bucketSessionEndpoint).Put(pair(string(s.Endpoint), s.ID), proofMark(s.Proof)),
	}
	if s.Identity != "" {
		errs = append(errs, tx.Bucket(bucketSessionIdentity).Put(pair(s.Identity, s.ID), present))
	}
	if s.Claimed != "" {
		errs = append(errs, tx.Bucket(bucketSessionClaimed).Put(pair(string(s.Claimed), s.ID), present))
	}
	if s.Cause.Failure() {
		errs = append(errs, tx.Bucket(bucketSessionFailed).Put(id, present))
	}
	return errors.Join(errs...)
}

// dropSession removes a session and its index entries, if there is one. It does not read
// the record, which may be one that cannot be read.
func dropSession(tx *bbolt.Tx, id string) error {
	a, ok := aboutSession(tx, id)
	if !ok {
		return nil
	}
	return errors.Join(
		tx.Bucket(bucketSession).Delete([]byte(id)),
		tx.Bucket(a.history.bucket).Delete([]byte(id)),
		setCount(tx, a.history.count, count(tx, a.history.count)-1),
		tx.Bucket(bucketSessionEndpoint).Delete(pair(a.endpoint, id)),
		tx.Bucket(bucketSessionIdentity).Delete(pair(a.identity, id)),
		tx.Bucket(bucketSessionClaimed).Delete(pair(a.claimed, id)),
		tx.Bucket(bucketSessionFailed).Delete([]byte(id)))
}

// prune drops the oldest sessions of s's endpoint with the proof of s, and those of its
// history, that are above the limits. Those without an endpoint have the limit of the
// history only.
func (db *DB) prune(tx *bbolt.Tx, s store.Session) error {
	for _, id := range db.superfluous(tx, s) {
		if err := errors.Join(dropSession(tx, id), tx.Bucket(bucketSessionEndpoint).Delete(pair(string(s.Endpoint), id))); err != nil {
			return err
		}
	}
	h := historyOf(s)
	for range maxPruned {
		if count(tx, h.count) <= db.limit(h) {
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

// superfluous are the oldest sessions of s's endpoint with the proof of s beyond the limit.
func (db *DB) superfluous(tx *bbolt.Tx, s store.Session) []string {
	if s.Endpoint == "" {
		return nil
	}
	limit := db.opts.SessionsPerDevice
	if s.Proof == store.ProofNone {
		limit = min(limit, db.opts.UnprovedPerDevice)
	}
	var ids []string
	prefix, mark := pair(string(s.Endpoint), ""), proofMark(s.Proof)
	c := tx.Bucket(bucketSessionEndpoint).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(ids) < limit+maxPruned; k, v = c.Next() {
		if bytes.Equal(v, mark) {
			ids = append(ids, second(k, string(s.Endpoint)))
		}
	}
	return ids[:max(0, len(ids)-limit)]
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
	return (q.Endpoint == "" || s.Endpoint == q.Endpoint || !q.Own && s.Claimed == q.Endpoint) &&
		(!q.Own || s.Proof.Counts()) &&
		(!q.Unknown || !s.Known) &&
		(q.Identity == "" || s.Identity == q.Identity) &&
		(!q.Failed || s.Cause.Failure())
}

// newestFirst calls each with the IDs before q.Before that the best index for q has,
// from the newest to the oldest.
func newestFirst(tx *bbolt.Tx, q store.SessionQuery, each func(id string) bool) {
	walks := walksFor(tx, q)
	for {
		var newest *walk
		for _, w := range walks {
			if w.id() != "" && (newest == nil || w.id() > newest.id()) {
				newest = w
			}
		}
		if newest == nil {
			return
		}
		id := newest.id()
		if !each(id) {
			return
		}
		for _, w := range walks { // a session may be in both
			if w.id() == id {
				w.back()
			}
		}
	}
}

// walksFor are the walks through the indexes that have what q selects.
func walksFor(tx *bbolt.Tx, q store.SessionQuery) []*walk {
	from := func(bucket []byte, group string) *walk {
		w := &walk{cursor: tx.Bucket(bucket).Cursor(), own: q.Own}
		if group != "" {
			w.prefix = pair(group, "")
		}
		w.key, w.value = lastBefore(w.cursor, w.prefix, q.Before)
		w.skip()
		return w
	}
	switch {
	case q.Endpoint != "" && q.Own:
		return []*walk{from(bucketSessionEndpoint, string(q.Endpoint))}
	case q.Endpoint != "":
		return []*walk{from(bucketSessionEndpoint, string(q.Endpoint)), from(bucketSessionClaimed, string(q.Endpoint))}
	case q.Identity != "":
		return []*walk{from(bucketSessionIdentity, q.Identity)}
	case q.Unknown:
		return []*walk{from(bucketSessionStranger, "")}
	case q.Failed:
		return []*walk{from(bucketSessionFailed, "")}
	}
	return []*walk{from(bucketSession, "")}
}

// A walk goes back through the entries of one group of an index.
type walk struct {
	cursor     *bbolt.Cursor
	prefix     []byte
	own        bool // leaves out what is marked as unproved
	key, value []byte
}

// id is that of the session where the walk is; empty at its end.
func (w *walk) id() string {
	if w.key == nil || !bytes.HasPrefix(w.key, w.prefix) {
		return ""
	}
	return string(w.key[len(w.prefix):])
}

func (w *walk) back() {
	w.key, w.value = w.cursor.Prev()
	w.skip()
}

// skip goes on to an entry that is not to be left out.
func (w *walk) skip() {
	for w.own && w.id() != "" && bytes.Equal(w.value, markUnproved) {
		w.key, w.value = w.cursor.Prev()
	}
}

// lastBefore moves to the last key under prefix that comes before prefix+before, or to
// the last of all where before is empty.
func lastBefore(c *bbolt.Cursor, prefix []byte, before string) (key, value []byte) {
	bound := append(bytes.Clone(prefix), before...)
	if before == "" {
		bound = append(bound, 0xff)
	}
	if k, _ := c.Seek(bound); k == nil {
		return c.Last()
	}
	return c.Prev()
}
