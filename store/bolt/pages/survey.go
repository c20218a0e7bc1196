package pages

import (
	"bytes"
	"cmp"
	"runtime"
	"slices"
	"sync"
)

// A Survey is what there is in the trees of a file.
type Survey struct {
	Buckets map[string]Tree
	Lost    []LostIn // by bucket and keys
	Used    Set      // pages that the trees have, with those that they flow over into
}

// A LostIn is a [Lost] of a bucket; of the tree of the buckets' names where that is empty.
type LostIn struct {
	Bucket string
	Lost
}

// Survey reads the file from its beginning to its end, and then looks how the pages make the
// trees of m. Tell is called now and then with the number of pages that were read so far, of
// m.End, and may be nil; where it returns false, the Survey ends early, and is not complete.
func (f *File) Survey(m Meta, tell func(read uint64) bool) (survey *Survey, complete bool) {
	s := &surveyor{Survey: &Survey{Buckets: make(map[string]Tree), Used: NewSet(min(m.End, f.Pages()))}}
	if s.leaves, complete = f.readLeaves(m.End, tell); !complete {
		return s.Survey, false
	}
	names := f.Buckets(m)
	s.tour("", names, func(k, v []byte) bool {
		s.Buckets[string(k)] = names.bucket(v)
		return true
	})
	var wg sync.WaitGroup
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	for name, tree := range s.Buckets {
		wg.Go(func() {
			turns <- struct{}{}
			s.tour(name, tree, nil)
			<-turns
		})
	}
	wg.Wait()
	slices.SortFunc(s.Lost, func(a, b LostIn) int {
		return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), bytes.Compare(a.From, b.From))
	})
	return s.Survey, true
}

// A surveyor makes a [Survey].
type surveyor struct {
	*Survey
	leaves *leaves

	mu sync.Mutex // guards Used and Lost
}

// tour goes through one tree.
func (s *surveyor) tour(name string, t Tree, each func(k, v []byte) bool) {
	w := tour{tree: t, each: each, leaves: s.leaves, take: s.take}
	w.lost = func(l Lost) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.Lost = append(s.Lost, LostIn{name, l})
	}
	w.visit(t.Root, Lost{}, 0)
}

// take adds a page, and those that it flows over into, to those in use, which they must not
// be yet.
func (s *surveyor) take(page, pages uint64) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range pages {
		if s.Used.Has(page + i) {
			return broken(page, "is used twice, or flows over into page %d that is", page+i)
		}
	}
	for i := range pages {
		s.Used.Add(page + i)
	}
	return nil
}
