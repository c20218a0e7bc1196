package session

import (
	"strings"
	"testing"

	"lwbs/bootstrap/admin/why"
	"lwbs/bootstrap/explain"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/store"
)

func TestPrintAttempt(t *testing.T) {
	var out strings.Builder
	s := store.Session{
		Endpoint: "dev", Transport: "coaps", Remote: "192.0.2.1:5000", Stage: store.StageDone, Cause: store.CauseDone,
		Notes: []string{"server 101: last TLS alert 40"},
	}
	printAttempt(&out, why.Reason{Session: s, Explanation: explain.Session(s)})
	clitest.Contains(t, "why", out.String(), "dev from coaps://192.0.2.1:5000: done\n", "  happened   ", "  noted      server 101: last TLS alert 40\n")
}
