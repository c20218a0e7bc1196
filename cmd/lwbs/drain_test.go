package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A serverProcess is a server that a test may signal.
type serverProcess struct {
	*exec.Cmd
	lines chan string // of standard output
}

// start runs lwbs serve in a process of its own, with these options, for DTLS at sh.at.
func (sh *shell) start(options ...string) *serverProcess {
	sh.t.Helper()
	return sh.startTo(nil, options...)
}

// startTo is start with a place for the log; nil for none.
func (sh *shell) startTo(log *os.File, options ...string) *serverProcess {
	sh.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		sh.t.Fatal(err)
	}
	args := append([]string{"--db", sh.database(), "serve", "--coaps", cmp.Or(sh.at, "127.0.0.1:0")}, options...)
	p := &serverProcess{Cmd: exec.Command(exe, args...), lines: make(chan string, 100)}
	p.Env = append(os.Environ(), beLwbs+"=1")
	out, err := p.StdoutPipe()
	if err != nil {
		sh.t.Fatal(err)
	}
	if log != nil {
		p.Stderr = log
	}
	if err := p.Start(); err != nil {
		sh.t.Fatal(err)
	}
	sh.t.Cleanup(func() { _ = p.Process.Kill() })
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	sh.coaps = strings.TrimPrefix(p.await(sh.t, "listening on coaps://"), "listening on coaps://")
	p.await(sh.t, "administered at")
	return p
}

// await returns the next line with this text.
func (p *serverProcess) await(t *testing.T, text string) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			switch {
			case !ok:
				t.Fatalf("the server ended without %q", text)
			case strings.Contains(line, text):
				return line
			}
		case <-deadline:
			t.Fatalf("the server did not say %q", text)
		}
	}
}

func (p *serverProcess) signal(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// end waits for the end of the process, whose status must be zero.
func (p *serverProcess) end(t *testing.T) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the server ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the server does not end")
	}
}

// A slowDevice answers the first request of the server only when it is let.
type slowDevice struct {
	bootstrap.Handler
	once  *sync.Once
	asked chan struct{} // closed by the first request
	let   chan struct{}
}

func (d slowDevice) ServeRequest(ctx context.Context, conn bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	d.once.Do(func() { close(d.asked) })
	select {
	case <-d.let:
	case <-ctx.Done():
	}
	return d.Handler.ServeRequest(ctx, conn, r)
}

// comeSlowly starts the bootstrap of a device that is let go on by the test.
func (sh *shell) comeSlowly(endpoint string) (d slowDevice, outcome chan error) {
	d = slowDevice{once: new(sync.Once), asked: make(chan struct{}), let: make(chan struct{})}
	key := lwm2m.NewSecret([]byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"))
	outcome = make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(sh.t.Context(), patience)
		defer cancel()
		_, err := sim.Run(ctx, sim.Config{
			Endpoint:        lwm2m.EndpointName(endpoint),
			BootstrapServer: lwm2m.SecurityInstance{ServerURI: "coaps://" + sh.coaps, PublicKeyOrIdentity: []byte(endpoint), SecretKey: key},
			Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
				d.Handler = h
				return coap.DialDTLS(ctx, sh.coaps, coap.DialConfig{Handler: d, Identity: endpoint, Key: key})
			},
		})
		outcome <- err
	}()
	select {
	case <-d.asked:
	case err := <-outcome:
		sh.t.Fatalf("the device ended with %v", err)
	}
	return d, outcome
}

// causes are those of the last sessions of a device, the newest first.
func (sh *shell) causes(endpoint string) (out []store.Cause) {
	sh.t.Helper()
	var sessions []store.Session
	if err := json.Unmarshal([]byte(sh.ok("session list --json --endpoint "+endpoint)), &sessions); err != nil {
		sh.t.Fatal(err)
	}
	for _, s := range sessions {
		out = append(out, s.Cause)
	}
	return out
}

// get is the status of the answer to a request over the admin socket.
func (sh *shell) get(path string) string {
	sh.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", sh.path("x.db.sock"))
		},
	}}
	resp, err := client.Get("http://lwbs" + path)
	if err != nil {
		sh.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.Status
}

// SIGTERM refuses new peers and waits for the sessions that run.
func TestDrain(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	for _, ep := range []string{"slow", "late"} {
		sh.ok("device add " + ep + " --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	}
	server := sh.start()
	slow, outcome := sh.comeSlowly("slow")
	server.signal(t)
	server.await(t, "waiting for 1 sessions to end")
	if _, err := sh.bootstrap("late", rightKey); err == nil || !strings.Contains(err.Error(), "5.03") {
		t.Errorf("who comes too late is told %v, want 5.03", err)
	}
	if got := sh.get("/readyz"); got != "503 Service Unavailable" {
		t.Errorf("/readyz says %s while sessions end", got)
	}
	if got := sh.get("/healthz"); got != "200 OK" {
		t.Errorf("/healthz says %s while sessions end", got)
	}
	close(slow.let)
	if err := <-outcome; err != nil {
		t.Errorf("who was there ended with %v", err)
	}
	server.end(t)
	if got := sh.causes("slow"); len(got) != 1 || got[0] != store.CauseDone {
		t.Errorf("the session that was running ended as %q", got)
	}
	if got := sh.causes("late"); len(got) != 1 || got[0] != store.CauseStopped {
		t.Errorf("the one that came too late ended as %q", got)
	}
}

// A second signal stops at once; what was cut off is recorded.
func TestSecondSignal(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add slow --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	server := sh.start()
	slow, outcome := sh.comeSlowly("slow")
	server.signal(t)
	server.await(t, "waiting for 1 sessions to end")
	server.signal(t)
	server.end(t)
	close(slow.let)
	if err := <-outcome; err == nil {
		t.Error("the device was not cut off")
	}
	if got := sh.causes("slow"); len(got) != 1 || got[0] != store.CauseStopped {
		t.Errorf("the session that was cut off ended as %q", got)
	}
}
