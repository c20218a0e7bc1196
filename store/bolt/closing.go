package bolt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"

	"go.etcd.io/bbolt"

	"lwbs/store/bolt/pages"
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

// closeInOrder writes the list and the note. Where that fails, the next opening takes longer.
func (db *DB) closeInOrder() {
	if db.degraded.Load() || db.opts.ReadOnly {
		return
	}
	db.db.NoFreelistSync = false
	err := db.reading(func() error { return db.db.Update(func(*bbolt.Tx) error { return nil }) })
	info, err2 := db.file.Stat()
	if err != nil || err2 != nil {
		return
	}
	file, err := pages.Open(db.file, info.Size())
	if err != nil {
		return
	}
	meta, _ := file.Newest()
	note, at, err := closedNote(file, meta)
	if err != nil {
		return
	}
	if err := db.writeAt(db.file, note, at); err == nil {
		_ = db.sync(db.file)
	}
}

// wasClosed reports whether a file was closed in order since the last edit.
func wasClosed(f *os.File, file *pages.File, meta pages.Meta) bool {
	note, at, err := closedNote(file, meta)
	if err != nil || file.Lacks(meta) > 0 {
		return false
	}
	have := make([]byte, len(note))
	_, err = f.ReadAt(have, at)
	return err == nil && bytes.Equal(have, note)
}

// closedNote returns the note that goes with a meta, and where in the file it stands.
func closedNote(file *pages.File, meta pages.Meta) (note []byte, at int64, err error) {
	if _, err := file.FreePages(meta); err != nil {
		return nil, 0, err
	}
	list, err := file.ListOfFree(meta)
	if err != nil {
		return nil, 0, err
	}
	sum := sha256.Sum256(list)
	note = binary.BigEndian.AppendUint64([]byte(closedMark), meta.Txid)
	return append(note, sum[:]...), file.MetaAt(meta) + int64(meta.PageSize)/2, nil
}
