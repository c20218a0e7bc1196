package bolt

import (
	"context"
	"path/filepath"
	"testing"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/seal"
)

// A record that is damaged is replaced or deleted without its revision, and is counted once all the same.
func TestDamagedRecordIsReplacedOrDeleted(t *testing.T) {
	kinds := map[string]struct {
		bucket []byte
		put    func(context.Context, *DB) error
		delete func(context.Context, *DB) error
	}{
		"group": {
			bucketGroup,
			func(ctx context.Context, db *DB) error {
				_, err := db.PutGroup(ctx, store.Group{Name: "x", Profile: "p"})
				return err
			},
			func(ctx context.Context, db *DB) error { return db.DeleteGroup(ctx, "x", 0) },
		},
		"LwM2M Server": {
			bucketLwM2MServer,
			func(ctx context.Context, db *DB) error {
				_, err := db.PutLwM2MServer(ctx, store.LwM2MServer{Name: "x", Kind: store.KindPSKFile, Address: "/x"})
				return err
			},
			func(ctx context.Context, db *DB) error { return db.DeleteLwM2MServer(ctx, "x", 0) },
		},
		"profile": {
			bucketProfile,
			func(ctx context.Context, db *DB) error {
				_, err := db.PutProfile(ctx, store.Profile{Name: "x"})
				return err
			},
			func(ctx context.Context, db *DB) error { return db.DeleteProfile(ctx, "x", 0) },
		},
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			k, err := seal.NewKeyring()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "x.db")
			do := func(what string, edits ...func(context.Context, *DB) error) {
				t.Helper()
				db, err := Open(file, k, Options{noSync: true})
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				for _, edit := range edits {
					if err := edit(t.Context(), db); err != nil {
						t.Fatalf("%s: %v", what, err)
					}
				}
			}
			damage := func(_ context.Context, db *DB) error {
				return db.file.Internals().DB().Update(func(tx *dbfile.RawTx) error { return tx.Bucket(kind.bucket).Put([]byte("x"), []byte(`{"name":`)) })
			}
			check := func(ctx context.Context, db *DB) error { return db.Check(ctx) }
			profile := func(ctx context.Context, db *DB) error {
				_, err := db.PutProfile(ctx, store.Profile{Name: "p"})
				return err
			}
			do("put, and damaged", profile, kind.put, damage)
			do("replaced", kind.put, check, damage)
			do("deleted", kind.delete, check)
		})
	}
}
