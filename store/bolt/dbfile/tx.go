package dbfile

import (
	"bytes"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"lwbs/store"
	"lwbs/store/bolt/pages"
)

// A Tx is a transaction of bbolt. It remembers what it was asked for, so that it can say which page was
// damaged. It changes nothing whose pages it has not checked: bbolt would carry what is wrong with a page
// into others, or give away pages that are in use.
type Tx struct {
	*bbolt.Tx
	db    *File
	trees map[string]pages.Tree // as they were when it began; by bucket; nil until one is asked for
	pages *pages.Checker        // nil until something is changed

	// User is what the user of the file keeps with the transaction.
	User any

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
func (db *File) over(tx *bbolt.Tx) *Tx {
	t := &Tx{Tx: tx, db: db}
	t.User = db.hooks.Attach(t)
	return t
}

// Tree returns the pages of a bucket as they were when the transaction began.
func (t *Tx) Tree(name string) (pages.Tree, error) {
	if t.trees == nil {
		trees, err := t.db.treesOf(t.Tx)
		if err != nil {
			return pages.Tree{}, Damaged(name, "", err)
		}
		t.trees = trees
	}
	tree, found := t.trees[name]
	if !found {
		return tree, Damaged(name, "", errors.New("it is missing"))
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
func (db *File) treesOf(tx *bbolt.Tx) (map[string]pages.Tree, error) {
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

// Damaged says that the pages of a bucket cannot be read, over err.
func Damaged(bucket, key string, err error) *store.UnreadableError {
	part := &store.UnreadableError{Bucket: bucket, Key: key}
	var page *pages.Error
	if errors.As(err, &page) {
		part.Page, err = page.Page, errors.New("it "+page.Reason)
	}
	part.Err = fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	return part
}

// check looks at the pages on the way to a key.
func (t *Tx) check(bucket string, key []byte) error {
	if l, found := t.db.gaps.Load().At(bucket, key); found && t.db.hooks.Indexes[bucket] {
		return Damaged(bucket, string(key), l.Err)
	}
	tree, err := t.Tree(bucket)
	if err != nil {
		return err
	}
	if err := tree.Check(key); err != nil {
		return Damaged(bucket, string(key), err)
	}
	return nil
}

// Change looks at the pages that putting or removing a key may change.
func (t *Tx) Change(bucket string, key []byte, remove bool) error {
	tree, err := t.Tree(bucket)
	if err != nil {
		return err
	}
	if err := t.checker().Change(tree, key, remove); err != nil {
		return Damaged(bucket, string(key), err)
	}
	return nil
}

func (t *Tx) checker() *pages.Checker {
	if t.pages == nil {
		t.pages = pages.NewChecker()
	}
	return t.pages
}

// Moves is how often an element was changed in another leaf than the one before it in the same bucket.
func (t *Tx) Moves() int { return t.checker().Moves() }

// PageSize is that of the file, in bytes.
func (t *Tx) PageSize() int { return t.db.pages.PageSize() }

// Explain returns err, or the damage that it comes from: something may not have been found
// because the way to it is damaged, and what bbolt panics with does not tell where.
func (t *Tx) Explain(err error) error {
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
			damage = t.Change(q.bucket, q.key, false)
		}
		if damage != nil {
			return damage
		}
	}
	return err
}

// Bucket returns a bucket, which is there: the opening has seen to that.
func (t *Tx) Bucket(name []byte) *Bucket {
	return &Bucket{t.Tx.Bucket(name), string(name), t}
}

// A Bucket is one of a transaction.
type Bucket struct {
	*bbolt.Bucket
	Name string
	t    *Tx
}

// Get returns a value, nil where there is none or where the way to it is damaged, which is noted. The pages
// on the way are checked before bbolt is asked: it would follow a branch that refers to one above it for
// ever, and nothing could end that.
func (b *Bucket) Get(key []byte) []byte {
	b.t.asked[b.t.number%len(b.t.asked)] = question{b.Name, key}
	b.t.number++
	if b.t.Writable() {
		if err := b.t.Change(b.Name, key, false); err != nil {
			b.t.db.unread.Note(err)
			return nil
		}
		return b.Bucket.Get(key)
	}
	tree, err := b.t.Tree(b.Name)
	if err != nil {
		b.t.hurt = true
		b.t.db.unread.Note(err)
		return nil
	}
	value, err := tree.Get(key)
	if err != nil {
		part := Damaged(b.Name, string(key), err)
		b.t.hurt = true
		b.t.db.unread.Note(part)
		b.t.db.AskToHeal(part)
	}
	return value
}

// Put sets a value. It has changed nothing where the pages for it are damaged.
func (b *Bucket) Put(key, value []byte) error {
	if err := b.t.Change(b.Name, key, false); err != nil {
		return err
	}
	return b.Bucket.Put(key, value)
}

// Delete removes a key, if it is there. It has changed nothing where the pages for it are
// damaged.
func (b *Bucket) Delete(key []byte) error {
	if err := b.t.Change(b.Name, key, true); err != nil {
		return err
	}
	return b.Bucket.Delete(key)
}

// Ascend calls each with the elements from from on, in order, until it returns false. It
// goes over what lies on damaged pages, and notes that. Where the transaction edits a sound
// file, it sees its own changes; else the elements are those from when it began. Key and
// value end with the call.
func (b *Bucket) Ascend(from []byte, each func(key, value []byte) bool) {
	if b.t.Writable() && !b.t.db.degraded.Load() {
		at, done := b.ascendChanged(from, each)
		if done {
			return
		}
		from = at
	}
	if tree, err := b.t.Tree(b.Name); err != nil {
		b.t.db.unread.Note(err)
	} else {
		tree.Ascend(from, each, b.Lost)
	}
}

// ascendChanged is Ascend with the changes of the transaction itself. Where a page is
// damaged it notes that, and returns from where on the elements are missing.
func (b *Bucket) ascendChanged(from []byte, each func(key, value []byte) bool) (at []byte, done bool) {
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
		part.Bucket, part.Key = b.Name, ""
	}
	b.t.db.unread.Note(err)
	return at, err == nil
}

// ahead looks at the pages that a cursor comes to, before it does.
type ahead struct {
	b      *Bucket
	looked bool
	to     []byte // up to before this key; nil for all
}

// look looks at the leaf of a key, and at those behind it up to one that still has elements,
// as a cursor goes over the others.
func (a *ahead) look(key []byte) error {
	if a.looked && (a.to == nil || bytes.Compare(key, a.to) < 0) {
		return nil
	}
	tree, err := a.b.t.Tree(a.b.Name)
	if err != nil {
		return err
	}
	to, _, err := a.b.t.checker().Leaf(tree, key)
	for next, left := to, 0; err == nil && next != nil && left <= 0; {
		next, left, err = a.b.t.checker().Leaf(tree, next)
	}
	if err != nil {
		return Damaged(a.b.Name, "", err)
	}
	a.looked, a.to = true, to
	return nil
}

// Descend calls each with the elements in the reverse order, from the last key before before
// on, nil for the end, until it returns false; otherwise it is the same as Ascend in a file
// that is not edited.
func (b *Bucket) Descend(before []byte, each func(key, value []byte) bool) {
	if tree, err := b.t.Tree(b.Name); err != nil {
		b.t.db.unread.Note(err)
	} else {
		tree.Descend(before, each, b.Lost)
	}
}

// Lost notes a part of the bucket that a list went over.
func (b *Bucket) Lost(l pages.Lost) { b.t.db.unread.Note(Damaged(b.Name, "", l.Err)) }
