package main

import (
	"strings"
	"testing"

	"lwbs/store"
)

func TestPrintReason(t *testing.T) {
	var out strings.Builder
	printReason(&out, store.Session{
		Endpoint: "dev", Transport: "coaps", Remote: "192.0.2.1:5000", Stage: store.StageDone, Cause: store.CauseDone,
		Notes: []string{"server 101: last TLS alert 40"},
	})
	contains(t, "why", out.String(), "dev from coaps://192.0.2.1:5000: done\n", "  happened   ", "  noted      server 101: last TLS alert 40\n")
}
