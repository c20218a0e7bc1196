package ddf_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lwbs/lwm2m/object/ddf"
)

// A file of 4 MiB is read, and one of a byte more is not.
func TestBytesOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.xml")
	definition := valve(t, "x", "x")
	for size, want := range map[int]int{4 << 20: 1, 4<<20 + 1: 0} {
		text := append(bytes.Clone(definition), bytes.Repeat([]byte(" "), size-len(definition))...)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if defs, problems := ddf.ReadFile(file); len(defs) != want || want == 0 && (len(problems) != 1 || !strings.Contains(problems[0].String(), "the file has 4194305 bytes, at most 4194304 are read")) {
			t.Errorf("of %d bytes %d definitions are read: %v", size, len(defs), problems)
		}
	}
}

// A folder has 10,000 files, and one with more is not read.
func TestFilesOfAFolder(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "00001.xml")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "00000.xml"), valve(t, "x", "x"), 0o600), os.WriteFile(empty, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for i := 2; i < 10_000; i++ {
		if err := os.Link(empty, filepath.Join(dir, fmt.Sprintf("%05d.xml", i))); err != nil {
			t.Skip("the file system has no links:", err)
		}
	}
	if defs, problems, err := ddf.ReadDir(dir); err != nil || len(defs) != 1 || len(problems) != 9999 {
		t.Errorf("of 10,000 files %d definitions are read, and %d are wrong, %v", len(defs), len(problems), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "one-more.xml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ddf.ReadDir(dir); err == nil || !strings.Contains(err.Error(), "has 10001 files *.xml: want 1 to 10000") {
		t.Errorf("10,001 files: %v", err)
	}
}
