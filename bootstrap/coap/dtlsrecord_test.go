package coap

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"
)

// A recorded is one datagram of a recording in testdata/dtls.
type recorded struct {
	up bool // from client to server
	b  []byte
}

// recordings returns what is in testdata/dtls by file name.
func recordings(tb testing.TB) map[string][]recorded { return recordingsIn(tb, "../../testdata/dtls") }

func recordingsIn(tb testing.TB, folder string) map[string][]recorded {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(names) == 0 {
		tb.Fatalf("%s has no recordings (error: %v)", folder, err)
	}
	all := make(map[string][]recorded)
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			tb.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			way, digits, _ := strings.Cut(lines.Text(), " ")
			b, err := hex.DecodeString(digits)
			if err != nil {
				tb.Fatalf("%s: %v", name, err)
			}
			all[filepath.Base(name)] = append(all[filepath.Base(name)], recorded{way == ">", b})
		}
		if err := lines.Err(); err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
	}
	return all
}

// A client's datagrams are a ClientHello, the same with the cookie that it was sent,
// its keys with a Finished, data, and at last a close_notify.
func TestInspectRecordings(t *testing.T) {
	for name, datagrams := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			var cookie []byte
			var got []digest
			for _, d := range datagrams {
				if !d.up {
					if c, ok := sentCookie(d.b); ok {
						cookie = c
					}
					continue
				}
				dg, ok := inspect(d.b)
				if !ok {
					t.Fatalf("%x is refused", d.b)
				}
				got = append(got, dg)
			}
			if len(got) < 4 || len(cookie) == 0 {
				t.Fatalf("%d datagrams, cookie %x", len(got), cookie)
			}
			random := got[0].hello.random
			if o, ok := parseOffer(datagrams[0].b); !ok || !common(o.suites, Suites()) {
				t.Errorf("it offers %+v, none of which we have", o)
			}
			want := []digest{
				{kind: kindHello, hello: hello{start: true, first: true, random: random}},
				{kind: kindHello, hello: hello{start: true, random: random, cookie: cookie}},
				{kind: kindFlight, sealed: true},
			}
			for len(want) < len(got) {
				want = append(want, digest{kind: kindSealed, sealed: true})
			}
			got[0].hello.cookie = nil // or empty, no matter which
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if random == ([clientRandom]byte{}) {
				t.Error("no random")
			}
		})
	}
}

func TestInspectMendsVersion(t *testing.T) {
	for _, d := range recordings(t)["mbedtls-2.28.3.txt"] {
		before := bytes.Clone(d.b)
		if _, ok := inspect(d.b); !ok {
			t.Errorf("%x is refused", d.b)
		}
		if v := (record{header: before}).version(); v != versionMbed {
			if !bytes.Equal(d.b, before) {
				t.Errorf("%x was altered to %x", before, d.b)
			}
			continue
		}
		before[1], before[2] = 0xfe, 0xff
		if !bytes.Equal(d.b, before) {
			t.Errorf("got %x, want %x", d.b, before)
		}
	}
	sealed := []byte{applicationData, 0xfe, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7}
	if _, ok := inspect(sealed); ok {
		t.Error("version 0xfe00 is taken in an encrypted record")
	}
}

// withCID returns a record with a connection ID.
func withCID(cid connectionID, content ...byte) []byte {
	b := append([]byte{cidRecord, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9}, cid[:]...)
	return append(append(b, 0, byte(len(content))), content...)
}

func TestInspectCID(t *testing.T) {
	one, two := connectionID{1, 2, 3}, connectionID{1, 2, 4}
	sealed := []byte{applicationData, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7}
	flight := []byte{changeCipherSpec, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}
	for name, tt := range map[string]struct {
		b    []byte
		want digest // nothing: refused
	}{
		"alone":           {withCID(one, 7), digest{sealed: true, cid: one[:]}},
		"the same twice":  {slices.Concat(withCID(one, 7), withCID(one, 8, 9)), digest{sealed: true, cid: one[:]}},
		"behind a flight": {slices.Concat(flight, withCID(one, 7)), digest{kind: kindFlight, sealed: true, cid: one[:]}},
		"behind others":   {slices.Concat(sealed, withCID(one, 7)), digest{sealed: true, cid: one[:]}},
		"two of them":     {slices.Concat(withCID(one, 7), withCID(two, 7)), digest{}},
		"empty":           {withCID(one), digest{}},
		"cut off":         {withCID(one, 7)[:recordHeader+1], digest{}},
		"in the clear":    {append([]byte{cidRecord, 0xfe, 0xfd, 0, 0}, withCID(one, 7)[5:]...), digest{}},
	} {
		got, ok := inspect(tt.b)
		if want := !reflect.DeepEqual(tt.want, digest{}); ok != want || ok && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, %t; want %+v, %t", name, got, ok, tt.want, want)
		}
	}
}

