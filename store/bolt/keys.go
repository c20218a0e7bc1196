package bolt

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

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
	string(keyAssociations): bucketAssociation,
}

// count reads one of the counts in meta: a number of 8 bytes and its CRC-32C. A wrong one
// would have history dropped that is not too much: then, and where there is none, the
// elements are counted.
func count(tx *transaction, key []byte) (n uint64) {
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
