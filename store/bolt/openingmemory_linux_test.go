package bolt

import (
	"os"
	"runtime"
	"testing"
)

// What docs/operations.md promises: to read a file that was not closed in order takes memory in
// proportion to its size, and little of it, whatever the pages hold.
func TestOpeningMemory(t *testing.T) {
	file, k := filled(t, 4000, 4)
	db, err := Open(file, k, Options{})
	if err != nil {
		t.Fatal(err)
	}
	appendSession(t, db, 1)
	db.file.Internals().Degrade(true) // so that it is not closed in order
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if db, err = Open(file, k, Options{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// All that was allocated, which is more than was held at a time.
	took, limit := int64(after.TotalAlloc-before.TotalAlloc), int64(8<<20)+info.Size()/20
	t.Logf("%d bytes for a file of %d", took, info.Size())
	if took > limit || db.file.Internals().ClosedInOrder() {
		t.Errorf("the opening took %d bytes of memory, want at most %d; closed in order %v", took, limit, db.file.Internals().ClosedInOrder())
	}
}
