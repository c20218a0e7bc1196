package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"

	"lwbs/store"
	"lwbs/store/rows"
)

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
