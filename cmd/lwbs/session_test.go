package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
)

// bootstrap lets a device come to the server that has these Objects, or those that most
// devices have.
func (sh *shell) bootstrap(endpoint, keyHex string, objects ...lwm2m.ObjectID) (sim.Result, error) {
	sh.t.Helper()
	raw, err := hex.DecodeString(keyHex)
	if err != nil {
		sh.t.Fatal(err)
	}
	key := lwm2m.NewSecret(raw)
	ctx, cancel := context.WithTimeout(sh.t.Context(), patience)
	defer cancel()
	return sim.Run(ctx, sim.Config{
		Endpoint: lwm2m.EndpointName(endpoint),
		Stack:    sim.Stack{Objects: objects},
		BootstrapServer: lwm2m.SecurityInstance{
			ServerURI: "coaps://" + sh.coaps, PublicKeyOrIdentity: []byte(endpoint), SecretKey: key,
		},
		Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
			return coap.DialDTLS(ctx, sh.coaps, coap.DialConfig{Handler: h, Identity: endpoint, Key: key})
		},
	})
}

const rightKey = "00112233445566778899aabbccddeeff"

// What an engineer sees of a device that came.
func TestSessionCommands(t *testing.T) {
	sh := newShell(t)
	sh.serve()
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add dev-1 --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	if _, err := sh.bootstrap("dev-1", rightKey); err != nil {
		t.Fatal(err)
	}
	id := sh.lastSession("--endpoint dev-1")

	list := sh.ok("session list")
	contains(t, "session list", list, "dev-1", "coaps://127.0.0.1", "done", id)
	contains(t, "session list --json", sh.ok("session list --json"), `"id": "`+id+`"`, `"cause": "done"`)
	lacks(t, "session list --failed", sh.ok("session list --failed"), "dev-1")

	get := sh.ok("session get " + id)
	contains(t, "session get", get, "session "+id+" of dev-1", `authenticated as "dev-1"`, "the device has </>;lwm2m",
		"discover", "write", "/0/1", "tlv", "2.04 Changed", "finish", "came to    done", "to do")
	contains(t, "session get --json", sh.ok("session get --json "+id), `"op": "write"`, `"path": "/0/1"`)

	contains(t, "why", sh.ok("why dev-1"), "dev-1 from coaps://127.0.0.1", ": done", "happened")
	contains(t, "why --json", sh.ok("why --json dev-1"), `"session":`, `"happened":`)
	contains(t, "device list", sh.ok("device list"), "dev-1", "done")
	contains(t, "device get", sh.ok("device get dev-1"), "done")
}

// lastSession is the ID of the newest session that query selects: it is kept a little
// after the device knows how it ended.
func (sh *shell) lastSession(query string) string {
	sh.t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(patience); ; {
		for line := range strings.Lines(sh.ok("session list " + query)) {
			if fields := strings.Fields(line); fields[0] != "STARTED" && !slices.Contains(fields, "running") {
				return fields[len(fields)-1]
			}
		}
		select {
		case <-again.C:
		case <-deadline:
			sh.t.Fatalf("no session %s", query)
		}
	}
}

// Who watches is told when the server stops: nothing more will come.
func TestWatchUntilTheServerStops(t *testing.T) {
	sh := newShell(t)
	l, err := net.Listen("unix", sh.path("x.db.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "data: {\"kind\": %q, \"session\": {\"endpoint\": \"dev-1\", \"cause\": \"done\"}}\n\n", bootstrap.EventEnded)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	status, out, errs := sh.run("session watch")
	if status != exitFailed || errs != "lwbs: the server stopped\n" {
		t.Errorf("status %d: %s", status, errs)
	}
	contains(t, "session watch", out, "dev-1  ends: done")
	if err := errors.Join(server.Close(), <-ended); !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
