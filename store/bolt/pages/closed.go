package pages

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// A file that is closed in order has its list of free pages written, so that the next
// opening need not find it out in all pages; and in the second half of its meta page, of
// which bbolt needs less than a hundred bytes, a note that this list is right:
//
//	"lwbs end" | transaction (8) | SHA-256 of the pages of the list
//
// A list that is wrong would give pages away that are in use, and no page has a checksum.
// The note ends with the next transaction, which writes the other meta page.
const closedMark = "lwbs end"

// WasClosed reports whether the file was closed in order since the last edit.
func (f *File) WasClosed(meta Meta) bool {
	note, at, err := f.ClosedNote(meta)
	if err != nil || f.Lacks(meta) > 0 {
		return false
	}
	have := make([]byte, len(note))
	_, err = f.in.ReadAt(have, at)
	return err == nil && bytes.Equal(have, note)
}

// ClosedNote returns the note that goes with a meta, and where in the file it stands.
func (f *File) ClosedNote(meta Meta) (note []byte, at int64, err error) {
	if _, err := f.FreePages(meta); err != nil {
		return nil, 0, err
	}
	list, err := f.ListOfFree(meta)
	if err != nil {
		return nil, 0, err
	}
	sum := sha256.Sum256(list)
	note = binary.BigEndian.AppendUint64([]byte(closedMark), meta.Txid)
	return append(note, sum[:]...), f.MetaAt(meta) + int64(meta.PageSize)/2, nil
}
