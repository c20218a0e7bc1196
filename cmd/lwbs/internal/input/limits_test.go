package input

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lwbs/bootstrap/certtest"
)

// padded is a file that begins with text, and goes on with spaces up to size.
func padded(t *testing.T, text []byte, size int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "padded")
	if err := os.WriteFile(file, append(text, bytes.Repeat([]byte(" "), size-len(text))...), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A file of keys has 64 KiB, and one of certificates 4 MiB.
func TestBytesOfKeysAndCertificates(t *testing.T) {
	file, _ := certtest.WriteFiles(t, certtest.SelfSigned(t, "device"))
	certificate, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []struct {
		what  string
		limit int
		read  func(file string) error
	}{
		{"key", 64 << 10, func(file string) error {
			_, _, err := Read(t.Context(), nil, "key", file, MaxKey)
			return err
		}},
		{"certificate", 4 << 20, func(file string) error {
			_, err := Certificates(t.Context(), file)
			return err
		}},
	} {
		if err := kind.read(padded(t, certificate, kind.limit)); err != nil {
			t.Errorf("%s of %d bytes: %v", kind.what, kind.limit, err)
		}
		if err := kind.read(padded(t, certificate, kind.limit+1)); err == nil || !strings.Contains(err.Error(), " has more than ") {
			t.Errorf("%s of %d bytes: %v", kind.what, kind.limit+1, err)
		}
	}
}

// zeros is a stream without an end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// Of a pipe 64 MiB are read, whatever the limit for a file is.
func TestBytesOfAPipe(t *testing.T) {
	for size, valid := range map[int64]bool{64 << 20: true, 64<<20 + 1: false} {
		b, _, err := Read(t.Context(), io.LimitReader(zeros{}, size), "data", "-", 1<<30)
		if valid != (err == nil) || valid && int64(len(b)) != size || !valid && !strings.Contains(err.Error(), "the most that is read from a pipe") {
			t.Errorf("of %d bytes %d are read, %v", size, len(b), err)
		}
	}
}
