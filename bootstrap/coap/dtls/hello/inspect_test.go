package hello

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/record"
)

// A client's datagrams are a ClientHello, the same with the cookie that it was sent,
// its keys with a Finished, data, and at last a close_notify.
func TestInspectRecordings(t *testing.T) {
	for name, datagrams := range coaptest.Recordings(t) {
		t.Run(name, func(t *testing.T) {
			var cookie []byte
			var got []Digest
			for _, d := range datagrams {
				if !d.Up {
					if c, ok := SentCookie(d.B); ok {
						cookie = c
					}
					continue
				}
				dg, ok := Inspect(d.B)
				if !ok {
					t.Fatalf("%x is refused", d.B)
				}
				got = append(got, dg)
			}
			if len(got) < 4 || len(cookie) == 0 {
				t.Fatalf("%d datagrams, cookie %x", len(got), cookie)
			}
			random := got[0].Hello.Random
			if o, ok := ParseOffer(datagrams[0].B); !ok || !record.Common(o.Suites, record.Suites()) {
				t.Errorf("it offers %+v, none of which we have", o)
			}
			want := []Digest{
				{Kind: KindHello, Hello: Hello{Start: true, First: true, Random: random}},
				{Kind: KindHello, Hello: Hello{Start: true, Random: random, Cookie: cookie}},
				{Kind: KindFlight, Sealed: true},
			}
			for len(want) < len(got) {
				want = append(want, Digest{Kind: KindSealed, Sealed: true})
			}
			got[0].Hello.Cookie = nil // or empty, no matter which
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if random == ([record.RandomSize]byte{}) {
				t.Error("no random")
			}
		})
	}
}

func TestInspectMendsVersion(t *testing.T) {
	for _, d := range coaptest.Recordings(t)["mbedtls-2.28.3.txt"] {
		before := bytes.Clone(d.B)
		if _, ok := Inspect(d.B); !ok {
			t.Errorf("%x is refused", d.B)
		}
		if v := (record.Record{Header: before}).Version(); v != record.VersionMbed {
			if !bytes.Equal(d.B, before) {
				t.Errorf("%x was altered to %x", before, d.B)
			}
			continue
		}
		before[1], before[2] = 0xfe, 0xff
		if !bytes.Equal(d.B, before) {
			t.Errorf("got %x, want %x", d.B, before)
		}
	}
	sealed := []byte{record.TypeApplicationData, 0xfe, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7}
	if _, ok := Inspect(sealed); ok {
		t.Error("version 0xfe00 is taken in an encrypted record")
	}
}

func TestInspectCID(t *testing.T) {
	one, two := [record.CIDSize]byte{1, 2, 3}, [record.CIDSize]byte{1, 2, 4}
	sealed := []byte{record.TypeApplicationData, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7}
	flight := []byte{record.TypeChangeCipherSpec, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}
	for name, tt := range map[string]struct {
		b    []byte
		want Digest // nothing: refused
	}{
		"alone":           {coaptest.WithCID(one, 7), Digest{Sealed: true, CID: one[:]}},
		"the same twice":  {slices.Concat(coaptest.WithCID(one, 7), coaptest.WithCID(one, 8, 9)), Digest{Sealed: true, CID: one[:]}},
		"behind a flight": {slices.Concat(flight, coaptest.WithCID(one, 7)), Digest{Kind: KindFlight, Sealed: true, CID: one[:]}},
		"behind others":   {slices.Concat(sealed, coaptest.WithCID(one, 7)), Digest{Sealed: true, CID: one[:]}},
		"two of them":     {slices.Concat(coaptest.WithCID(one, 7), coaptest.WithCID(two, 7)), Digest{}},
		"empty":           {coaptest.WithCID(one), Digest{}},
		"cut off":         {coaptest.WithCID(one, 7)[:record.HeaderSize+1], Digest{}},
		"in the clear":    {append([]byte{record.TypeCID, 0xfe, 0xfd, 0, 0}, coaptest.WithCID(one, 7)[5:]...), Digest{}},
	} {
		got, ok := Inspect(tt.b)
		if want := !reflect.DeepEqual(tt.want, Digest{}); ok != want || ok && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, %t; want %+v, %t", name, got, ok, tt.want, want)
		}
	}
}

