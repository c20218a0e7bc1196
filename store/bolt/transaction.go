package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"

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

	servers  map[string]store.LwM2MServer // without secrets; nil until they are asked for
	appended bool                         // messages, to the outbox

	writes int               // how often something was put or deleted
	counts map[string]uint64 // those of meta that commit puts, once for all edits
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

// changeIndex is a transaction of its own, of the writer, or before there is one.
func (db *DB) changeIndex(change func(*transaction) error) error {
	return db.file.Change(func(tx *dbfile.Tx) error { return change(of(tx)) })
}

// Bucket returns a bucket, which is there: the opening has seen to that.
func (t *transaction) Bucket(name []byte) *bucket {
	b := &bucket{*t.Tx.Bucket(name), t}
	if byID[b.Name] {
		b.FillPercent = dbfile.CopyFill
	}
	return b
}

// byID are the buckets of sessions by their IDs: new ones come last, so that the pages are filled.
var byID = names([][]byte{bucketSession, bucketSessionKnown, bucketSessionPlain, bucketSessionUnproved, bucketSessionUnknown, bucketSessionFailed})

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

// note notes that something is changed, and which record that a cache may have.
func (t *transaction) note(bucket string, key []byte) {
	t.writes++
	if bucket == string(bucketLwM2MServer) {
		t.servers = nil
	}
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
	for key, n := range t.counts {
		if err := setCount(t, []byte(key), n); err != nil {
			return err
		}
	}
	for bucket, keys := range t.changed {
		c := t.db.caches.of(bucket)
		c.Begin(keys)
		defer c.End(t.ID())
	}
	if t.appended {
		whole := end
		end = func() error {
			err := whole()
			if err == nil {
				t.db.tellAppended()
			}
			return err
		}
	}
	if len(t.grown) > 0 {
		return t.db.sizes.Commit(t.grown, end)
	}
	return end()
}

// fresh returns the record of a key as the transaction sees it, nil unless a cache has it. It must
// not be changed or handed out.
func fresh[T any](t *transaction, c *memory.Cache[T], bucket, key string) *T {
	if _, changed := t.changed[bucket][key]; changed {
		return nil
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

// pair is the key a 0 b of an index.
func pair(a, b string) []byte {
	return append(append([]byte(a), 0), b...)
}

// second is b of a key that pair made with a.
func second(key []byte, a string) string { return string(key[len(a)+1:]) }

// present is the value of an index whose keys say it all.
var present = []byte{}

// counted are the buckets whose elements are counted in meta, by the name of the count.
var counted = map[string][]byte{
	string(keyKnown): bucketSessionKnown, string(keyPlain): bucketSessionPlain,
	string(keyUnproved): bucketSessionUnproved, string(keyUnknown): bucketSessionUnknown,
	string(keyDevices): bucketDevice, string(keyProfiles): bucketProfile, string(keyGroups): bucketGroup, string(keyLwM2MServers): bucketLwM2MServer,
	string(keyAssociations): bucketAssociation, string(keyUsers): bucketUser, string(keyTokens): bucketToken,
}

// count reads one of the counts in meta: a number of 8 bytes and its CRC-32C. A wrong one
// would have history dropped that is not too much: then, and where there is none, the
// elements are counted.
func count(tx *transaction, key []byte) (n uint64) {
	if n, changed := tx.counts[string(key)]; changed {
		return n
	}
	if n, ok := countOf(tx.Bucket(bucketMeta).Get(key)); ok {
		return n
	}
	tx.Bucket(counted[string(key)]).Ascend(nil, func(_, _ []byte) bool {
		n++
		return true
	})
	return n
}

// countOf reads a count, and reports whether it is right.
func countOf(b []byte) (n uint64, ok bool) {
	if len(b) != 8+crc32.Size || !bytes.Equal(b, withSum(b[:8])) {
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}

func setCount(tx *transaction, key []byte, n uint64) error {
	return tx.Bucket(bucketMeta).Put(key, withSum(binary.BigEndian.AppendUint64(nil, n)))
}

// addCount changes a count, before the elements change that it is about.
func addCount(tx *transaction, key []byte, n int) error {
	return setCount(tx, key, uint64(max(0, int(count(tx, key))+n)))
}

// addCountLater is addCount for what many edits of a transaction change: the count is put at its end.
func addCountLater(tx *transaction, key []byte, n int) {
	if tx.counts == nil {
		tx.counts = make(map[string]uint64)
	}
	tx.counts[string(key)] = uint64(max(0, int(count(tx, key))+n))
}

func withSum(b []byte) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(b), crc32.Checksum(b, castagnoli))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// underPrefix calls each with the keys of b that begin with prefix, from start on,
// until it returns false.
func underPrefix(b *bucket, prefix, start []byte, each func(key []byte) bool) {
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	b.Ascend(start, func(k, _ []byte) bool { return bytes.HasPrefix(k, prefix) && each(k) })
}

// pageLimit is the limit of a query, with the contract's default and bounds.
func pageLimit(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, 10_000)
}
