package bolt

import (
	"fmt"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/seal"
)

// fillNames puts the names of n devices into the indexes, without records.
func fillNames(tb testing.TB, db *DB, n int) {
	tb.Helper()
	const group = 50_000
	for from := 0; from < n; from += group {
		if err := db.file.Internals().DB().Update(func(tx *bbolt.Tx) error {
			for i := from; i < min(from+group, n); i++ {
				ep := fmt.Sprintf("urn:imei:35012345%07d", i)
				if err := tx.Bucket(bucketDeviceProfile).Put(pair("p", ep), present); err != nil {
					return err
				}
				if err := tx.Bucket(bucketIdentity).Put(pair(string(store.CredentialPSK), ep), []byte(ep)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			tb.Fatal(err)
		}
	}
}

// Names are compared in groups, and none is left out between them.
func TestNearInManyGroups(t *testing.T) {
	db := openNew(t, Options{})
	const n = 2*compareGroup + 100
	fillNames(t, db, n)
	for _, i := range []int{0, compareGroup - 1, compareGroup, compareGroup + 1, 2 * compareGroup, n - 1} {
		name := fmt.Sprintf("35012345%07d", i)
		near, err := db.NearDevices(t.Context(), name, 1)
		if err != nil || len(near) != 1 || near[0].Endpoint != lwm2m.EndpointName("urn:imei:"+name) {
			t.Errorf("near to %s: %v, %v", name, near, err)
		}
	}
}

// BenchmarkNearDevices looks for a name near to one that is not there, among a million.
func BenchmarkNearDevices(b *testing.B) {
	k, err := seal.NewKeyring()
	if err != nil {
		b.Fatal(err)
	}
	db, err := Open(filepath.Join(b.TempDir(), "x.db"), k, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	fillNames(b, db, 1_000_000)
	for b.Loop() {
		near, err := db.NearDevices(b.Context(), "350123450999999x", 5)
		if err != nil || len(near) == 0 {
			b.Fatal(near, err)
		}
	}
}
