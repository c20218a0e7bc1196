package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"lwbs/cmd/lwbs/internal/clitest"
)

// A relay is between the command line and a server, and can cut the connections.
type relay struct {
	net.Listener
	to string

	mu    sync.Mutex
	conns []net.Conn // guarded by mu
	done  sync.WaitGroup
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, to: to}
	r.done.Go(r.run)
	t.Cleanup(func() {
		l.Close()
		r.cut()
		r.done.Wait()
	})
	return r
}

func (r *relay) run() {
	for {
		in, err := r.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", r.to)
		if err != nil {
			in.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, in, out)
		r.mu.Unlock()
		pass := func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			to.Close()
			from.Close()
		}
		r.done.Go(func() { pass(in, out) })
		r.done.Go(func() { pass(out, in) })
	}
}

// cut ends all connections.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
}

// awaitText waits for a text in what is written; again, which may be nil, is called from time to time.
func awaitText(t *testing.T, log *clitest.Log, want string, again func()) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	n := 0
	for deadline := time.After(patience); !strings.Contains(log.String(), want); {
		select {
		case <-tick.C:
			if n++; again != nil && n%100 == 0 {
				again()
			}
		case <-deadline:
			t.Fatalf("%q is not in %s", want, log.String())
		}
	}
}

// Whoever watches a server on another machine is told of what happened while the connection was lost, once, and that it
// was lost.
func TestRemoteWatch(t *testing.T) {
	r := newRemote(t)
	r.at.ok("profile apply -f $D/meter.yaml")
	for _, name := range []string{"dev-1", "dev-2", "dev-3"} {
		r.at.ok("device add " + name + " --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	}
	between := newRelay(t, strings.TrimPrefix(strings.Replace(r.url, "localhost", "127.0.0.1", 1), "https://"))
	_, port, err := net.SplitHostPort(between.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var out, errs clitest.Log
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	app := newApp(strings.NewReader(""), &out, &errs)
	go func() {
		ended <- app.RunContext(ctx, []string{"lwbs", "--admin", "https://localhost:" + port, "--token-file", r.path("viewer"), "--ca-file", r.path("ca.pem"), "session", "watch"})
	}()
	come := func(name string) {
		t.Helper()
		if _, err := r.at.bootstrap(name, rightKey); err != nil {
			t.Fatal(err)
		}
	}
	come("dev-1")
	awaitText(t, &out, "dev-1  ends: done", func() { _, _ = r.at.bootstrap("dev-1", rightKey) }) // the watch may not have begun at the first
	between.cut()
	come("dev-2") // while there is no connection, or another one
	awaitText(t, &out, "dev-2  ends: done", nil)
	come("dev-3")
	awaitText(t, &out, "dev-3  ends: done", nil)
	if n := strings.Count(out.String(), "dev-2  ends: done"); n != 1 {
		t.Errorf("it is told %d times:\n%s", n, out.String())
	}
	contains(t, "errors", errs.String(), "the connection is lost, and tried again")
	lacks(t, "errors", errs.String(), "missed")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The messages of a session are recorded over HTTPS as they are over the socket; who may do so is checked.
func TestRemoteTrace(t *testing.T) {
	r := newRemote(t)
	r.at.ok("profile apply -f $D/meter.yaml")
	r.at.ok("device add dev-1 --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	type ending struct {
		status int
		errs   string
	}
	ended := make(chan ending, 1)
	go func() {
		status, _, errs := r.run(strings.Replace(r.options, "$D/admin", "$D/engineer", 1) + "session trace dev-1 --out $D/x.pcapng")
		ended <- ending{status, errs}
	}()
	r.awaitFile(r.path("x.pcapng"))
	if _, err := r.at.bootstrap("dev-1", rightKey); err != nil {
		t.Fatal(err)
	}
	if got := <-ended; got.status != exitDone {
		t.Fatalf("status %d: %s", got.status, got.errs)
	}
	trace, err := os.ReadFile(r.path("x.pcapng"))
	if err != nil || !bytes.Contains(trace, []byte("ep=dev-1")) {
		t.Errorf("%v: the request is not in the trace of %d bytes", err, len(trace))
	}
	for role, told := range map[string]string{"viewer": "this needs engineer", "engineer": "this needs admin"} {
		line := strings.Replace(r.options, "$D/admin", "$D/"+role, 1) + "session trace --reveal dev-1 --out $D/no.pcapng"
		if status, _, errs := r.run(line); status != exitFailed || !strings.Contains(errs, told) {
			t.Errorf("as %s: status %d: %s", role, status, errs)
		}
	}
}
