package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows"
)

// maxPruned is how many sessions one edit removes at most, above the one it adds.
const maxPruned = 100

// AppendSession implements [store.Store].
func (db *DB) AppendSession(ctx context.Context, s store.Session) error {
	row, err := encodeSession(s)
	if err == nil {
		err = db.editPatiently(ctx, func(tx *transaction) (refused, failed error) { return db.appendSession(tx, s, row) })
	}
	if err != nil {
		return fmt.Errorf("append session %q: %w", s.ID, err)
	}
	return nil
}

func encodeSession(s store.Session) (row []byte, err error) {
	if s.ID == "" {
		return nil, fmt.Errorf("%w: a session needs an ID", store.ErrInvalid)
	}
	return rows.EncodeSession(s)
}

// appendSession stores a session, whose row is encoded already.
func (db *DB) appendSession(tx *transaction, s store.Session, row []byte) (refused, failed error) {
	old, had := aboutSession(tx, s.ID)
	if had && old.endpoint != string(s.Endpoint) { // the device was renamed since the session began
		s.Endpoint = lwm2m.EndpointName(old.endpoint)
		var err error
		if row, err = rows.EncodeSession(s); err != nil {
			return err, nil
		}
	}
	stored := tx.Bucket(bucketSession).Get([]byte(s.ID)) != nil
	var o outgoing
	note := func() error { return nil }
	if !stored { // else it is told already
		if note, refused = o.sessionEvents(tx, s); refused != nil {
			return refused, nil
		}
	}
	if had || stored {
		if _, err := dropSession(tx, s.ID); err != nil {
			return nil, err
		}
	}
	return nil, errors.Join(
		tx.Bucket(bucketSession).Put([]byte(s.ID), row),
		indexSession(tx, s),
		db.prune(tx, s), o.append(tx), note())
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
	historyUnknown  = history{bucketSessionUnknown, keyUnknown}

	histories = []history{historyKnown, historyPlain, historyUnproved, historyUnknown}
)

