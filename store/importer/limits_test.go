package importer_test

import (
	"strings"
	"testing"

	"lwbs/store/importer"
)

// An entry of more than 4 MiB ends the reading, also where it has no end; one as large is read.
func TestBytesOfAnEntry(t *testing.T) {
	const most = 4 << 20
	for extra, want := range map[int]string{-200: "", 1 << 20: "an entry of it has more than 4194304 bytes"} {
		text := `{"a": {}, "dev": {"odd": "` + strings.Repeat("x", most+extra) + `"}}`
		if extra > 0 {
			text = text[:len(text)-3] // it has no end
		}
		r, err := leshan(importer.Options{}, file{Name: "f", Text: []byte(text)})
		if err == nil != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes beyond: %v, want %q", extra, err, want)
		}
		if err == nil && len(r.Entries) != 2 {
			t.Errorf("%d entries", len(r.Entries))
		}
	}
}

// A line of 1 MiB of Wakaama's file ends the reading, a shorter one does not.
func TestBytesOfALine(t *testing.T) {
	const most = 1 << 20
	for length, want := range map[int]string{most - 1: "", most + 1: "f: line 2 has more than 1048576 bytes"} {
		text := "[Endpoint]\n#" + strings.Repeat("x", length-1) + "\nName=a\n"
		_, err := wakaama(importer.Options{}, file{Name: "f", Text: []byte(text)})
		if err == nil != (want == "") || err != nil && err.Error() != want {
			t.Errorf("a line of %d bytes: %v, want %q", length, err, want)
		}
	}
}