func TestParseHello(t *testing.T) {
	random := bytes.Repeat([]byte{7}, clientRandom)
	body := append([]byte{0xfe, 0xfd}, random...)
	with := func(rest ...byte) []byte { return slices.Concat(body, rest) }
	tests := []struct {
		name string
		head []byte // of the message, from the message number on
		body []byte
		want hello
	}{
		{"with cookie", []byte{0, 1, 0, 0, 0}, with(2, 1, 1, 3, 9, 8, 7, 0),
			hello{start: true, random: [32]byte(random), cookie: []byte{9, 8, 7}}},
		{"cookie cut off", []byte{0, 1, 0, 0, 0}, with(0, 3, 9, 8),
			hello{start: true, random: [32]byte(random)}},
		{"session cut off", []byte{0, 0, 0, 0, 0}, with(9, 1),
			hello{start: true, first: true, random: [32]byte(random)}},
		{"random cut off", []byte{0, 0, 0, 0, 0}, body[:33], hello{}},
		{"later fragment", []byte{0, 0, 0, 0, 40}, with(0, 0), hello{}},
		{"nothing", []byte{0, 0, 0, 0, 0}, nil, hello{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			message := append([]byte{clientHello, 0, 0, 99}, tt.head...)
			message = append(message, 0, 0, byte(len(tt.body)))
			got := parseHello(append(message, tt.body...))
			if len(got.cookie) == 0 {
				got.cookie = nil // no matter which
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestSentCookie(t *testing.T) {
	verify := []byte{handshakeRecord, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17,
		helloVerifyRequest, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 5, 0xfe, 0xfd, 2, 8, 9}
	if got, ok := sentCookie(verify); !ok || !bytes.Equal(got, []byte{8, 9}) {
		t.Errorf("cookie = %x, %t", got, ok)
	}
	for i := range verify {
		if got, ok := sentCookie(verify[:i]); ok {
			t.Errorf("cookie of %d bytes = %x", i, got)
		}
	}
	for name, i := range map[string]int{"type of record": 0, "epoch": 4, "type of message": 13} {
		other := bytes.Clone(verify)
		other[i]++
		if _, ok := sentCookie(other); ok {
			t.Errorf("a cookie whatever the %s", name)
		}
	}
}

// What passes consists of records that pion reads the same way, and of such types only
// as it does not take offence at; looking again changes nothing.
func FuzzInspect(f *testing.F) {
	for _, datagrams := range recordings(f) {
		for _, d := range datagrams {
			f.Add(d.b)
		}
	}
	f.Add(slices.Concat(withCID(connectionID{1}, 7), withCID(connectionID{1}, 8)))
	f.Add(slices.Concat(withCID(connectionID{1}, 7), withCID(connectionID{2}, 8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, ok := inspect(b)
		if !ok {
			return
		}
		after := bytes.Clone(b)
		if again, ok := inspect(b); !ok || !reflect.DeepEqual(again, d) || !bytes.Equal(b, after) {
			t.Errorf("first %+v, then %+v, %t", d, again, ok)
		}
		records, err := recordlayer.ContentAwareUnpackDatagram(b, cidSize)
		if err != nil {
			t.Fatalf("pion refuses %x: %v", b, err)
		}
		sealed := false
		for _, raw := range records {
			h := recordlayer.Header{ConnectionID: make([]byte, cidSize)}
			if err := h.Unmarshal(raw); err != nil {
				t.Fatalf("pion refuses %x: %v", raw, err)
			}
			switch {
			case h.Epoch == plainEpoch && h.ContentType >= changeCipherSpec && h.ContentType <= handshakeRecord:
			case h.Epoch == sealedEpoch && h.ContentType >= alertRecord && h.ContentType <= applicationData:
				sealed = true
			case h.Epoch == sealedEpoch && h.ContentType == cidRecord && bytes.Equal(h.ConnectionID, d.cid):
				sealed = true
			default:
				t.Errorf("passed epoch %d, type %d", h.Epoch, h.ContentType)
			}
		}
		if sealed != d.sealed || len(records) == 0 {
			t.Errorf("digest %+v of %d records", d, len(records))
		}
	})
}
