//go:build interop

package interop_test

import "testing"

// A device that offers a connection ID bootstraps though every datagram after its
// handshake comes from another port.
func TestMove(t *testing.T) {
	for name, cid := range map[string]string{"without one of its own": "0", "with one of its own": "6"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lwbs, sink, d := provision(t, leshan11, "coaps", "coaps")
			sink.accept(t, lwbs.account(t, d.endpoint))
			nat := newNAT(t, d.server)
			nat.restless = true
			d.server, d.cid = nat.uri(), cid
			p := leshan11.start(t, d)
			for range leshan11.rounds {
				checkRegistration(t, sink.registered(t), leshan11, "coaps")
			}
			for _, s := range lwbs.sessions(t, leshan11.rounds, "--endpoint", d.endpoint) {
				checkDone(t, s, "coaps", d)
			}
			p.events(t)
			if n := nat.moved(); n < 2*leshan11.rounds {
				t.Errorf("it moved %d times", n)
			}
		})
	}
}
