package bolt

import (
	"bytes"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"lwbs/store"
	"lwbs/store/bolt/pages"
)

// A transaction is one of bbolt that knows what it was asked for, so that it can say which
// page was damaged, and that changes nothing whose pages it has not looked at: bbolt would
// carry what is wrong with a page into others, or give away pages that are in use.
type transaction struct {
	*bbolt.Tx
	db    *DB
	trees map[string]pages.Tree // as they were when it began; by bucket; nil until one is asked for
	pages *pages.Checker        // nil until something is changed

	asked  [4]question // the last ones, by their numbers
	number int         // of the next one
}

// A question is what was looked up.
type question struct {
	bucket string
	key    []byte
}

// over returns the transaction over one of bbolt.
func (db *DB) over(tx *bbolt.Tx) *transaction {
	return &transaction{Tx: tx, db: db}
}

// tree returns the pages of a bucket as they were when the transaction began.
func (t *transaction) tree(name string) (pages.Tree, error) {
	if t.trees == nil {
		names := pages.Names(t.db.pages, uint64(t.Size())/uint64(t.db.pages.PageSize()), uint64(t.Cursor().Bucket().Root()))
		trees, err := names.Trees()
		if err != nil {
			return pages.Tree{}, damaged(name, "", err)
		}
		t.trees = trees
	}
	tree, found := t.trees[name]
	if !found {
		return tree, damaged(name, "", errors.New("it is missing"))
	}
	return tree, nil
}

// damaged says that the pages of a bucket cannot be read, over err.
func damaged(bucket, key string, err error) *store.UnreadableError {
	part := &store.UnreadableError{Bucket: bucket, Key: key}
	var page *pages.Error
	if errors.As(err, &page) {
		part.Page, err = page.Page, errors.New("it "+page.Reason)
	}
	part.Err = fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	return part
}

// check looks at the pages on the way to a key.
func (t *transaction) check(bucket string, key []byte) error {
	tree, err := t.tree(bucket)
	if err != nil {
		return err
	}
	if err := tree.Check(key); err != nil {
		return damaged(bucket, string(key), err)
	}
	return nil
}

// change looks at the pages that putting or removing a key may change.
func (t *transaction) change(bucket string, key []byte, remove bool) error {
	tree, err := t.tree(bucket)
	if err != nil {
		return err
	}
	if t.pages == nil {
		t.pages = pages.NewChecker()
	}
	if err := t.pages.Change(tree, key, remove); err != nil {
		return damaged(bucket, string(key), err)
	}
	return nil
}

// explain returns err, or the damage that it comes from: something may not have been found
// because the way to it is damaged, and what bbolt panics with does not tell where.
func (t *transaction) explain(err error) error {
	var part *store.UnreadableError
	unplaced := errors.As(err, &part) && part.Page == 0 && part.Key == ""
	if !unplaced && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	for i := t.number - 1; i >= max(0, t.number-len(t.asked)); i-- {
		q := t.asked[i%len(t.asked)]
		if damage := t.check(q.bucket, q.key); damage != nil {
			return damage
		}
	}
	return err
}

// Bucket returns a bucket, which is there: the opening has seen to that.
func (t *transaction) Bucket(name []byte) *bucket {
	return &bucket{t.Tx.Bucket(name), t, string(name)}
}

// A bucket is one of a transaction.
type bucket struct {
	*bbolt.Bucket
	t    *transaction
	name string
}

// Get returns a value, nil where there is none. It ends with the transaction.
func (b *bucket) Get(key []byte) []byte {
	b.t.asked[b.t.number%len(b.t.asked)] = question{b.name, key}
	b.t.number++
	return b.Bucket.Get(key)
}

// Put sets a value. It has changed nothing where the pages for it are damaged.
func (b *bucket) Put(key, value []byte) error {
	if err := b.t.change(b.name, key, false); err != nil {
		return err
	}
	return b.Bucket.Put(key, value)
}

// Delete removes a key, if it is there. It has changed nothing where the pages for it are
// damaged.
func (b *bucket) Delete(key []byte) error {
	if err := b.t.change(b.name, key, true); err != nil {
		return err
	}
	return b.Bucket.Delete(key)
}

// ascend calls each with the elements from from on, in order, until it returns false. It
// goes over what lies on damaged pages, and notes that; the elements of a damaged file are
// those from when the transaction began. Key and value end with the call.
func (b *bucket) ascend(from []byte, each func(key, value []byte) bool) {
	last := bytes.Clone(from)
	if b.whole(&last, func(c *bbolt.Cursor) {
		for k, v := c.Seek(from); k != nil; k, v = c.Next() {
			if last = append(append(last[:0], k...), 0); !each(k, v) {
				return
			}
		}
	}) {
		return
	}
	if tree, err := b.t.tree(b.name); err != nil {
		b.t.db.unread.note(err)
	} else {
		tree.Ascend(last, each, b.lost)
	}
}

// descend is ascend in the reverse order, from the last key before before on; nil begins at
// the end.
func (b *bucket) descend(before []byte, each func(key, value []byte) bool) {
	last := bytes.Clone(before)
	if b.whole(&last, func(c *bbolt.Cursor) {
		for k, v := lastBefore(c, before); k != nil; k, v = c.Prev() {
			if last = append(last[:0], k...); !each(k, v) {
				return
			}
		}
	}) {
		return
	}
	if tree, err := b.t.tree(b.name); err != nil {
		b.t.db.unread.note(err)
	} else {
		tree.Descend(last, each, b.lost)
	}
}

// whole goes through a bucket with a cursor of bbolt, and reports whether that went well to
// the end. Last is where it came to. Where pages are known to be damaged it does nothing.
func (b *bucket) whole(last *[]byte, through func(*bbolt.Cursor)) (done bool) {
	if b.t.db.degraded.Load() {
		return false
	}
	err := b.t.db.contain(func() error {
		through(b.Cursor())
		done = true
		return nil
	})
	if err != nil {
		if place := b.t.check(b.name, *last); place != nil {
			err = place
		}
		var part *store.UnreadableError
		if errors.As(err, &part) {
			part.Bucket = b.name
		}
		b.t.db.unread.note(err)
	}
	return done
}

// lastBefore moves to the last key before before, or to the last of all where that is nil.
func lastBefore(c *bbolt.Cursor, before []byte) (key, value []byte) {
	if before == nil {
		return c.Last()
	}
	if k, _ := c.Seek(before); k == nil {
		return c.Last()
	}
	return c.Prev()
}

// lost notes a part of the bucket that a list went over.
func (b *bucket) lost(l pages.Lost) { b.t.db.unread.note(damaged(b.name, "", l.Err)) }
