package rows_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows"
	"lwbs/store/seal"
)

// newer returns a row as a release would write it that puts something else in the place of
// what this one puts there.
func newer(t *testing.T, row []byte, replace ...string) []byte {
	t.Helper()
	body, _, ok := strings.Cut(string(row), `,"sum":"`)
	if !ok {
		t.Fatalf("%s has no checksum", row)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(body, replace[i]) {
			t.Fatalf("%s has no %s", body, replace[i])
		}
		body = strings.Replace(body, replace[i], replace[i+1], 1)
	}
	return fmt.Appendf(nil, `%s,"sum":"%08x"}`, body, crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli)))
}

func mustEncode(t testing.TB) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// After a step back a device that a newer release has edited is read, and an edit keeps
// what that release put there, in the record, in its credentials and in its accounts.
func TestDeviceOfNewerRelease(t *testing.T) {
	k := keyring(t)
	row := newer(t, mustEncode(t)(rows.EncodeDevice(k, fullDevice())),
		`"endpoint":"dev"`, `"endpoint":"dev","colour":{"red":1}`,
		`"kind":"psk"`, `"kind":"psk","expires":"2030-01-01T00:00:00Z"`,
		`"accounts":{"a":{`, `"accounts":{"b":{"only":"newer"},"a":{"rotated":[7],`)
	d, err := rows.DecodeDevice(k, row)
	if err != nil {
		t.Fatal(err)
	}
	if d.Note != "n" || string(d.Credentials[0].Key.Reveal()) != "k1" || string(d.Accounts["a"].Key.Reveal()) != "k2" {
		t.Errorf("read %+v", d)
	}
	d.Note = "edited by the older release"
	again := string(mustEncode(t)(rows.EncodeDevice(k, d)))
	for _, kept := range []string{`"colour":{"red":1}`, `"expires":"2030-01-01T00:00:00Z"`, `"rotated":[7]`, `"b":{"only":"newer"}`, `"note":"edited by the older release"`} {
		if strings.Count(again, kept) != 1 {
			t.Errorf("%s is %d times in what is written:\n%s", kept, strings.Count(again, kept), again)
		}
	}
	if back, err := rows.DecodeDevice(k, []byte(again)); err != nil || !reflect.DeepEqual(back, d) {
		t.Errorf("became %+v, %v", back, err)
	}
}

// What a newer release has added to profiles and sessions is not looked at.
func TestProfileAndSessionOfNewerRelease(t *testing.T) {
	p := store.Profile{Name: "p", Revision: 2, Accounts: []store.Account{{Name: "a", URI: "coaps://a", ShortServerID: 7}}}
	row := newer(t, mustEncode(t)(rows.EncodeProfile(p)), `"name":"a"`, `"name":"a","proxy":"coap://b"`, `"revision":2`, `"revision":2,"park":true`)
	if got, err := rows.DecodeProfile(row); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("profile became %+v, %v", got, err)
	}
	s := store.Session{ID: "s", Endpoint: "d", Cause: store.CauseDone, Operations: []store.Operation{{Path: lwm2m.InstancePath(0, 1)}}}
	row = newer(t, mustEncode(t)(rows.EncodeSession(s)), `"path":"/0/1"`, `"path":"/0/1","observed":3`, `"cause":"done"`, `"cause":"of-a-newer-release","share":9`)
	s.Cause = "of-a-newer-release"
	if got, err := rows.DecodeSession(row); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("session became %+v, %v", got, err)
	}
}

// A value that this release cannot read is no damage.
func TestValueOfNewerRelease(t *testing.T) {
	s := mustEncode(t)(rows.EncodeSession(store.Session{ID: "s", Started: time.Unix(1, 0).UTC()}))
	if _, err := rows.DecodeSession(newer(t, s, `"1970-`, `"in the year 1970-`)); !errors.Is(err, store.ErrNewer) || errors.Is(err, store.ErrCorrupt) {
		t.Errorf("error %v, want %v", err, store.ErrNewer)
	}
}

// A bit that flips anywhere in a row is found, in a name, in a value and in the checksum:
// else a disabled device could be taken for one that is not, or a device be sent elsewhere.
func TestBitFlipsInRows(t *testing.T) {
	k := keyring(t)
	intact := map[string][]byte{
		"device":  mustEncode(t)(rows.EncodeDevice(k, fullDevice())),
		"profile": mustEncode(t)(rows.EncodeProfile(store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coaps://a"}}})),
		"session": mustEncode(t)(rows.EncodeSession(store.Session{ID: "s", Endpoint: "d", Cause: store.CauseDone})),
	}
	decode := map[string]func([]byte) error{
		"device":  func(b []byte) error { _, err := rows.DecodeDevice(k, b); return err },
		"profile": func(b []byte) error { _, err := rows.DecodeProfile(b); return err },
		"session": func(b []byte) error { _, err := rows.DecodeSession(b); return err },
	}
	for name, row := range intact {
		for i := range len(row) * 8 {
			flipped := append([]byte(nil), row...)
			flipped[i/8] ^= 1 << (i % 8)
			if err := decode[name](flipped); !errors.Is(err, store.ErrCorrupt) {
				t.Fatalf("%s with bit %d of byte %d flipped: error %v, want %v", name, i%8, i/8, err, store.ErrCorrupt)
			}
		}
	}
}

// Rows as they were written before there were checksums are read; an unknown member in
// them may be a flipped bit.
func TestRowsWithoutSum(t *testing.T) {
	k, d := keyring(t), fullDevice()
	body, _, _ := strings.Cut(string(mustEncode(t)(rows.EncodeDevice(k, d))), `,"sum":"`)
	if back, err := rows.DecodeDevice(k, []byte(body+"}")); err != nil || !reflect.DeepEqual(back, d) {
		t.Errorf("became %+v, %v", back, err)
	}
	if _, err := rows.DecodeDevice(k, []byte(strings.Replace(body, `"disabled"`, `"eisabled"`, 1)+"}")); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("error %v, want %v", err, store.ErrCorrupt)
	}
}

// An edit of a group keeps what a newer lwbs has written.
func TestUnknownMembersOfGroups(t *testing.T) {
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	g := store.Group{Name: "g", Revision: 1, Profile: "p", Unknown: `{"later":[1,2]}`}
	for range 2 {
		row, err := rows.EncodeGroup(k, g)
		if err != nil {
			t.Fatal(err)
		}
		if g, err = rows.DecodeGroup(k, row); err != nil || g.Unknown != `{"later":[1,2]}` || g.Profile != "p" {
			t.Fatalf("read %+v, %v", g, err)
		}
	}
	row, err := rows.EncodeGroup(k, store.Group{Name: "g", Profile: "p", Note: strings.Repeat("x", store.MaxGroup)})
	if !errors.Is(err, store.ErrInvalid) {
		t.Errorf("%d bytes are encoded, %v", len(row), err)
	}
}

// keyring is a new Keyring.
func keyring(t testing.TB) *seal.Keyring {
	t.Helper()
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	return k
}
