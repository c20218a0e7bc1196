package bolt

import (
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"lwbs/store"
	"lwbs/store/seal"
)

// A file of this schema that was made before there were attempts under other names, shares
// of the history, associations and groups, opens, and goes on with what it has.
func TestFileOfBefore(t *testing.T) {
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.db")
	db, err := Open(file, k, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		appendSession(t, db, i)
	}
	err = db.file.Internals().DB().Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketSessionClaimed, bucketSessionPlain, bucketSessionUnproved, bucketAssociation, bucketGroup, bucketDeviceGroup, bucketPendingDevice} {
			if err := tx.DeleteBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketSessionKnown).Put([]byte("s001"), []byte("dev")) // as the first files have it
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, k, Options{ReadOnly: true}); err == nil {
		t.Error("it opens for reading alone")
	}
	if db, err = Open(file, k, Options{}); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if lost, why, err := db.ResumeAssociations(t.Context()); lost != 0 || why != "" || err != nil {
		t.Errorf("%d associations were lost, as %q; %v", lost, why, err)
	}
	if err := db.KeepAssociations(t.Context(), associationsAt(1, 2), nil); err != nil {
		t.Error(err)
	}
	for range 10 {
		s := store.Session{ID: "t", Endpoint: "dev", Known: true, Identity: "identity", Claimed: "other", Proof: store.ProofNone, Cause: store.CauseKeyDiffers}
		if err := db.AppendSession(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	for q, want := range map[store.SessionQuery]string{
		{Endpoint: "dev", Own: true}: "s002 s001 s000",
		{Endpoint: "dev"}:            "t s002 s001 s000",
		{Endpoint: "other"}:          "t",
	} {
		if got := listed(t, db, q); got != want {
			t.Errorf("%+v gives %s, want %s", q, got, want)
		}
	}
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
