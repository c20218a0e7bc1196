package bolt

import (
	"sync"

	"lwbs/lwm2m"
	"lwbs/store"
)

// maxCached is how many records a cache has in each of its two generations, at about 2 KiB
// each.
const maxCached = 4096

// A cache has records as the last transaction left them, so that most reads take neither a
// page of the file nor a decoder: a session reads the records of its device before each
// operation. There is one writer, and each transaction tells the cache which keys it changes
// (begin, end), so that a record in it is never out of date. Its methods may be called
// concurrently.
type cache[T any] struct {
	clone func(T) T

	mu         sync.Mutex
	young, old map[string]T        // by the key
	changing   map[string]struct{} // keys that the transaction being committed changes
	last       int                 // the ID of the last transaction that changed a key
}

func newCache[T any](clone func(T) T) *cache[T] {
	return &cache[T]{clone: clone, young: make(map[string]T)}
}

// get returns a copy of a record, and whether the cache has it.
func (c *cache[T]) get(key string) (record T, ok bool) {
	if record, ok = c.peek(key); ok {
		record = c.clone(record)
	}
	return record, ok
}

// peek is get without a copy: the record must not be changed or handed out.
func (c *cache[T]) peek(key string) (record T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if record, ok = c.young[key]; ok {
		return record, true
	}
	if record, ok = c.old[key]; ok {
		c.put(key, record)
	}
	return record, ok
}

// add takes a copy of a record that a read in transaction txid has found. Those not used for
// longest make room.
func (c *cache[T]) add(key string, record T, txid int) {
	record = c.clone(record)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, changing := c.changing[key]; !changing && txid >= c.last {
		c.put(key, record)
	}
}

// put sets a record. The caller holds mu.
func (c *cache[T]) put(key string, record T) {
	if len(c.young) >= maxCached {
		c.young, c.old = make(map[string]T), c.young
	}
	c.young[key] = record
}

// begin removes the records that a transaction changes, which is about to be committed.
func (c *cache[T]) begin(keys map[string]struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range keys {
		delete(c.young, key)
		delete(c.old, key)
	}
	c.changing = keys
}

// end says that transaction txid has ended, for which begin was called.
func (c *cache[T]) end(txid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.changing) > 0 {
		c.last = txid
	}
	c.changing = nil
}

// clear removes all.
func (c *cache[T]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old = make(map[string]T), nil
}

// caches are those of a database.
type caches struct {
	devices    *cache[store.Device]
	profiles   *cache[store.Profile]
	identities *cache[lwm2m.EndpointName] // of whom a credential is, by the key in the index
	groups     *cache[store.Groups]       // under the key allGroups
}

// allGroups is the key under which the cache of groups has all.
const allGroups = "all"

func newCaches() caches {
	return caches{
		devices:    newCache(store.Device.Clone),
		profiles:   newCache(store.Profile.Clone),
		identities: newCache(func(ep lwm2m.EndpointName) lwm2m.EndpointName { return ep }),
		groups:     newCache(func(all store.Groups) store.Groups { return all }), // which are not changed
	}
}

// A cached is a cache of any records.
type cached interface {
	begin(keys map[string]struct{})
	end(txid int)
	clear()
}

// of returns the cache of the records in a bucket, nil where there is none.
func (c *caches) of(bucket string) cached {
	switch bucket {
	case string(bucketDevice):
		return c.devices
	case string(bucketProfile):
		return c.profiles
	case string(bucketIdentity):
		return c.identities
	case string(bucketGroup):
		return c.groups
	}
	return nil
}

func (c *caches) clear() {
	for _, bucket := range [][]byte{bucketDevice, bucketProfile, bucketIdentity, bucketGroup} {
		c.of(string(bucket)).clear()
	}
}
