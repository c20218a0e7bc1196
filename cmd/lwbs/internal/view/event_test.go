package view_test

import (
	"bytes"
	"strings"
	"testing"

	"lwbs/bootstrap"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A watcher sees each step as it happens.
func TestPrintEvent(t *testing.T) {
	s := store.Session{Endpoint: "dev-1", Transport: "coaps", Remote: "192.0.2.1:1"}
	wrote, ended, parked := s, s, s
	parked.Pending = "k7wq2mxe"
	wrote.Operations = []store.Operation{{Op: lwm2m.OpWrite, Path: lwm2m.InstancePath(0, 1), Code: lwm2m.CodeChanged}}
	ended.Cause, ended.Detail = store.CauseSilent, "no answer"
	for kind, want := range map[bootstrap.EventKind]struct {
		session store.Session
		text    string
	}{
		bootstrap.EventStarted:   {s, "dev-1  asks to bootstrap, from coaps://192.0.2.1:1"},
		bootstrap.EventOperation: {wrote, "dev-1  write /0/1: 2.04 Changed"},
		bootstrap.EventParked:    {parked, "dev-1  is unknown, and waits for approval: lwbs pending approve k7wq2mxe"},
		bootstrap.EventApproved:  {parked, "dev-1  has a record now, and goes on"},
		bootstrap.EventEnded:     {ended, "dev-1  ends: silent no answer"},
	} {
		var out bytes.Buffer
		if err := view.PrintEventText(&out, kind, want.session); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want.text) {
			t.Errorf("%s is told as %q, want %q in it", kind, &out, want.text)
		}
	}
}
