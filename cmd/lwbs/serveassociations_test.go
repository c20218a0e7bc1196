package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A keptDevice has one association for all its bootstraps.
type keptDevice struct {
	bootstrap.Conn
	sh       *shell
	endpoint string

	mu      sync.Mutex
	handler bootstrap.Handler // of the bootstrap that is under way; guarded by mu
}

// ServeRequest implements [bootstrap.Handler].
func (d *keptDevice) ServeRequest(ctx context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	d.mu.Lock()
	h := d.handler
	d.mu.Unlock()
	return h.ServeRequest(ctx, c, r)
}

// Close implements [bootstrap.Conn]: the association goes on.
func (d *keptDevice) Close() error { return nil }

// dial shakes hands with the server, with these credentials.
func (sh *shell) dial(endpoint string, cfg coap.DialConfig) *keptDevice {
	sh.t.Helper()
	d := &keptDevice{sh: sh, endpoint: endpoint}
	cfg.Handler = d
	ctx, cancel := context.WithTimeout(sh.t.Context(), patience)
	defer cancel()
	conn, err := coap.DialDTLS(ctx, sh.coaps, cfg)
	if err != nil {
		sh.t.Fatal(err)
	}
	d.Conn = conn
	sh.t.Cleanup(func() { conn.Close() })
	return d
}

// bootstrap bootstraps over the association that there is.
func (d *keptDevice) bootstrap() error {
	d.sh.t.Helper()
	ctx, cancel := context.WithTimeout(d.sh.t.Context(), patience)
	defer cancel()
	_, err := sim.Run(ctx, sim.Config{
		Endpoint: lwm2m.EndpointName(d.endpoint), SessionTimeout: patience,
		Dial: func(_ context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.handler = h
			return d, nil
		},
	})
	return err
}

// ownAddress is an address of this machine that no other test listens at, so that a server
// can be restarted there.
func ownAddress(t *testing.T) string {
	t.Helper()
	host := "127.0.0.1"
	if runtime.GOOS == "linux" { // where all of 127.0.0.0/8 is here
		host = fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	}
	c, err := net.ListenPacket("udp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// metric is the sum of a metric of the server over its labels; zero where there is none.
func (sh *shell) metric(name string) (sum float64) {
	sh.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", sh.path("x.db.sock"))
	}}}
	resp, err := client.Get("http://lwbs/metrics")
	if err != nil {
		sh.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		sh.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		labelled, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if series, _, _ := strings.Cut(labelled, "{"); ok && series == name {
			n, err := strconv.ParseFloat(value[strings.LastIndexByte(value, ' ')+1:], 64)
			if err != nil {
				sh.t.Fatal(err)
			}
			sum += n
		}
	}
	return sum
}

// awaitMetric waits until a metric has a value.
func (sh *shell) awaitMetric(name string, want float64) {
	sh.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if got := sh.metric(name); got == want {
			return
		} else if time.Now().After(deadline) {
			sh.t.Fatalf("%s is %v, want %v", name, got, want)
		}
	}
}

// awaitKept waits until all associations of n devices hibernate and are on disk.
func (sh *shell) awaitKept(n int) {
	sh.t.Helper()
	sh.awaitMetric("lwbs_associations_hibernated", float64(n))
	sh.awaitMetric("lwbs_association_writes_pending", 0)
}

// kill ends a process as nothing else does.
func (p *serverProcess) kill(t *testing.T) {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // it was killed
}

// A device goes on with its association after the server was killed, and after it was
// stopped: the next Bootstrap-Request on it is served, without a handshake.
func TestAssociationOutlivesTheServer(t *testing.T) {
	t.Parallel()
	p := clitest.NewPKI(t)
	client := p.CA.Client(t, "meter-1")
	key := lwm2m.NewSecret([]byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"))
	psk := coap.DialConfig{Identity: "meter-1", Key: key}
	certificate := coap.DialConfig{Certificate: &client, ServerCertificates: []*x509.Certificate{p.CA.Certificate}, ServerName: "bs.example.com"}
	with := func(cfg coap.DialConfig, cid int) coap.DialConfig {
		cfg.OfferCID, cfg.OwnCID = true, cid
		return cfg
	}
	for name, cfg := range map[string]coap.DialConfig{
		"key": psk, "key and connection ID": with(psk, 0), "certificate": certificate, "certificate and connection IDs": with(certificate, 6),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := newShellBeside(t)
			sh.ok("profile apply -f $D/meter.yaml")
			sh.ok("device add meter-1 --profile meter --psk-key-format hex --psk-key-file $D/key.hex --certificate-name meter-1")
			sh.at = ownAddress(t)
			server := sh.start(p.Options()...)
			d := sh.dial("meter-1", cfg)
			const rounds = 4
			for round := range rounds {
				if err := d.bootstrap(); err != nil {
					t.Fatalf("bootstrap %d: %v", round+1, err)
				}
				if round > 0 {
					if shaken, woken := sh.metric("lwbs_handshake_duration_seconds_count"), sh.metric("lwbs_associations_woken_total"); shaken != 0 || woken != 1 {
						t.Errorf("round %d: %v handshakes, woken %v times", round, shaken, woken)
					}
				}
				if round%2 == 0 {
					sh.awaitKept(1)
					server.kill(t)
				} else { // the association is active as a rule
					server.signal(t)
					server.end(t)
				}
				server = sh.start(p.Options()...)
				sh.awaitMetric("lwbs_associations_restored_total", 1)
			}
			if got := sh.causes("meter-1"); len(got) != rounds || slices.ContainsFunc(got, func(c store.Cause) bool { return c != store.CauseDone }) {
				t.Errorf("the sessions ended as %q", got)
			}
			server.signal(t)
			server.end(t)
		})
	}
}

