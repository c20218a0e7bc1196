package store_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

func keyring(t testing.TB) *store.Keyring {
	t.Helper()
	k, err := store.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if _, err := store.LoadKeyring(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	if _, _, err := store.KeyringFor(file, false); !errors.Is(err, store.ErrNoKey) {
		t.Errorf("of a database that exists: %v, want %v", err, store.ErrNoKey)
	}
	k, made, err := store.KeyringFor(file, true)
	if err != nil || !made {
		t.Fatalf("of a new database: made %v, %v", made, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if err := keyring(t).Save(file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("saving over it: %v, want %v", err, fs.ErrExist)
	}
	again, made, err := store.KeyringFor(file, true)
	if err != nil || made {
		t.Fatalf("a second time: made %v, %v", made, err)
	}
	if b, err := again.Open(k.Seal([]byte("secret"), "place"), "place"); err != nil || string(b) != "secret" {
		t.Errorf("the key read again opens %q, %v", b, err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := store.LoadKeyring(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
}

func TestBadKeyFiles(t *testing.T) {
	good := strings.Repeat("A", 43) + "="
	for name, tt := range map[string]struct{ text, want string }{
		"empty":          {"", "no key"},
		"something else": {"hello\n", "line 1"},
		"no key":         {"lwbs-keys 1\n# nothing\n", "no key"},
		"short key":      {"lwbs-keys 1\n1 2026-01-01T00:00:00Z AAAA\n", "line 2"},
		"same ID":        {"lwbs-keys 1\n1 t " + good + "\n1 t " + good + "\n", "line 3"},
		"words missing":  {"lwbs-keys 1\n1 " + good + "\n", "line 2"},
	} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := store.LoadKeyring(file)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), good) {
			t.Errorf("%s: error %v, want %q in it and no key", name, err, tt.want)
		}
	}
}

func TestSealedBytesStayWhereTheyBelong(t *testing.T) {
	k := keyring(t)
	sealed := k.Seal([]byte("secret"), "here")
	for name, tt := range map[string]struct {
		k     *store.Keyring
		b     []byte
		place string
		want  error
	}{
		"another place": {k, sealed, "there", store.ErrCorrupt},
		"another key":   {keyring(t), sealed, "here", store.ErrCorrupt},
		"changed":       {k, append(sealed[:len(sealed)-1:len(sealed)-1], sealed[len(sealed)-1]^1), "here", store.ErrCorrupt},
		"cut":           {k, sealed[:10], "here", store.ErrCorrupt},
		"unknown key":   {k, append([]byte{1, 9, 9}, sealed[3:]...), "here", store.ErrNoKey},
		"unknown form":  {k, append([]byte{7}, sealed[1:]...), "here", store.ErrCorrupt},
	} {
		if b, err := tt.k.Open(tt.b, tt.place); !errors.Is(err, tt.want) || b != nil {
			t.Errorf("%s: %q, %v; want %v", name, b, err, tt.want)
		}
	}
	if string(k.Seal([]byte("secret"), "here")) == string(sealed) {
		t.Error("sealing twice gives the same bytes")
	}
}

func fullDevice() store.Device {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	return store.Device{
		Endpoint: "dev", Revision: 3, Profile: "p", Disabled: true, NoSec: true, Format: lwm2m.FormatTLV, Note: "n", Created: at, Updated: at,
		Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: "i\x00", Key: lwm2m.NewSecret([]byte("k1")), Created: at}},
		Accounts:    map[string]store.AccountKeys{"a": {Identity: "x", Key: lwm2m.NewSecret([]byte("k2")), Pending: lwm2m.NewSecret([]byte("k3")), Delivered: at}},
		Vars:        map[string]string{"v": "w"}, Tags: []string{"t"},
	}
}

func TestDeviceCodec(t *testing.T) {
	k, d := keyring(t), fullDevice()
	b, err := store.EncodeDevice(k, d)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := store.DecodeDevice(k, b); err != nil || !reflect.DeepEqual(back, d) {
		t.Errorf("became %+v, %v", back, err)
	}
	// The sealed key of one device is worth nothing in the record of another.
	moved := strings.Replace(string(b), `"endpoint":"dev"`, `"endpoint":"eve"`, 1)
	if _, err := store.DecodeDevice(k, []byte(moved)); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a record under another name: %v, want %v", err, store.ErrCorrupt)
	}
	for name, text := range map[string]string{"unknown key": `{"endpoint":"d","colour":1}`, "two records": `{}{}`, "cut": string(b[:len(b)-2])} {
		if _, err := store.DecodeDevice(k, []byte(text)); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v, want %v", name, err, store.ErrCorrupt)
		}
	}
}

