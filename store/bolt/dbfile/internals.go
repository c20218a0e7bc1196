package dbfile

import (
	"os"

	"go.etcd.io/bbolt"
)

// Internals show tests what is in a [File], and let them change it behind its back.
type Internals struct{ of *File }

// Internals are for tests only.
func (db *File) Internals() Internals { return Internals{db} }

// DB is the open file as bbolt has it.
func (i Internals) DB() *bbolt.DB { return i.of.db }

// File is the open file as the system has it.
func (i Internals) File() *os.File { return i.of.file }

// PageSize is in bytes.
func (i Internals) PageSize() int { return i.of.pages.PageSize() }

// ClosedInOrder reports whether the file was, before it was opened.
func (i Internals) ClosedInOrder() bool { return i.of.closedOK }

// Reclaiming reports whether there may be free pages that are not listed, and whether they are being
// searched for. It is called by an edit.
func (i Internals) Reclaiming() (pending, searching bool) {
	return i.of.reclaim.pending, i.of.reclaim.found != nil
}

// Degrade has the file taken for damaged, or not: then it is not closed in order.
func (i Internals) Degrade(on bool) { i.of.degraded.Store(on) }

// Hold begins a long read, which release ends.
func (i Internals) Hold() (release func()) {
	i.of.use.RLock()
	return i.of.use.RUnlock
}
