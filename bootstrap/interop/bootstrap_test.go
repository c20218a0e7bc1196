//go:build interop

package interop_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Every device must register with the account it was given, whatever the way it came.
func TestBootstrap(t *testing.T) {
	tests := []struct {
		peer    peer
		from    string // scheme over which it bootstraps
		account string // scheme of the account it is given
		prefers string // format that device11 is set to; empty for its default
		format  string // in which it must be written to; empty for any
	}{
		{peer: leshan11, from: "coaps", account: "coaps", format: "senml-cbor"},
		{peer: leshan11, from: "coaps", account: "coaps", prefers: "senml-json", format: "senml-json"},
		{peer: leshan11, from: "coaps", account: "coaps", prefers: "tlv", format: "tlv"},
		{peer: leshan11, from: "coaps", account: "coaps", prefers: "none", format: "tlv"},
		{peer: leshan11, from: "coap", account: "coaps", format: "senml-cbor"},
		{peer: leshan11, from: "coap", account: "coap", format: "senml-cbor"},
		{peer: leshan10, from: "coaps", account: "coaps", format: "tlv"},
		{peer: leshan10, from: "coap", account: "coaps", format: "tlv"},
		{peer: wakaamaNPM, from: "coaps", account: "coaps", format: "tlv"},
		{peer: wakaamaNPM, from: "coap", account: "coaps", format: "tlv"},
		{peer: wakaamaUDP, from: "coap", account: "coap", format: "senml-json"},
		// It asks for SenML JSON, but refuses a key with a digit that only the Base64 of
		// URLs has (RFC 8428 §5), and is then written to in TLV: the key decides.
		{peer: wakaamaDTLS, from: "coaps", account: "coaps"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s/%s to %s/%s", tt.peer.name, tt.from, tt.account, cmp.Or(tt.prefers, "default")), func(t *testing.T) {
			t.Parallel()
			lwbs, sink, d := provision(t, tt.peer, tt.from, tt.account)
			if tt.account == "coaps" {
				sink.accept(t, lwbs.account(t, d.endpoint))
			}
			d.format = tt.prefers
			p := tt.peer.start(t, d)
			for round := range tt.peer.rounds {
				if round > 0 && tt.peer.again != nil {
					tt.peer.again(t, p)
				}
				checkRegistration(t, sink.registered(t), tt.peer, tt.account)
			}
			for _, s := range lwbs.sessions(t, tt.peer.rounds, "--endpoint", d.endpoint) {
				checkDone(t, s, tt.from, d)
				if tt.format != "" && s.Format != tt.format {
					t.Errorf("written in %s, want %s", s.Format, tt.format)
				}
			}
			if why := lwbs.run(t, "why", d.endpoint); !strings.Contains(why, "confirmed Bootstrap-Finish") {
				t.Errorf("lwbs why does not tell that all is well:\n%s", why)
			}
			if !tt.peer.mute {
				checkDevice(t, p.events(t), d)
			}
		})
	}
}

// A server that was told another key must not take the device: else the other tests
// would prove nothing. To lwbs all is well; only the device knows.
func TestAccountDiffers(t *testing.T) {
	for _, p := range []peer{leshan11, wakaamaNPM} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			lwbs, sink, d := provision(t, p, "coaps", "coaps")
			given := lwbs.account(t, d.endpoint)
			given.key = "ffeeddccbbaa99887766554433221100"
			sink.accept(t, given)
			d.seconds = 10
			events := p.start(t, d).events(t)
			if !slices.ContainsFunc(events, func(e event) bool { return e.Event == "not-registered" }) {
				t.Error("the device does not say that it could not register")
			}
			checkDone(t, lwbs.sessions(t, 1, "--endpoint", d.endpoint)[0], "coaps", d)
			checkDevice(t, events, d)
		})
	}
}

// provision sets up a server for the peer to register at, a Bootstrap-Server, and on it
// a device that is to be given an account at the former.
func provision(t *testing.T, p peer, from, account string) (operator, sink, device) {
	t.Helper()
	p.require(t)
	s := p.sink(t)
	lwbs := serve(t)
	lwbs.apply(t, s.uri(account), "secretsOverNoSec: true")
	d := factoryDevice(lwbs.uri[from])
	lwbs.add(t, d)
	return lwbs, s, d
}

// factoryDevice is a device that comes to the Bootstrap-Server with this URI. Its PSK
// identity is another than its name, so that one is not taken for the other.
func factoryDevice(server string) device {
	d := device{endpoint: "urn:dev:os:meter-1", server: server}
	if strings.HasPrefix(server, "coaps:") {
		d.identity, d.key = "factory-4711", "00112233445566778899aabbccddeeff"
	}
	return d
}

func checkRegistration(t *testing.T, got registration, p peer, scheme string) {
	t.Helper()
	want := registration{Endpoint: "urn:dev:os:meter-1", Version: p.version, Binding: "U", Lifetime: 3600}
	if scheme == "coaps" {
		want.Identity = want.Endpoint
	}
	if got != want {
		t.Errorf("registered as %+v, want %+v", got, want)
	}
}

// checkDone looks at a session that must have gone well.
func checkDone(t *testing.T, s session, transport string, d device) {
	t.Helper()
	if s.Cause != "done" || s.Stage != "done" || s.Transport != transport || s.Identity != d.identity {
		t.Errorf("session is %+v", s)
	}
	if finish := s.ops("finish"); !slices.Equal(finish, []string{"/ 2.04"}) {
		t.Errorf("finish operations %q, want one that was answered with 2.04", finish)
	}
	for _, write := range s.ops("write") {
		if strings.HasPrefix(write, "/0/0 ") {
			t.Errorf("wrote %s: that is the Bootstrap-Server Account", write)
		}
	}
}

// checkDevice looks at what a device says after all: that it is well, and that its
// Bootstrap-Server Account is as it left the factory.
func checkDevice(t *testing.T, events []event, d device) {
	t.Helper()
	i := slices.IndexFunc(events, func(e event) bool { return e.Event == "accounts" })
	if i < 0 {
		t.Fatal("the device does not tell its accounts")
	}
	values := events[i].Values
	want := map[string]any{"/0/0/0": d.server, "/0/0/1": true, "/0/0/3": fmt.Sprintf("%x", d.identity), "/0/0/5": d.key}
	for path, value := range want {
		if values[path] != value {
			t.Errorf("%s of the Bootstrap-Server Account is %v, want %v", path, values[path], value)
		}
	}
}
