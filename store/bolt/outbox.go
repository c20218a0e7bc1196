package bolt

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows"
)

// messageKey is that of a message in bucketOutbox and bucketOutboxDead.
func messageKey(receiver string, id store.MessageID) []byte {
	return binary.BigEndian.AppendUint64(pair(receiver, ""), uint64(id))
}

// receiverOf is the receiver in the key of a message; ok is false for what is none.
func receiverOf(key []byte) (receiver string, ok bool) {
	end := len(key) - 9
	if end < 1 || key[end] != 0 {
		return "", false
	}
	return string(key[:end]), true
}

// allReceivers is the key of the count of all messages, which no receiver can have as its name.
const allReceivers = "\x00"

// outboxCount reads the count of one receiver, or of all.
func outboxCount(tx *transaction, receiver string) store.OutboxCount {
	c, ok := decodeOutboxCount(receiver, tx.Bucket(bucketOutboxCount).Get([]byte(receiver)))
	if !ok && receiver == allReceivers {
		return countedOutbox(tx)[allReceivers]
	}
	if !ok && tx.Bucket(bucketOutboxCount).Get([]byte(receiver)) != nil {
		return countedOutbox(tx)[receiver]
	}
	return c
}

// countedOutbox counts what there is, by receiver, and under allReceivers of all.
func countedOutbox(tx *transaction) map[string]store.OutboxCount {
	return countOutbox(func(bucket []byte, each func(k, v []byte) bool) { tx.Bucket(bucket).Ascend(nil, each) })
}

// countOutbox is countedOutbox by any way to go over buckets.
func countOutbox(ascend func(bucket []byte, each func(k, v []byte) bool)) map[string]store.OutboxCount {
	all := map[string]store.OutboxCount{allReceivers: {}}
	for _, bucket := range [][]byte{bucketOutbox, bucketOutboxDead} {
		ascend(bucket, func(key, row []byte) bool {
			receiver, ok := receiverOf(key)
			if !ok {
				return true
			}
			m, err := rows.DecodeMessage(nil, row)
			for _, name := range []string{receiver, allReceivers} {
				c := all[name]
				c.Receiver = name
				if bytes.Equal(bucket, bucketOutboxDead) {
					c.Dead++
				} else {
					c.Queued++
					if err == nil && m.Type != store.EventRemoved {
						c.Events++
					}
				}
				c.Bytes += uint64(len(key) + len(row))
				all[name] = c
			}
			return true
		})
	}
	return all
}

// recountOutbox sets the counts of the outbox to what there is. What was lost stays.
func recountOutbox(tx *transaction) error {
	want := countedOutbox(tx)
	tx.Bucket(bucketOutboxCount).Ascend(nil, func(k, _ []byte) bool {
		if _, found := want[string(k)]; !found {
			want[string(k)] = store.OutboxCount{Receiver: string(k)}
		}
		return true
	})
	var errs []error
	for receiver, c := range want {
		old, _ := decodeOutboxCount(receiver, tx.Bucket(bucketOutboxCount).Get([]byte(receiver)))
		c.Receiver, c.Lost = receiver, old.Lost
		if old != c {
			errs = append(errs, tx.Bucket(bucketOutboxCount).Put([]byte(receiver), encodeOutboxCount(c)))
		}
	}
	return errors.Join(errs...)
}

const outboxCountSize = 5 * 8

func encodeOutboxCount(c store.OutboxCount) []byte {
	var b []byte
	for _, n := range []uint64{c.Queued, c.Events, c.Dead, c.Bytes, c.Lost} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return withSum(b)
}

func decodeOutboxCount(receiver string, b []byte) (c store.OutboxCount, ok bool) {
	c.Receiver = receiver
	if len(b) < outboxCountSize || !bytes.Equal(b, withSum(b[:outboxCountSize])) {
		return c, false
	}
	for i, n := range []*uint64{&c.Queued, &c.Events, &c.Dead, &c.Bytes, &c.Lost} {
		*n = binary.BigEndian.Uint64(b[8*i:])
	}
	return c, true
}

