package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin/why"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
)

// asksAndWaits is a device that asks to bootstrap, and answers nothing until the test ends.
func (sh *shell) asksAndWaits(endpoint, identity, keyHex string) {
	sh.t.Helper()
	answers := make(chan struct{})
	asked := make(chan struct{}, 100)
	conn, err := coap.DialDTLS(sh.t.Context(), sh.coaps, coap.DialConfig{
		Identity: identity, Key: secretOf(sh.t, keyHex),
		Handler: handlerFunc(func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			asked <- struct{}{}
			<-answers
			return bootstrap.Response{Code: lwm2m.CodeInternalServerError}, nil
		}),
	})
	if err != nil {
		sh.t.Fatal(err)
	}
	sh.t.Cleanup(func() { close(answers); conn.Close() })
	resp, err := conn.Do(sh.t.Context(), bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=" + endpoint}})
	if err != nil || resp.Code != lwm2m.CodeChanged {
		sh.t.Fatalf("the request was answered with %v, %v", resp.Code, err)
	}
	select {
	case <-asked:
	case <-time.After(patience):
		sh.t.Fatal("the session asks for nothing")
	}
}

type handlerFunc func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context))

func (f handlerFunc) ServeRequest(ctx context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	return f(ctx, c, r)
}

func secretOf(t *testing.T, keyHex string) lwm2m.Secret {
	t.Helper()
	var b []byte
	if _, err := fmt.Sscanf(keyHex, "%x", &b); err != nil {
		t.Fatal(err)
	}
	return lwm2m.NewSecret(b)
}

// While its first session runs, a device is shown as running, and not as one that never
// came.
func TestWhileItsFirstSessionRuns(t *testing.T) {
	sh := newShell(t)
	sh.serve("--drain", "0s")
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add dev-1 --profile meter --psk-identity id-1 --psk-key-format hex --psk-key-file $D/key.hex")
	sh.asksAndWaits("dev-1", "id-1", rightKey)
	for _, asked := range []string{"why dev-1", "why id-1"} {
		out := sh.ok(asked)
		contains(t, asked, out, "dev-1 from coaps://127.0.0.1:", ": running for ", "came to    Bootstrap-Discover", "The session is running", "Wait")
		lacks(t, asked, out, "never")
		lacks(t, asked, out, "firewall")
	}
	host := sh.coaps[:strings.LastIndex(sh.coaps, ":")]
	contains(t, "why of its address", sh.ok("why "+host), "dev-1 from coaps://127.0.0.1:", ": running for ")
	list := sh.ok("session list")
	contains(t, "session list", list, "dev-1", "discover", "running")
	id := strings.Fields(list)[len(strings.Fields(list))-1]
	contains(t, "session get", sh.ok("session get "+id), "running for ", "The session is running")
	contains(t, "session list --json", sh.ok("session list --json --endpoint dev-1"), `"id": "`+id+`"`)
	lacks(t, "session list of another", sh.ok("session list --endpoint dev-2"), "dev-1")
	lacks(t, "session list --failed", sh.ok("session list --failed"), "dev-1")
	contains(t, "why --all-failed", sh.ok("why --all-failed"), "No device is known to be in trouble", "running now: 1 session")
	get := sh.ok("device get dev-1")
	contains(t, "device get", get, "running", "Bootstrap-Discover")
	lacks(t, "device get", get, "never")
	contains(t, "device get --json", sh.ok("device get dev-1 --json"), `"running": {`, `"stage": "discover"`)
	contains(t, "device list", sh.ok("device list"), "running: Bootstrap-Discover")
	contains(t, "why --json", sh.ok("why dev-1 --json"), `"running": {`, `"attempts": []`)
	if status, _, errs := sh.run("device rename dev-1 dev-2"); status != exitFailed || !strings.Contains(errs, "a session of the device is running") {
		t.Errorf("rename: status %d: %s", status, errs)
	}
}

