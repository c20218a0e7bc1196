package pages

import (
	"bytes"
	"slices"
)

// A Page is a branch or leaf page whose form is right.
type Page struct {
	ID       uint64
	Leaf     bool
	Overflow int // pages behind it that belong to it

	b     []byte // with those
	count int
}

const (
	maxKey     = 32 << 10 // bytes
	bucketFlag = 0x01     // of an element of a leaf: its value is a bucket
)

// Len is the number of elements.
func (p *Page) Len() int { return p.count }

func (p *Page) element(i int) []byte {
	at := headerSize + i*elementSize
	return p.b[at : at+elementSize]
}

// Key is that of an element; it ends with the next use of p.
func (p *Page) Key(i int) []byte {
	e := p.element(i)
	if p.Leaf {
		return p.data(i, order.Uint32(e[4:]), order.Uint32(e[8:]))
	}
	return p.data(i, order.Uint32(e), order.Uint32(e[4:]))
}

// Value is that of an element of a leaf; it ends with the next use of p.
func (p *Page) Value(i int) []byte {
	e := p.element(i)
	return p.data(i, order.Uint32(e[4:])+order.Uint32(e[8:]), order.Uint32(e[12:]))
}

// IsBucket reports whether the value of an element of a leaf is a bucket.
func (p *Page) IsBucket(i int) bool { return order.Uint32(p.element(i))&bucketFlag != 0 }

// Child is the page that an element of a branch refers to.
func (p *Page) Child(i int) uint64 { return order.Uint64(p.element(i)[8:]) }

func (p *Page) data(i int, pos, n uint32) []byte {
	at := headerSize + i*elementSize + int(pos)
	return p.b[at : at+int(n) : at+int(n)]
}

// Search returns the first element whose key is not before key, and whether it is key.
func (p *Page) Search(key []byte) (int, bool) {
	lo, hi := 0, p.count
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if bytes.Compare(p.Key(mid), key) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < p.count && bytes.Equal(p.Key(lo), key)
}

// header reads the header of a page, and checks it as far as it goes.
func (p *Page) header(b []byte, id, end uint64) error {
	flags, overflow := order.Uint16(b[8:]), uint64(order.Uint32(b[12:]))
	p.ID, p.Leaf, p.count, p.Overflow = id, flags == flagLeaf, int(order.Uint16(b[10:])), int(overflow)
	switch {
	case order.Uint64(b) != id:
		return broken(id, "says that it is page %d", order.Uint64(b))
	case flags != flagLeaf && flags != flagBranch:
		return broken(id, "is neither a branch nor a leaf: 0x%02x", flags)
	case overflow >= end-id:
		return broken(id, "flows over into %d pages, beyond the last page", overflow)
	}
	return nil
}

// spans reports whether the last element, whose head is in p.b, ends in the last page that
// belongs to p.
func (p *Page) spans(pageSize int) bool {
	if p.count == 0 {
		return false
	}
	e := p.element(p.count - 1)
	n := uint64(order.Uint32(e)) + uint64(order.Uint32(e[4:]))
	if p.Leaf {
		n = uint64(order.Uint32(e[4:])) + uint64(order.Uint32(e[8:])) + uint64(order.Uint32(e[12:]))
	}
	return (uint64(headerSize+(p.count-1)*elementSize)+n-1)/uint64(pageSize) == uint64(p.Overflow)
}

// check looks at all elements, whose bytes are in p.b, of pages of one size. A page that is
// part of a value, as small buckets are, has no size.
func (p *Page) check(end uint64, pageSize int) error {
	at := headerSize + p.count*elementSize
	if at > len(p.b) {
		return broken(p.ID, "has %d elements, which is too many for it", p.count)
	}
	if p.count == 0 && !p.Leaf {
		return broken(p.ID, "is a branch to nowhere")
	}
	if p.count == 0 && slices.ContainsFunc(p.b[at:min(len(p.b), at+elementSize)], func(b byte) bool { return b != 0 }) {
		return broken(p.ID, "has elements, and says that it has none") // bbolt clears what it does not use
	}
	var last []byte
	for i := range p.count {
		size, reason := p.checkElement(i, at, end)
		if reason == "" {
			at += size
		}
		switch {
		case reason != "":
			return broken(p.ID, "has a damaged element, %d: %s", i, reason)
		case i > 0 && bytes.Compare(last, p.Key(i)) >= 0:
			return broken(p.ID, "has elements out of order, at %d", i)
		}
		last = p.Key(i)
	}
	if over := (at - 1) / max(pageSize, 1); pageSize > 0 && over != p.Overflow {
		return broken(p.ID, "flows over into %d pages, and its elements into %d", p.Overflow, over)
	}
	return nil
}

// checkElement returns the size of the key and value of an element, which begin at the
// byte at of the page, or what is wrong with them.
func (p *Page) checkElement(i, at int, end uint64) (size int, reason string) {
	e := p.element(i)
	pos, key, value := order.Uint32(e), order.Uint32(e[4:]), uint32(0)
	if p.Leaf {
		if order.Uint32(e)&^bucketFlag != 0 {
			return 0, "its flags are wrong"
		}
		pos, key, value = order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:])
	}
	switch {
	case headerSize+i*elementSize+int(pos) != at:
		return 0, "it lies elsewhere than it should"
	case key == 0 || key > maxKey:
		return 0, "its key has an impossible length"
	case uint64(at)+uint64(key)+uint64(value) > uint64(len(p.b)):
		return 0, "it reaches beyond the page"
	case p.Leaf && p.IsBucket(i) && value < bucketHeader:
		return 0, "it is too short for a bucket"
	case !p.Leaf && (p.Child(i) < 2 || p.Child(i) >= end || p.Child(i) == p.ID):
		return 0, "it refers to a page that cannot be"
	}
	return int(key) + int(value), ""
}