// addOutbox changes the counts of a receiver and of all by what add does.
func addOutbox(tx *transaction, receiver string, add func(*store.OutboxCount)) error {
	var errs []error
	for _, name := range []string{receiver, allReceivers} {
		c := outboxCount(tx, name)
		add(&c)
		errs = append(errs, tx.Bucket(bucketOutboxCount).Put([]byte(name), encodeOutboxCount(c)))
	}
	return errors.Join(errs...)
}

// less is n-m, and zero where that would be below.
func less(n, m uint64) uint64 { return n - min(n, m) }

// receivers are the LwM2M Servers, by name, without secrets. Those that cannot be read are left out.
func (t *transaction) receivers() map[string]store.LwM2MServer {
	if t.servers == nil {
		t.servers = make(map[string]store.LwM2MServer)
		t.Bucket(bucketLwM2MServer).Ascend(nil, func(k, row []byte) bool {
			if s, err := rows.DecodeLwM2MServer(nil, row); err == nil {
				t.servers[string(k)] = s
			}
			return true
		})
	}
	return t.servers
}

// An outgoing is the messages that one edit appends. They are decided on before the edit changes anything:
// where there is no room for one that must not be lost, it is refused.
type outgoing struct {
	messages []store.Message // without numbers
	lost     map[string]int  // events that there is no room for, by receiver
	queued   map[string]int  // of messages, by receiver
	events   map[string]int  // the same, of events
	bytes    int
}

// sizeOf is about how many bytes the stored form of a message has, and no less.
func sizeOf(m store.Message) int {
	const beside = 512
	return base64.StdEncoding.EncodedLen(m.Body.Len()) + 3*len(m.Receiver) + 2*len(m.Endpoint) + beside
}

// event adds an event for those that want it. Events that there is no room for are counted as lost;
// removals are refused with ErrOutboxFull.
func (o *outgoing) event(tx *transaction, e store.Event) error {
	for _, s := range sortedServers(tx.receivers()) {
		if !e.WantedBy(s) {
			continue
		}
		m, err := e.MessageTo(s.Name)
		if err != nil {
			return err
		}
		if o.queued == nil {
			o.queued, o.events, o.lost = make(map[string]int), make(map[string]int), make(map[string]int)
		}
		removal := m.Type == store.EventRemoved
		switch room := o.room(tx, m); {
		case !room && removal:
			return fmt.Errorf("%w: LwM2M Server %q is to forget device %q, and there is no room to note that: deliver or drop what waits (lwbs outbox list), or let the server keep its devices (lwbs lwm2m-server set %s --on-delete keep)",
				store.ErrOutboxFull, s.Name, m.Endpoint, s.Name)
		case !room:
			o.lost[s.Name]++
		default:
			o.messages = append(o.messages, m)
			o.queued[s.Name]++
			o.bytes += sizeOf(m)
			if !removal {
				o.events[s.Name]++
			}
		}
	}
	return nil
}

// room reports whether m fits. Events of one receiver have a share, so that one that is away neither
// takes the room of others nor that of removals.
func (o *outgoing) room(tx *transaction, m store.Message) bool {
	limits := tx.db.opts
	all := outboxCount(tx, allReceivers)
	waiting := 0
	for _, n := range o.queued {
		waiting += n
	}
	fits := all.Queued+uint64(waiting) < uint64(limits.Messages) &&
		all.Bytes+uint64(o.bytes+sizeOf(m)) <= uint64(limits.MessageBytes)
	if m.Type == store.EventRemoved {
		return fits
	}
	own := outboxCount(tx, m.Receiver)
	return fits && m.Body.Len() <= store.MaxMessage && own.Events+uint64(o.events[m.Receiver]) < uint64(limits.EventsOfReceiver) &&
		all.Events+uint64(waiting) < uint64(limits.Messages/2)
}

func sortedServers(all map[string]store.LwM2MServer) []store.LwM2MServer {
	out := make([]store.LwM2MServer, 0, len(all))
	for _, s := range all {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b store.LwM2MServer) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return out
}

