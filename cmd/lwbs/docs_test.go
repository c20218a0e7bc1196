package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testDeclaration = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	testMention     = regexp.MustCompile("`(?:[a-z0-9/]+\\.)?((?:Test|Fuzz|Benchmark)[A-Z]\\w*)")
)

// Every test, fuzz target and benchmark that a document names is there.
func TestDocumentedTestsExist(t *testing.T) {
	there := make(map[string]bool)
	readAll(t, "../..", "_test.go", func(_, text string) {
		for _, m := range testDeclaration.FindAllStringSubmatch(text, -1) {
			there[m[1]] = true
		}
	})
	mentions := 0
	readAll(t, "../../docs", ".md", func(name, text string) {
		for _, m := range testMention.FindAllStringSubmatch(text, -1) {
			if mentions++; !there[m[1]] {
				t.Errorf("%s: there is no %s", name, m[1])
			}
		}
	})
	if mentions < 100 {
		t.Errorf("%d tests are named, which cannot be all", mentions)
	}
}

// readAll passes the text of every file below a folder whose name ends so to do.
func readAll(t *testing.T, dir, ending string, do func(name, text string)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ending) {
			return err
		}
		text, err := os.ReadFile(path)
		do(path, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
