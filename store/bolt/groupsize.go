package bolt

import (
	"bytes"
	"context"
	"fmt"
	"sync"
)

// Sizes are how many devices are in each group, of those groups that were counted since the file was
// opened. Counting a group of a million devices takes a fifth of a second; each transaction that adds
// or removes devices keeps the counts up to date.
type sizes struct {
	mu      sync.Mutex
	counts  map[string]int // guarded by mu; as the last transaction left them
	changes uint64         // guarded by mu; odd while a transaction is committed that changes sizes
}

// known returns the count of a group, if there is one.
func (s *sizes) known(group string) (n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok = s.counts[group]
	return n, ok
}

// before returns what counted needs, which is asked before a group is counted.
func (s *sizes) before() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes
}

// counted keeps the count of a group, unless sizes have changed since before was asked.
func (s *sizes) counted(group string, n int, before uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes == before && before%2 == 0 {
		s.put(group, n)
	}
}

// put sets a count. The caller holds mu.
func (s *sizes) put(group string, n int) {
	if s.counts == nil {
		s.counts = make(map[string]int)
	}
	s.counts[group] = n
}

// commit runs the end of a transaction that changes sizes by so much, and changes the counts with it.
// Where it fails it is unknown what the file has, and the groups are counted anew.
func (s *sizes) commit(by map[string]int, end func() error) error {
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

// clear forgets all counts.
func (s *sizes) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes += 2
	clear(s.counts)
}

// GroupSize implements [store.Store].
func (db *DB) GroupSize(ctx context.Context, name string) (n int, err error) {
	if n, ok := db.sizes.known(name); ok && db.file.Usable(ctx) == nil {
		return n, nil
	}
	before := db.sizes.before()
	err = db.view(ctx, func(tx *transaction) error {
		n = countGroup(tx, name)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("size of group %q: %w", name, err)
	}
	db.sizes.counted(name, n, before)
	return n, nil
}

// groupSize is the size of a group as the writer's transaction has it.
func (db *DB) groupSize(tx *transaction, name string) int {
	n, ok := db.sizes.known(name)
	if !ok {
		n = countGroup(tx, name)
		db.sizes.counted(name, n, db.sizes.before()) // only the writer changes them
	}
	return n + tx.grown[name]
}

// countGroup counts the devices of a group, as they were when the transaction began.
func countGroup(tx *transaction, name string) (n int) {
	tree, err := tx.Tree(string(bucketDeviceGroup))
	if err != nil {
		tx.db.file.Unread().Note(err)
		return 0
	}
	prefix := pair(name, "")
	tree.Ascend(prefix, func(k, _ []byte) bool {
		within := bytes.HasPrefix(k, prefix)
		if within {
			n++
		}
		return within
	}, tx.Bucket(bucketDeviceGroup).Lost)
	return n
}

// grow notes that an entry of the index of groups was added or removed.
func (t *transaction) grow(key string, by int) {
	group, _, _ := bytes.Cut([]byte(key), []byte{0})
	if t.grown == nil {
		t.grown = make(map[string]int)
	}
	t.grown[string(group)] += by
}
