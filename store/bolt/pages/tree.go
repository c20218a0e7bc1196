package pages

import (
	"bytes"
	"sync"
)

// A Tree is what a bucket holds, as one meta has it.
type Tree struct {
	File *File
	End  uint64 // of the meta
	Root uint64 // zero where the only page is part of a value

	inline []byte // that page
	names  bool   // it is the tree of the buckets' names
}

const bucketHeader = 16 // bytes: the root page, and a number that is not used here

// Buckets returns the tree of the buckets' names.
func (f *File) Buckets(m Meta) Tree { return Names(f, m.End, m.Root) }

// Names returns the tree of the buckets' names that a meta with this end and root has.
func Names(f *File, end, root uint64) Tree { return Tree{File: f, End: end, Root: root, names: true} }

// bucket returns the tree of the bucket in an element of a page of the buckets' names.
func (t Tree) bucket(value []byte) Tree {
	t.Root, t.inline, t.names = order.Uint64(value), nil, false
	if t.Root == 0 {
		t.inline = bytes.Clone(value[bucketHeader:])
	}
	return t
}

// Bucket returns the tree of a bucket. Found is false where there is none of this name; the
// error is an [*Error].
func (t Tree) Bucket(name []byte) (b Tree, found bool, err error) {
	w := walker{tree: t}
	p, _, err := w.descend(name)
	if err != nil {
		return Tree{}, false, err
	}
	i, found := p.Search(name)
	if !found || !p.IsBucket(i) {
		return Tree{}, false, nil
	}
	return t.bucket(p.Value(i)), true, nil
}

// Trees returns those of all buckets by their names, t being the tree of the names. The error
// is an [*Error].
func (t Tree) Trees() (map[string]Tree, error) {
	trees, lost := make(map[string]Tree), error(nil)
	t.Ascend(nil, func(k, v []byte) bool {
		trees[string(k)] = t.bucket(v)
		return true
	}, func(l Lost) { lost = l.Err })
	return trees, lost
}

// Get returns a value, nil where there is none. The error is an [*Error].
func (t Tree) Get(key []byte) ([]byte, error) {
	w := walkers.Get().(*walker)
	defer walkers.Put(w)
	w.tree = t
	p, _, err := w.descend(key)
	if err != nil {
		return nil, err
	}
	if i, found := p.Search(key); found {
		return bytes.Clone(p.Value(i)), nil
	}
	return nil, nil
}

// Check reads the pages on the way to where key is, or would be. The error is an [*Error].
func (t Tree) Check(key []byte) error {
	w := walker{tree: t}
	_, _, err := w.descend(key)
	return err
}

// read reads a page of t, which has the keys from from on and before to, nil for no limit.
func (t Tree) read(p *Page, id uint64, from, to []byte) (err error) {
	if id == 0 {
		err = t.readInline(p)
	} else {
		err = t.File.Read(p, id, t.End)
	}
	if err != nil || p.Len() == 0 {
		return err
	}
	if from != nil && bytes.Compare(p.Key(0), from) < 0 || to != nil && bytes.Compare(p.Key(p.Len()-1), to) >= 0 {
		return broken(id, "has keys that belong into another page")
	}
	for i := range p.Len() {
		if p.Leaf && p.IsBucket(i) != t.names {
			return broken(id, "has a bucket where a record belongs, or the reverse, at %d", i)
		}
	}
	if t.names {
		return begins(p, from)
	}
	return nil
}

// begins reports whether a page can be changed. From is the key with which the page begins by the branch
// above it, nil for no branch. bbolt looks for the page in that branch by its first key. Where that is
// another key, bbolt adds the page to the branch a second time, and gives away the old one, which is still in
// use.
func begins(p *Page, from []byte) error {
	if from != nil && p.Len() > 0 && !bytes.Equal(p.Key(0), from) {
		return broken(p.ID, "begins with another key than the branch above it says")
	}
	return nil
}

func (t Tree) readInline(p *Page) error {
	p.b = append(p.b[:0], t.inline...)
	if len(p.b) < headerSize {
		return broken(0, "of a small bucket is cut")
	}
	p.ID, p.Leaf, p.count, p.Overflow = 0, true, int(order.Uint16(p.b[10:])), 0
	if order.Uint16(p.b[8:]) != flagLeaf {
		return broken(0, "of a small bucket is no leaf")
	}
	return p.check(t.End, 0)
}

// Leaf returns the pages that hold key, or would: a leaf and those that it flows over into.
// The error is an [*Error].
func (t Tree) Leaf(key []byte) (leaf []uint64, err error) {
	w := walker{tree: t}
	p, _, err := w.descend(key)
	if err == nil && p.ID != 0 {
		for i := range uint64(p.Overflow) + 1 {
			leaf = append(leaf, p.ID+i)
		}
	}
	return leaf, err
}

// Way returns the pages on the way to where key is, or would be, with those that the last
// one flows over into. The error is an [*Error].
func (t Tree) Way(key []byte) ([]uint64, error) {
	w := walker{tree: t}
	p, way, err := w.descend(key)
	if err == nil && p.ID != 0 {
		for i := range uint64(p.Overflow) + 1 {
			way = append(way, p.ID+i)
		}
	}
	return way, err
}

// maxDepth is more pages than lie above each other in any tree.
const maxDepth = 32

// A walker goes down a tree.
type walker struct {
	tree Tree
	page [2]Page // the one that was read last, and the one before
}

// walkers keeps the memory of walkers for the next ones.
var walkers = sync.Pool{New: func() any { return new(walker) }}

// descend reads down to the leaf where key is or would be, and returns it with the pages
// above it.
func (w *walker) descend(key []byte) (*Page, []uint64, error) {
	var from, to []byte
	var way []uint64
	id := w.tree.Root
	for depth := range maxDepth {
		p := &w.page[depth%2]
		if err := w.tree.read(p, id, from, to); err != nil {
			return nil, way, err
		}
		if p.Leaf {
			return p, way, nil
		}
		way = append(way, id)
		i, exact := p.Search(key)
		if !exact && i > 0 {
			i--
		}
		from, to = p.bounds(i, to)
		from, to = bytes.Clone(from), bytes.Clone(to)
		id = p.Child(i)
	}
	return nil, way, broken(id, "is deeper in its tree than can be")
}

// bounds are those of the keys in the i-th child of a branch whose own keys are before to,
// nil for no limit: from lo on, and before hi.
func (p *Page) bounds(i int, to []byte) (lo, hi []byte) {
	lo, hi = p.Key(i), to
	if i+1 < p.Len() {
		hi = p.Key(i + 1)
	}
	return lo, hi
}
