package bolt

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"lwbs/store"
	"lwbs/store/seal"
)

// While a write does not come to its end, records are read, also those that no cache has, edits
// end with their context, and Writing tells since when. Afterwards edits are kept again.
func TestStuckDisk(t *testing.T) {
	keyring, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(filepath.Join(t.TempDir(), "db"), keyring, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx := context.Background()
	if _, err := db.PutProfiles(ctx, []store.Profile{{Name: "a"}, {Name: "b"}}); err != nil {
		t.Fatal(err)
	}
	awaitNoWrite(t, db)
	stuck, free := make(chan struct{}), make(chan struct{})
	go func() {
		_ = db.edit(ctx, func(*transaction) (refused, failed error) {
			close(stuck)
			<-free
			return nil, nil
		})
	}()
	<-stuck
	for _, name := range []string{"a", "b", "a"} {
		if _, err := db.Profile(ctx, name); err != nil {
			t.Errorf("profile %s is not read: %v", name, err)
		}
	}
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, err := db.PutProfile(short, store.Profile{Name: "c"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an edit ends with %v", err)
	}
	if took := db.Writing(); took < 10*time.Millisecond {
		t.Errorf("the write is said to be under way for %v", took)
	}
	close(free)
	if _, err := db.PutProfile(ctx, store.Profile{Name: "d"}); err != nil {
		t.Error(err)
	}
	awaitNoWrite(t, db)
}

// awaitNoWrite waits until Writing tells of no write. Edits end a moment before that.
func awaitNoWrite(t *testing.T, db *DB) {
	for deadline := time.Now().Add(time.Minute); db.Writing() != 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("a write is said to be under way for %v", db.Writing())
		}
	}
}
