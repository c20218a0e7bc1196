package importer

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzSplit: what split reads of valid JSON is what package json reads.
func FuzzSplit(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { "a" : 1 , "b" : { "c" : [ "}" , "\"," ] } } `, `{"a":"x:y","a":"z","":null}`, `{"\u0061":1}`, `[1]`, `"x"`, `null`, `{"a":-1.5e3,"b":true}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return
		}
		got, ok := split(text)
		if !ok {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(text, &want); err != nil || len(got) != len(want) {
			t.Fatalf("%q: %d members, want %d, error %v", text, len(got), len(want), err)
		}
		for name, value := range want {
			if !bytes.Equal(got[name], bytes.TrimSpace(value)) {
				t.Errorf("%q: %q is %q, want %q", text, name, got[name], value)
			}
		}
	})
}

// FuzzSmallNumbers: an array that smallNumbers reads is the one that package json reads.
func FuzzSmallNumbers(f *testing.F) {
	for _, text := range []string{`[]`, `[1]`, `[-128, 255]`, `[ 1 ,2]`, `[01]`, `[-]`, `[1 2]`, `[256]`, `["1"]`, `[1,]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return
		}
		got, ok := smallNumbers(text)
		if !ok {
			return
		}
		var want []int16
		if err := json.Unmarshal(text, &want); err != nil || len(got) != len(want) {
			t.Fatalf("%q: %d numbers, want %d, error %v", text, len(got), len(want), err)
		}
		for i, n := range want {
			if got[i] != byte(n) {
				t.Errorf("%q: number %d is %d", text, i, got[i])
			}
		}
	})
}
