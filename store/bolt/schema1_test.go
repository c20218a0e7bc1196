package bolt

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/seal"
)

// schema1Devices are the devices in testdata/db/schema1.db.gz, apart from what the store sets.
func schema1Devices() []store.Device {
	at := time.Date(2026, 11, 1, 12, 0, 0, 123456789, time.UTC)
	secret := func(s string) lwm2m.Secret { return lwm2m.NewSecret([]byte(s)) }
	return []store.Device{
		{
			Endpoint: "full", Profile: "meter", Group: "lot", NoSec: true, Format: lwm2m.FormatTLV, Note: "bay <4> & \"5\"", Settings: 4,
			Credentials: []store.Credential{
				{Kind: store.CredentialPSK, Identity: "i\x00\xff", Key: secret("key one"), Created: at, URI: "coaps://bs.example", Rotate: at},
				{Kind: store.CredentialPSK, Identity: "j", Key: secret("key two"), Created: at, Pending: true, Replaces: "i\x00\xff"},
				{Kind: store.CredentialPSK, Identity: "full", Group: "lot", GroupKey: 1, Created: at},
				{Kind: store.CredentialCertificateName, Identity: "full.example", Created: at, Expires: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
			},
			Accounts: map[string]store.AccountKeys{
				"main":  {Identity: "x", Certificate: []byte{1}, Key: secret("k2"), Pending: secret("k3"), KeyMade: at, PendingMade: at, Delivered: at, Rotate: at},
				"other": {MasterSecret: secret("k4"), PendingMaster: secret("k5")},
			},
			HandedOver: []store.HandedOver{{Server: "dm", Account: "main", Endpoint: "former", Identity: "x\xff", Digest: secret("k6"), At: at}},
			Secrets:    map[lwm2m.Path]lwm2m.Secret{lwm2m.ResourcePath(11, 0, 6): secret("k7")},
			Vars:       map[string]string{"v": "w", "e": ""}, Tags: []string{"t", "u"},
			Holds: store.Holding{Profile: "meter", Revision: 1, Content: "c", Settings: 3, Since: at},
			Written: store.Written{BootstrapInstance: new(lwm2m.InstanceID), Instances: []store.WrittenInstance{
				{Path: lwm2m.InstancePath(0, 1), Account: "main", Server: 101, Unconfirmed: true},
				{Path: lwm2m.InstancePath(2, 0), Target: lwm2m.ObjectPath(3)},
			}},
		},
		{Endpoint: "off", Profile: "meter", Disabled: true},
		{Endpoint: "plain", Profile: "meter", NoSec: true},
	}
}

// schema1Sessions are the sessions in it.
func schema1Sessions() (all []store.Session) {
	at := time.Date(2026, 11, 2, 12, 0, 0, 1000, time.UTC)
	for i := range 4 {
		all = append(all, store.Session{
			ID: fmt.Sprintf("s%d", i), Endpoint: "full", Known: true, Proof: store.ProofIdentity, Started: at, Ended: at.Add(time.Second), Remote: "127.0.0.1:5683",
			Transport: store.TransportDTLS, Identity: "j", Group: "lot", Enrolled: true, Profile: "meter", ProfileRevision: 2, DeviceRevision: 3,
			PreferredFormat: new(lwm2m.FormatText), Format: lwm2m.FormatTLV, Stage: store.StageDone, Cause: store.CauseDone, Links: "</0>", Quirks: []string{"q"}, Notes: []string{"n"},
			Operations: []store.Operation{
				{Op: lwm2m.OpDiscover, Bytes: 9, Code: lwm2m.CodeContent, Took: time.Millisecond, Transmissions: 2},
				{Op: lwm2m.OpWrite, Path: lwm2m.InstancePath(0, 1), Format: lwm2m.FormatTLV, Bytes: 9, Error: "e", Diagnostic: "d", Took: 7, Tolerated: true, Repeated: 3},
			},
		})
	}
	return append(all,
		store.Session{ID: "s4", Endpoint: "full", Claimed: "other", Known: true, Proof: store.ProofIdentity, Started: at, Remote: "r", Transport: "coaps", Identity: "j", Stage: store.StageRequest, Cause: store.CauseIdentityMismatch, Detail: "d", Variant: store.VariantGroupName},
		store.Session{ID: "s5", Endpoint: "plain", Known: true, Proof: store.ProofAddress, Started: at, Remote: "r", Transport: "coap", Stage: store.StageDone, Cause: store.CauseDone},
		store.Session{ID: "s6", Endpoint: "full", Known: true, Proof: store.ProofNone, Started: at, Remote: "r", Transport: "coaps", Identity: "i", Stage: store.StageHandshake, Cause: store.CauseKeyDiffers, Attempts: 4, Network: "192.0.2.0/24"},
		store.Session{ID: "s7", Endpoint: "unknown", Started: at, Remote: "r", Transport: "coaps", Identity: "unknown", Stage: store.StageParked, Cause: store.CauseNotApproved, Pending: "k7wq2mxe"},
		store.Session{ID: "s8", Started: at, Remote: "r", Transport: "coap", Stage: store.StageDatagram, Cause: store.CauseWrongPort},
	)
}

// openSchema1 opens a copy of the database.
func openSchema1(t *testing.T) *DB {
	t.Helper()
	dir := t.TempDir()
	key, err := os.ReadFile("../../testdata/db/schema1.key")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "key"), key, 0o600); err != nil { // the repository has it for all to read
		t.Fatal(err)
	}
	k, err := seal.LoadKeyring(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.Open("../../testdata/db/schema1.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "x.db")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open(file, k, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// stored is d without what the store sets.
func stored(d store.Device) store.Device {
	d.Revision, d.Created, d.Updated = 0, time.Time{}, time.Time{}
	return d
}

// mustHaveSchema1 looks at all devices and sessions of the database.
func mustHaveSchema1(t *testing.T, db *DB) {
	t.Helper()
	for _, want := range schema1Devices() {
		if got, err := db.Device(t.Context(), want.Endpoint); err != nil || !reflect.DeepEqual(stored(got), want) || got.Created.IsZero() {
			t.Errorf("device became %+v, %v", got, err)
		}
	}
	for _, want := range schema1Sessions() {
		if got, err := db.Session(t.Context(), want.ID); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("session became %+v, %v", got, err)
		}
	}
	for q, want := range map[store.SessionQuery]string{
		{}:                                  "s8 s7 s6 s5 s4 s3 s2 s1 s0",
		{Endpoint: "full"}:                  "s6 s4 s3 s2 s1 s0",
		{Endpoint: "full", Own: true}:       "s4 s3 s2 s1 s0",
		{Endpoint: "full", Before: "s2"}:    "s1 s0",
		{Endpoint: "other"}:                 "s4",
		{Endpoint: "unknown"}:               "s7",
		{Identity: "j"}:                     "s4 s3 s2 s1 s0",
		{Identity: "unknown"}:               "s7",
		{Failed: true}:                      "s8 s7 s6 s4",
		{Unknown: true}:                     "s8 s7",
		{Endpoint: "plain", Identity: "jj"}: "",
	} {
		if got := listed(t, db, q); got != want {
			t.Errorf("%+v gives %s, want %s", q, got, want)
		}
	}
	if s, err := db.Stats(t.Context()); err != nil || s.Devices != 3 || s.Sessions != 9 || s.Profiles != 1 || s.Groups != 1 || s.LwM2MServers != 1 {
		t.Errorf("there are %+v, %v", s, err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A database of the first schema opens, and has all that it had. Its rows are in JSON, and what is edited is not any
// more, with all that it has.
func TestDatabaseOfSchema1(t *testing.T) {
	db := openSchema1(t)
	mustHaveSchema1(t, db)
	if n := rowsOfJSON(t, db); n != 3+9 {
		t.Errorf("%d devices and sessions are in JSON", n)
	}
	for _, want := range schema1Devices() {
		d, err := db.Device(t.Context(), want.Endpoint)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.PutDevice(t.Context(), d); err != nil {
			t.Error(err)
		}
	}
	for _, s := range schema1Sessions() {
		if err := db.AppendSession(t.Context(), s); err != nil {
			t.Error(err)
		}
	}
	if n := rowsOfJSON(t, db); n != 0 {
		t.Errorf("%d devices and sessions are in JSON after they were edited", n)
	}
	db.caches.clear()
	mustHaveSchema1(t, db)
}

// rowsOfJSON is how many devices and sessions are rows of JSON.
func rowsOfJSON(t *testing.T, db *DB) (n int) {
	t.Helper()
	err := db.look(func(tx *transaction) error {
		for _, bucket := range [][]byte{bucketDevice, bucketSession} {
			tx.Bucket(bucket).Ascend(nil, func(_, row []byte) bool {
				if row[0] == '{' {
					n++
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Salvage tells of each row what it is, and takes none for another: a session in JSON has all that a device has.
func TestRecordsAreTold(t *testing.T) {
	db := openSchema1(t)
	d, err := db.Device(t.Context(), "off")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.PutDevice(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := db.AppendSession(t.Context(), schema1Sessions()[1]); err != nil {
		t.Fatal(err)
	}
	salvaged := 0
	err = db.look(func(tx *transaction) error {
		for _, bucket := range buckets {
			tx.Bucket(bucket).Ascend(nil, func(key, row []byte) bool {
				kind, _ := recordIn(key, row)
				switch is := slices.ContainsFunc(kinds, func(k []byte) bool { return bytes.Equal(k, bucket) }); {
				case is && !bytes.Equal(kind, bucket):
					t.Errorf("%s %q is taken for one of %q", bucket, key, kind)
				case is:
					salvaged++
				case kind != nil:
					t.Errorf("%s %q is taken for one of %s", bucket, key, kind)
				}
				return true
			})
		}
		return nil
	})
	if err != nil || salvaged != 3+9+1+1+1 {
		t.Errorf("looked at %d records, %v", salvaged, err)
	}
}
