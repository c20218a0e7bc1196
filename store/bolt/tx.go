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

	changed map[string]map[string]struct{} // the keys that were set or removed, by bucket; of those with a cache
	grown   map[string]int                 // by how many devices groups have grown

	hurt   bool        // a read came to damage
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
		trees, err := t.db.treesOf(t.Tx)
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

// A forest is the trees of all buckets as one transaction left them.
type forest struct {
	txid  int
	trees map[string]pages.Tree
}

// treesOf returns the trees as they were when a transaction began. Reads between two edits
// share them.
func (db *DB) treesOf(tx *bbolt.Tx) (map[string]pages.Tree, error) {
	last := db.forest.Load()
	if last != nil && last.txid == tx.ID() && !tx.Writable() {
		return last.trees, nil
	}
	trees, err := pages.Names(db.pages, uint64(tx.Size())/uint64(db.pages.PageSize()), uint64(tx.Cursor().Bucket().Root())).Trees()
	if err == nil && !tx.Writable() {
		db.forest.Store(&forest{tx.ID(), trees})
	}
	return trees, err
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
	if l, found := t.db.gaps.Load().at(bucket, key); found && ofIndexes[bucket] {
		return damaged(bucket, string(key), l.Err)
	}
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
	if err := t.checker().Change(tree, key, remove); err != nil {
		return damaged(bucket, string(key), err)
	}
	return nil
}

// note notes that a record was changed that a cache may have.
func (t *transaction) note(bucket string, key []byte) {
	if t.db.caches.of(bucket) == nil {
		return
	}
	if t.changed == nil {
		t.changed = make(map[string]map[string]struct{})
	}
	if t.changed[bucket] == nil {
		t.changed[bucket] = make(map[string]struct{})
	}
	if bucket == string(bucketGroup) {
		key = []byte(allGroups)
	}
	t.changed[bucket][string(key)] = struct{}{}
}

// commit runs the end of a transaction, and keeps the caches from what it makes out of date.
func (t *transaction) commit(end func() error) error {
	for bucket, keys := range t.changed {
		c := t.db.caches.of(bucket)
		c.begin(keys)
		defer c.end(t.ID())
	}
	if len(t.grown) > 0 {
		return t.db.sizes.commit(t.grown, end)
	}
	return end()
}

// fresh returns the record of a key as the transaction sees it, if a cache has it. It must
// not be changed or handed out.
func fresh[T any](t *transaction, c *cache[T], bucket, key string) (record T, ok bool) {
	if _, changed := t.changed[bucket][key]; changed {
		return record, false
	}
	return c.peek(key)
}

func (t *transaction) checker() *pages.Checker {
	if t.pages == nil {
		t.pages = pages.NewChecker()
	}
	return t.pages
}

