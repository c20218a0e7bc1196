package bolt

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime/debug"

	"lwbs/store"
)

// contain runs a part of a transaction. What bbolt panics with over a damaged page, and the
// fault of a page that the disk does not give, come back as a [*store.UnreadableError]: they
// end what was asked, and not the process. The goroutine must have SetPanicOnFault.
func (db *DB) contain(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = db.damaged(p)
		}
	}()
	return run()
}

// reading runs a read as contain does, in whatever goroutine.
func (db *DB) reading(read func() error) error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return db.contain(read)
}

// damaged says what a panic in a transaction tells of the file.
func (db *DB) damaged(p any) *store.UnreadableError {
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
func (db *DB) pageAt(address uintptr) (page uint64) {
	defer func() { _ = recover() }() // of Info, where the file is not mapped
	info := db.db.Info()
	if at := address - info.Data; at < maxFile {
		return uint64(at) / uint64(info.PageSize)
	}
	return 0
}

// skips reports whether a list goes on without a record that cannot be read, or that an
// index has and that is missing.
func (db *DB) skips(err error) bool {
	db.unread.Note(err)
	return errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNewer) || errors.Is(err, store.ErrNotFound)
}

// unreadable says of which record an error of its decoding is.
func unreadable(bucket []byte, key string, err error) error {
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNewer) {
		return &store.UnreadableError{Bucket: string(bucket), Key: key, Err: err}
	}
	return err
}

// Unreadable returns what of the database could not be read so far, at most 1,000 parts.
func (db *DB) Unreadable() []*store.UnreadableError { return db.unread.All() }