// removals adds what the servers are told that are to forget a device which an edit changes.
func (o *outgoing) removals(tx *transaction, old, next []store.HandedOver, reason string, at time.Time) error {
	if len(old) == 0 {
		return nil
	}
	for _, h := range store.Forgotten(old, next, tx.receivers()) {
		if err := o.event(tx, store.RemovedEvent(h, reason, at)); err != nil {
			return err
		}
	}
	return nil
}

// edited adds what follows from an edit of a record, which is zero where it is made.
func (o *outgoing) edited(tx *transaction, old, next store.Device) error {
	reason := store.RemovedChanged
	disabled := next.Disabled && !old.Disabled
	if disabled {
		reason = store.RemovedDisabled
	}
	if err := o.removals(tx, old.HandedOver, next.HandedOver, reason, next.Updated); err != nil || !disabled || old.Revision == 0 {
		return err
	}
	return o.event(tx, store.DeviceEvent(store.EventDisabled, next, next.Updated))
}

// deleted adds what follows from the end of a record.
func (o *outgoing) deleted(tx *transaction, old store.Device) error {
	if old.Endpoint == "" { // it could not be read
		return nil
	}
	at := time.Now().UTC().Round(0)
	if err := o.removals(tx, old.HandedOver, nil, store.RemovedDeleted, at); err != nil {
		return err
	}
	return o.event(tx, store.DeviceEvent(store.EventDeleted, old, at))
}

// append numbers the messages and appends them.
func (o *outgoing) append(tx *transaction) error {
	b := tx.Bucket(bucketOutbox)
	for _, m := range o.messages {
		var err error
		if m.ID, err = nextMessage(tx); err != nil {
			return err
		}
		row, err := rows.EncodeMessage(tx.db.keyring, m)
		if err != nil {
			return err
		}
		key := messageKey(m.Receiver, m.ID)
		err = addOutbox(tx, m.Receiver, func(c *store.OutboxCount) {
			c.Queued++
			c.Bytes += uint64(len(key) + len(row))
			if m.Type != store.EventRemoved {
				c.Events++
			}
		})
		if err = errors.Join(err, b.Put(key, row)); err != nil {
			return err
		}
		tx.appended = true
	}
	for receiver, n := range o.lost {
		if err := addOutbox(tx, receiver, func(c *store.OutboxCount) { c.Lost += uint64(n) }); err != nil {
			return err
		}
	}
	return nil
}

// nextMessage returns the number of the next message. Where the last one is not known, such as in a
// salvaged file, it is the highest that a message has.
func nextMessage(tx *transaction) (store.MessageID, error) {
	last, ok := countOf(tx.Bucket(bucketMeta).Get(keyLastMessage))
	if !ok {
		for _, bucket := range [][]byte{bucketOutbox, bucketOutboxDead} {
			tx.Bucket(bucket).Ascend(nil, func(k, _ []byte) bool {
				if _, ok := receiverOf(k); ok {
					last = max(last, binary.BigEndian.Uint64(k[len(k)-8:]))
				}
				return true
			})
		}
	}
	return store.MessageID(last + 1), setCount(tx, keyLastMessage, last+1)
}

// message reads one that waits, or a dead letter.
func (db *DB) message(tx *transaction, id store.MessageID) (m store.Message, bucket, key []byte, size int, err error) {
	var receivers []string
	tx.Bucket(bucketOutboxCount).Ascend(nil, func(k, _ []byte) bool {
		receivers = append(receivers, string(k))
		return true
	})
	for _, receiver := range receivers {
		key := messageKey(receiver, id)
		for _, bucket := range [][]byte{bucketOutbox, bucketOutboxDead} {
			row := tx.Bucket(bucket).Get(key)
			if row == nil {
				continue
			}
			m, err := rows.DecodeMessage(db.keyring, row)
			if err == nil && (m.ID != id || m.Receiver != receiver) {
				err = fmt.Errorf("%w: it is message %v for %q", store.ErrCorrupt, m.ID, m.Receiver)
			}
			if err != nil {
				err = unreadable(bucketOutbox, id.String(), err)
			}
			return m, bucket, key, len(key) + len(row), err
		}
	}
	return m, nil, nil, 0, store.ErrNotFound
}

