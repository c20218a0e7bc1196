package pages

import (
	"bytes"
	"sync"
)

// leaves are what a reading of the whole file, from its beginning to its end, has shown of
// its whole leaf pages that flow over into none: enough to tell whether they fit into a
// tree. A tree in its own order jumps about in the file, and would be read many times as
// slowly. Other pages are read when a tree comes to them.
type leaves struct {
	chunks []chunk
}

// chunkPages is how many pages are read at once.
const chunkPages = 256

// A chunk has the leaves of so many pages.
type chunk struct {
	keys   []byte // of all of them
	leaves [chunkPages]leaf
}

// A leaf is one page. The zero leaf is not known.
type leaf struct {
	at          uint32 // of its first key in keys; the last follows
	first, last uint16 // lengths of these keys
	known       bool
	empty       bool
	names       bool // all elements are buckets; else none is
}

// readLeaves reads the pages before end. Tell is called by one goroutine at a time, with the
// number of pages that were read so far, and ends it where it returns false.
func (f *File) readLeaves(end uint64, tell func(read uint64) bool) (l *leaves, complete bool) {
	end = min(end, f.Pages())
	l, complete = &leaves{chunks: make([]chunk, (end+chunkPages-1)/chunkPages)}, true
	var mu sync.Mutex
	next, read := 0, uint64(0) // guarded by mu, as complete is
	take := func(done int) int {
		mu.Lock()
		defer mu.Unlock()
		if read += uint64(done); done > 0 && tell != nil && !tell(min(read, end)) {
			complete, next = false, len(l.chunks)
		}
		next++
		return next - 1
	}
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			buf := make([]byte, chunkPages*f.pageSize)
			for i := take(0); i < len(l.chunks); i = take(chunkPages) {
				n, _ := f.in.ReadAt(buf, int64(i)*int64(len(buf))) // a page that is missing is met again
				l.chunks[i].fill(buf[:n], uint64(i)*chunkPages, end, f.pageSize)
			}
		})
	}
	wg.Wait()
	return l, complete
}

// readers is how many chunks are read at a time: some disks are faster then.
const readers = 4

// fill looks at the pages in b, the first of which is first.
func (c *chunk) fill(b []byte, first, end uint64, pageSize int) {
	var p Page
	for i := range len(b) / pageSize {
		p.b = b[i*pageSize : (i+1)*pageSize]
		id := first + uint64(i)
		if id < 2 || p.header(p.b, id, end) != nil || !p.Leaf || p.Overflow > 0 || p.check(end, pageSize) != nil {
			continue
		}
		c.add(&c.leaves[i], &p)
	}
}

func (c *chunk) add(l *leaf, p *Page) {
	if l.empty = p.Len() == 0; l.empty {
		l.known = true
		return
	}
	l.names = p.IsBucket(0)
	for i := range p.Len() {
		if p.IsBucket(i) != l.names {
			return
		}
	}
	first, last := p.Key(0), p.Key(p.Len()-1)
	l.at, l.first, l.last, l.known = uint32(len(c.keys)), uint16(len(first)), uint16(len(last)), true
	c.keys = append(append(c.keys, first...), last...)
}

// fits reports whether a page is a leaf that is known, begins with from, and has keys before to
// only. Where it does not, the page is to be read to know what it is.
func (l *leaves) fits(t Tree, id uint64, from, to []byte) bool {
	if l == nil || id/chunkPages >= uint64(len(l.chunks)) {
		return false
	}
	c := &l.chunks[id/chunkPages]
	p := c.leaves[id%chunkPages]
	if !p.known || p.empty {
		return p.known
	}
	keys := c.keys[p.at : p.at+uint32(p.first)+uint32(p.last)]
	return p.names == t.names && (from == nil || bytes.Equal(keys[:p.first], from)) && (to == nil || bytes.Compare(keys[p.first:], to) < 0)
}

// Roots calls each with the tree of the names of buckets on each page that has some, from the end of the file
// on. Where both metas are damaged, or the page that they refer to, one of these trees is the last that is
// left.
func (f *File) Roots(end uint64, each func(Tree) bool) {
	var p Page
	end = min(end, f.Pages())
	names := NewSet(end) // leaves that have some
	for _, branches := range []bool{false, true} {
		for id := end; id > 2; {
			id--
			if f.Read(&p, id, end) != nil || p.Leaf == branches || p.Len() == 0 {
				continue
			}
			found := true
			for i := range p.Len() {
				found = found && (p.Leaf && p.IsBucket(i) || !p.Leaf && names.Has(p.Child(i)))
			}
			if !found {
				continue
			}
			if p.Leaf {
				names.Add(id)
			}
			if !each(Names(f, end, id)) {
				return
			}
		}
	}
}
