package coaptest

import (
	"bufio"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A Recorded is one datagram of a recording in testdata/dtls.
type Recorded struct {
	Up bool // from client to server
	B  []byte
}

// Recordings returns what is in testdata/dtls, or a folder below it, by file name.
func Recordings(tb testing.TB, folder ...string) map[string][]Recorded {
	tb.Helper()
	dir := Testdata(tb, append([]string{"dtls"}, folder...)...)
	names, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(names) == 0 {
		tb.Fatalf("%s has no recordings (error: %v)", dir, err)
	}
	all := make(map[string][]Recorded)
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
			all[filepath.Base(name)] = append(all[filepath.Base(name)], Recorded{way == ">", b})
		}
		if err := lines.Err(); err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
	}
	return all
}
