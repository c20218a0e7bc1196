package memory

import (
	"sync"
)

// maxCached is how many records a cache has in each of its two generations, at about 2 KiB
// each.
const maxCached = 4096

// A Cache has records as the last transaction left them, so that most reads take neither a
// page of the file nor a decoder: a session reads the records of its device before each
// operation. There is one writer, and each transaction tells the cache which keys it changes
// ([Cache.Begin], [Cache.End]), so that a record in it is never out of date. Its methods may be called
// concurrently.
type Cache[T any] struct {
	clone func(T) T

	mu         sync.Mutex
	young, old map[string]*T       // by the key; a record is not changed
	changing   map[string]struct{} // keys that the transaction being committed changes
	last       int                 // the ID of the last transaction that changed a key
}

// NewCache returns an empty Cache. Clone returns a copy of a record that shares nothing with it.
func NewCache[T any](clone func(T) T) *Cache[T] {
	return &Cache[T]{clone: clone, young: make(map[string]*T)}
}

// Get returns a copy of a record, and whether the cache has it.
func (c *Cache[T]) Get(key string) (record T, ok bool) {
	if known := c.Peek(key); known != nil {
		return c.clone(*known), true
	}
	return record, false
}

// Peek is Get without a copy: the record must not be changed or handed out. It is nil where the cache does not
// have it.
func (c *Cache[T]) Peek(key string) *T {
	c.mu.Lock()
	defer c.mu.Unlock()
	record := c.young[key]
	if record == nil {
		if record = c.old[key]; record != nil {
			c.put(key, record)
		}
	}
	return record
}

// Add takes a copy of a record that a read in transaction txid has found. Those not used for
// longest make room.
func (c *Cache[T]) Add(key string, found *T, txid int) {
	record := new(c.clone(*found))
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, changing := c.changing[key]; !changing && txid >= c.last {
		c.put(key, record)
	}
}

// put sets a record. The caller holds mu.
func (c *Cache[T]) put(key string, record *T) {
	if len(c.young) >= maxCached {
		c.young, c.old = make(map[string]*T), c.young
	}
	c.young[key] = record
}

// Begin removes the records that a transaction changes, which is about to be committed.
func (c *Cache[T]) Begin(keys map[string]struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range keys {
		delete(c.young, key)
		delete(c.old, key)
	}
	c.changing = keys
}

// End says that transaction txid has ended, for which Begin was called.
func (c *Cache[T]) End(txid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.changing) > 0 {
		c.last = txid
	}
	c.changing = nil
}

// Clear removes all.
func (c *Cache[T]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old = make(map[string]*T), nil
}
