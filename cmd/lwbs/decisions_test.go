package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Decisions are numbered from 1 on, each once, and their headings have their numbers.
func TestDecisionsAreNumbered(t *testing.T) {
	files, err := os.ReadDir("../../docs/decisions")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`^\d{4}-[a-z0-9-]+\.md$`)
	n := 0
	for _, f := range files {
		if f.Name() == "README.md" {
			continue
		}
		if n++; !name.MatchString(f.Name()) || !strings.HasPrefix(f.Name(), fmt.Sprintf("%04d-", n)) {
			t.Fatalf("%s is not number %d", f.Name(), n)
		}
		text, err := os.ReadFile("../../docs/decisions/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(strings.TrimPrefix(string(text), "# "), fmt.Sprintf("%d. ", n)) {
			t.Errorf("the heading of %s does not begin with its number", f.Name())
		}
	}
	if n < 29 {
		t.Errorf("only %d decisions", n)
	}
}
