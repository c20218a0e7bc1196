//go:build interop

package interop_test

import (
	"crypto/x509"
	"net"
	"testing"
	"time"

	"lwbs/bootstrap/certtest"
)

// A waiting is what "pending list --json" tells of a device.
type waiting struct{ ID, Endpoint, Session string }

// awaitWaiting waits until an unknown device waits, and was asked at least twice whether it is still
// there.
func (o operator) awaitWaiting(t *testing.T, endpoint string) waiting {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var all []waiting
		o.runJSON(t, &all, "pending", "list")
		for _, w := range all {
			if w.Endpoint == endpoint && w.Session != "" && o.metric(t, "lwbs_sessions_parked") == 1 && o.askedAgain(t, w.Session) {
				return w
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come to wait: %+v", endpoint, all)
		}
	}
}

func (o operator) askedAgain(t *testing.T, id string) bool {
	t.Helper()
	var s struct {
		Operations []struct {
			Op       string
			Repeated int
		}
	}
	o.runJSON(t, &s, "session", "get", id)
	n := len(s.Operations)
	return n > 0 && s.Operations[n-1].Op == "discover" && (n > 1 || s.Operations[n-1].Repeated > 0)
}

// checkApproved looks at the sessions of a device that was unknown when it came: the first is the one
// that waited.
func (o operator) checkApproved(t *testing.T, w waiting, rounds int) {
	t.Helper()
	sessions := o.sessions(t, rounds, "--endpoint", w.Endpoint)
	for _, s := range sessions {
		if s.Cause != "done" {
			t.Errorf("session is %+v", s)
		}
	}
	if first := sessions[0]; first.ID != w.Session {
		t.Errorf("session %s went on, and %s waited", first.ID, w.Session)
	}
}

// An unknown Leshan device with a certificate of the factory's CA waits. It is approved by the command
// line, and the same session gives it everything; it registers, and bootstraps a second time as any
// other device.
func TestLeshanIsApproved(t *testing.T) {
	p := leshan11
	p.require(t)
	ca := certtest.NewAuthority(t, "Root")
	server := ca.Server(t, serverName, certtest.P256(t), func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} })
	certificate, key := certtest.WriteFiles(t, server)
	sink := p.sink(t)
	lwbs := serve(t, "--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", caFile(t, ca), "--unknown-devices", "park", "--park-keep-alive", "1s")
	lwbs.apply(t, sink.uri("coap"))
	d := factoryDevice("")
	d.server = lwbs.uri["coaps"]
	own := ca.Client(t, d.endpoint)
	private, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	d.certificate, d.certificateKey = writeFile(t, "own.der", string(own.Certificate[0])), writeFile(t, "own.key", string(private))
	d.ca = writeFile(t, "server.der", string(server.Certificate[0]))
	p.start(t, d)
	w := lwbs.awaitWaiting(t, d.endpoint)
	lwbs.run(t, "pending", "approve", w.ID, "--profile", "meter")
	for range p.rounds {
		checkRegistration(t, sink.registered(t), p, "coap")
	}
	lwbs.checkApproved(t, w, p.rounds)
}

// The same for devices over plain CoAP, among them one that knows no Bootstrap-Discover.
func TestPlainDeviceIsApproved(t *testing.T) {
	for _, p := range []peer{leshan11, leshan10, wakaamaNPM, wakaamaUDP} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.require(t)
			sink := p.sink(t)
			lwbs := serve(t, "--unknown-devices-plain", "park", "--park-keep-alive", "1s")
			lwbs.apply(t, sink.uri("coap"))
			d := factoryDevice(lwbs.uri["coap"])
			device := p.start(t, d)
			w := lwbs.awaitWaiting(t, d.endpoint)
			lwbs.run(t, "pending", "approve", w.ID, "--profile", "meter")
			for round := range p.rounds {
				if round > 0 && p.again != nil {
					p.again(t, device)
				}
				checkRegistration(t, sink.registered(t), p, "coap")
			}
			lwbs.checkApproved(t, w, p.rounds)
		})
	}
}

// A rejected device is refused when it comes again.
func TestLeshanIsRejected(t *testing.T) {
	leshan11.require(t)
	lwbs := serve(t, "--unknown-devices-plain", "park", "--park-keep-alive", "1s")
	lwbs.apply(t, "coap://127.0.0.1:5683")
	d := factoryDevice(lwbs.uri["coap"])
	leshan11.start(t, d)
	w := lwbs.awaitWaiting(t, d.endpoint)
	lwbs.run(t, "pending", "reject", w.ID)
	if s := lwbs.sessions(t, 1, "--endpoint", d.endpoint)[0]; s.Cause != "rejected" || s.ID != w.Session {
		t.Errorf("session is %+v", s)
	}
}