// newShellBeside is newShell for a test that runs beside others, whose goroutines it must
// not take for its own.
func newShellBeside(t *testing.T) *shell {
	t.Helper()
	sh := &shell{t: t, dir: t.TempDir()}
	sh.write("meter.yaml", meterYAML)
	sh.write("key.hex", rightKey+"\n")
	return sh
}

// What was changed while the server did not run counts: who comes back on an association is
// refused with the true cause, and gets in with a handshake where that is possible.
func TestRestoredAssociationsAreReviewed(t *testing.T) {
	key := lwm2m.NewSecret([]byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"))
	p := clitest.NewPKI(t)
	revoked := p.CA.Client(t, "meter-6")
	devices := []struct {
		endpoint string
		change   string // a command
		code     string // of the answer
		cause    store.Cause
	}{
		{"meter-1", "device set meter-1 --psk-key-format hex --psk-key-file $D/other.hex", "4.00", store.CauseKeyChanged},
		{"meter-2", "device disable meter-2", "4.00", store.CauseDisabled},
		{"meter-3", "device delete meter-3", "4.00", store.CauseEndpointUnknown},
		{"meter-4", "device set meter-4 --psk-identity another", "4.00", store.CauseIdentityMismatch},
		{"meter-5", "device set meter-5 --note still-here", "", store.CauseDone},
		{"meter-6", "", "4.00", store.CauseCertificateRevoked},
	}
	sh := newShell(t)
	sh.write("other.hex", "ffeeddccbbaa99887766554433221100")
	sh.ok("profile apply -f $D/meter.yaml")
	sh.at = ownAddress(t)
	server := sh.start(p.Options()...)
	var kept []*keptDevice
	for _, tt := range devices {
		cfg := coap.DialConfig{Identity: tt.endpoint, Key: key}
		how := "--psk-key-format hex --psk-key-file $D/key.hex"
		if tt.cause == store.CauseCertificateRevoked {
			cfg = coap.DialConfig{Certificate: &revoked, ServerCertificates: []*x509.Certificate{p.CA.Certificate}, ServerName: "bs.example.com"}
			how = "--certificate-name " + tt.endpoint
		}
		sh.ok("device add " + tt.endpoint + " --profile meter " + how)
		d := sh.dial(tt.endpoint, cfg)
		if err := d.bootstrap(); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, d)
	}
	sh.awaitKept(len(devices))
	server.kill(t)
	p.Revoke(t, revoked)
	for _, tt := range devices {
		if tt.change != "" {
			sh.ok(tt.change)
		}
	}
	server = sh.start(p.Options()...)
	sh.awaitMetric("lwbs_associations_restored_total", float64(len(devices)))
	for i, tt := range devices {
		err := kept[i].bootstrap()
		if (err == nil) != (tt.code == "") || err != nil && !strings.Contains(err.Error(), tt.code) {
			t.Errorf("%s is told %v, want %q", tt.endpoint, err, tt.code)
		}
		sh.await("session list --json --endpoint "+tt.endpoint, `"cause": "`+string(tt.cause)+`"`)
	}
	if _, err := sh.bootstrap("meter-1", "ffeeddccbbaa99887766554433221100"); err != nil {
		t.Errorf("with its new key: %v", err)
	}
	server.signal(t)
	server.end(t)
}

// A database that was copied, or put back, lets no association go on, and the log says so;
// the device gets in with a handshake.
func TestCopiedDatabaseRestoresNothing(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add meter-1 --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	sh.at = ownAddress(t)
	server := sh.start()
	d := sh.dial("meter-1", coap.DialConfig{Identity: "meter-1", Key: lwm2m.NewSecret([]byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"))})
	if err := d.bootstrap(); err != nil {
		t.Fatal(err)
	}
	sh.awaitKept(1)
	server.kill(t)
	old, err := os.ReadFile(sh.path("x.db"))
	if err != nil {
		t.Fatal(err)
	}
	server = sh.start()
	sh.awaitMetric("lwbs_associations_restored_total", 1)
	if err := d.bootstrap(); err != nil {
		t.Fatal(err)
	}
	server.kill(t)
	if err := os.WriteFile(sh.path("x.db"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(sh.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	server = sh.startTo(log)
	if _, err := sh.bootstrap("meter-1", rightKey); err != nil {
		t.Error(err)
	}
	sh.awaitMetric("lwbs_association_writes_pending", 0)
	if n := sh.metric("lwbs_associations_restored_total"); n != 0 {
		t.Errorf("%v associations go on", n)
	}
	server.signal(t)
	server.end(t)
	text, err := os.ReadFile(log.Name())
	if err != nil || !strings.Contains(string(text), "associations from before the restart cannot be resumed") || !strings.Contains(string(text), "it is older than x.db.run") {
		t.Errorf("the log says %s (%v)", text, err)
	}
}

// With --hibernate memory nothing is kept on disk, and with off nothing hibernates.
func TestHibernateOption(t *testing.T) {
	for _, word := range []string{"memory", "off"} {
		sh := newShell(t)
		sh.ok("profile apply -f $D/meter.yaml")
		sh.ok("device add meter-1 --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
		sh.serve("--hibernate", word)
		if _, err := sh.bootstrap("meter-1", rightKey); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(sh.dir, "x.db.run")); err == nil {
			t.Errorf("%s: there is a run file", word)
		}
	}
}
