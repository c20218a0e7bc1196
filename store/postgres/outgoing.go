package postgres

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
)

// An outgoing is the messages that one edit appends. They are decided on before the edit writes anything: where there
// is no room for one that must not be lost, it is refused.
type outgoing struct {
	servers map[string]store.LwM2MServer // as they were read by this edit; nil before
	version version                      // of servers
	counts  map[string]*outboxCount      // by receiver, and of all by the empty name; nil before they are locked

	messages []store.Message // without numbers
	lost     map[string]int  // events that there is no room for, by receiver
	queued   map[string]int  // of messages, by receiver
	events   map[string]int  // the same, of events
	bytes    int
}

// An outboxCount is a row of outbox_count.
type outboxCount struct {
	store.OutboxCount
	last uint64 // the number of the last message; only of all
}

// sizeOf is about how many bytes the stored form of a message has, and no less.
func sizeOf(m store.Message) int {
	const beside = 512
	return base64.StdEncoding.EncodedLen(m.Body.Len()) + 3*len(m.Receiver) + 2*len(m.Endpoint) + beside
}

// receivers are the LwM2M Servers, by name, without secrets.
func (o *outgoing) receivers(ctx context.Context, tx *transaction) (map[string]store.LwM2MServer, error) {
	if o.servers != nil {
		return o.servers, nil
	}
	if err := tx.Read(ctx, one(sqlServersVersion, nil, &o.version.rev)); err != nil {
		return nil, err
	}
	return o.serversAt(ctx, tx, o.version)
}

// serversAt has o know the LwM2M Servers of a version.
func (o *outgoing) serversAt(ctx context.Context, tx *transaction, v version) (all map[string]store.LwM2MServer, err error) {
	o.version = v
	o.servers, err = tx.db.serversOf(ctx, v, func(ctx context.Context, q cluster.Query) error { return tx.Read(ctx, q) })
	return o.servers, err
}

const sqlServersVersion = "select v::bigint from meta where k = 'servers'"

// serversOf returns the LwM2M Servers of a version, which it reads where they are not remembered.
func (db *DB) serversOf(ctx context.Context, v version, read func(context.Context, cluster.Query) error) (map[string]store.LwM2MServer, error) {
	if all, have := db.servers.get(""); have == v && all != nil {
		return all, nil
	}
	all := make(map[string]store.LwM2MServer)
	err := read(ctx, cluster.Query{SQL: "select name, row from lwm2m_server", Row: func(r pgx.Rows) error {
		var name string
		var row []byte
		if err := r.Scan(&name, &row); err != nil {
			return err
		}
		if s, err := rows.DecodeLwM2MServer(nil, row); err == nil { // others are left out
			all[name] = s
		}
		return nil
	}})
	if err == nil {
		db.servers.put("", v, all)
	}
	return all, err
}

// lock locks the counts of the outbox: messages get their numbers in the order in which their edits are stored. No
// LwM2M Server is deleted from then on.
func (o *outgoing) lock(ctx context.Context, tx *transaction) error {
	if o.counts != nil {
		return nil
	}
	counts, err := tx.lockOutbox(ctx)
	var v version
	if err == nil {
		err = tx.Read(ctx, one(sqlServersVersion, nil, &v.rev))
	}
	if err == nil && v != o.version {
		err = cluster.ErrAgain
	}
	o.counts = counts
	return err
}

// lockOutbox reads and locks the counts of all receivers.
func (tx *transaction) lockOutbox(ctx context.Context) (map[string]*outboxCount, error) {
	counts := make(map[string]*outboxCount)
	err := tx.Read(ctx, one("select 1 from outbox_count where receiver = '' for update", nil, new(int)), cluster.Query{
		SQL: "select receiver, queued, events, dead, bytes, lost, last from outbox_count",
		Row: func(r pgx.Rows) error {
			c := new(outboxCount)
			err := r.Scan(&c.Receiver, &c.Queued, &c.Events, &c.Dead, &c.Bytes, &c.Lost, &c.last)
			counts[c.Receiver] = c
			return err
		},
	})
	if err == nil && counts[""] == nil {
		err = &store.UnreadableError{Bucket: "outbox_count", Err: fmt.Errorf("%w: the count of all messages is missing", store.ErrCorrupt)}
	}
	return counts, err
}

