package session

import (
	"bytes"
	"testing"

	"lwbs/bootstrap"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A watcher sees each step as it happens.
func TestPrintEvent(t *testing.T) {
	s := store.Session{Endpoint: "dev-1", Transport: "coaps", Remote: "192.0.2.1:1"}
	wrote, ended := s, s
	wrote.Operations = []store.Operation{{Op: lwm2m.OpWrite, Path: lwm2m.InstancePath(0, 1), Code: lwm2m.CodeChanged}}
	ended.Cause, ended.Detail = store.CauseSilent, "no answer"
	for kind, want := range map[bootstrap.EventKind]struct {
		session store.Session
		text    string
	}{
		bootstrap.EventStarted:   {s, "dev-1  asks to bootstrap, from coaps://192.0.2.1:1"},
		bootstrap.EventOperation: {wrote, "dev-1  write /0/1: 2.04 Changed"},
		bootstrap.EventEnded:     {ended, "dev-1  ends: silent no answer"},
	} {
		var out bytes.Buffer
		if err := printEventText(&out, kind, want.session); err != nil {
			t.Fatal(err)
		}
		clitest.Contains(t, string(kind), out.String(), want.text)
	}
}
