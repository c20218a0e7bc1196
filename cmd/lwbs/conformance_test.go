package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testReference is a test that a document names: its package, its function, and the
// name of a case where it has cases.
var testReference = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)\\w+)(?:/([^`]+))?`")

// What the conformance table calls done is held by a test that exists.
func TestConformanceNamesTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	references := 0
	sources := make(map[string]string)
	for n, line := range strings.Split(string(text), "\n") {
		found := checkReferences(t, n+1, line, sources)
		if cells := strings.Split(line, "|"); found == 0 && len(cells) > 4 && strings.HasPrefix(strings.TrimSpace(cells[3]), "done") {
			t.Errorf("line %d: done, and no test is named", n+1)
		}
		references += found
	}
	if references < 150 {
		t.Errorf("%d tests are named, which cannot be all", references)
	}
}

// So is what SECURITY.md promises.
func TestSecurityNamesTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	references := 0
	sources := make(map[string]string)
	for n, line := range strings.Split(string(text), "\n") {
		references += checkReferences(t, n+1, line, sources)
	}
	if references < 25 {
		t.Errorf("%d tests are named, which cannot be all", references)
	}
}

// checkReferences looks the tests up that a line names, and returns how many there are. Sources
// are the texts of tests, by package, as far as they were read.
func checkReferences(t *testing.T, n int, line string, sources map[string]string) int {
	t.Helper()
	found := testReference.FindAllStringSubmatch(line, -1)
	for _, m := range found {
		if _, read := sources[m[1]]; !read {
			sources[m[1]] = testSource(t, m[1])
		}
		if !strings.Contains(sources[m[1]], "func "+m[2]+"(") {
			t.Errorf("line %d: package %s has no %s", n, m[1], m[2])
		}
		if m[3] != "" && !strings.Contains(sources[m[1]], `"`+m[3]+`"`) {
			t.Errorf("line %d: package %s has no case %q", n, m[1], m[3])
		}
	}
	return len(found)
}

// testSource is the text of all tests of a package.
func testSource(t *testing.T, pkg string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pkg), "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("package %s has no tests: %v", pkg, err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
