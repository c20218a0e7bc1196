package message

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/lwm2m"
)

// messageOf is what a vector says in words.
func messageOf(t *testing.T, v coaptest.Vector) Message {
	t.Helper()
	m := Message{
		Kind:    map[string]Kind{"CON": Confirmable, "NON": NonConfirmable, "ACK": Acknowledgement, "RST": Reset}[v.Kind],
		Code:    v.Code,
		Token:   Token(coaptest.Hex(t, v.Token)),
		ETag:    string(coaptest.Hex(t, v.ETag)),
		Path:    v.Path,
		Queries: v.Queries,
		Block1:  parseBlock(t, v.Block1),
		Block2:  parseBlock(t, v.Block2),
		Size1:   v.Size1,
		Payload: slices.Concat(coaptest.Hex(t, v.Payload), make([]byte, v.Fill)), // nil where there is none
	}
	mid, err := strconv.ParseUint(v.MID, 16, 16)
	if err != nil {
		t.Fatal(err)
	}
	m.ID = uint16(mid)
	if v.ContentFormat != nil {
		m.ContentFormat = lwm2m.FormatNumber(*v.ContentFormat)
	}
	if v.Accept != nil {
		m.Accept = lwm2m.FormatNumber(*v.Accept)
	}
	return m
}

// parseBlock reads "number/more/size".
func parseBlock(t *testing.T, s string) *Block {
	t.Helper()
	if s == "" {
		return nil
	}
	var num uint32
	var more, size int
	if _, err := fmt.Sscanf(s, "%d/%d/%d", &num, &more, &size); err != nil {
		t.Fatalf("block %q: %v", s, err)
	}
	return &Block{Num: num, More: more == 1, SZX: SizeExponent(size)}
}

func TestMessageVectors(t *testing.T) {
	for _, v := range coaptest.Messages(t) {
		t.Run(v.Name, func(t *testing.T) {
			datagram := v.Datagram(t)
			want := messageOf(t, v)
			got, err := Decode(datagram)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("decode(%x) = %+v, want %+v", datagram, got, want)
			}
			again, err := Encode(want)
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
	for _, v := range coaptest.Vectors[malformed](t, "malformed.json") {
		t.Run(v.Name, func(t *testing.T) {
			datagram := append(coaptest.Hex(t, v.Hex), make([]byte, v.Fill)...)
			m, err := Decode(datagram)
			if err == nil {
				t.Fatalf("decode(%x) = %+v, want an error (%s)", datagram, m, v.Place)
			}
			reply, due := m.Rejection(err)
			if due != v.Reset {
				t.Fatalf("rejection due: %v, want %v (%s)", due, v.Reset, v.Place)
			}
			if !due {
				return
			}
			got, err := Encode(reply)
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
			m, err := Decode(coaptest.Hex(t, tt.hex))
			if err != nil {
				t.Fatal(err)
			}
			if m.BadOption != tt.bad || m.Proxy != tt.proxy {
				t.Errorf("bad option %d, proxy %v, want %d, %v", m.BadOption, m.Proxy, tt.bad, tt.proxy)
			}
		})
	}
}

func TestOptionValues(t *testing.T) {
	// Path segments are taken as they are, the empty one included; numbers may have
	// leading zeros; the first of two Content-Formats counts.
	m, err := Decode(coaptest.Hex(t, "40 03 00 01 B2 62 73 00 12 00 28 01 70 52 00 28 FF 01"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"bs", ""}; !reflect.DeepEqual(m.Path, want) {
		t.Errorf("path %q, want %q", m.Path, want)
	}
	if m.ContentFormat != lwm2m.FormatLink || m.Accept != lwm2m.FormatLink {
		t.Errorf("Content-Format %v, Accept %v, want link-format both", m.ContentFormat, m.Accept)
	}
}

// Max-Age stands between Content-Format and the later options (RFC 7252 §5.10.5, number 14): 5.03 with 300 s.
func TestEncodeMaxAge(t *testing.T) {
	b, err := Encode(Message{Kind: Acknowledgement, Code: lwm2m.CodeServiceUnavailable, ID: 1, MaxAge: 300, Payload: []byte("x")})
	if want := coaptest.Hex(t, "60 A3 00 01 D2 01 01 2C FF 78"); err != nil || !slices.Equal(b, want) {
		t.Errorf("%x, %v; want %x", b, err, want)
	}
}

func TestEncodeRefuses(t *testing.T) {
	long := strings.Repeat("x", maxString+1)
	tests := []struct {
		name string
		m    Message
	}{
		{"long path segment", Message{Path: []string{long}}},
		{"long query", Message{Queries: []string{long}}},
		{"long payload", Message{Payload: make([]byte, MaxDatagram)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := Encode(tt.m); err == nil {
				t.Errorf("encode gave %d bytes, want an error", len(b))
			}
		})
	}
}

// What is decoded, encoded and decoded again must not have changed, but for what
// decode ignores.
func FuzzDecode(f *testing.F) {
	for _, v := range coaptest.Messages(f) {
		f.Add(v.Datagram(f))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := Decode(in)
		if err != nil {
			if !errors.Is(err, errFormat) && !errors.Is(err, errNotCoAP) {
				t.Fatalf("decode(%x): %v", in, err)
			}
			return
		}
		if m.BadOption != 0 || m.Proxy {
			return
		}
		b, err := Encode(m)
		if err != nil {
			t.Fatalf("encode %+v: %v", m, err)
		}
		again, err := Decode(b)
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%x: %+v became %+v, error %v", in, m, again, err)
		}
	})
}
