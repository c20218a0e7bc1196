package dtls

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"
	"unique"

	"lwbs/bootstrap/coap/dtls/record"
)

// states are one of each kind.
func states() []state {
	key := state{
		at: netip.MustParseAddrPort("192.0.2.1:5684"), remote: netip.MustParseAddrPort("[2001:db8::1%eth0]:49152"),
		since: time.Unix(1_800_000_000, 123456789), random: [record.RandomSize]byte{1, 31: 2}, keyFingerprint: keyFingerprint{3},
		credential: credential{identity: "urn:imei:350123450000051\x00\xff"},
		suite:      record.PSKWithAES128CBCSHA256, keys: bytes.Repeat([]byte{4}, keysOf(record.PSKWithAES128CBCSHA256)),
		limit: 1 << 40, taken: 77,
	}
	with := key
	with.suite, with.keys = record.ECDSAWithChaCha20Poly1305, bytes.Repeat([]byte{5}, keysOf(record.ECDSAWithChaCha20Poly1305))
	with.credential = credential{own: "own", cas: []unique.Handle[string]{unique.Make("issuer"), unique.Make("root")}}
	with.cid, with.peerCID = connectionID{9, 8, 7}, []byte{6, 5}
	with.limit, with.taken = record.MaxNumber+1, record.MaxNumber+1
	return []state{key, with}
}

// What is kept of an association is all there again.
func TestState(t *testing.T) {
	for _, want := range states() {
		b, err := want.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeState(b)
		if err != nil {
			t.Fatal(err)
		}
		if got.peerCID = append([]byte(nil), got.peerCID...); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v became %+v", want, got)
		}
		t.Logf("%d bytes", len(b))
	}
}

// What is of another release, cut off or makes no sense is told, and is no association.
func TestStateThatMakesNoSense(t *testing.T) {
	encoded := func(change func(*state)) []byte {
		s := states()[0]
		change(&s)
		b, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	whole := encoded(func(*state) {})
	newer := bytes.Clone(whole)
	newer[0]++
	for name, tt := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":         {nil, errStateVersion},
		"newer":           {newer, errStateVersion},
		"cut off":         {whole[:len(whole)-5], errState},
		"more behind":     {append(bytes.Clone(whole), 1), errState},
		"unknown suite":   {encoded(func(s *state) { s.suite = 0x1301 }), errStateVersion},
		"few keys":        {encoded(func(s *state) { s.keys = s.keys[1:] }), errState},
		"too high":        {encoded(func(s *state) { s.limit = record.MaxNumber + 2 }), errState},
		"no credential":   {encoded(func(s *state) { s.credential = credential{} }), errState},
		"two credentials": {encoded(func(s *state) { s.credential.own = "x" }), errState},
		"no address":      {encoded(func(s *state) { s.remote = netip.AddrPort{} }), errState},
	} {
		if _, err := decodeState(tt.b); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// What could be decoded is the same after it was encoded and decoded once more.
func FuzzState(f *testing.F) {
	for _, s := range states() {
		b, err := s.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeState(b)
		if err != nil {
			return
		}
		again, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := decodeState(again); err != nil || !reflect.DeepEqual(s, twice) {
			t.Errorf("%x became %x: %v", b, again, err)
		}
	})
}

// keysOf is how many bytes the keys of a suite have.
func keysOf(s record.Suite) int {
	n, _ := record.KeySize(s)
	return n
}