// dropMessage removes a message whose place in the file message has told.
func dropMessage(tx *transaction, m store.Message, receiver string, bucket, key []byte, size int) error {
	err := addOutbox(tx, receiver, func(c *store.OutboxCount) {
		c.Bytes = less(c.Bytes, uint64(size))
		if bytes.Equal(bucket, bucketOutboxDead) {
			c.Dead = less(c.Dead, 1)
			return
		}
		c.Queued = less(c.Queued, 1)
		if m.Type != store.EventRemoved {
			c.Events = less(c.Events, 1)
		}
	})
	return errors.Join(err, tx.Bucket(bucket).Delete(key))
}

// Message implements [store.Store].
func (db *DB) Message(ctx context.Context, id store.MessageID) (m store.Message, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		m, _, _, _, err = db.message(tx, id)
		return err
	})
	if err != nil {
		return store.Message{}, fmt.Errorf("message %v: %w", id, err)
	}
	return m, nil
}

// Messages implements [store.Store].
func (db *DB) Messages(ctx context.Context, q store.MessageQuery) (page []store.Message, err error) {
	bucket, limit := bucketOutbox, pageLimit(q.Limit)
	if q.Dead {
		bucket = bucketOutboxDead
	}
	var prefix, start []byte
	if q.Receiver != "" {
		prefix = pair(q.Receiver, "")
	}
	if q.After.Receiver != "" {
		start = append(messageKey(q.After.Receiver, q.After.ID), 0)
	}
	err = db.view(ctx, func(tx *transaction) (failed error) {
		if bytes.Compare(start, prefix) < 0 {
			start = prefix
		}
		tx.Bucket(bucket).Ascend(start, func(k, row []byte) bool {
			if !bytes.HasPrefix(k, prefix) {
				return false
			}
			m, err := rows.DecodeMessage(db.keyring, row)
			switch {
			case err != nil && db.skips(unreadable(bucketOutbox, string(k), err)):
			case err != nil:
				failed = err
			case q.Endpoint == "" || q.Endpoint == m.Endpoint:
				page = append(page, m)
			}
			return failed == nil && len(page) < limit && ctx.Err() == nil
		})
		return errors.Join(failed, ctx.Err())
	})
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	return page, nil
}

// PutMessage implements [store.Store].
func (db *DB) PutMessage(ctx context.Context, m store.Message) error {
	row, err := rows.EncodeMessage(db.keyring, m)
	if err == nil {
		err = db.edit(ctx, func(tx *transaction) (refused, failed error) {
			key := messageKey(m.Receiver, m.ID)
			old := tx.Bucket(bucketOutbox).Get(key)
			if old == nil {
				return store.ErrNotFound, nil
			}
			size := uint64(len(key) + len(old))
			failed = addOutbox(tx, m.Receiver, func(c *store.OutboxCount) {
				c.Bytes = less(c.Bytes, size) + uint64(len(key)+len(row))
			})
			if m.Dead.IsZero() {
				return nil, errors.Join(failed, tx.Bucket(bucketOutbox).Put(key, row))
			}
			failed = errors.Join(failed, addOutbox(tx, m.Receiver, func(c *store.OutboxCount) {
				c.Queued, c.Dead = less(c.Queued, 1), c.Dead+1
				if m.Type != store.EventRemoved {
					c.Events = less(c.Events, 1)
				}
			}))
			return nil, errors.Join(failed, tx.Bucket(bucketOutbox).Delete(key), tx.Bucket(bucketOutboxDead).Put(key, row), db.pruneDead(tx, m.Receiver))
		})
	}
	if err != nil {
		return fmt.Errorf("put message %v: %w", m.ID, err)
	}
	return nil
}

// pruneDead removes the oldest dead letters of a receiver above the limit.
func (db *DB) pruneDead(tx *transaction, receiver string) error {
	for n := outboxCount(tx, receiver).Dead; n > uint64(db.opts.DeadLetters); n-- {
		var key []byte
		size := 0
		tx.Bucket(bucketOutboxDead).Ascend(pair(receiver, ""), func(k, row []byte) bool {
			if bytes.HasPrefix(k, pair(receiver, "")) {
				key, size = bytes.Clone(k), len(k)+len(row)
			}
			return false
		})
		if key == nil {
			return nil
		}
		err := errors.Join(
			dropMessage(tx, store.Message{}, receiver, bucketOutboxDead, key, size),
			addOutbox(tx, receiver, func(c *store.OutboxCount) { c.Lost++ }))
		if err != nil {
			return err
		}
	}
	return nil
}

