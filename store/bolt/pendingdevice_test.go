package bolt

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"lwbs/store"
	"lwbs/store/seal"
)

// A pending device whose row is damaged, or is that of another, is in no list, is told of by a check,
// and is left out of what is salvaged, where the others are.
func TestDamagedPendingDevice(t *testing.T) {
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	file, fresh := filepath.Join(t.TempDir(), "x.db"), filepath.Join(t.TempDir(), "fresh.db")
	db, err := Open(file, k, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"22222222", "33333333", "44444444"} {
		p := store.PendingDevice{ID: id, Endpoint: "dev", Transport: store.TransportPlain, First: time.Now(), Last: time.Now(), Count: 1}
		if err := db.PutPendingDevice(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	err = db.file.Internals().DB().Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketPendingDevice)
		row := append([]byte(nil), b.Get([]byte("33333333"))...)
		row[10] ^= 1
		if err := b.Put([]byte("33333333"), row); err != nil {
			return err
		}
		return b.Put([]byte("44444444"), append([]byte(nil), b.Get([]byte("22222222"))...))
	})
	if err != nil {
		t.Fatal(err)
	}
	only := func(what string, db *DB) {
		t.Helper()
		if all, err := db.PendingDevices(t.Context()); err != nil || len(all) != 1 || all[0].ID != "22222222" {
			t.Errorf("%s: listed are %+v, %v", what, all, err)
		}
	}
	only("damaged", db)
	wrong := db.Check(t.Context())
	for _, want := range []string{`pending_device "33333333"`, `pending_device "44444444": `, `it is of "22222222"`} {
		if wrong == nil || !strings.Contains(wrong.Error(), want) {
			t.Errorf("the check says %v, want %s", wrong, want)
		}
	}
	if err := db.DeletePendingDevice(t.Context(), "44444444"); err != nil { // a damaged one, too
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := SalvageFile(t.Context(), file, fresh, k)
	if err != nil || len(report.Damage) != 1 || !strings.Contains(report.Damage[0], "33333333") {
		t.Errorf("salvaged with %+v, %v", report, err)
	}
	if db, err = Open(fresh, k, Options{}); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	only("salvaged", db)
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
