package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
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
