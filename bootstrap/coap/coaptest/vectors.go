package coaptest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lwbs/lwm2m"
)

// A Vector is an entry of testdata/coap/messages.json: a datagram and what it says.
type Vector struct {
	Name, Source, Hex, Kind, MID string
	Code                         lwm2m.Code
	Token, ETag, Payload         string // hexadecimal
	Path, Queries                []string
	ContentFormat, Accept        *uint16
	Block1, Block2               string
	Size1                        uint32
	Fill                         int // bytes of zero behind Hex
}

// Datagram is the datagram of the vector.
func (v Vector) Datagram(t testing.TB) []byte {
	t.Helper()
	return append(Hex(t, v.Hex), make([]byte, v.Fill)...)
}

// Messages returns the vectors of testdata/coap/messages.json.
func Messages(t testing.TB) []Vector {
	t.Helper()
	return Vectors[Vector](t, "messages.json")
}

// Hex reads bytes in hexadecimal, with or without spaces.
func Hex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Vectors decodes a file of testdata/coap, which must have entries.
func Vectors[V any](t testing.TB, name string) []V {
	t.Helper()
	b, err := os.ReadFile(Testdata(t, "coap", name))
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

// Testdata returns the path of something in testdata, whatever package the test is of.
func Testdata(t testing.TB, parts ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(append([]string{dir, "testdata"}, parts...)...)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}
