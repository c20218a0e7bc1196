// Package clitest is what the tests of commands share.
package clitest

import (
	"strings"
	"testing"
)

// Contains reports each of wants that a text does not have. What says of what it is the text.
func Contains(t *testing.T, what, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%s: no %q in\n%s", what, want, text)
		}
	}
}

// Lacks reports an unwanted part of a text.
func Lacks(t *testing.T, what, text, unwanted string) {
	t.Helper()
	if strings.Contains(text, unwanted) {
		t.Errorf("%s: %q is in\n%s", what, unwanted, text)
	}
}
