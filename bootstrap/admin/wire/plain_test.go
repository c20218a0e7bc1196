package wire

import (
	"testing"
	"unicode/utf8"
)

// FuzzPlain: checkTokens has nothing to say about what is plain. And what clients send is plain.
func FuzzPlain(f *testing.F) {
	for _, text := range []string{
		`{"row":2,"endpoint":"urn:dev:ops:1","settings":{"profile":"meter","addTags":["a","b"],"psk":{"key":"AAEC"}}}`,
		" {} \n", `{"a":{"b":1},"c":{"b":[{"b":null},{"b":-1.5e3}]}}`, `{"a":"}{[],:\\\""}`,
	} {
		if !isPlain([]byte(text)) {
			f.Errorf("%s is not plain", text)
		}
		f.Add([]byte(text))
	}
	for _, text := range []string{
		"", "1", `"a"`, "[]", "{", `{"a":1,"a":2}`, `{"\u0061":1,"a":2}`, `{"a":[{"b":1,"b":1}]}`, `{} {}`, `{"a":1}x`,
		`{"a":[[[[[[[[[[1]]]]]]]]]]}`,
	} {
		if isPlain([]byte(text)) {
			f.Errorf("%s is plain", text)
		}
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) || !isPlain(text) {
			return
		}
		if err := checkTokens(text); err != nil {
			t.Errorf("%s is plain: %v", text, err)
		}
	})
}