// DecodeDevice never panics, and what it accepts keeps its meaning.
func FuzzDecodeDevice(f *testing.F) {
	k := keyring(f)
	b, err := store.EncodeDevice(k, fullDevice())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"endpoint":"d","revision":1,"profile":"p","created":"2026-01-01T00:00:00Z","updated":"2026-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := store.DecodeDevice(k, in)
		if err != nil {
			return
		}
		b, err := store.EncodeDevice(k, d)
		if err != nil {
			return // a time that JSON cannot carry, for one
		}
		again, err := store.DecodeDevice(k, b)
		if err != nil || again.Endpoint != d.Endpoint || len(again.Credentials) != len(d.Credentials) || !reflect.DeepEqual(again.Tags, d.Tags) && len(d.Tags) > 0 {
			t.Errorf("%s: %+v became %+v, %v", in, d, again, err)
		}
	})
}

func TestLiteralJSON(t *testing.T) {
	for in, want := range map[string]string{
		`"text"`: `"text"`, `-2.50`: `-2.50`, `12345678901234567890`: `12345678901234567890`, `true`: `true`,
		`[1,"a"]`: `{"0":1,"1":"a"}`, `{"7":false}`: `{"7":false}`,
	} {
		var l store.Literal
		if err := json.Unmarshal([]byte(in), &l); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if out, err := json.Marshal(l); err != nil || string(out) != want {
			t.Errorf("%s became %s, %v; want %s", in, out, err, want)
		}
	}
	for _, in := range []string{`null`, `{"x":1}`, `[null]`, `{"70000":1}`} {
		var l store.Literal
		if err := json.Unmarshal([]byte(in), &l); err == nil {
			t.Errorf("%s is accepted as %+v", in, l)
		}
	}
}

func TestDurationJSON(t *testing.T) {
	for in, want := range map[string]time.Duration{`"24h"`: 24 * time.Hour, `90`: 90 * time.Second, `"1m30s"`: 90 * time.Second} {
		var d store.Duration
		if err := json.Unmarshal([]byte(in), &d); err != nil || time.Duration(d) != want {
			t.Errorf("%s is %v, %v; want %v", in, time.Duration(d), err, want)
		}
	}
	for _, in := range []string{`"soon"`, `true`, `1.5`} {
		var d store.Duration
		if err := json.Unmarshal([]byte(in), &d); err == nil {
			t.Errorf("%s is accepted as %v", in, time.Duration(d))
		}
	}
}

func TestProfileJSON(t *testing.T) {
	storing := false
	p := store.Profile{
		Name: "p", Revision: 2, Delete: store.DeletePolicy{Mode: store.DeleteList, Paths: []lwm2m.Path{lwm2m.InstancePath(0, 1)}},
		Accounts: []store.Account{{Name: "a", URI: "coaps://a", ShortServerID: 7, Lifetime: store.Duration(time.Hour), NotificationStoring: &storing}},
		Objects:  []store.ObjectValues{{Path: lwm2m.InstancePath(3, 0), Resources: map[lwm2m.ResourceID]store.Literal{14: {Text: new("+02:00")}}}},
	}
	b, err := store.EncodeProfile(p)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := store.DecodeProfile(b); err != nil || !reflect.DeepEqual(back, p) {
		t.Errorf("became %+v, %v", back, err)
	}
}