// dropDeadLetters removes all dead letters of a receiver, for which no messages wait, and its count.
func dropDeadLetters(tx *transaction, receiver string) error {
	type found struct {
		key  []byte
		size int
	}
	var all []found
	tx.Bucket(bucketOutboxDead).Ascend(pair(receiver, ""), func(k, row []byte) bool {
		if !bytes.HasPrefix(k, pair(receiver, "")) {
			return false
		}
		all = append(all, found{bytes.Clone(k), len(k) + len(row)})
		return true
	})
	for _, f := range all {
		if err := dropMessage(tx, store.Message{}, receiver, bucketOutboxDead, f.key, f.size); err != nil {
			return err
		}
	}
	return tx.Bucket(bucketOutboxCount).Delete([]byte(receiver))
}

// RequeueMessage implements [store.Store].
func (db *DB) RequeueMessage(ctx context.Context, id store.MessageID) (kept store.Message, err error) {
	err = db.edit(ctx, func(tx *transaction) (refused, failed error) {
		m, bucket, key, size, err := db.message(tx, id)
		if err != nil {
			return err, nil
		}
		if bytes.Equal(bucket, bucketOutboxDead) && outboxCount(tx, allReceivers).Queued >= uint64(db.opts.Messages) {
			return store.ErrOutboxFull, nil
		}
		next, err := nextMessage(tx)
		if err != nil {
			return nil, err
		}
		fresh := store.Message{
			ID: next, Receiver: m.Receiver, Endpoint: m.Endpoint, Type: m.Type, Body: m.Body,
			Queued: time.Now().UTC().Round(0), Tried: m.Tried, Error: m.Error,
		}
		row, err := rows.EncodeMessage(db.keyring, fresh)
		if err != nil {
			return nil, err
		}
		kept = fresh
		tx.appended = true
		to := messageKey(m.Receiver, fresh.ID)
		return nil, errors.Join(
			dropMessage(tx, m, m.Receiver, bucket, key, size),
			addOutbox(tx, m.Receiver, func(c *store.OutboxCount) {
				c.Queued, c.Bytes = c.Queued+1, c.Bytes+uint64(len(to)+len(row))
				if m.Type != store.EventRemoved {
					c.Events++
				}
			}),
			tx.Bucket(bucketOutbox).Put(to, row))
	})
	if err != nil {
		return store.Message{}, fmt.Errorf("requeue message %v: %w", id, err)
	}
	return kept, nil
}

// DeleteMessage implements [store.Store].
func (db *DB) DeleteMessage(ctx context.Context, id store.MessageID) error {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		m, bucket, key, size, err := db.message(tx, id)
		if err != nil && (key == nil || !errors.Is(err, store.ErrCorrupt)) { // the way to be rid of a damaged one
			return err, nil
		}
		receiver, _ := receiverOf(key)
		return nil, dropMessage(tx, m, receiver, bucket, key, size)
	})
	if err != nil {
		return fmt.Errorf("delete message %v: %w", id, err)
	}
	return nil
}