// What is said of a device that was never seen is what is known.
func TestWhyNeverSeen(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.ok("device add urn:imei:350123450000051 --profile meter --psk generate --psk-identity id-51")
		out := sh.ok("why urn:imei:350123450000051")
		contains(t, "why", out, "never seen by this database ($D/x.db)", `nor with its identity "id-51"`, "to do")
		lacks(t, "why", out, "never came")
		contains(t, "device get", sh.ok("device get urn:imei:350123450000051"), "never seen by this database")
		contains(t, "device list", sh.ok("device list"), "never seen")
		if sh.coaps == "" {
			contains(t, "why without a server", out, "Start the server: none is running with this database", "another database")
			lacks(t, "why without a server", out, "firewall")
		} else {
			contains(t, "why with a server", out, "the server listens on coaps://"+sh.coaps+" since ", "firewall")
		}

		var w why.Answer
		if err := json.Unmarshal([]byte(sh.ok("why urn:imei:350123450000051 --json")), &w); err != nil || w.Never == nil || w.Attempts == nil {
			t.Errorf("why --json: %+v, %v", w, err)
		}
		for asked, want := range map[string]string{
			"350123450000051":            "did you mean urn:imei:350123450000051?",
			"URN:IMEI:350123450000051":   "did you mean urn:imei:350123450000051?",
			"urn:imei:35-012345-0000051": "did you mean urn:imei:350123450000051?",
			"urn:imei:350123450000015":   "did you mean urn:imei:350123450000051?",
			"id_51":                      "did you mean urn:imei:350123450000051 (identity id-51)?",
			"quite-another":              "lwbs session list --failed",
		} {
			for _, json := range []string{"", " --json"} {
				status, out, errs := sh.run("why " + asked + json)
				if status != exitFailed || !strings.Contains(errs, want) || !strings.Contains(errs, "has no attempt under this name or identity") || out != "" {
					t.Errorf("why %s%s: status %d: %s%s", asked, json, status, out, errs)
				}
			}
		}
	})
}

