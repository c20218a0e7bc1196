package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
)

// A messageRow is a row of the outbox.
type messageRow struct {
	id, size    int64
	receiver    string
	dead, event bool
	row         []byte
}

const sqlMessage = "select id, receiver, dead, event, size, row from outbox where id = $1"

func (m *messageRow) columns() []any {
	return []any{&m.id, &m.receiver, &m.dead, &m.event, &m.size, &m.row}
}

// counts are what the message adds to the counts.
func (m *messageRow) counts() store.OutboxCount {
	c := store.OutboxCount{Bytes: uint64(m.size)}
	switch {
	case m.dead:
		c.Dead = 1
	case m.event:
		c.Queued, c.Events = 1, 1
	default:
		c.Queued = 1
	}
	return c
}

func (db *DB) decodeMessage(m messageRow) (store.Message, error) {
	decoded, err := rows.DecodeMessage(db.keyring, m.row)
	if err == nil && (int64(decoded.ID) != m.id || decoded.Receiver != m.receiver) {
		err = fmt.Errorf("%w: it is message %v for %q", store.ErrCorrupt, decoded.ID, decoded.Receiver)
	}
	return decoded, unreadable(store.KindMessage, strconv.FormatInt(m.id, 10), err)
}

// Message implements [store.Store].
func (db *DB) Message(ctx context.Context, id store.MessageID) (store.Message, error) {
	var found messageRow
	err := db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return notFound(q.QueryRow(ctx, sqlMessage, int64(id)).Scan(found.columns()...))
	})
	var m store.Message
	if err == nil {
		m, err = db.decodeMessage(found)
	}
	if err != nil {
		return store.Message{}, fmt.Errorf("message %v: %w", id, err)
	}
	return m, nil
}

// Messages implements [store.Store].
func (db *DB) Messages(ctx context.Context, q store.MessageQuery) (page []store.Message, err error) {
	limit, after := pageLimit(q.Limit), q.After
	for more := true; more && err == nil && len(page) < limit; {
		var c condition
		c.and("dead = ?", q.Dead)
		if q.Receiver != "" {
			c.and("receiver = ?", text(q.Receiver))
		}
		if q.Endpoint != "" {
			c.and("endpoint = ?", text(string(q.Endpoint)))
		}
		if after.Receiver != "" {
			c.args = append(c.args, text(after.Receiver), int64(after.ID))
			c.parts = append(c.parts, fmt.Sprintf("(receiver, id) > ($%d, $%d)", len(c.args)-1, len(c.args)))
		}
		asked := limit - len(page)
		var found []messageRow
		err = db.link.View(ctx, func(ctx context.Context, r cluster.Reader) (err error) {
			found, err = collect(ctx, r, "select id, receiver, dead, event, size, row from outbox where "+c.String()+" order by receiver, id limit "+strconv.Itoa(asked), c.args,
				func(rows pgx.Rows) (m messageRow, err error) { return m, rows.Scan(m.columns()...) })
			return err
		})
		for _, f := range found {
			after = store.MessageCursor{Receiver: f.receiver, ID: store.MessageID(f.id)}
			m, wrong := db.decodeMessage(f)
			switch {
			case db.skips(wrong):
			case wrong != nil:
				err = errors.Join(err, wrong)
			default:
				page = append(page, m)
			}
		}
		more = len(found) == asked
	}
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	return page, nil
}

// lockMessage reads and locks the counts of the outbox, and a message.
func (tx *transaction) lockMessage(ctx context.Context, id store.MessageID) (all *outboxCount, counts map[string]*outboxCount, m messageRow, err error) {
	if counts, err = tx.lockOutbox(ctx); err != nil {
		return nil, nil, m, err
	}
	if err = tx.Read(ctx, one(sqlMessage, []any{int64(id)}, m.columns()...)); err == nil && m.id == 0 {
		err = store.ErrNotFound
	}
	return counts[""], counts, m, err
}

