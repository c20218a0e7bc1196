package pages

// A Set is a set of pages.
type Set struct{ bits []uint64 }

// NewSet returns an empty Set for pages before end.
func NewSet(end uint64) Set { return Set{make([]uint64, (end+63)/64)} }

// Has reports whether a page is in s.
func (s Set) Has(page uint64) bool {
	return page/64 < uint64(len(s.bits)) && s.bits[page/64]&(1<<(page%64)) != 0
}

// Add puts a page that is before the end into s.
func (s Set) Add(page uint64) { s.bits[page/64] |= 1 << (page % 64) }
