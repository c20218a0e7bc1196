// Package pages reads the file of a bbolt database page by page, and believes nothing of
// what it reads: it says what is damaged where bbolt would panic, read beyond a page, or
// write over what others need.
//
// A file is a row of pages of one size, as bbolt 1.3 to 1.5 write them on this machine:
//
//	0, 1     metas: the newer valid one says where all else is
//	others   a branch or leaf page of some tree, with the pages that it flows over into;
//	         the list of free pages, where it was written; or a free page
//
// A page begins with its own number, what it is, how many elements it has and how many
// pages it flows over into. Elements are sorted by key, and their keys and values follow
// each other without a gap, so that hardly any bit of a header can change unnoticed. Keys
// and values have no checksum here.
//
// The tree of the root holds the buckets by name: the number of the root page of each, or,
// of a small one, its only page in place of that.
package pages

import "fmt"

// An Error says why a page cannot be read.
type Error struct {
	Page   uint64
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("page %d %s", e.Page, e.Reason) }

func broken(page uint64, reason string, args ...any) *Error {
	return &Error{page, fmt.Sprintf(reason, args...)}
}
