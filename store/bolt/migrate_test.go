package bolt

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"go.etcd.io/bbolt"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/seal"
)

// mark returns a migration that leaves a mark, and fails with err.
func mark(name string, err error) dbfile.Step {
	return func(tx *bbolt.Tx) error {
		return errors.Join(tx.Bucket(bucketMeta).Put([]byte(name), []byte("was here")), err)
	}
}

func TestMigrate(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name   string
		steps  map[int]dbfile.Step
		err    error
		schema string   // of the file in the end
		marks  []string // that are in it
	}{
		{"two steps", map[int]dbfile.Step{1: mark("a", nil), 2: mark("b", nil)}, nil, "3", []string{"a", "b"}},
		{"second fails", map[int]dbfile.Step{1: mark("a", nil), 2: mark("b", broken)}, broken, strconv.Itoa(schema), nil},
		{"second missing", map[int]dbfile.Step{1: mark("a", nil)}, store.ErrSchema, strconv.Itoa(schema), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, err := seal.NewKeyring()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "x.db")
			db, err := Open(file, k, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.file.Migrate(1, 3, tt.steps, stamp); !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if _, err := os.Stat(file + ".schema1"); err != nil {
				t.Errorf("there is no copy of the file as it was: %v", err)
			}
			if err := db.file.Internals().DB().View(func(tx *bbolt.Tx) error {
				meta := tx.Bucket(bucketMeta)
				if got := string(meta.Get(keySchema)); got != tt.schema {
					t.Errorf("schema %s, want %s", got, tt.schema)
				}
				found := 0
				for _, name := range []string{"a", "b"} {
					if meta.Get([]byte(name)) != nil {
						found++
					}
				}
				if found != len(tt.marks) {
					t.Errorf("%d marks, want %v: all or nothing", found, tt.marks)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
