package bolt

import (
	"context"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/bolt/memory"
)

// A transaction is one of the file that knows what it makes out of date.
type transaction struct {
	*dbfile.Tx
	db *DB

	changed map[string]map[string]struct{} // the keys that were set or removed, by bucket; of those with a cache
	grown   map[string]int                 // by how many devices groups have grown
}

// of is the transaction over one of the file.
func of(tx *dbfile.Tx) *transaction { return tx.User.(*transaction) }

// view runs a read.
func (db *DB) view(ctx context.Context, read func(*transaction) error) error {
	return db.file.View(ctx, func(tx *dbfile.Tx) error { return read(of(tx)) })
}

// look runs a read of the writer, or before there is one.
func (db *DB) look(read func(*transaction) error) error {
	return db.file.Look(func(tx *dbfile.Tx) error { return read(of(tx)) })
}

// edit hands apply to the writer and waits for its end. Where apply refuses, it has written nothing, and
// the transaction goes on; where it fails or panics, the transaction starts anew. It may run several
// times.
func (db *DB) edit(ctx context.Context, apply func(*transaction) (refused, failed error)) error {
	return db.file.Edit(ctx, func(tx *dbfile.Tx) (refused, failed error) { return apply(of(tx)) })
}

// changeIndex is a transaction of its own, of the writer, or before there is one.
func (db *DB) changeIndex(change func(*transaction) error) error {
	return db.file.Change(func(tx *dbfile.Tx) error { return change(of(tx)) })
}

// Bucket returns a bucket, which is there: the opening has seen to that.
func (t *transaction) Bucket(name []byte) *bucket {
	return &bucket{*t.Tx.Bucket(name), t}
}

// A bucket is one of a transaction.
type bucket struct {
	dbfile.Bucket
	t *transaction
}

// Put sets a value. It has changed nothing where the pages for it are damaged.
func (b *bucket) Put(key, value []byte) error {
	b.t.note(b.Name, key)
	return b.Bucket.Put(key, value)
}

// Delete removes a key, if it is there. It has changed nothing where the pages for it are
// damaged.
func (b *bucket) Delete(key []byte) error {
	b.t.note(b.Name, key)
	return b.Bucket.Delete(key)
}

// note notes that a record was changed that a cache may have.
func (t *transaction) note(bucket string, key []byte) {
	if t.db.caches.of(bucket) == nil {
		return
	}
	if t.changed == nil {
		t.changed = make(map[string]map[string]struct{})
	}
	if t.changed[bucket] == nil {
		t.changed[bucket] = make(map[string]struct{})
	}
	if bucket == string(bucketGroup) {
		key = []byte(allGroups)
	}
	t.changed[bucket][string(key)] = struct{}{}
}

// commit runs the end of a transaction, and keeps the caches from what it makes out of date.
func (t *transaction) commit(end func() error) error {
	for bucket, keys := range t.changed {
		c := t.db.caches.of(bucket)
		c.Begin(keys)
		defer c.End(t.ID())
	}
	if len(t.grown) > 0 {
		return t.db.sizes.Commit(t.grown, end)
	}
	return end()
}

// fresh returns the record of a key as the transaction sees it, if a cache has it. It must
// not be changed or handed out.
func fresh[T any](t *transaction, c *memory.Cache[T], bucket, key string) (record T, ok bool) {
	if _, changed := t.changed[bucket][key]; changed {
		return record, false
	}
	return c.Peek(key)
}

// caches are those of a database.
type caches struct {
	devices    *memory.Cache[store.Device]
	profiles   *memory.Cache[store.Profile]
	identities *memory.Cache[lwm2m.EndpointName] // of whom a credential is, by the key in the index
	groups     *memory.Cache[store.Groups]       // under the key allGroups
}

// allGroups is the key under which the cache of groups has all.
const allGroups = "all"

func newCaches() caches {
	return caches{
		devices:    memory.NewCache(store.Device.Clone),
		profiles:   memory.NewCache(store.Profile.Clone),
		identities: memory.NewCache(func(ep lwm2m.EndpointName) lwm2m.EndpointName { return ep }),
		groups:     memory.NewCache(func(all store.Groups) store.Groups { return all }), // which are not changed
	}
}

// A cached is a cache of any records.
type cached interface {
	Begin(keys map[string]struct{})
	End(txid int)
	Clear()
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
		c.of(string(bucket)).Clear()
	}
}
