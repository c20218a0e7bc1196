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
	b := mustEncode(t)(rows.EncodeDevice(k, d))
	if back, err := rows.DecodeDevice(k, b); err != nil || !reflect.DeepEqual(back, d) {
		t.Errorf("became %+v, %v", back, err)
	}
	if strings.Contains(string(b), "key number five") {
		t.Error("a secret is kept as it is")
	}
	for name, text := range map[string]string{"nothing": "", "cut": string(b[:len(b)-2]), "a session": string(mustEncode(t)(rows.EncodeSession(store.Session{ID: "s"})))} {
		if _, err := rows.DecodeDevice(k, []byte(text)); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v, want %v", name, err, store.ErrCorrupt)
		}
	}
}

// A sealed secret is worth nothing in another place, in the binary form and in JSON.
func TestSealedSecretsAreBound(t *testing.T) {
	k, d := keyring(t), fullDevice()
	binary, text := mustEncode(t)(rows.EncodeDevice(k, d)), mustEncode(t)(rows.DeviceJSON(k, d))
	if back, err := rows.DecodeDevice(k, text); err != nil || !reflect.DeepEqual(back, d) {
		t.Fatalf("became %+v, %v", back, err)
	}
	path := func(n byte) string { return string([]byte{0x0a, 3, 11, n, 6}) } // field 1, three identifiers
	for name, row := range map[string][]byte{
		"another device":                 changed(t, binary, "\x0a\x03dev", "\x0a\x03eve"),
		"another device, in JSON":        newer(t, text, `"endpoint":"dev"`, `"endpoint":"eve"`),
		"two Resources change places":    changed(t, changed(t, changed(t, binary, path(0), path(9)), path(1), path(0)), path(9), path(1)),
		"two Resources, in JSON":         newer(t, text, "/11/0/6", "/11/9/6", "/11/1/6", "/11/0/6", "/11/9/6", "/11/1/6"),
		"a credential of another name":   changed(t, binary, "\x12\x01j", "\x12\x01k"),
		"two endpoints in one record":    appended(binary, "\x0a\x03eve"),
		"an endpoint that is not first":  changed(t, binary, "\x0a\x03dev", "\x0a\x00", "\x10\x03", "\x10\x03\x0a\x03dev"),
		"an account under another name":  changed(t, binary, "\x0a\x01a\x12\x01x", "\x0a\x01b\x12\x01x"),
		"no endpoint, and a known field": changed(t, binary, "\x0a\x03dev", ""),
	} {
		if _, err := rows.DecodeDevice(k, row); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v, want %v", name, err, store.ErrCorrupt)
		}
	}
}

// Every field is kept: one that is added to the types and forgotten in the codec would be lost.
func TestEveryFieldIsStored(t *testing.T) {
	var d store.Device
	fill(reflect.ValueOf(&d).Elem())
	d.Unknown, d.Credentials[0].Unknown = later(1), later(2)
	d.Accounts["text"] = func(a store.AccountKeys) store.AccountKeys { a.Unknown = later(3); return a }(d.Accounts["text"])
	k := keyring(t)
	if back, err := rows.DecodeDevice(k, mustEncode(t)(rows.EncodeDevice(k, d))); err != nil || !reflect.DeepEqual(back, d) {
		t.Errorf("%+v became %+v, %v", d, back, err)
	}
	var s store.Session
	fill(reflect.ValueOf(&s).Elem())
	if back, err := rows.DecodeSession(mustEncode(t)(rows.EncodeSession(s))); err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("%+v became %+v, %v", s, back, err)
	}
}

// fill gives each field a value that is not its zero.
func fill(v reflect.Value) {
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.Unix(1, 2).UTC()
		return
	case *lwm2m.Format:
		*at = lwm2m.FormatTLV
		return
	case *lwm2m.Path:
		*at = lwm2m.ResourcePath(11, 0, 6)
		return
	case *lwm2m.Secret:
		*at = lwm2m.NewSecret([]byte("secret"))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint8, reflect.Uint16, reflect.Uint64:
		v.SetUint(7)
	default:
		panic(v.Type().String() + " is a type that this test does not know")
	}
}

