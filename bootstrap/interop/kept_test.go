//go:build interop

package interop_test

import (
	"slices"
	"strings"
	"testing"
)

// comesBack sets up what provision does, with a nat in front of the Bootstrap-Server.
func comesBack(t *testing.T, p peer, account string) (operator, sink, device, *nat) {
	t.Helper()
	lwbs, s, d := provision(t, p, "coaps", account)
	if account == "coaps" {
		s.accept(t, lwbs.account(t, d.endpoint))
	}
	nat := newNAT(t, d.server)
	d.server = nat.uri()
	return lwbs, s, d, nat
}

// checkCameBack looks at what two bootstraps of d left: both went well, after as many
// handshakes from as many ports, and woke as many associations that had hibernated.
func checkCameBack(t *testing.T, lwbs operator, d device, nat *nat, handshakes, ports, woken int) {
	t.Helper()
	for _, s := range lwbs.sessions(t, 2, "--endpoint", d.endpoint) {
		checkDone(t, s, "coaps", d)
	}
	if n := nat.handshakes(); n != handshakes {
		t.Errorf("%d handshakes were begun, want %d", n, handshakes)
	}
	if n := nat.sources(); n != ports {
		t.Errorf("the device came from %d ports, want %d", n, ports)
	}
	if n := lwbs.metric(t, "lwbs_associations_woken_total"); n != float64(woken) {
		t.Errorf("%v associations were woken, want %d", n, woken)
	}
}

// Current Wakaama keeps its association, and bootstraps again on it when it is told to.
func TestKeptByWakaama(t *testing.T) {
	t.Parallel()
	lwbs, sink, d, nat := comesBack(t, wakaamaDTLS, "coaps")
	p := wakaamaDTLS.start(t, d)
	checkRegistration(t, sink.registered(t), wakaamaDTLS, "coaps")
	lwbs.awaitHibernated(t, 1)
	bootstrapAgain(t, p)
	checkRegistration(t, sink.registered(t), wakaamaDTLS, "coaps")
	checkCameBack(t, lwbs, d, nat, 1, 1, 1)
}

// The older Wakaama of npm bootstraps again when its registration is refused. It throws its
// association away without a word, and makes a new one from the same port, where the one
// before hibernates.
func TestThrownAwayByWakaamaNPM(t *testing.T) {
	t.Parallel()
	lwbs, sink, d, nat := comesBack(t, wakaamaNPM, "coap")
	refused := make(chan struct{})
	sink.(*goSink).refuseNext(refused)
	p := wakaamaNPM.start(t, d)
	lwbs.awaitHibernated(t, 1)
	close(refused)
	checkRegistration(t, sink.registered(t), wakaamaNPM, "coap")
	checkCameBack(t, lwbs, d, nat, 2, 1, 0)
	checkDevice(t, p.events(t), d)
	lwbs.awaitHibernated(t, 1) // the one before has ended
}

// Leshan bootstraps again when its LwM2M Server executes the Bootstrap-Request Trigger. It
// throws its association away without a word, too, and makes a new one from another port.
func TestThrownAwayByLeshan(t *testing.T) {
	for name, cid := range map[string]string{"without connection ID": "", "with connection ID": "6"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lwbs, sink, d, nat := comesBack(t, leshan11, "coaps")
			d.again, d.cid = "trigger", cid
			p := leshan11.start(t, d)
			checkRegistration(t, sink.registered(t), leshan11, "coaps")
			lwbs.awaitHibernated(t, 1)
			sink.(leshanSink).trigger(t, d.endpoint)
			checkRegistration(t, sink.registered(t), leshan11, "coaps")
			checkCameBack(t, lwbs, d, nat, 2, 2, 0)
			checkDevice(t, p.events(t), d)
			lwbs.awaitHibernated(t, 2) // it has ended neither
		})
	}
}

// bareBehindNAT is a server, and a device that a program of another DTLS library speaks for,
// behind a NAT that counts its handshakes.
func bareBehindNAT(t *testing.T, c dtlsClient) (operator, device, *nat, bareDevice) {
	t.Helper()
	c.require(t)
	lwbs := serve(t)
	lwbs.apply(t, "coaps://127.0.0.1:5684")
	d := factoryDevice(lwbs.uri["coaps"])
	lwbs.add(t, d)
	nat := newNAT(t, d.server)
	d.server = nat.uri()
	return lwbs, d, nat, bareDevice{t: t, link: c.start(t, d, c.suites[0]), device: d}
}

// Programs of other DTLS libraries keep their association, and the device behind them
// bootstraps again on it.
func TestKeptByDTLSClients(t *testing.T) {
	for _, c := range dtlsClients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lwbs, d, nat, bare := bareBehindNAT(t, c)
			for range 2 {
				written := bare.bootstrap()
				if want := []string{"/0/1", "/1/0"}; !slices.Equal(written, want) {
					t.Errorf("%q were written, want %q", written, want)
				}
				lwbs.awaitHibernated(t, 1)
			}
			checkCameBack(t, lwbs, d, nat, 1, 1, 1)
		})
	}
}

// An association that made room for another is not heard any more, which is told under the
// name of the device. Wakaama gives up after its retransmissions, goes on with the account that
// it had, and keeps the association all the same; after a restart it is served.
func TestLostByWakaama(t *testing.T) {
	t.Parallel()
	wakaamaDTLS.require(t)
	openssl.require(t)
	lwbs, sink := serve(t, "--max-hibernated", "1"), newGoSink(t)
	lwbs.apply(t, sink.uri("coaps"))
	d := factoryDevice(lwbs.uri["coaps"])
	lwbs.add(t, d)
	sink.accept(t, lwbs.account(t, d.endpoint))
	nat := newNAT(t, d.server)
	d.server = nat.uri()
	p := wakaamaDTLS.start(t, d)
	checkRegistration(t, sink.registered(t), wakaamaDTLS, "coaps")
	lwbs.awaitHibernated(t, 1)

	other := device{endpoint: "urn:dev:os:meter-2", server: lwbs.uri["coaps"], identity: "factory-4712", key: d.key}
	lwbs.add(t, other)
	bare := bareDevice{t: t, link: openssl.start(t, other, openssl.suites[0]), device: other}
	bare.bootstrap()
	lwbs.await(t, "lwbs_associations_evicted_total", 1)

	bootstrapAgain(t, p)
	for _, words := range []string{"ObjectList restored", "STATE_READY"} { // after its retransmissions
		p.awaitLine(t, words, func(line string) bool { return strings.Contains(line, words) })
	}
	why := lwbs.run(t, "why", d.endpoint)
	if !strings.Contains(why, ": association-unknown\n") || !strings.Contains(why, ": done\n") {
		t.Errorf("lwbs why tells\n%s", why)
	}
	if n := nat.handshakes(); n != 1 {
		t.Errorf("it made %d handshakes by then, want 1", n)
	}
	p.stop(t)
	wakaamaDTLS.start(t, d)
	checkRegistration(t, sink.registered(t), wakaamaDTLS, "coaps")
	causes := make(map[string]int)
	for _, s := range lwbs.sessions(t, 3, "--endpoint", d.endpoint) {
		causes[s.Cause]++
	}
	if causes["done"] != 2 || causes["association-unknown"] != 1 {
		t.Errorf("sessions ended as %v", causes)
	}
	if n := nat.handshakes(); n != 2 {
		t.Errorf("it made %d handshakes in all, want 2", n)
	}
}
