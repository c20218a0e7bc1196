package rows_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows"
	"lwbs/store/seal"
)

func fullDevice() store.Device {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	return store.Device{
		Endpoint: "dev", Revision: 3, Profile: "p", Disabled: true, NoSec: true, Format: lwm2m.FormatTLV, Note: "n", Created: at, Updated: at,
		Credentials: []store.Credential{
			{Kind: store.CredentialPSK, Identity: "i\x00", Key: lwm2m.NewSecret([]byte("k1")), Created: at, URI: "coaps://bs.example"},
			{Kind: store.CredentialPSK, Identity: "j", Key: lwm2m.NewSecret([]byte("k3")), Created: at, Pending: true, Replaces: "i\x00"},
		},
		Accounts:   map[string]store.AccountKeys{"a": {Identity: "x", Certificate: []byte{1}, Key: lwm2m.NewSecret([]byte("k2")), Pending: lwm2m.NewSecret([]byte("k3")), MasterSecret: lwm2m.NewSecret([]byte("k4")), Delivered: at}},
		HandedOver: []store.HandedOver{{Server: "dm", Account: "a", Endpoint: "former", Identity: "x\xff", Digest: lwm2m.NewSecret([]byte("k5")), At: at}, {Server: "dm", Account: "b", Endpoint: "dev", At: at}},
		Secrets:    map[lwm2m.Path]lwm2m.Secret{lwm2m.ResourcePath(11, 0, 6): lwm2m.NewSecret([]byte("key number five")), lwm2m.ResourcePath(11, 1, 6): lwm2m.NewSecret([]byte("k6"))},
		Vars:       map[string]string{"v": "w"}, Tags: []string{"t"},
		Written: store.Written{BootstrapInstance: new(lwm2m.InstanceID), Instances: []store.WrittenInstance{
			{Path: lwm2m.InstancePath(0, 1), Account: "a", Server: 101, Unconfirmed: true},
			{Path: lwm2m.InstancePath(2, 0), Target: lwm2m.ObjectPath(3)},
		}},
	}
}

func TestDeviceCodec(t *testing.T) {
	k, d := keyring(t), fullDevice()
	b, err := rows.EncodeDevice(k, d)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := rows.DecodeDevice(k, b); err != nil || !reflect.DeepEqual(back, d) {
		t.Errorf("became %+v, %v", back, err)
	}
	// The sealed key of one device is worth nothing in the record of another.
	moved := strings.Replace(string(b), `"endpoint":"dev"`, `"endpoint":"eve"`, 1)
	if _, err := rows.DecodeDevice(k, []byte(moved)); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a record under another name: %v, want %v", err, store.ErrCorrupt)
	}
	// Nor that of one Resource in the place of another.
	swapped := strings.NewReplacer("/11/0/6", "/11/1/6", "/11/1/6", "/11/0/6").Replace(string(b))
	if _, err := rows.DecodeDevice(k, []byte(swapped)); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("secrets of two Resources changed places: %v, want %v", err, store.ErrCorrupt)
	}
	if strings.Contains(string(b), "key number five") {
		t.Error("a secret is kept as it is")
	}
	for name, text := range map[string]string{"unknown key": `{"endpoint":"d","colour":1}`, "two records": `{}{}`, "cut": string(b[:len(b)-2])} {
		if _, err := rows.DecodeDevice(k, []byte(text)); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v, want %v", name, err, store.ErrCorrupt)
		}
	}
}

// fixedKeyring has a known key, so that what fuzzing found opens again.
func fixedKeyring(t testing.TB) *seal.Keyring {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("lwbs-keys 1\n1 2026-01-01T00:00:00Z "+strings.Repeat("A", 43)+"=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := seal.LoadKeyring(file)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// DecodeDevice never panics, and what it accepts is the same after another round.
func FuzzDecodeDevice(f *testing.F) {
	k := fixedKeyring(f)
	b, err := rows.EncodeDevice(k, fullDevice())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"endpoint":"d","é<":1,"accounts":{"a":{"b":[]}},"credentials":[{"kind":"x","y":null}],"sum":"38142909"}`))
	f.Add([]byte(`{"endpoint":"d","revision":1,"profile":"p","created":"2026-01-01T00:00:00Z","updated":"2026-01-01T00:00:00+01:00"}`))
	f.Add([]byte(`{"endpoint":"\ud800","accounts":{"":{}},"vars":{},"tags":[],"format":"65000","credentials":[{"identity":"/w=="}]}`))
	f.Add([]byte(`{"endpoint":"d","secrets":{"/11/0/6":null,"/":"AA=="}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := rows.DecodeDevice(k, in)
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrNoKey) && !errors.Is(err, store.ErrNewer) {
				t.Errorf("%q: error %v", in, err)
			}
			return
		}
		b, err := rows.EncodeDevice(k, d)
		if err != nil {
			t.Fatalf("%q is accepted and cannot be kept: %v", in, err)
		}
		again, err := rows.DecodeDevice(k, b)
		if len(d.Vars) == 0 {
			d.Vars = nil
		}
		if len(d.Tags) == 0 {
			d.Tags = nil
		}
		if err != nil || !reflect.DeepEqual(again, d) {
			t.Errorf("%q: %+v became %+v, %v", in, d, again, err)
		}
	})
}

func TestSessionCodec(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	s := store.Session{
		ID: "s1", Endpoint: "dev", Known: true, Started: at, Ended: at.Add(time.Second), Remote: "127.0.0.1:5683", Transport: "coaps",
		Identity: "dev", Profile: "p", ProfileRevision: 2, DeviceRevision: 3, PreferredFormat: new(lwm2m.FormatSenMLCBOR), Format: lwm2m.FormatTLV,
		Stage: store.StageDone, Cause: store.CauseDone, Links: "</0>", Quirks: []string{"q"},
		Operations: []store.Operation{{Path: lwm2m.InstancePath(0, 1), Format: lwm2m.FormatTLV, Bytes: 9, Took: time.Millisecond, Transmissions: 2}},
	}
	b, err := rows.EncodeSession(s)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := rows.DecodeSession(b); err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("became %+v, %v", back, err)
	}
	if _, err := rows.DecodeSession(b[1:]); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("cut: %v, want %v", err, store.ErrCorrupt)
	}
}

func TestProfileJSON(t *testing.T) {
	storing := false
	p := store.Profile{
		Name: "p", Revision: 2, Delete: store.DeletePolicy{Mode: store.DeleteList, Paths: []lwm2m.Path{lwm2m.InstancePath(0, 1)}},
		Accounts: []store.Account{{Name: "a", URI: "coaps://a", ShortServerID: 7, Lifetime: new(store.Duration(time.Hour)), NotificationStoring: &storing}},
		Objects:  []store.ObjectValues{{Path: lwm2m.InstancePath(3, 0), Resources: map[lwm2m.ResourceID]store.Literal{14: {Text: new("+02:00")}}}},
	}
	b, err := rows.EncodeProfile(p)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := rows.DecodeProfile(b); err != nil || !reflect.DeepEqual(back, p) {
		t.Errorf("became %+v, %v", back, err)
	}
}