// A time that no row can have is refused, and not written as another one.
func TestTimesOfRows(t *testing.T) {
	k := keyring(t)
	for _, at := range []time.Time{
		{}, time.Unix(0, 0).UTC(), time.Unix(-1, 999999999).UTC(), time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(1677, 9, 21, 0, 12, 43, 145224192, time.UTC), time.Date(2262, 4, 11, 23, 47, 16, 854775807, time.UTC), time.Date(2026, 1, 1, 1, 0, 0, 5, time.FixedZone("", 3600)),
	} {
		d := store.Device{Endpoint: "d", Created: at}
		if back, err := rows.DecodeDevice(k, mustEncode(t)(rows.EncodeDevice(k, d))); err != nil || !back.Created.Equal(at) || back.Created.Location() != time.UTC {
			t.Errorf("%v became %v, %v", at, back.Created, err)
		}
	}
	if _, err := rows.EncodeDevice(k, store.Device{Endpoint: "d", Created: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("error %v, want %v", err, store.ErrInvalid)
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

// DecodeDevice never panics, what it accepts is the same after another round, and so is its outline.
func FuzzDecodeDevice(f *testing.F) {
	k := fixedKeyring(f)
	f.Add(mustEncode(f)(rows.EncodeDevice(k, fullDevice())), false)
	f.Add(mustEncode(f)(rows.EncodeDevice(k, usualDevice())), true)
	f.Add(mustEncode(f)(rows.DeviceJSON(k, fullDevice())), false)
	f.Add([]byte("\x01\x01\x0a\x01d\xf8\x07\x01\x3a\x05\x0a\x03psk"), true)
	f.Add([]byte(`{"endpoint":"d","é<":1,"accounts":{"a":{"b":[]}},"credentials":[{"kind":"x","y":null}],"sum":"38142909"}`), false)
	f.Add([]byte(`{"endpoint":"d","revision":1,"profile":"p","created":"2026-01-01T00:00:00Z","updated":"2026-01-01T00:00:00+01:00"}`), false)
	f.Add([]byte(`{"endpoint":"\ud800","accounts":{"":{}},"vars":{},"tags":[],"format":"65000","credentials":[{"identity":"/w=="}]}`), false)
	f.Add([]byte(`{"endpoint":"d","secrets":{"/11/0/6":null,"/":"AA=="}}`), false)
	f.Fuzz(func(t *testing.T, in []byte, sum bool) {
		if sum { // else no change of a row would come behind its checksum
			in = summed(in)
		}
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
		if err != nil || !reflect.DeepEqual(again, plain(d)) {
			t.Errorf("%q: %+v became %+v, %v", in, d, again, err)
		}
		if o, err := rows.OutlineDevice(b); err != nil || !reflect.DeepEqual(o, again.Outline()) {
			t.Errorf("%q: outline %+v, %v, want %+v", in, o, err, again.Outline())
		}
	})
}

// plain is d with nil for what is empty, and with times in UTC.
func plain(d store.Device) store.Device {
	d = d.Clone()
	if len(d.Vars) == 0 {
		d.Vars = nil
	}
	if len(d.Tags) == 0 {
		d.Tags = nil
	}
	utc := func(at *time.Time) { *at = at.UTC() }
	utc(&d.Created)
	utc(&d.Updated)
	utc(&d.Holds.Since)
	for i := range d.Credentials {
		c := &d.Credentials[i]
		utc(&c.Created)
		utc(&c.Rotate)
		utc(&c.Expires)
	}
	for i := range d.HandedOver {
		utc(&d.HandedOver[i].At)
	}
	for name, a := range d.Accounts {
		utc(&a.KeyMade)
		utc(&a.PendingMade)
		utc(&a.Rotate)
		utc(&a.Delivered)
		if len(a.Certificate) == 0 {
			a.Certificate = nil
		}
		d.Accounts[name] = a
	}
	return d
}

// FuzzDeviceFields: what is in a device is read as it was written.
func FuzzDeviceFields(f *testing.F) {
	k := fixedKeyring(f)
	f.Add("urn:dev:ops:1", "meter", "a note", []byte("id"), []byte("key"), int64(1), uint16(0xffff))
	f.Add("dev <\"\\> \u2028", "\xff", "line\nline\x7f\u00e4", []byte(nil), []byte{}, int64(-1), uint16(0))
	f.Add("", "", "{", []byte{0}, []byte{0xff}, int64(1<<40), uint16(0x5555))
	f.Fuzz(func(t *testing.T, endpoint, text, note string, identity, key []byte, at int64, has uint16) {
		bit := func(i int) bool { return has>>i&1 == 1 }
		secret, when := lwm2m.NewSecret(key), time.Unix(at%(1<<36), at%1e9).UTC()
		d := store.Device{Endpoint: lwm2m.EndpointName(endpoint), Revision: store.Revision(at), Profile: text, Disabled: bit(0), NoSec: bit(1), Created: when, Settings: uint64(at)}
		if bit(2) {
			d.Credentials = []store.Credential{{Kind: store.CredentialPSK, Identity: string(identity), Key: secret, Created: when, Pending: bit(3), Replaces: text, URI: note, GroupKey: int(at)}, {Kind: store.CredentialKind(note)}}
		}
		if bit(4) {
			d.Accounts = map[string]store.AccountKeys{text: {Identity: note, Key: secret, Pending: secret, MasterSecret: secret, PendingMaster: secret, Delivered: when}, "b": {}}
		}
		if bit(5) {
			d.Secrets = map[lwm2m.Path]lwm2m.Secret{lwm2m.NewPath(has, uint16(at), 65535, 0): secret, lwm2m.Root: secret}
		}
		if bit(6) {
			d.Vars, d.Tags = map[string]string{text: note, endpoint: text}, []string{note, "", text}
		}
		if bit(7) {
			d.Holds = store.Holding{Profile: text, Content: note, Since: when}
			d.Written.Instances = []store.WrittenInstance{{}, {Path: lwm2m.InstancePath(0, 1), Account: note, Server: lwm2m.ShortServerID(has)}}
		}
		if bit(8) {
			d.HandedOver = []store.HandedOver{{Server: note, Account: text, Endpoint: d.Endpoint, Identity: string(identity), Digest: secret, At: when}, {}}
			d.Format = lwm2m.FormatNumber(has)
		}
		if back, err := rows.DecodeDevice(k, mustEncode(t)(rows.EncodeDevice(k, d))); err != nil || !reflect.DeepEqual(back, d) {
			t.Errorf("%+v became %+v, %v", d, back, err)
		}
	})
}

// FuzzDecodeSession is FuzzDecodeDevice for sessions.
func FuzzDecodeSession(f *testing.F) {
	f.Add(mustEncode(f)(rows.EncodeSession(usualSession())), true)
	f.Add(mustEncode(f)(rows.SessionJSON(usualSession())), false)
	f.Add([]byte("\x01\x02\x0a\x01s\xca\x01\x00\xca\x01\x02\x0a\x00\xda\x01\x00"), true)
	f.Fuzz(func(t *testing.T, in []byte, sum bool) {
		if sum {
			in = summed(in)
		}
		s, err := rows.DecodeSession(in)
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrNewer) {
				t.Errorf("%q: error %v", in, err)
			}
			return
		}
		b, err := rows.EncodeSession(s)
		if err != nil {
			t.Fatalf("%q is accepted and cannot be kept: %v", in, err)
		}
		s.Started, s.Ended = s.Started.UTC(), s.Ended.UTC()
		if len(s.Operations) == 0 {
			s.Operations = nil
		}
		if len(s.Quirks) == 0 {
			s.Quirks = nil
		}
		if len(s.Notes) == 0 {
			s.Notes = nil
		}
		if again, err := rows.DecodeSession(b); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%q: %+v became %+v, %v", in, s, again, err)
		}
		if o, err := rows.OutlineSession(b); err != nil || o != store.OutlineOf(s) {
			t.Errorf("%q: outline %+v, %v, want %+v", in, o, err, store.OutlineOf(s))
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
	if back, err := rows.DecodeSession(mustEncode(t)(rows.SessionJSON(s))); err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("the row of the first schema became %+v, %v", back, err)
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