func historyOf(s store.Session) history {
	switch {
	case !s.Known:
		return historyUnknown
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
	case string(keyUnknown):
		return uint64(db.opts.UnknownSessions)
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
func aboutSession(tx *transaction, id string) (a about, ok bool) {
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

func indexSession(tx *transaction, s store.Session) error {
	addCountLater(tx, historyOf(s).count, 1)
	var errs []error
	for _, e := range sessionEntries(s) {
		errs = append(errs, tx.Bucket([]byte(e.bucket)).Put([]byte(e.key), []byte(e.value)))
	}
	return errors.Join(errs...)
}

// sessionEntries are the index entries of s. An identity that is the name of the device has none: the sessions
// with it are among those of the device.
func sessionEntries(s store.Session) []indexEntry {
	all := []indexEntry{
		{string(historyOf(s).bucket), s.ID, string(entryOf(s))},
		{string(bucketSessionEndpoint), string(pair(string(s.Endpoint), s.ID)), string(proofMark(s.Proof))},
	}
	if s.Identity != "" && s.Identity != string(s.Endpoint) {
		all = append(all, indexEntry{string(bucketSessionIdentity), string(pair(s.Identity, s.ID)), string(present)})
	}
	if s.Claimed != "" {
		all = append(all, indexEntry{string(bucketSessionClaimed), string(pair(string(s.Claimed), s.ID)), string(present)})
	}
	if s.Cause.Failure() {
		all = append(all, indexEntry{string(bucketSessionFailed), s.ID, string(present)})
	}
	return all
}

// dropSession removes a session and its index entries, if there is one. It does not read
// the record, which may be one that cannot be read. It returns what it knew of it.
func dropSession(tx *transaction, id string) (a about, err error) {
	a, ok := aboutSession(tx, id)
	var errs []error
	switch {
	case ok:
		addCountLater(tx, a.history.count, -1)
	case tx.Bucket(bucketSession).Get([]byte(id)) == nil:
		return a, nil
	default: // a damaged page has taken it out of its history
		s, _ := sessionIn(tx, id)
		a = about{history: historyOf(s), endpoint: string(s.Endpoint), identity: s.Identity, claimed: string(s.Claimed)}
	}
	for _, e := range a.entries(id) {
		errs = append(errs, tx.Bucket([]byte(e.bucket)).Delete([]byte(e.key)))
	}
	return a, errors.Join(errs...)
}

// entries are the record of a session and all index entries that it may have. That of an identity which is the name
// of the device is one of a session of an older lwbs.
func (a about) entries(id string) []indexEntry {
	all := []indexEntry{
		{bucket: string(bucketSession), key: id},
		{bucket: string(a.history.bucket), key: id},
		{bucket: string(bucketSessionEndpoint), key: string(pair(a.endpoint, id))},
		{bucket: string(bucketSessionFailed), key: id},
	}
	if a.identity != "" {
		all = append(all, indexEntry{bucket: string(bucketSessionIdentity), key: string(pair(a.identity, id))})
	}
	if a.claimed != "" {
		all = append(all, indexEntry{bucket: string(bucketSessionClaimed), key: string(pair(a.claimed, id))})
	}
	return all
}

// droppable reports whether dropSession can do its work, which it does not begin else. That
// is looked at only where pages are damaged.
func (t *transaction) droppable(id string) bool {
	if !t.db.file.Degraded() {
		return true
	}
	a, ok := aboutSession(t, id)
	if !ok {
		return true
	}
	for _, e := range a.entries(id) {
		if err := t.Change(e.bucket, []byte(e.key), true); err != nil {
			t.db.file.Unread().Note(err)
			return false
		}
	}
	return true
}

// prune drops the oldest sessions of s's endpoint with the proof of s, and those of its
// history, that are above the limits. Those without an endpoint have the limit of the
// history only. One that cannot be dropped, since it lies on a damaged page, stays, and the
// next goes.
func (db *DB) prune(tx *transaction, s store.Session) error {
	for _, id := range db.superfluous(tx, s) {
		dropped, err := dropSession(tx, id)
		if dropped.endpoint != string(s.Endpoint) { // the entry leads to no session of the device
			err = errors.Join(err, tx.Bucket(bucketSessionEndpoint).Delete(pair(string(s.Endpoint), id)))
		}
		if err != nil {
			return err
		}
	}
	h := historyOf(s)
	above := int(min(max(count(tx, h.count), db.limit(h))-db.limit(h), maxPruned))
	var oldest []string
	if above > 0 {
		tx.Bucket(h.bucket).Ascend(nil, func(k, _ []byte) bool {
			if tx.droppable(string(k)) {
				oldest = append(oldest, string(k))
			}
			return len(oldest) < above
		})
	}
	for _, id := range oldest {
		if _, err := dropSession(tx, id); err != nil {
			return err
		}
	}
	return nil
}

// superfluous are the oldest sessions of s's endpoint with the proof of s beyond the limit.
func (db *DB) superfluous(tx *transaction, s store.Session) (ids []string) {
	if s.Endpoint == "" {
		return nil
	}
	limit := db.opts.SessionsPerDevice
	if s.Proof == store.ProofNone {
		limit = min(limit, db.opts.UnprovedPerDevice)
	}
	prefix, mark := pair(string(s.Endpoint), ""), proofMark(s.Proof)
	tx.Bucket(bucketSessionEndpoint).Ascend(prefix, func(k, v []byte) bool {
		if bytes.HasPrefix(k, prefix) && bytes.Equal(v, mark) {
			ids = append(ids, second(k, string(s.Endpoint)))
		}
		return bytes.HasPrefix(k, prefix) && len(ids) < limit+maxPruned
	})
	return slices.DeleteFunc(ids[:max(0, len(ids)-limit)], func(id string) bool { return !tx.droppable(id) })
}

// Session implements [store.Store].
func (db *DB) Session(ctx context.Context, id string) (s store.Session, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		s, err = sessionIn(tx, id)
		return err
	})
	if err != nil {
		return store.Session{}, fmt.Errorf("session %q: %w", id, err)
	}
	return s, nil
}

func sessionIn(tx *transaction, id string) (store.Session, error) {
	b := tx.Bucket(bucketSession).Get([]byte(id))
	if b == nil {
		return store.Session{}, store.ErrNotFound
	}
	s, err := rows.DecodeSession(b)
	return s, unreadable(bucketSession, id, err)
}

// LastSession implements [store.Store].
func (db *DB) LastSession(ctx context.Context) (id string, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		tx.Bucket(bucketSession).Descend(nil, func(k, _ []byte) bool {
			id = string(k)
			return false
		})
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
	err = db.view(ctx, func(tx *transaction) error {
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
func newestFirst(tx *transaction, q store.SessionQuery, each func(id string) bool) {
	walks := walksFor(tx, q)
	defer func() {
		for _, w := range walks {
			w.stop()
		}
	}()
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
func walksFor(tx *transaction, q store.SessionQuery) []*walk {
	from := func(bucket []byte, group string) *walk { return newWalk(tx.Bucket(bucket), group, q) }
	switch {
	case q.Endpoint != "" && q.Own:
		return []*walk{from(bucketSessionEndpoint, string(q.Endpoint))}
	case q.Endpoint != "":
		return []*walk{from(bucketSessionEndpoint, string(q.Endpoint)), from(bucketSessionClaimed, string(q.Endpoint))}
	case q.Identity != "": // of a device of this name there are not many
		return []*walk{from(bucketSessionIdentity, q.Identity), from(bucketSessionEndpoint, q.Identity)}
	case q.Unknown:
		return []*walk{from(bucketSessionUnknown, "")}
	case q.Failed:
		return []*walk{from(bucketSessionFailed, "")}
	}
	return []*walk{from(bucketSession, "")}
}

// A walk goes back through the entries of one group of an index.
type walk struct {
	next func() (string, bool)
	stop func()
	at   string // the ID where it is; empty at its end
}

// newWalk begins a walk at the last entry of group, of all where that is empty, that is
// older than q.Before.
func newWalk(b *bucket, group string, q store.SessionQuery) *walk {
	var prefix []byte
	if group != "" {
		prefix = pair(group, "")
	}
	bound := append(bytes.Clone(prefix), q.Before...)
	if q.Before == "" {
		bound = append(bound, 0xff)
	}
	w := new(walk)
	w.next, w.stop = iter.Pull(func(yield func(string) bool) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // it is a goroutine of its own
		b.Descend(bound, func(k, v []byte) bool {
			if !bytes.HasPrefix(k, prefix) {
				return false
			}
			return q.Own && bytes.Equal(v, markUnproved) || yield(string(k[len(prefix):]))
		})
	})
	w.back()
	return w
}

func (w *walk) id() string { return w.at }

func (w *walk) back() { w.at, _ = w.next() }