// A device that gives another name than its record has is found under both, and leaves no
// mark on the device of that name.
func TestWhyUnderAnotherName(t *testing.T) {
	sh := newShell(t)
	sh.serve()
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add meter-B --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	sh.ok("device add meter-C --profile meter --psk-identity id-C --psk-key-format hex --psk-key-file $D/key.hex")
	if _, err := sh.bootstrap("meter-B", rightKey); err != nil {
		t.Fatal(err)
	}
	sh.await("device get meter-B", "done")
	for _, name := range []string{"meter-B", "meter-X"} {
		conn, err := coap.DialDTLS(t.Context(), sh.coaps, coap.DialConfig{Identity: "id-C", Key: secretOf(t, rightKey)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Do(t.Context(), post(name)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	sh.await("why meter-C", "as meter-X")
	get := sh.ok("device get meter-B")
	contains(t, "device get meter-B", get, "done", "identity-mismatch, by meter-C")
	contains(t, "device list", sh.ok("device list --prefix meter-B"), "done")
	contains(t, "device get meter-C", sh.ok("device get meter-C"), "endpoint-unknown")
	contains(t, "why meter-B", sh.ok("why meter-B"), "meter-C (as meter-B)", "identity-mismatch", `it authenticated as "id-C", which belongs to device "meter-C"`, "lwbs device delete meter-B, then lwbs device rename meter-C meter-B", ": done")
	contains(t, "why meter-C", sh.ok("why meter-C"), "meter-C (as meter-B)", "meter-C (as meter-X)")
	contains(t, "why id-C", sh.ok("why id-C"), "meter-C (as meter-X)", `"id-C" is an identity of the device "meter-C"`)
	contains(t, "why meter-X", sh.ok("why meter-X"), "meter-C (as meter-X)", "lwbs device rename meter-C meter-X")

	// What is named can be done.
	contains(t, "rename", sh.ok("device rename meter-C meter-X"), "renamed meter-C to meter-X (profile meter, revision 2)")
	contains(t, "why after it", sh.ok("why meter-X"), "Let the device come again")
	sh.ok("device delete meter-B")
	sh.ok("device rename meter-X meter-B")
	contains(t, "why of the other name after it", sh.ok("why meter-B"), "Let the device come again")
	if status, _, _ := sh.run("device get meter-C"); status != exitFailed {
		t.Error("the old name is still there")
	}
}

func post(endpoint string) bootstrap.Request {
	return bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=" + endpoint}}
}

// Whoever knows the name or the identity of a device, and nothing else, cannot change what
// is shown as its state, nor push out what it did: not by wrong keys, not by certificates
// with its name, not by plain CoAP.
func TestUnauthenticatedPeersPushOutNothing(t *testing.T) {
	t.Parallel()
	sh := newShellBeside(t)
	server := certtest.SelfSigned(t, "localhost")
	certificate, key := certtest.WriteFiles(t, server)
	sh.serve("--coap", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key, "--handshake-timeout", "2s")
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add meter-A --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	if _, err := sh.bootstrap("meter-A", rightKey); err != nil {
		t.Fatal(err)
	}
	good := sh.lastSession("--endpoint meter-A")

	attack := map[string]func(n int){
		"key-differs": func(int) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if conn, err := coap.DialDTLS(ctx, sh.coaps, coap.DialConfig{Identity: "meter-A", Key: secretOf(t, "ffeeddccbbaa99887766554433221100")}); err == nil {
				conn.Close()
				t.Error("a wrong key is good")
			}
		},
		"nosec-refused": func(n int) {
			conn, err := net.Dial("udp", sh.coap)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write(forged(n)); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := conn.Read(make([]byte, 100)); err != nil {
				t.Error(err)
			}
		},
	}
	ca := certtest.NewAuthority(t, "Forger")
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }
	for kind, certificate := range map[string]func() tls.Certificate{
		"certificate-unknown": func() tls.Certificate { return certtest.SelfSigned(t, "meter-A") },
		"certificate-expired": func() tls.Certificate { return ca.Client(t, "meter-A", expired) },
	} {
		attack[kind] = func(int) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			own := certificate()
			conn, err := coap.DialDTLS(ctx, sh.coaps, coap.DialConfig{Certificate: &own, ServerCertificates: certtest.Chain(t, server)})
			if err == nil {
				conn.Close()
			}
		}
	}
	rounds := map[string]int{"key-differs": 2, "nosec-refused": 25, "certificate-unknown": 10, "certificate-expired": 10}
	for kind, once := range attack {
		for n := range rounds[kind] {
			once(n)
		}
		sh.await("session list --endpoint meter-A", kind)
	}
	contains(t, "session list", sh.ok("session list --endpoint meter-A"), good)
	contains(t, "device get", sh.ok("device get meter-A"), " done\n", "nothing proves that it was the device")
	contains(t, "device list", sh.ok("device list"), "done")
	contains(t, "why", sh.ok("why meter-A"), ": done", "Nothing proves that this was the device")
	if n := strings.Count(sh.ok("session list --endpoint meter-A"), "\n"); n != 2+len(attack) {
		t.Errorf("%d lines, want one for each kind of attack, one for the session and the heading:\n%s", n, sh.ok("session list --endpoint meter-A"))
	}
}

// A device that may come over plain CoAP keeps its state and its history, whoever sends
// requests in its name without being there for the answer.
func TestForgedRequestsOverPlainCoAP(t *testing.T) {
	sh := newShell(t)
	sh.serve("--coap", "127.0.0.1:0", "--drain", "0s")
	sh.write("open.yaml", "name: open\naccounts:\n  - {name: main, uri: coap://lwm2m.example.com, shortServerID: 101}\ndevice: {ackTimeout: 100ms}\n")
	sh.ok("profile apply -f $D/open.yaml")
	sh.ok("device add meter-A --profile open --no-sec")
	come := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := sim.Run(ctx, sim.Config{
			Endpoint:        "meter-A",
			BootstrapServer: lwm2m.SecurityInstance{ServerURI: "coap://" + sh.coap, Mode: lwm2m.SecurityNoSec},
			Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
				return coap.DialUDP(ctx, sh.coap, coap.DialConfig{Handler: h})
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	come()
	good := sh.lastSession("--endpoint meter-A")
	for n := range 25 {
		conn, err := net.Dial("udp", sh.coap)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() // not before, so that each has a port of its own
		if _, err := conn.Write(forged(n)); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := conn.Read(make([]byte, 100)); err != nil {
			t.Error(err)
		}
	}
	come() // and is served
	sh.await("session list --endpoint meter-A", "silent")
	list := sh.awaitEnds("session list --endpoint meter-A")
	contains(t, "session list", list, good)
	if n := strings.Count(list, " done "); n != 4 || strings.Contains(list, "rate-limited") || strings.Contains(list, "superseded") {
		t.Errorf("want two sessions that are done, and what was forged as silent:\n%s", list)
	}
	if n := strings.Count(list, "\n"); n != 4 {
		t.Errorf("%d lines, want one for all forged requests, two for the device and the heading:\n%s", n, list)
	}
	contains(t, "device get", sh.ok("device get meter-A"), " done\n")
	contains(t, "why", sh.ok("why meter-A"), ": done", "A peer stopped answering", "forged")
}

// forged is POST /bs?ep=meter-A, confirmable, without a token.
func forged(n int) []byte {
	return append([]byte{0x40, 0x02, byte(n), 0x01, 0xb2, 'b', 's', 0x4a}, "ep=meter-A"...)
}