// OutboxCounts implements [store.Store].
func (db *DB) OutboxCounts(ctx context.Context) (all []store.OutboxCount, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		tx.Bucket(bucketOutboxCount).Ascend(nil, func(k, _ []byte) bool {
			if string(k) != allReceivers {
				all = append(all, outboxCount(tx, string(k)))
			}
			return true
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count messages: %w", err)
	}
	return all, nil
}

// MessagesAppended implements [store.Store].
func (db *DB) MessagesAppended() <-chan struct{} { return db.appended }

// tellAppended has what reads the outbox look for messages.
func (db *DB) tellAppended() {
	select {
	case db.appended <- struct{}{}:
	default: // it is about to look
	}
}

// AppendEvent implements [store.Store].
func (db *DB) AppendEvent(ctx context.Context, e store.Event) (n int, err error) {
	err = db.edit(ctx, func(tx *transaction) (refused, failed error) {
		n = 0
		var o outgoing
		if e.Once != "" && wasTold(tx, e) {
			return nil, nil
		}
		if err := o.event(tx, e); err != nil {
			return err, nil
		}
		n = len(o.messages)
		if failed = o.append(tx); e.Once != "" && n > 0 {
			failed = errors.Join(failed, noteTold(tx, e))
		}
		return nil, failed
	})
	if err != nil {
		return 0, fmt.Errorf("append event %s: %w", e.Type, err)
	}
	return n, nil
}

// A told is what is noted of an event that is told once only.
type told struct {
	Until time.Time `json:"until"`
}

// Prefixes of keys in bucketOutboxTold.
const (
	toldOnce   = "once"
	toldSeries = "series" // of failures, by endpoint
)

func wasTold(tx *transaction, e store.Event) bool {
	var t told
	b := tx.Bucket(bucketOutboxTold).Get(pair(toldOnce, e.Once))
	return b != nil && json.Unmarshal(b, &t) == nil && e.At.Before(t.Until)
}

// noteTold notes that e was told, and forgets some of those whose time has passed.
func noteTold(tx *transaction, e store.Event) error {
	const looked = 100
	b := tx.Bucket(bucketOutboxTold)
	var past [][]byte
	n := 0
	from := append(pair(toldOnce, e.Once), 0)
	underPrefix(b, pair(toldOnce, ""), from, func(k []byte) bool {
		var t told
		if json.Unmarshal(b.Get(k), &t) != nil || !e.At.Before(t.Until) {
			past = append(past, bytes.Clone(k))
		}
		n++
		return n < looked
	})
	row, err := json.Marshal(told{e.Until.UTC()})
	for _, k := range past {
		err = errors.Join(err, b.Delete(k))
	}
	return errors.Join(err, b.Put(pair(toldOnce, e.Once), row))
}

// sessionEvents adds the event that a session makes, and returns what is noted of the failures of its
// device then.
func (o *outgoing) sessionEvents(tx *transaction, s store.Session) (note func() error, err error) {
	b, key := tx.Bucket(bucketOutboxTold), pair(toldSeries, string(s.Endpoint))
	none := func() error { return nil }
	if !slices.ContainsFunc(sortedServers(tx.receivers()), func(r store.LwM2MServer) bool {
		return slices.Contains(r.Events, store.EventBootstrapped) || slices.Contains(r.Events, store.EventFailed)
	}) {
		return none, nil
	}
	var series *store.FailureSeries
	old := b.Get(key)
	if old != nil {
		series = new(store.FailureSeries)
		if json.Unmarshal(old, series) != nil {
			series = nil
		}
	}
	e, told, next := store.EventOf(s, series, time.Now())
	if told {
		if err := o.event(tx, e); err != nil {
			return none, err
		}
	}
	return func() error {
		switch row, err := json.Marshal(next); {
		case next == nil && old == nil, err == nil && bytes.Equal(row, old):
			return nil
		case next == nil:
			return b.Delete(key)
		default:
			return errors.Join(err, b.Put(key, row))
		}
	}, nil
}

// DevicesHandedOver implements [store.Store].
func (db *DB) DevicesHandedOver(ctx context.Context, server, identity string, limit int) (names []lwm2m.EndpointName, err error) {
	prefix := pair(server, "")
	if identity != "" {
		prefix = pair(string(pair(server, identity)), "")
	}
	err = db.view(ctx, func(tx *transaction) error {
		underPrefix(tx.Bucket(bucketDeviceHandedOver), prefix, nil, func(k []byte) bool {
			name := lwm2m.EndpointName(k[bytes.LastIndexByte(k, 0)+1:])
			d, err := db.device(tx, name)
			is := func(h store.HandedOver) bool {
				return h.Server == server && (identity == "" || h.Identity == identity)
			}
			if err == nil && slices.ContainsFunc(d.HandedOver, is) && !slices.Contains(names, name) {
				names = append(names, name)
			}
			return len(names) < limit && ctx.Err() == nil
		})
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list devices handed over to %q: %w", server, err)
	}
	return names, nil
}
