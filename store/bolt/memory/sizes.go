package memory

import (
	"sync"
)

// Sizes are how many devices are in each group, of those groups that were counted since the file was
// opened. Counting a group of a million devices takes a fifth of a second; each transaction that adds
// or removes devices keeps the counts up to date.
type Sizes struct {
	mu      sync.Mutex
	counts  map[string]int // guarded by mu; as the last transaction left them
	changes uint64         // guarded by mu; odd while a transaction is committed that changes sizes
}

// Known returns the count of a group, if there is one.
func (s *Sizes) Known(group string) (n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok = s.counts[group]
	return n, ok
}

// Before returns what Counted needs, which is asked before a group is counted.
func (s *Sizes) Before() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes
}

// Counted keeps the count of a group, unless sizes have changed since Before was asked.
func (s *Sizes) Counted(group string, n int, before uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes == before && before%2 == 0 {
		s.put(group, n)
	}
}

// put sets a count. The caller holds mu.
func (s *Sizes) put(group string, n int) {
	if s.counts == nil {
		s.counts = make(map[string]int)
	}
	s.counts[group] = n
}

// Commit runs the end of a transaction that changes sizes by so much, and changes the counts with it.
// Where it fails it is unknown what the file has, and the groups are counted anew.
func (s *Sizes) Commit(by map[string]int, end func() error) error {
	s.mu.Lock()
	s.changes++
	s.mu.Unlock()
	err := end()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	for group, n := range by {
		if have, ok := s.counts[group]; ok && err == nil {
			s.counts[group] = have + n
		} else {
			delete(s.counts, group)
		}
	}
	return err
}

// Clear forgets all counts.
func (s *Sizes) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes += 2
	clear(s.counts)
}
