package pages

import "bytes"

// A Lost is a part of a tree that cannot be read, since one of its pages is damaged.
type Lost struct {
	Err *Error // names the page

	// From and To limit the keys that are lost: from From on, and before To; nil for no
	// limit.
	From, To []byte

	parent uint64 // the branch that refers to the page; zero for the root of a tree
	index  int    // at which element
}

// Ascend calls each with the elements of t from the key from on, in order, until it returns
// false, and lost, which may be nil, with the parts that it goes over on the way. Key and
// value end with the call.
func (t Tree) Ascend(from []byte, each func(key, value []byte) bool, lost func(Lost)) {
	if t.File == nil { // the zero Tree
		return
	}
	tour := tour{tree: t, from: from, each: each, lost: lost}
	tour.visit(t.Root, Lost{}, 0)
}

// Descend is Ascend in the reverse order, from the last key before before on; nil begins at
// the end.
func (t Tree) Descend(before []byte, each func(key, value []byte) bool, lost func(Lost)) {
	if t.File == nil {
		return
	}
	tour := tour{tree: t, before: before, back: true, each: each, lost: lost}
	tour.visit(t.Root, Lost{}, 0)
}

// A tour goes through a tree.
type tour struct {
	tree         Tree
	from, before []byte // limits; nil for none
	back         bool   // from the end to the beginning

	each func(key, value []byte) bool // of the elements of leaves; may be nil
	lost func(Lost)                   // may be nil

	// leaves, where not nil, spare the reading of pages whose elements are not needed.
	leaves *leaves
	// take, where not nil, is given each page of the file, with those it flows over into, and
	// may refuse it. Then all pages must be fit to be changed.
	take func(page, pages uint64) *Error

	level []*Page // one for each depth
}

// visit goes through the page id and what is below it; at says where it is. It returns false
// where the tour has ended.
func (w *tour) visit(id uint64, at Lost, depth int) bool {
	for len(w.level) <= depth {
		w.level = append(w.level, new(Page))
	}
	p := w.level[depth]
	known := w.each == nil && w.leaves.fits(w.tree, id, at.From, at.To)
	if known {
		at.Err = w.take(id, 1)
	} else {
		at.Err = w.read(p, id, at, depth)
	}
	if at.Err != nil {
		if w.lost != nil {
			at.From, at.To = bytes.Clone(at.From), bytes.Clone(at.To)
			w.lost(at)
		}
		return true
	}
	if known || p.Leaf {
		return w.each == nil || w.elements(p)
	}
	return w.children(p, at.To, depth)
}

func (w *tour) read(p *Page, id uint64, at Lost, depth int) *Error {
	if depth >= maxDepth {
		return broken(id, "is deeper in its tree than can be")
	}
	failed := w.tree.read(p, id, at.From, at.To)
	if failed == nil && w.take != nil {
		failed = begins(p, at.From)
	}
	err, _ := failed.(*Error)
	if err == nil && id != 0 && w.take != nil {
		err = w.take(id, uint64(p.Overflow)+1)
	}
	return err
}

// elements calls each with those of a leaf.
func (w *tour) elements(p *Page) bool {
	for k := range p.Len() {
		i := k
		if w.back {
			i = p.Len() - 1 - k
		}
		key := p.Key(i)
		if w.from != nil && bytes.Compare(key, w.from) < 0 || w.before != nil && bytes.Compare(key, w.before) >= 0 {
			continue
		}
		if !w.each(key, p.Value(i)) {
			return false
		}
	}
	return true
}

// children visits those of a branch, whose keys are before to, that can have anything
// within the limits.
func (w *tour) children(p *Page, to []byte, depth int) bool {
	for k := range p.Len() {
		i := k
		if w.back {
			i = p.Len() - 1 - k
		}
		lo, hi := p.bounds(i, to)
		if w.from != nil && hi != nil && bytes.Compare(hi, w.from) <= 0 || w.before != nil && bytes.Compare(lo, w.before) >= 0 {
			continue
		}
		if !w.visit(p.Child(i), Lost{From: lo, To: hi, parent: p.ID, index: i}, depth+1) {
			return false
		}
	}
	return true
}
