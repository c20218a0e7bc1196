package profilefile_test

import (
	"strings"
	"testing"

	"lwbs/store/profilefile"
)

// A profile file has 1 MiB.
func TestBytesOfAProfileFile(t *testing.T) {
	const meter = "name: meter\naccounts:\n  - {name: main, uri: coap://lwm2m.example.com, shortServerID: 101}\n"
	for size, want := range map[int]string{1 << 20: "", 1<<20 + 1: "the file has more than 1048576 bytes"} {
		text := meter + "#" + strings.Repeat("x", size-len(meter)-2) + "\n"
		docs, err := profilefile.Read("meter.yaml", []byte(text), nil)
		if (err == nil) != (want == "") || err == nil && len(docs) != 1 || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %d profiles, %v", size, len(docs), err)
		}
	}
}
