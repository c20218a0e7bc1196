package pages

import "bytes"

// A Lookup gets elements of a tree for those who want many of them in the order of their keys. It reads each
// branch once, and a leaf once for the keys in it that follow each other.
type Lookup struct {
	tree     Tree
	branches map[uint64]*Page
	leaf     Page
	from, to []byte // the keys of the leaf are from from on and before to, nil for no limit
	read     bool   // there is a leaf
}

// Lookup returns a Lookup.
func (t Tree) Lookup() *Lookup { return &Lookup{tree: t, branches: make(map[uint64]*Page)} }

// Get returns a value, nil for none. It ends with the next call. The error is an [*Error].
func (l *Lookup) Get(key []byte) ([]byte, error) {
	if err := l.goTo(key); err != nil {
		return nil, err
	}
	if i, found := l.leaf.Search(key); found {
		return l.leaf.Value(i), nil
	}
	return nil, nil
}

// goTo reads the leaf where a key is, or would be.
func (l *Lookup) goTo(key []byte) error {
	if l.read && bytes.Compare(key, l.from) >= 0 && (l.to == nil || bytes.Compare(key, l.to) < 0) {
		return nil
	}
	l.read = false
	var from, to []byte
	id := l.tree.Root
	for range maxDepth {
		branch := l.branches[id]
		if branch == nil {
			if err := l.tree.read(&l.leaf, id, from, to); err != nil {
				return err
			}
			if l.leaf.Leaf {
				l.from, l.to, l.read = from, to, true
				return nil
			}
			copied := l.leaf
			copied.b = bytes.Clone(l.leaf.b)
			branch = &copied
			l.branches[id] = branch
		}
		i, exact := branch.Search(key)
		if !exact && i > 0 {
			i--
		}
		from, to = branch.bounds(i, to)
		id = branch.Child(i)
	}
	return broken(id, "is deeper in its tree than can be")
}

// Before calls each with the elements before a key, the last one first, until it returns false, as far as they
// are in one leaf with where the key would be. It returns false where those before them may matter: when each
// has not ended it. The error is an [*Error].
func (l *Lookup) Before(key []byte, each func(key, value []byte) bool) (ended bool, err error) {
	if err := l.goTo(key); err != nil {
		return false, err
	}
	i, _ := l.leaf.Search(key)
	for i--; i >= 0; i-- {
		if !each(l.leaf.Key(i), l.leaf.Value(i)) {
			return true, nil
		}
	}
	return false, nil
}
