package bolt_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.etcd.io/bbolt"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// withGroup makes a database with a group and three devices in it.
func withGroup(t *testing.T, file string, k *seal.Keyring) {
	t.Helper()
	db := open(t, file, k, bolt.Options{})
	defer db.Close()
	ctx := t.Context()
	if _, err := db.PutProfile(ctx, store.Profile{Name: "meter"}); err != nil {
		t.Fatal(err)
	}
	g, err := db.PutGroup(ctx, store.Group{Name: "lot", Profile: "meter", Match: []string{"dev-*"}, Keys: []store.GroupKey{{ID: 1, Key: lwm2m.NewSecret([]byte("very-secret-group-key"))}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		ep := fmt.Sprintf("dev-%d", i)
		d := store.Device{Endpoint: lwm2m.EndpointName(ep), Profile: "meter", Group: "lot", Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: ep, Group: "lot", GroupKey: 1}}}
		if _, err := db.EnrolDevice(ctx, d, g.Revision); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKeysOfGroupsAreSealed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.db")
	withGroup(t, file, keyring(t))
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(raw, []byte("dev-*")) {
		t.Fatal("the file does not have the group")
	}
	if bytes.Contains(raw, []byte("very-secret-group-key")) {
		t.Error("the file has the key of the group in the clear")
	}
}

func TestGroupsAreSalvaged(t *testing.T) {
	dir, k := t.TempDir(), keyring(t)
	for name, tt := range map[string]struct {
		change   func(*bbolt.Tx) error
		kept     int
		profiles []string // that are empty
		groups   []string // that are empty
	}{
		"whole": {func(*bbolt.Tx) error { return nil }, 1, nil, nil},
		"the group is damaged": {func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("group")).Put([]byte("lot"), []byte(`{"name":"lot","pro`))
		}, 0, nil, []string{"lot"}},
		"the profile is damaged": {func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("profile")).Put([]byte("meter"), []byte("{"))
		}, 1, []string{"meter"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			file, fresh := filepath.Join(dir, name+".db"), filepath.Join(dir, name+" fresh.db")
			withGroup(t, file, k)
			tamper(t, file, tt.change)
			report, err := bolt.SalvageFile(t.Context(), file, fresh, k)
			if err != nil {
				t.Fatal(err)
			}
			if report.Devices.Kept != 3 || report.Groups.Kept != tt.kept || !slices.Equal(report.Groups.Empty, tt.groups) || !slices.Equal(report.Profiles.Empty, tt.profiles) {
				t.Errorf("the report is %+v", report)
			}
			db := open(t, fresh, k, bolt.Options{})
			defer db.Close()
			g, err := db.Group(t.Context(), "lot")
			if err != nil || g.Profile != "meter" || g.Disabled != (tt.kept == 0) || len(g.Keys) != tt.kept {
				t.Errorf("the group is %+v, %v", g, err)
			}
			if n, err := db.GroupSize(t.Context(), "lot"); n != 3 || err != nil {
				t.Errorf("it has %d devices, %v", n, err)
			}
		})
	}
}

func TestCheckFindsMissingGroup(t *testing.T) {
	dir, k := t.TempDir(), keyring(t)
	file := filepath.Join(dir, "x.db")
	withGroup(t, file, k)
	tamper(t, file, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("group")).Delete([]byte("lot")) })
	err := bolt.CheckFile(t.Context(), file, k)
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte(`device "dev-0": its group "lot" is missing`)) {
		t.Errorf("check tells %v", err)
	}
}
