package pages

import "bytes"

// A Checker looks at the pages that a transaction of bbolt is about to change, before it
// does: those on the way to a key and, where bbolt may join pages since too little is left
// in one, those beside them. It reads each page once.
type Checker struct {
	branches map[uint64]*Page
	leaves   map[uint64]*remains
	page     Page             // that was read last
	last     map[uint64]place // by the root of the tree: where the last key was
	moves    int
}

// A place is a leaf, with the keys from from on and before to, nil for all, and the way there.
type place struct {
	leaf     *remains
	way      []step
	from, to []byte
}

func (p place) has(key []byte) bool {
	return p.leaf != nil && bytes.Compare(key, p.from) >= 0 && (p.to == nil || bytes.Compare(key, p.to) < 0)
}

// The remains of a leaf are what is left in it of what was there, at least.
type remains struct{ bytes, elements, largest int }

// NewChecker returns a Checker for one transaction.
func NewChecker() *Checker {
	return &Checker{branches: make(map[uint64]*Page), leaves: make(map[uint64]*remains), last: make(map[uint64]place)}
}

// Change reports whether an element of t can be put, or removed. The error is an [*Error].
func (c *Checker) Change(t Tree, key []byte, remove bool) error {
	at, err := c.descend(t, key)
	if err == nil && remove && at.leaf.shrink(t.File.pageSize) {
		return c.beside(t, at.way)
	}
	return err
}

// Leaf looks at the leaf of t where key is, or would be. To is the first key behind it, nil
// where it is the last; left is how many elements of it are left at least. The error is an
// [*Error].
func (c *Checker) Leaf(t Tree, key []byte) (to []byte, left int, err error) {
	at, err := c.descend(t, key)
	if err != nil {
		return nil, 0, err
	}
	return bytes.Clone(at.to), at.leaf.elements, nil
}

// Moves is how often a key was in another leaf than the key before in the same tree: of keys in their order, in how many
// leaves they are.
func (c *Checker) Moves() int { return c.moves }

// descend looks at the pages on the way to a key.
func (c *Checker) descend(t Tree, key []byte) (place, error) {
	if last := c.last[t.Root]; t.Root != 0 && last.has(key) {
		return last, nil
	}
	c.moves++
	var at place
	id := t.Root
	for range maxDepth {
		branch, leaf, err := c.load(t, id, at.from, at.to)
		if err != nil {
			return place{}, err
		}
		if branch == nil {
			at.leaf = leaf
			c.last[t.Root] = at
			return at, nil
		}
		i, exact := branch.Search(key)
		if !exact && i > 0 {
			i--
		}
		at.way = append(at.way, step{branch, i, at.to})
		at.from, at.to = branch.bounds(i, at.to)
		id = branch.Child(i)
	}
	return place{}, broken(id, "is deeper in its tree than can be")
}

// A step is a branch on the way, whose keys are before to, and the child that was taken.
type step struct {
	branch *Page
	child  int
	to     []byte
}

// load returns a branch, or what is left of a leaf.
func (c *Checker) load(t Tree, id uint64, from, to []byte) (*Page, *remains, error) {
	if leaf := c.leaves[id]; leaf != nil && id != 0 {
		return nil, leaf, nil
	}
	if branch := c.branches[id]; branch != nil {
		return branch, nil, nil
	}
	p := &c.page
	if err := t.read(p, id, from, to); err != nil {
		return nil, nil, err
	}
	if err := begins(p, from); err != nil {
		return nil, nil, err
	}
	if !p.Leaf {
		branch := *p
		branch.b = bytes.Clone(p.b)
		c.branches[id] = &branch
		return &branch, nil, nil
	}
	leaf := p.remains()
	c.leaves[id] = leaf
	return nil, leaf, nil
}

// beside looks at the pages beside those of the way.
func (c *Checker) beside(t Tree, way []step) error {
	for _, s := range way {
		for _, i := range []int{s.child - 1, s.child + 1} {
			if i < 0 || i >= s.branch.Len() {
				continue
			}
			from, to := s.branch.bounds(i, s.to)
			if _, _, err := c.load(t, s.branch.Child(i), from, to); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Page) remains() *remains {
	r := &remains{bytes: headerSize, elements: p.Len()}
	for i := range p.Len() {
		n := elementSize + len(p.Key(i)) + len(p.Value(i))
		r.bytes += n
		r.largest = max(r.largest, n)
	}
	return r
}

// shrink takes one element away, and reports whether bbolt may join the page with another
// then, which it does where a quarter is left, or one element.
func (r *remains) shrink(pageSize int) bool {
	r.bytes -= r.largest
	r.elements--
	return r.bytes < pageSize*3/10 || r.elements <= 2
}