// event adds an event for those that want it. Events that there is no room for are counted as lost; removals are
// refused with ErrOutboxFull.
func (o *outgoing) event(ctx context.Context, tx *transaction, e store.Event) error {
	all, err := o.receivers(ctx, tx)
	if err != nil {
		return err
	}
	for _, s := range sortedServers(all) {
		if !e.WantedBy(s) {
			continue
		}
		if err := o.lock(ctx, tx); err != nil {
			return err
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

func (o *outgoing) of(receiver string) store.OutboxCount {
	if c := o.counts[receiver]; c != nil {
		return c.OutboxCount
	}
	return store.OutboxCount{Receiver: receiver}
}

// room reports whether m fits. Events of one receiver have a share, so that one that is away neither takes the room of
// others nor that of removals.
func (o *outgoing) room(tx *transaction, m store.Message) bool {
	limits, all := tx.db.opts, o.of("")
	waiting := 0
	for _, n := range o.queued {
		waiting += n
	}
	fits := all.Queued+uint64(waiting) < uint64(limits.Messages) && all.Bytes+uint64(o.bytes+sizeOf(m)) <= uint64(limits.MessageBytes)
	if m.Type == store.EventRemoved {
		return fits
	}
	return fits && m.Body.Len() <= store.MaxMessage && o.of(m.Receiver).Events+uint64(o.events[m.Receiver]) < uint64(limits.EventsOfReceiver) &&
		all.Events+uint64(waiting) < uint64(limits.Messages/2)
}

func sortedServers(all map[string]store.LwM2MServer) []store.LwM2MServer {
	out := make([]store.LwM2MServer, 0, len(all))
	for _, s := range all {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b store.LwM2MServer) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// removals adds what the servers are told that are to forget a device which an edit changes.
func (o *outgoing) removals(ctx context.Context, tx *transaction, old, next []store.HandedOver, reason string, at time.Time) error {
	if len(old) == 0 {
		return nil
	}
	all, err := o.receivers(ctx, tx)
	if err != nil {
		return err
	}
	for _, h := range store.Forgotten(old, next, all) {
		if err := o.event(ctx, tx, store.RemovedEvent(h, reason, at)); err != nil {
			return err
		}
	}
	return nil
}

// edited adds what follows from an edit of a record, which is zero where it is made.
func (o *outgoing) edited(ctx context.Context, tx *transaction, old, next store.Device) error {
	reason := store.RemovedChanged
	disabled := next.Disabled && !old.Disabled
	if disabled {
		reason = store.RemovedDisabled
	}
	if err := o.removals(ctx, tx, old.HandedOver, next.HandedOver, reason, next.Updated); err != nil || !disabled || old.Revision == 0 {
		return err
	}
	return o.event(ctx, tx, store.DeviceEvent(store.EventDisabled, next, next.Updated))
}

// deleted adds what follows from the end of a record.
func (o *outgoing) deleted(ctx context.Context, tx *transaction, old store.Device) error {
	if old.Endpoint == "" { // it could not be read
		return nil
	}
	at := now()
	if err := o.removals(ctx, tx, old.HandedOver, nil, store.RemovedDeleted, at); err != nil {
		return err
	}
	return o.event(ctx, tx, store.DeviceEvent(store.EventDeleted, old, at))
}

// append numbers the messages and appends them.
func (o *outgoing) append(tx *transaction) error {
	for _, m := range o.messages {
		if err := tx.queue(o.counts[""], m); err != nil {
			return err
		}
	}
	for receiver, n := range o.lost {
		tx.addOutbox(receiver, store.OutboxCount{Lost: uint64(n)}, 1)
	}
	return nil
}

// queue gives a message the next number and appends it. All are the counts of all, which are locked.
func (tx *transaction) queue(all *outboxCount, m store.Message) error {
	all.last++
	m.ID = store.MessageID(all.last)
	row, err := rows.EncodeMessage(tx.db.keyring, m)
	if err != nil {
		return err
	}
	tx.Write("insert into outbox (id, receiver, endpoint, dead, event, size, row) values ($1, $2, $3, false, $4, $5, $6)",
		int64(m.ID), m.Receiver, text(string(m.Endpoint)), m.Type != store.EventRemoved, len(row), row)
	tx.Write("update outbox_count set last = greatest(last, $1) where receiver = ''", int64(m.ID))
	c := store.OutboxCount{Queued: 1, Bytes: uint64(len(row))}
	if m.Type != store.EventRemoved {
		c.Events = 1
	}
	tx.addOutbox(m.Receiver, c, 1)
	tx.appended = true
	return nil
}

// addOutbox adds, or with -1 subtracts, the counts of a receiver, there and of all.
func (tx *transaction) addOutbox(receiver string, c store.OutboxCount, sign int64) {
	for _, name := range []string{receiver, ""} {
		tx.Write(`insert into outbox_count as c (receiver, queued, events, dead, bytes, lost) values ($1, $2, $3, $4, $5, $6) on conflict (receiver) do update
			set queued = c.queued + $2, events = c.events + $3, dead = c.dead + $4, bytes = c.bytes + $5, lost = c.lost + $6`,
			name, sign*int64(c.Queued), sign*int64(c.Events), sign*int64(c.Dead), sign*int64(c.Bytes), sign*int64(c.Lost))
	}
}

// AppendEvent implements [store.Store].
func (db *DB) AppendEvent(ctx context.Context, e store.Event) (n int, err error) {
	err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		n = 0
		var o outgoing
		if e.Once != "" {
			until := int64(0)
			if err := tx.Read(ctx, one("select until from outbox_told where once = $1 for update", []any{[]byte(e.Once)}, &until)); err != nil || until > nanoseconds(e.At) {
				return err
			}
		}
		if err := o.event(ctx, tx, e); err != nil {
			return err
		}
		if n = len(o.messages); e.Once != "" && n > 0 {
			tx.Write("insert into outbox_told (once, until) values ($1, $2) on conflict (once) do update set until = excluded.until", []byte(e.Once), nanoseconds(e.Until))
		}
		return o.append(tx)
	})
	if err != nil {
		return 0, fmt.Errorf("append event %s: %w", e.Type, err)
	}
	return n, nil
}

// sessionEvent adds the event that a session makes. Series are the failures of devices of which an event told last;
// what changes of them is written.
func (o *outgoing) sessionEvent(ctx context.Context, tx *transaction, s store.Session, series map[string][]byte) error {
	key := text(string(s.Endpoint))
	old := series[key]
	var before *store.FailureSeries
	if old != nil {
		before = new(store.FailureSeries)
		if json.Unmarshal(old, before) != nil {
			before = nil
		}
	}
	e, told, next := store.EventOf(s, before, time.Now())
	if told {
		if err := o.event(ctx, tx, e); err != nil {
			return err
		}
	}
	row, err := json.Marshal(next)
	switch {
	case err != nil:
		return err
	case next == nil && old == nil, string(row) == string(old):
		return nil
	case next == nil:
		tx.Write("delete from failure_series where endpoint = $1", key)
		delete(series, key)
		return nil
	}
	series[key] = row
	tx.Write("insert into failure_series (endpoint, row) values ($1, $2) on conflict (endpoint) do update set row = excluded.row", key, row)
	return nil
}