func TestParseHello(t *testing.T) {
	random := bytes.Repeat([]byte{7}, record.RandomSize)
	body := append([]byte{0xfe, 0xfd}, random...)
	with := func(rest ...byte) []byte { return slices.Concat(body, rest) }
	tests := []struct {
		name string
		head []byte // of the message, from the message number on
		body []byte
		want Hello
	}{
		{"with cookie", []byte{0, 1, 0, 0, 0}, with(2, 1, 1, 3, 9, 8, 7, 0),
			Hello{Start: true, Random: [32]byte(random), Cookie: []byte{9, 8, 7}}},
		{"cookie cut off", []byte{0, 1, 0, 0, 0}, with(0, 3, 9, 8),
			Hello{Start: true, Random: [32]byte(random)}},
		{"session cut off", []byte{0, 0, 0, 0, 0}, with(9, 1),
			Hello{Start: true, First: true, Random: [32]byte(random)}},
		{"random cut off", []byte{0, 0, 0, 0, 0}, body[:33], Hello{}},
		{"later fragment", []byte{0, 0, 0, 0, 40}, with(0, 0), Hello{}},
		{"nothing", []byte{0, 0, 0, 0, 0}, nil, Hello{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			message := append([]byte{record.ClientHello, 0, 0, 99}, tt.head...)
			message = append(message, 0, 0, byte(len(tt.body)))
			got := Parse(append(message, tt.body...))
			if len(got.Cookie) == 0 {
				got.Cookie = nil // no matter which
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestSentCookie(t *testing.T) {
	verify := []byte{record.TypeHandshake, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17,
		record.HelloVerifyRequest, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 5, 0xfe, 0xfd, 2, 8, 9}
	if got, ok := SentCookie(verify); !ok || !bytes.Equal(got, []byte{8, 9}) {
		t.Errorf("cookie = %x, %t", got, ok)
	}
	for i := range verify {
		if got, ok := SentCookie(verify[:i]); ok {
			t.Errorf("cookie of %d bytes = %x", i, got)
		}
	}
	for name, i := range map[string]int{"type of record": 0, "epoch": 4, "type of message": 13} {
		other := bytes.Clone(verify)
		other[i]++
		if _, ok := SentCookie(other); ok {
			t.Errorf("a cookie whatever the %s", name)
		}
	}
}

// What passes consists of records that pion reads the same way, and of such types only
// as it does not take offence at; looking again changes nothing.
func FuzzInspect(f *testing.F) {
	for _, datagrams := range coaptest.Recordings(f) {
		for _, d := range datagrams {
			f.Add(d.B)
		}
	}
	f.Add(slices.Concat(coaptest.WithCID([record.CIDSize]byte{1}, 7), coaptest.WithCID([record.CIDSize]byte{1}, 8)))
	f.Add(slices.Concat(coaptest.WithCID([record.CIDSize]byte{1}, 7), coaptest.WithCID([record.CIDSize]byte{2}, 8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, ok := Inspect(b)
		if !ok {
			return
		}
		after := bytes.Clone(b)
		if again, ok := Inspect(b); !ok || !reflect.DeepEqual(again, d) || !bytes.Equal(b, after) {
			t.Errorf("first %+v, then %+v, %t", d, again, ok)
		}
		records, err := recordlayer.ContentAwareUnpackDatagram(b, record.CIDSize)
		if err != nil {
			t.Fatalf("pion refuses %x: %v", b, err)
		}
		sealed := false
		for _, raw := range records {
			h := recordlayer.Header{ConnectionID: make([]byte, record.CIDSize)}
			if err := h.Unmarshal(raw); err != nil {
				t.Fatalf("pion refuses %x: %v", raw, err)
			}
			switch {
			case h.Epoch == record.PlainEpoch && h.ContentType >= record.TypeChangeCipherSpec && h.ContentType <= record.TypeHandshake:
			case h.Epoch == record.SealedEpoch && h.ContentType >= record.TypeAlert && h.ContentType <= record.TypeApplicationData:
				sealed = true
			case h.Epoch == record.SealedEpoch && h.ContentType == record.TypeCID && bytes.Equal(h.ConnectionID, d.CID):
				sealed = true
			default:
				t.Errorf("passed epoch %d, type %d", h.Epoch, h.ContentType)
			}
		}
		if sealed != d.Sealed || len(records) == 0 {
			t.Errorf("digest %+v of %d records", d, len(records))
		}
	})
}
