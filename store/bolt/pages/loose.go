package pages

import "math"

// maxLoose is how many pages an element may reach over that is read from a page whose form is
// wrong: more than any record has.
const maxLoose = 64

// Elements calls each with the elements of a page as those of a leaf, until it returns false:
// all that lie within the page, and those behind it that they may flow over into, whatever
// else is wrong with it. They may be anything: the caller looks at what they are. Key and
// value end with the call.
func (f *File) Elements(id uint64, each func(i int, key, value []byte) bool) {
	var p Page
	if f.Read(&p, id, math.MaxUint64) == nil {
		for i := 0; p.Leaf && i < p.Len() && each(i, p.Key(i), p.Value(i)); i++ {
		}
		return
	}
	b := f.looseBytes(id)
	for i := range looseCount(b) {
		e := b[headerSize+i*elementSize:]
		at := uint64(headerSize+i*elementSize) + uint64(order.Uint32(e[4:]))
		key, value := uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
		if end := at + key + value; key > 0 && key <= maxKey && end <= uint64(len(b)) && !each(i, b[at:at+key], b[at+key:end]) {
			return
		}
	}
}

// looseBytes are those of a page and of some behind it, as far as the file has them.
func (f *File) looseBytes(id uint64) []byte {
	at := int64(id) * int64(f.pageSize)
	b := make([]byte, min(maxLoose*int64(f.pageSize), max(0, f.size-at)))
	n, _ := f.in.ReadAt(b[:min(len(b), f.pageSize)], at)
	if n < f.pageSize || !looseOverflows(b[:n]) {
		return b[:n]
	}
	more, _ := f.in.ReadAt(b[n:], at+int64(n))
	return b[:n+more]
}

// looseOverflows reports whether an element of a page reaches beyond it.
func looseOverflows(b []byte) bool {
	for i := range looseCount(b) {
		e := b[headerSize+i*elementSize:]
		if uint64(headerSize+i*elementSize)+uint64(order.Uint32(e[4:]))+uint64(order.Uint32(e[8:]))+uint64(order.Uint32(e[12:])) > uint64(len(b)) {
			return true
		}
	}
	return false
}

// looseCount is how many elements a page has: where the first one lies tells as well as the
// header does. The larger of both counts, as far as it can be.
func looseCount(b []byte) int {
	if len(b) < headerSize+elementSize {
		return 0
	}
	n := max(int64(order.Uint16(b[10:])), int64(order.Uint32(b[headerSize+4:]))/elementSize)
	return int(min(n, int64(len(b)-headerSize)/elementSize))
}
