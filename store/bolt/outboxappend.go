package bolt

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/store"
	"lwbs/store/rows"
)

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
