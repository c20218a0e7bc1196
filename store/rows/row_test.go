package rows_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

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

// summed is a binary row with the checksum that it should have; the last four bytes are replaced, if there are as many.
func summed(row []byte) []byte {
	body := row[:max(0, len(row)-crc32.Size)]
	return binary.BigEndian.AppendUint32(bytes.Clone(body), crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

// changed is a binary row with something else in the place of what it has once.
func changed(t *testing.T, row []byte, replace ...string) []byte {
	t.Helper()
	for i := 0; i < len(replace); i += 2 {
		if n := bytes.Count(row, []byte(replace[i])); n != 1 {
			t.Fatalf("%q is %d times in %q", replace[i], n, row)
		}
		row = bytes.Replace(row, []byte(replace[i]), []byte(replace[i+1]), 1)
	}
	return summed(row)
}

// appended is a binary row with more fields.
func appended(row []byte, fields string) []byte {
	return summed(append(append(bytes.Clone(row[:len(row)-crc32.Size]), fields...), 0, 0, 0, 0))
}

// later is a field of a newer release.
func later(n int) string {
	return string(protowire.AppendVarint(protowire.AppendTag(nil, 500, protowire.VarintType), uint64(n)))
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
	d := fullDevice()
	group := string(protowire.AppendFixed32(protowire.AppendTag(nil, 501, protowire.Fixed32Type), 7))
	d.Unknown, d.Credentials[0].Unknown = later(1)+group, later(2)
	a := d.Accounts["a"]
	a.Unknown = later(3)
	d.Accounts["a"] = a
	for range 2 {
		back, err := rows.DecodeDevice(k, mustEncode(t)(rows.EncodeDevice(k, d)))
		if err != nil || !reflect.DeepEqual(back, d) {
			t.Fatalf("became %+v, %v", back, err)
		}
		d.Note = "edited by the older release"
	}
	if !d.HasUnknown() {
		t.Error("it has nothing unknown")
	}
}

// The same of a row in JSON: its unknown members are in one field of the binary row that takes its place.
func TestDeviceOfNewerReleaseInJSON(t *testing.T) {
	k := keyring(t)
	row := newer(t, mustEncode(t)(rows.DeviceJSON(k, fullDevice())),
		`"endpoint":"dev"`, `"endpoint":"dev","colour":{"red":1}`,
		`"kind":"psk"`, `"kind":"psk","later":"2030-01-01T00:00:00Z"`,
		`"accounts":{"a":{`, `"accounts":{"b":{"only":"newer"},"a":{"rotated":[7],`)
	d, err := rows.DecodeDevice(k, row)
	if err != nil {
		t.Fatal(err)
	}
	if d.Note != "n" || string(d.Credentials[0].Key.Reveal()) != "k1" || string(d.Accounts["a"].Key.Reveal()) != "k2" {
		t.Errorf("read %+v", d)
	}
	d.Note = "edited by the older release"
	again := mustEncode(t)(rows.EncodeDevice(k, d))
	for _, kept := range []string{`{"colour":{"red":1}}`, `{"later":"2030-01-01T00:00:00Z"}`, `{"rotated":[7]}`, `{"only":"newer"}`, "edited by the older release"} {
		if bytes.Count(again, []byte(kept)) != 1 {
			t.Errorf("%s is %d times in what is written:\n%q", kept, bytes.Count(again, []byte(kept)), again)
		}
	}
	if back, err := rows.DecodeDevice(k, again); err != nil || !reflect.DeepEqual(back, d) {
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
	s := store.Session{ID: "s", Endpoint: "d", Cause: "of-a-newer-release", Operations: []store.Operation{{Path: lwm2m.InstancePath(0, 1)}}}
	row = appended(changed(t, mustEncode(t)(rows.EncodeSession(s)), "\x04\x12\x02\x00\x01", string(rune(4+len(later(7))))+"\x12\x02\x00\x01"+later(7)), later(8))
	if got, err := rows.DecodeSession(row); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("session became %+v, %v", got, err)
	}
	text := mustEncode(t)(rows.SessionJSON(s))
	if got, err := rows.DecodeSession(newer(t, text, `"path":"/0/1"`, `"path":"/0/1","observed":3`, `"endpoint"`, `"share":9,"endpoint"`)); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("session in JSON became %+v, %v", got, err)
	}
}

// A value that this release cannot read is no damage.
func TestValueOfNewerRelease(t *testing.T) {
	k := keyring(t)
	session := store.Session{ID: "s", Started: time.Unix(1, 0).UTC(), Operations: []store.Operation{{Code: 65}}}
	device, binary := mustEncode(t)(rows.EncodeDevice(k, store.Device{Endpoint: "d", Revision: 3})), mustEncode(t)(rows.EncodeSession(session))
	for name, row := range map[string][]byte{
		"a time in JSON":              newer(t, mustEncode(t)(rows.SessionJSON(session)), `"1970-`, `"in the year 1970-`),
		"a text in place of a time":   changed(t, binary, "\x30\x02", "\x32\x01x"),
		"a code of 12 bits":           changed(t, binary, "\x02\x28\x41", "\x03\x28\xc1\x02"),
		"a time of the year 10000":    changed(t, binary, "\x30\x02", "\x30\x80\x86\xa2\xff\xdf\x0e"),
		"a number in place of a text": changed(t, binary, "\x0a\x01s", "\x08\x05"),
		"another version":             summed(append([]byte{2}, binary[1:]...)),
		"another version of a device": summed(append([]byte{9}, device[1:]...)),
		"a path of five identifiers":  appended(binary, "\xca\x01\x07\x12\x05\x01\x02\x03\x04\x05"),
		"an identifier of 17 bits":    appended(binary, "\xca\x01\x05\x12\x03\x80\x80\x04"),
		"a truth of two":              appended(binary, "\x20\x02"),
		"a content format of 17 bits": appended(binary, "\x88\x01\x81\x80\x08"),
	} {
		decode := func(b []byte) error { _, err := rows.DecodeSession(b); return err }
		if strings.HasSuffix(name, "device") {
			decode = func(b []byte) error { _, err := rows.DecodeDevice(k, b); return err }
		}
		if err := decode(row); !errors.Is(err, store.ErrNewer) || errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: error %v, want %v", name, err, store.ErrNewer)
		}
	}
}

