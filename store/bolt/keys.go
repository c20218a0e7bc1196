package bolt

import (
	"bytes"
	"encoding/binary"

	"go.etcd.io/bbolt"
)

// pair is the key a 0 b of an index.
func pair(a, b string) []byte {
	return append(append([]byte(a), 0), b...)
}

// second is b of a key that pair made with a.
func second(key []byte, a string) string { return string(key[len(a)+1:]) }

// present is the value of an index whose keys say it all.
var present = []byte{}

// count reads one of the counters in meta.
func count(tx *bbolt.Tx, key []byte) uint64 {
	b := tx.Bucket(bucketMeta).Get(key)
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func setCount(tx *bbolt.Tx, key []byte, n uint64) error {
	return tx.Bucket(bucketMeta).Put(key, binary.BigEndian.AppendUint64(nil, n))
}

// underPrefix calls each with the keys of b that begin with prefix, from start on,
// until it returns false.
func underPrefix(b *bbolt.Bucket, prefix, start []byte, each func(key []byte) bool) {
	c := b.Cursor()
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	for k, _ := c.Seek(start); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		if !each(k) {
			return
		}
	}
}

// pageLimit is the limit of a query, with the contract's default and bounds.
func pageLimit(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, 10_000)
}
