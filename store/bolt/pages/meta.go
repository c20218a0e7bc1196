package pages

import (
	"encoding/binary"
	"hash/fnv"
	"math"
)

// A Meta is what a meta page says.
type Meta struct {
	PageSize int    // bytes
	Root     uint64 // page of the tree of buckets
	Sequence uint64 // of the root bucket; not used
	Free     uint64 // page of the list of free pages, or NoFree
	End      uint64 // the page behind the last one in use
	Txid     uint64 // of the transaction that wrote it
}

// NoFree in place of a page stands for a list of free pages that was not written.
const NoFree = ^uint64(0)

const (
	magic   = 0xED0CDAED
	version = 2

	headerSize  = 16 // of each page
	elementSize = 16 // of each element of a page
	metaSize    = 64 // behind the header

	minPageSize = 1 << 10
	maxPageSize = 1 << 16
)

// What a page is.
const (
	flagBranch = 0x01
	flagLeaf   = 0x02
	flagMeta   = 0x04
	flagFree   = 0x10
)

var order = binary.NativeEndian

// parseMeta reads the meta page with the number page, 0 or 1.
func parseMeta(b []byte, page uint64) (Meta, error) {
	if len(b) < headerSize+metaSize {
		return Meta{}, broken(page, "is not there: the file is too short")
	}
	m := b[headerSize : headerSize+metaSize]
	switch {
	case order.Uint32(m) != magic:
		return Meta{}, broken(page, "is no meta page of a database")
	case order.Uint32(m[4:]) != version:
		return Meta{}, broken(page, "is of another version of the format, %d", order.Uint32(m[4:]))
	case order.Uint64(m[56:]) != sumOf(m):
		return Meta{}, broken(page, "has a wrong checksum")
	}
	meta := Meta{PageSize: int(order.Uint32(m[8:])), Root: order.Uint64(m[16:]), Sequence: order.Uint64(m[24:]),
		Free: order.Uint64(m[32:]), End: order.Uint64(m[40:]), Txid: order.Uint64(m[48:])}
	switch {
	case !validSize(meta.PageSize):
		return Meta{}, broken(page, "says that a page has %d bytes", meta.PageSize)
	case meta.End > math.MaxInt64/uint64(meta.PageSize) || meta.Txid > math.MaxInt64:
		return Meta{}, broken(page, "has numbers that no file comes to")
	case meta.Root < 2 || meta.Root >= meta.End || meta.Free != NoFree && (meta.Free < 2 || meta.Free >= meta.End):
		return Meta{}, broken(page, "contradicts itself")
	}
	return meta, nil
}

func validSize(n int) bool { return n >= minPageSize && n <= maxPageSize && n&(n-1) == 0 }

// Encode returns the meta page that says m, one page long, and its number.
func (m Meta) Encode() (b []byte, page uint64) {
	b, page = make([]byte, m.PageSize), m.Txid%2
	order.PutUint64(b, page)
	order.PutUint16(b[8:], flagMeta)
	body := b[headerSize : headerSize+metaSize]
	order.PutUint32(body, magic)
	order.PutUint32(body[4:], version)
	order.PutUint32(body[8:], uint32(m.PageSize))
	for i, n := range []uint64{m.Root, m.Sequence, m.Free, m.End, m.Txid} {
		order.PutUint64(body[16+8*i:], n)
	}
	order.PutUint64(body[56:], sumOf(body))
	return b, page
}

// sumOf is the checksum of what stands before it in a meta page.
func sumOf(body []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(body[:56])
	return h.Sum64()
}