// What no release writes is damage, though the checksum is right: a field that ends behind the record, or that
// has no number.
func TestBrokenFields(t *testing.T) {
	binary := mustEncode(t)(rows.EncodeSession(store.Session{ID: "s"}))
	for name, fields := range map[string]string{
		"a text beyond the end": "\x0a\x05s", "a number without an end": "\x20\x80", "field zero": "\x00\x01", "a group": "\x0b\x0c", "an unfinished tag": "\x80",
		"a fixed64 of 4 bytes": "\x31\x01\x02\x03\x04", "a nested one that ends in a field": "\xca\x01\x02\x0a\x05", "wire type 7": "\x0f",
	} {
		if _, err := rows.DecodeSession(appended(binary, fields)); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: error %v, want %v", name, err, store.ErrCorrupt)
		}
	}
}

// A row makes the decoder take memory in proportion to its length, whatever is in it.
func TestMemoryOfDecoding(t *testing.T) {
	const most = 250 // bytes for each of the row
	for name, row := range map[string]string{
		"operations": "\x01\x02" + strings.Repeat("\xca\x01\x00", 100_000) + "sum.", "quirks": "\x01\x02" + strings.Repeat("\xda\x01\x00", 100_000) + "sum.",
		"unknown": "\x01\x01\x0a\x01d" + strings.Repeat(later(1), 100_000) + "sum.", "accounts": "\x01\x01\x0a\x01d" + strings.Repeat("\x42\x03\x0a\x01a", 100_000) + "sum.",
		"credentials": "\x01\x01\x0a\x01d" + strings.Repeat("\x3a\x00", 100_000) + "sum.", "instances": "\x01\x01\x0a\x01d" + strings.Repeat("\x72\x00", 100_000) + "sum.",
	} {
		in := summed([]byte(row))
		decode := func() error { _, err := rows.DecodeSession(in); return err }
		if row[1] == 1 {
			decode = func() error { _, err := rows.DecodeDevice(nil, in); return err }
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := decode()
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; err != nil || took > most*uint64(len(in)) {
			t.Errorf("%s: %d bytes for a row of %d, %v", name, took, len(in), err)
		}
	}
}

// The rows of devices and sessions are read and written at each bootstrap: what they allocate does not grow unnoticed.
func TestAllocationsOfRows(t *testing.T) {
	k := keyring(t)
	d, s := usualDevice(), usualSession()
	device, session := mustEncode(t)(rows.EncodeDevice(k, d)), mustEncode(t)(rows.EncodeSession(s))
	for name, c := range map[string]struct {
		most float64
		run  func() error
	}{
		"EncodeDevice":   {6, func() error { _, err := rows.EncodeDevice(k, d); return err }},
		"DecodeDevice":   {16, func() error { _, err := rows.DecodeDevice(k, device); return err }},
		"OutlineDevice":  {6, func() error { _, err := rows.OutlineDevice(device); return err }},
		"EncodeSession":  {2, func() error { _, err := rows.EncodeSession(s); return err }},
		"DecodeSession":  {6, func() error { _, err := rows.DecodeSession(session); return err }},
		"OutlineSession": {4, func() error { _, err := rows.OutlineSession(session); return err }},
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := c.run(); err != nil {
				t.Fatal(err)
			}
		}); n > c.most {
			t.Errorf("%s: %v allocations, at most %v", name, n, c.most)
		}
	}
	for name, c := range map[string]struct{ have, most int }{"device": {len(device), 330}, "session": {len(session), 400}} {
		if c.have > c.most {
			t.Errorf("the row of a usual %s has %d bytes, at most %d", name, c.have, c.most)
		}
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

		"device in JSON":  mustEncode(t)(rows.DeviceJSON(k, fullDevice())),
		"session in JSON": mustEncode(t)(rows.SessionJSON(store.Session{ID: "s", Endpoint: "d", Cause: store.CauseDone})),
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
			kind, _, _ := strings.Cut(name, " ")
			if err := decode[kind](flipped); !errors.Is(err, store.ErrCorrupt) {
				t.Fatalf("%s with bit %d of byte %d flipped: error %v, want %v", name, i%8, i/8, err, store.ErrCorrupt)
			}
		}
	}
}

// Rows as they were written before there were checksums are read; an unknown member in
// them may be a flipped bit.
func TestRowsWithoutSum(t *testing.T) {
	k, d := keyring(t), fullDevice()
	body, _, _ := strings.Cut(string(mustEncode(t)(rows.DeviceJSON(k, d))), `,"sum":"`)
	if back, err := rows.DecodeDevice(k, []byte(body+"}")); err != nil || !reflect.DeepEqual(back, d) {
		t.Errorf("became %+v, %v", back, err)
	}
	for name, text := range map[string]string{
		"a flipped bit": strings.Replace(body, `"disabled"`, `"eisabled"`, 1) + "}", "unknown key": `{"endpoint":"d","colour":1}`, "two records": `{}{}`, "cut": body,
	} {
		if _, err := rows.DecodeDevice(k, []byte(text)); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: error %v, want %v", name, err, store.ErrCorrupt)
		}
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
