package coap

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lwbs/lwm2m"
)

// A vector is an entry of testdata/coap/messages.json.
type vector struct {
	Name, Source, Hex, Kind, MID string
	Code                         lwm2m.Code
	Token, ETag, Payload         string // hexadecimal
	Path, Queries                []string
	ContentFormat, Accept        *uint16
	Block1, Block2               string
	Size1                        uint32
	Fill                         int
}

// message is what the vector says in words.
func (v vector) message(t *testing.T) message {
	t.Helper()
	m := message{
		kind:    map[string]kind{"CON": confirmable, "NON": nonConfirmable, "ACK": acknowledgement, "RST": reset}[v.Kind],
		code:    v.Code,
		token:   token(unhex(t, v.Token)),
		etag:    string(unhex(t, v.ETag)),
		path:    v.Path,
		queries: v.Queries,
		block1:  parseBlock(t, v.Block1),
		block2:  parseBlock(t, v.Block2),
		size1:   v.Size1,
		payload: slices.Concat(unhex(t, v.Payload), make([]byte, v.Fill)), // nil where there is none
	}
	mid, err := strconv.ParseUint(v.MID, 16, 16)
	if err != nil {
		t.Fatal(err)
	}
	m.mid = uint16(mid)
	if v.ContentFormat != nil {
		m.contentFormat = lwm2m.FormatNumber(*v.ContentFormat)
	}
	if v.Accept != nil {
		m.accept = lwm2m.FormatNumber(*v.Accept)
	}
	return m
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// parseBlock reads "number/more/size".
func parseBlock(t *testing.T, s string) *block {
	t.Helper()
	if s == "" {
		return nil
	}
	var num uint32
	var more, size int
	if _, err := fmt.Sscanf(s, "%d/%d/%d", &num, &more, &size); err != nil {
		t.Fatalf("block %q: %v", s, err)
	}
	return &block{num: num, more: more == 1, szx: sizeExponent(size)}
}

// readVectors decodes a file of testdata/coap, which must have entries.
func readVectors[V any](t testing.TB, name string) []V {
	t.Helper()
	b, err := os.ReadFile("../../testdata/coap/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var vs []V
	if err := d.Decode(&vs); err != nil || len(vs) == 0 {
		t.Fatalf("%s: %d vectors, error %v", name, len(vs), err)
	}
	return vs
}

func TestMessageVectors(t *testing.T) {
	for _, v := range readVectors[vector](t, "messages.json") {
		t.Run(v.Name, func(t *testing.T) {
			datagram := append(unhex(t, v.Hex), make([]byte, v.Fill)...)
			want := v.message(t)
			got, err := decode(datagram)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("decode(%x) = %+v, want %+v", datagram, got, want)
			}
			again, err := encode(want)
			if err != nil || !bytes.Equal(again, datagram) {
				t.Errorf("encode = %x, error %v, want %x", again, err, datagram)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	type malformed struct {
		Name, Place, Hex string
		Reset            bool
		Fill             int
	}
	for _, v := range readVectors[malformed](t, "malformed.json") {
		t.Run(v.Name, func(t *testing.T) {
			datagram := append(unhex(t, v.Hex), make([]byte, v.Fill)...)
			m, err := decode(datagram)
			if err == nil {
				t.Fatalf("decode(%x) = %+v, want an error (%s)", datagram, m, v.Place)
			}
			reply, due := m.rejection(err)
			if due != v.Reset {
				t.Fatalf("rejection due: %v, want %v (%s)", due, v.Reset, v.Place)
			}
			if !due {
				return
			}
			got, err := encode(reply)
			if want := []byte{0x70, 0, datagram[2], datagram[3]}; err != nil || !bytes.Equal(got, want) {
				t.Errorf("rejection = %x, error %v, want %x", got, err, want)
			}
		})
	}
}

func TestOptionRules(t *testing.T) {
	const get, content = "40 01 00 01", "60 45 00 01"
	tests := []struct {
		name, hex string
		bad       uint16
		proxy     bool
	}{
		{"unknown critical option", get + "91 00", 9, false},
		{"unknown critical option with a large number", get + "E0 FC DC", 65001, false},
		{"the first of two", get + "91 00 21 00", 9, false},
		{"unknown elective option", get + "E0 FC DB", 0, false},
		{"If-Match, which needs an answer of its own", get + "10", 1, false},
		{"If-None-Match", get + "50", 5, false},
		{"Uri-Host and Uri-Port", get + "31 61 42 16 33", 0, false},
		{"Uri-Host of no bytes", get + "30", 3, false},
		{"Uri-Port of three bytes", get + "73 01 02 03", 7, false},
		{"Accept of three bytes", get + "D3 04 01 02 03", 17, false},
		{"two Accepts", get + "D1 04 28 01 70", 17, false},
		{"two Content-Formats", get + "C1 28 01 70", 0, false},
		{"Content-Format of three bytes", get + "C3 01 02 03", 0, false},
		{"Block1 of four bytes", get + "D4 0E 01 02 03 04", 27, false},
		{"Block2 twice", get + "D1 0A 06 01 06", 23, false},
		{"Proxy-Uri", get + "D1 16 61", 0, true},
		{"Proxy-Scheme", get + "D1 1A 61", 0, true},
		{"Observe, Max-Age, Echo, Request-Tag, No-Response", get + "60 80 D0 E1 60 D0 15", 0, false},
		{"OSCORE in a response", content + "91 00", 9, false},
		{"Uri-Path in a response", content + "B1 61", 11, false},
		{"ETag, Location-Path, Size2 in a response", content + "41 01 41 61 D1 07 05", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := decode(unhex(t, tt.hex))
			if err != nil {
				t.Fatal(err)
			}
			if m.badOption != tt.bad || m.proxy != tt.proxy {
				t.Errorf("bad option %d, proxy %v, want %d, %v", m.badOption, m.proxy, tt.bad, tt.proxy)
			}
		})
	}
}

func TestOptionValues(t *testing.T) {
	// Path segments are taken as they are, the empty one included; numbers may have
	// leading zeros; the first of two Content-Formats counts.
	m, err := decode(unhex(t, "40 03 00 01 B2 62 73 00 12 00 28 01 70 52 00 28 FF 01"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"bs", ""}; !reflect.DeepEqual(m.path, want) {
		t.Errorf("path %q, want %q", m.path, want)
	}
	if m.contentFormat != lwm2m.FormatLink || m.accept != lwm2m.FormatLink {
		t.Errorf("Content-Format %v, Accept %v, want link-format both", m.contentFormat, m.accept)
	}
}

func TestEncodeRefuses(t *testing.T) {
	long := strings.Repeat("x", maxString+1)
	tests := []struct {
		name string
		m    message
	}{
		{"long path segment", message{path: []string{long}}},
		{"long query", message{queries: []string{long}}},
		{"long payload", message{payload: make([]byte, maxDatagram)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := encode(tt.m); err == nil {
				t.Errorf("encode gave %d bytes, want an error", len(b))
			}
		})
	}
}

// What is decoded, encoded and decoded again must not have changed, but for what
// decode ignores.
func FuzzDecode(f *testing.F) {
	for _, v := range readVectors[vector](f, "messages.json") {
		f.Add(append(unhex(f, v.Hex), make([]byte, v.Fill)...))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := decode(in)
		if err != nil {
			if !errors.Is(err, errFormat) && !errors.Is(err, errNotCoAP) {
				t.Fatalf("decode(%x): %v", in, err)
			}
			return
		}
		if m.badOption != 0 || m.proxy {
			return
		}
		b, err := encode(m)
		if err != nil {
			t.Fatalf("encode %+v: %v", m, err)
		}
		again, err := decode(b)
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%x: %+v became %+v, error %v", in, m, again, err)
		}
	})
}
