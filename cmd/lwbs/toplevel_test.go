package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The top level holds what docs/architecture.md names and nothing else: a file that a test or a trial left there does not
// enter the repository.
func TestTopLevel(t *testing.T) {
	wanted := strings.Fields(".ci .editorconfig .gitignore CHANGELOG.md CONTRIBUTING.md LICENSE Makefile README.md SECURITY.md " +
		"bootstrap cmd deploy docs go.mod go.sum lwm2m store testdata tlv")
	if _, err := os.Stat("../../.git"); err != nil {
		t.Skip("not in a clone: what is tracked is not known")
	}
	out, err := exec.Command("git", "ls-files", "-z", "--full-name", "--", ":/").Output()
	if err != nil {
		t.Skip("git is not here: ", err)
	}
	var found []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if top, _, _ := strings.Cut(name, "/"); !slices.Contains(found, top) {
			found = append(found, top)
		}
	}
	for _, name := range found {
		if !slices.Contains(wanted, name) {
			t.Errorf("%s is at the top level of the repository", name)
		}
	}
	for _, name := range wanted {
		if !slices.Contains(found, name) {
			t.Errorf("%s is missing at the top level", name)
		}
	}
}
