package kept

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
func states() []State {
	key := State{
		At: netip.MustParseAddrPort("192.0.2.1:5684"), Remote: netip.MustParseAddrPort("[2001:db8::1%eth0]:49152"),
		Since: time.Unix(1_800_000_000, 123456789), Random: [record.RandomSize]byte{1, 31: 2}, KeyFingerprint: [16]byte{3},
		Identity: "urn:imei:350123450000051\x00\xff",
		Suite:    record.PSKWithAES128CBCSHA256, Keys: bytes.Repeat([]byte{4}, keysOf(record.PSKWithAES128CBCSHA256)),
		Limit: 1 << 40, Taken: 77,
	}
	with := key
	with.Suite, with.Keys = record.ECDSAWithChaCha20Poly1305, bytes.Repeat([]byte{5}, keysOf(record.ECDSAWithChaCha20Poly1305))
	with.Identity, with.Own, with.CAs = "", "own", []unique.Handle[string]{unique.Make("issuer"), unique.Make("root")}
	with.CID, with.PeerCID = [record.CIDSize]byte{9, 8, 7}, []byte{6, 5}
	with.Limit, with.Taken = record.MaxNumber+1, record.MaxNumber+1
	return []State{key, with}
}

// What is kept of an association is all there again.
func TestState(t *testing.T) {
	for _, want := range states() {
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if got.PeerCID = append([]byte(nil), got.PeerCID...); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v became %+v", want, got)
		}
		t.Logf("%d bytes", len(b))
	}
}

// What is of another release, cut off or makes no sense is told, and is no association.
func TestStateThatMakesNoSense(t *testing.T) {
	encoded := func(change func(*State)) []byte {
		s := states()[0]
		change(&s)
		b, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	whole := encoded(func(*State) {})
	newer := bytes.Clone(whole)
	newer[0]++
	for name, tt := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":         {nil, errVersion},
		"newer":           {newer, errVersion},
		"cut off":         {whole[:len(whole)-5], errState},
		"more behind":     {append(bytes.Clone(whole), 1), errState},
		"unknown suite":   {encoded(func(s *State) { s.Suite = 0x1301 }), errVersion},
		"few keys":        {encoded(func(s *State) { s.Keys = s.Keys[1:] }), errState},
		"too high":        {encoded(func(s *State) { s.Limit = record.MaxNumber + 2 }), errState},
		"no credential":   {encoded(func(s *State) { s.Identity = "" }), errState},
		"two credentials": {encoded(func(s *State) { s.Own = "x" }), errState},
		"no address":      {encoded(func(s *State) { s.Remote = netip.AddrPort{} }), errState},
	} {
		if _, err := Decode(tt.b); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// What could be decoded is the same after it was encoded and decoded once more.
func FuzzState(f *testing.F) {
	for _, s := range states() {
		b, err := s.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			return
		}
		again, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := Decode(again); err != nil || !reflect.DeepEqual(s, twice) {
			t.Errorf("%x became %x: %v", b, again, err)
		}
	})
}

// keysOf is how many bytes the keys of a suite have.
func keysOf(s record.Suite) int {
	n, _ := record.KeySize(s)
	return n
}
