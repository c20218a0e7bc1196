package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	// maxFiles is how many files a package has at most, tests apart.
	maxFiles = 25

	// maxLines is how many lines a file has at most, tests apart.
	maxLines = 450
)

// A package or file that is larger says here why it is not divided.
var (
	moreFiles = map[string]string{}
	moreLines = map[string]string{}
)

// A package is small enough that its files are read in a minute, and a file has one idea. Where one has grown
// beyond that, move what belongs together into a package or a file of its own.
func TestPackagesAndFilesAreSmall(t *testing.T) {
	files := make(map[string]int)
	large := make(map[string]bool)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(path), "../../")
		files[filepath.ToSlash(filepath.Dir(name))]++
		text, err := os.ReadFile(path)
		if n := bytes.Count(text, []byte("\n")); n > maxLines {
			if large[name] = true; moreLines[name] == "" {
				t.Errorf("%s has %d lines, at most %d are usual: divide it by idea", name, n, maxLines)
			}
		}
		return err
	})
	if err != nil || len(files) < 15 {
		t.Fatalf("looked at %d packages, error %v", len(files), err)
	}
	for pkg, n := range files {
		if n > maxFiles && moreFiles[pkg] == "" {
			t.Errorf("package %s has %d files, at most %d are usual: move a part of it into a package of its own", pkg, n, maxFiles)
		}
	}
	for pkg := range moreFiles {
		if files[pkg] <= maxFiles {
			t.Errorf("package %s is no exception any more: it has %d files", pkg, files[pkg])
		}
	}
	for name := range moreLines {
		if !large[name] {
			t.Errorf("%s is no exception any more", name)
		}
	}
}