// drop removes a message.
func (tx *transaction) drop(m messageRow) {
	tx.Write("delete from outbox where id = $1", m.id)
	tx.addOutbox(m.receiver, m.counts(), -1)
}

// PutMessage implements [store.Store].
func (db *DB) PutMessage(ctx context.Context, m store.Message) error {
	row, err := rows.EncodeMessage(db.keyring, m)
	if err == nil {
		err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
			_, counts, old, err := tx.lockMessage(ctx, m.ID)
			if err == nil && (old.dead || old.receiver != m.Receiver) {
				err = store.ErrNotFound
			}
			if err != nil {
				return err
			}
			next := old
			next.dead, next.size = !m.Dead.IsZero(), int64(len(row))
			tx.Write("update outbox set dead = $2, size = $3, row = $4 where id = $1", next.id, next.dead, next.size, row)
			tx.addOutbox(m.Receiver, old.counts(), -1)
			tx.addOutbox(m.Receiver, next.counts(), 1)
			if !next.dead {
				return nil
			}
			return tx.pruneDead(ctx, m.Receiver, counts[m.Receiver])
		})
	}
	if err != nil {
		return fmt.Errorf("put message %v: %w", m.ID, err)
	}
	return nil
}

// pruneDead removes the oldest dead letters of a receiver above the limit, to which one is added.
func (tx *transaction) pruneDead(ctx context.Context, receiver string, c *outboxCount) error {
	above := int(c.Dead) + 1 - tx.db.opts.DeadLetters
	if above <= 0 {
		return nil
	}
	return tx.Read(ctx, cluster.Query{
		SQL:  "select id, receiver, dead, event, size, row from outbox where receiver = $1 and dead order by id limit $2",
		Args: []any{receiver, above},
		Row: func(r pgx.Rows) error {
			var m messageRow
			if err := r.Scan(m.columns()...); err != nil {
				return err
			}
			tx.drop(m)
			tx.addOutbox(receiver, store.OutboxCount{Lost: 1}, 1)
			return nil
		},
	})
}

// RequeueMessage implements [store.Store].
func (db *DB) RequeueMessage(ctx context.Context, id store.MessageID) (kept store.Message, err error) {
	err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		all, _, old, err := tx.lockMessage(ctx, id)
		var m store.Message
		if err == nil {
			m, err = db.decodeMessage(old)
		}
		if err == nil && old.dead && all.Queued >= uint64(db.opts.Messages) {
			err = store.ErrOutboxFull
		}
		if err != nil {
			return err
		}
		kept = store.Message{Receiver: m.Receiver, Endpoint: m.Endpoint, Type: m.Type, Body: m.Body, Queued: now(), Tried: m.Tried, Error: m.Error}
		tx.drop(old)
		if err := tx.queue(all, kept); err != nil {
			return err
		}
		kept.ID = store.MessageID(all.last)
		return nil
	})
	if err != nil {
		return store.Message{}, fmt.Errorf("requeue message %v: %w", id, err)
	}
	return kept, nil
}

// DeleteMessage implements [store.Store].
func (db *DB) DeleteMessage(ctx context.Context, id store.MessageID) error {
	err := db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		_, _, m, err := tx.lockMessage(ctx, id)
		if err != nil {
			return err
		}
		tx.drop(m)
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete message %v: %w", id, err)
	}
	return nil
}

// OutboxCounts implements [store.Store].
func (db *DB) OutboxCounts(ctx context.Context) (all []store.OutboxCount, err error) {
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		all, err = collect(ctx, q, "select receiver, queued, events, dead, bytes, lost from outbox_count where receiver <> '' order by receiver", nil, func(rows pgx.Rows) (c store.OutboxCount, err error) {
			return c, rows.Scan(&c.Receiver, &c.Queued, &c.Events, &c.Dead, &c.Bytes, &c.Lost)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count messages: %w", err)
	}
	return all, nil
}