// explain returns err, or the damage that it comes from: something may not have been found
// because the way to it is damaged, and what bbolt panics with does not tell where.
func (t *transaction) explain(err error) error {
	if err == nil {
		return nil
	}
	var part *store.UnreadableError
	unplaced := errors.As(err, &part) && part.Page == 0 && part.Key == ""
	if !unplaced && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !unplaced && !t.hurt && !t.Writable() && len(*t.db.gaps.Load()) == 0 {
		return err // Get has looked at each page on the way
	}
	for i := t.number - 1; i >= max(0, t.number-len(t.asked)); i-- {
		q := t.asked[i%len(t.asked)]
		damage := t.check(q.bucket, q.key)
		if damage == nil && t.Writable() {
			damage = t.change(q.bucket, q.key, false)
		}
		if damage != nil {
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

// Get returns a value, nil where there is none or where the way to it is damaged, which is
// noted. bbolt is not asked before the pages on the way were looked at: it would follow a
// branch that refers to one above it for ever, which nothing can contain.
func (b *bucket) Get(key []byte) []byte {
	b.t.asked[b.t.number%len(b.t.asked)] = question{b.name, key}
	b.t.number++
	if b.t.Writable() {
		if err := b.t.change(b.name, key, false); err != nil {
			b.t.db.unread.Note(err)
			return nil
		}
		return b.Bucket.Get(key)
	}
	tree, err := b.t.tree(b.name)
	if err != nil {
		b.t.hurt = true
		b.t.db.unread.Note(err)
		return nil
	}
	value, err := tree.Get(key)
	if err != nil {
		part := damaged(b.name, string(key), err)
		b.t.hurt = true
		b.t.db.unread.Note(part)
		b.t.db.askToHeal(part)
	}
	return value
}

// Put sets a value. It has changed nothing where the pages for it are damaged.
func (b *bucket) Put(key, value []byte) error {
	if err := b.t.change(b.name, key, false); err != nil {
		return err
	}
	b.t.note(b.name, key)
	return b.Bucket.Put(key, value)
}

// Delete removes a key, if it is there. It has changed nothing where the pages for it are
// damaged.
func (b *bucket) Delete(key []byte) error {
	if err := b.t.change(b.name, key, true); err != nil {
		return err
	}
	b.t.note(b.name, key)
	return b.Bucket.Delete(key)
}

// ascend calls each with the elements from from on, in order, until it returns false. It
// goes over what lies on damaged pages, and notes that. Where the transaction edits a sound
// file, it sees its own changes; else the elements are those from when it began. Key and
// value end with the call.
func (b *bucket) ascend(from []byte, each func(key, value []byte) bool) {
	if b.t.Writable() && !b.t.db.degraded.Load() {
		at, done := b.ascendChanged(from, each)
		if done {
			return
		}
		from = at
	}
	if tree, err := b.t.tree(b.name); err != nil {
		b.t.db.unread.Note(err)
	} else {
		tree.Ascend(from, each, b.lost)
	}
}

// ascendChanged is ascend with the changes of the transaction itself. Where a page is
// damaged it notes that, and returns from where on the elements are missing.
func (b *bucket) ascendChanged(from []byte, each func(key, value []byte) bool) (at []byte, done bool) {
	ahead := ahead{b: b}
	at = bytes.Clone(from)
	err := b.t.db.contain(func() error {
		if err := ahead.look(from); err != nil {
			return err
		}
		c := b.Cursor()
		for k, v := c.Seek(from); k != nil; k, v = c.Next() {
			if at = append(append(at[:0], k...), 0); !each(k, v) {
				break
			}
			if err := ahead.look(k); err != nil {
				return err
			}
		}
		return nil
	})
	if part := new(store.UnreadableError); errors.As(err, &part) {
		part.Bucket, part.Key = b.name, ""
	}
	b.t.db.unread.Note(err)
	return at, err == nil
}

// ahead looks at the pages that a cursor comes to, before it does.
type ahead struct {
	b      *bucket
	looked bool
	to     []byte // up to before this key; nil for all
}

// look looks at the leaf of a key, and at those behind it up to one that still has elements,
// as a cursor goes over the others.
func (a *ahead) look(key []byte) error {
	if a.looked && (a.to == nil || bytes.Compare(key, a.to) < 0) {
		return nil
	}
	tree, err := a.b.t.tree(a.b.name)
	if err != nil {
		return err
	}
	to, _, err := a.b.t.checker().Leaf(tree, key)
	for next, left := to, 0; err == nil && next != nil && left <= 0; {
		next, left, err = a.b.t.checker().Leaf(tree, next)
	}
	if err != nil {
		return damaged(a.b.name, "", err)
	}
	a.looked, a.to = true, to
	return nil
}

// descend calls each with the elements in the reverse order, from the last key before before
// on, nil for the end, until it returns false; otherwise it is the same as ascend in a file
// that is not edited.
func (b *bucket) descend(before []byte, each func(key, value []byte) bool) {
	if tree, err := b.t.tree(b.name); err != nil {
		b.t.db.unread.Note(err)
	} else {
		tree.Descend(before, each, b.lost)
	}
}

// lost notes a part of the bucket that a list went over.
func (b *bucket) lost(l pages.Lost) { b.t.db.unread.Note(damaged(b.name, "", l.Err)) }
