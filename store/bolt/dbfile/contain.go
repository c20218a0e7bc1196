package dbfile

import (
	"fmt"
	"math/bits"
	"runtime/debug"

	"lwbs/store"
)

// contain runs a part of a transaction. What bbolt panics with over a damaged page, and the
// fault of a page that the disk does not give, come back as a [*store.UnreadableError]: they
// end what was asked, and not the process. The goroutine must have SetPanicOnFault.
func (db *File) contain(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = db.damaged(p)
		}
	}()
	return run()
}

// Reading runs a read as contain does, in whatever goroutine.
func (db *File) Reading(read func() error) error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return db.contain(read)
}

// damaged says what a panic in a transaction tells of the file.
func (db *File) damaged(p any) *store.UnreadableError {
	part := &store.UnreadableError{Err: fmt.Errorf("%w: %v", store.ErrCorrupt, p)}
	if fault, ok := p.(interface{ Addr() uintptr }); ok {
		if part.Page = db.pageAt(fault.Addr()); part.Page != 0 {
			part.Err = fmt.Errorf("%w: it cannot be read from the file", store.ErrCorrupt)
		}
	}
	return part
}

// maxFile is more than the file of any database has, in bytes: memory that lies farther
// behind the beginning of the mapped file is not of it.
const maxFile = 1 << (bits.UintSize - 8)

// pageAt is the page of the mapped file that is at an address; zero where it is none.
func (db *File) pageAt(address uintptr) (page uint64) {
	defer func() { _ = recover() }() // of Info, where the file is not mapped
	info := db.db.Info()
	if at := address - info.Data; at < maxFile {
		return uint64(at) / uint64(info.PageSize)
	}
	return 0
}
