package pages

import (
	"bytes"
	"errors"
)

// maxCount is the number of elements from which on a list of free pages has it in its first
// entry in place of its header.
const maxCount = 0xffff

// FreePages reads the list of free pages that m refers to. Its error is an [*Error].
func (f *File) FreePages(m Meta) ([]uint64, error) {
	if m.Free == NoFree {
		return nil, nil
	}
	b, err := f.ListOfFree(m)
	if err != nil {
		return nil, err
	}
	over := uint64(order.Uint32(b[12:]))
	if order.Uint64(b) != m.Free || order.Uint16(b[8:]) != flagFree {
		return nil, broken(m.Free, "is no list of free pages")
	}
	count, at := uint64(order.Uint16(b[10:])), headerSize
	if count == maxCount {
		count, at = order.Uint64(b[headerSize:]), headerSize+8
	}
	if count > m.End || uint64(at)+8*count > uint64(len(b)) {
		return nil, broken(m.Free, "has %d free pages, which is too many for it", count)
	}
	free := make([]uint64, count)
	for i := range free {
		free[i] = order.Uint64(b[at+8*i:])
		if free[i] < 2 || free[i] >= m.End || i > 0 && free[i] <= free[i-1] || free[i] >= m.Free && free[i] <= m.Free+over {
			return nil, broken(m.Free, "has a free page that cannot be, %d", free[i])
		}
	}
	return free, nil
}

// encodeFree returns a list of free pages, as pages from id on.
func encodeFree(id uint64, free []uint64, pageSize int) []byte {
	entries := len(free)
	if entries >= maxCount {
		entries++
	}
	n := (headerSize + 8*entries + pageSize - 1) / pageSize
	b := bytes.NewBuffer(make([]byte, 0, n*pageSize))
	head := make([]byte, headerSize)
	order.PutUint64(head, id)
	order.PutUint16(head[8:], flagFree)
	order.PutUint16(head[10:], uint16(min(len(free), maxCount)))
	order.PutUint32(head[12:], uint32(n-1))
	b.Write(head)
	if len(free) >= maxCount {
		b.Write(order.AppendUint64(nil, uint64(len(free))))
	}
	for _, page := range free {
		b.Write(order.AppendUint64(nil, page))
	}
	return append(b.Bytes(), make([]byte, n*pageSize-b.Len())...)
}

// ErrNoList is returned where a file has no list of free pages.
var ErrNoList = errors.New("there is no list of free pages")

// ListOfFree returns the bytes of the list of free pages. What they say is for FreePages to
// tell.
func (f *File) ListOfFree(m Meta) ([]byte, error) {
	if m.Free == NoFree {
		return nil, ErrNoList
	}
	b, err := f.bytes(nil, m.Free, 1)
	if err != nil {
		return nil, err
	}
	over := uint64(order.Uint32(b[12:]))
	if over >= m.End-m.Free {
		return nil, broken(m.Free, "flows over into %d pages, beyond the last page", over)
	}
	return f.bytes(b[:0], m.Free, int(over)+1)
}
