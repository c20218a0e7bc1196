//go:build interop

package interop_test

import (
	"slices"
	"strings"
	"testing"
)

// A failure is an attempt that cannot go well, as the foreign device and the operator
// see it.
type failure struct {
	name  string
	peers []peer
	from  string // scheme over which they bootstrap

	// setup adds the device, and spoils something; nil where it was not added.
	setup func(t *testing.T, lwbs operator, d *device)

	event string // what the device says of it, if anything
	ask   string // name or identity that the operator asks about; empty for the endpoint
	cause string
	why   []string // in the words of lwbs why
}

// Every failure must leave a session with its cause, and an explanation that names what
// is wrong; and the device must be left able to try again.
func TestFailure(t *testing.T) {
	tests := []failure{
		{
			name: "unknown endpoint", peers: []peer{leshan11, leshan10, wakaamaNPM}, from: "coap",
			event: "bootstrap-refused", cause: "endpoint-unknown",
			why: []string{`"urn:dev:os:meter-1"`, "no device record of this name"},
		},
		{
			name: "unknown identity", peers: []peer{leshan11}, from: "coaps",
			event: "bootstrap-timeout", ask: "factory-4711", cause: "identity-unknown",
			why: []string{`"factory-4711"`, "no device record has this PSK identity"},
		},
		{
			name: "wrong key", peers: []peer{leshan11, wakaamaNPM}, from: "coaps", setup: wrongKey,
			event: "bootstrap-timeout", cause: "key-differs",
			why: []string{`"factory-4711"`, "two keys differ"},
		},
		{
			name: "identity of another device", peers: []peer{leshan11}, from: "coaps", setup: exchanged,
			event: "bootstrap-refused", cause: "identity-mismatch",
			why: []string{`calls itself "urn:dev:os:meter-1"`, `"factory-4712", which belongs to device "urn:dev:os:meter-2"`, "lwbs device delete urn:dev:os:meter-1, then lwbs device rename urn:dev:os:meter-2 urn:dev:os:meter-1"},
		},
		{
			name: "plain CoAP not permitted", peers: []peer{leshan11}, from: "coap",
			setup: func(t *testing.T, lwbs operator, d *device) {
				secure := *d
				secure.identity, secure.key = "factory-4711", "00112233445566778899aabbccddeeff"
				lwbs.add(t, secure)
			},
			event: "bootstrap-refused", cause: "nosec-refused",
			why: []string{"without encryption"},
		},
		{
			name: "Write of Server refused", peers: []peer{leshan11}, from: "coaps",
			setup: func(t *testing.T, lwbs operator, d *device) {
				d.refuse, d.seconds = "PUT:/1=4.00", 6
				lwbs.add(t, *d)
			},
			cause: "refused", why: []string{"/1/", "4.00 Bad Request", "without Bootstrap-Finish"},
		},
		{
			name: "Write of Security refused", peers: []peer{leshan10}, from: "coap",
			setup: func(t *testing.T, lwbs operator, d *device) {
				d.refuse, d.seconds = "PUT:/0=4.05", 6
				lwbs.apply(t, "coaps://127.0.0.1:5684", "secretsOverNoSec: true")
				lwbs.add(t, *d)
			},
			cause: "refused", why: []string{"/0/", "4.05 Method Not Allowed", "without Bootstrap-Finish"},
		},
		{
			// Leshan finds a Security instance without Resources 3, 4 and 5 wanting.
			name: "Finish refused", peers: []peer{leshan11}, from: "coaps",
			setup: func(t *testing.T, lwbs operator, d *device) {
				lwbs.apply(t, "coap://127.0.0.1:5683", "device:", "  emptyResources: omit")
				lwbs.add(t, *d)
			},
			event: "bootstrap-refused", cause: "finish-refused",
			why: []string{"4.06 Not Acceptable", "Bootstrap-Finish", "value MUST NOT be null", "set emptyResources to write"},
		},
		{
			name: "Object that it does not know", peers: []peer{leshan11, leshan10, wakaamaNPM}, from: "coaps",
			setup: func(t *testing.T, lwbs operator, d *device) {
				lwbs.apply(t, "coaps://127.0.0.1:5684", "objects:", "  - path: /11/0", "    resources: {0: home, 4: 0}")
				d.seconds = 10
				lwbs.add(t, *d)
			},
			cause: "refused", why: []string{"/11/0", "4.04 Not Found", "does not know Object 11", "take /11/0 out of the objects of the profile"},
		},
		{
			name: "no access control", peers: []peer{leshan11, leshan10}, from: "coaps",
			setup: func(t *testing.T, lwbs operator, d *device) {
				lwbs.apply(t, "coaps://127.0.0.1:5684", "accessControl:", "  - {object: 3, instance: 0, owner: 101, rights: {101: 15}}")
				d.seconds = 10
				lwbs.add(t, *d)
			},
			cause: "refused", why: []string{"/2/0", "4.04 Not Found", "accessControl: none"},
		},
		{
			name: "format that it does not read", peers: []peer{leshan10}, from: "coaps",
			setup: func(t *testing.T, lwbs operator, d *device) {
				lwbs.apply(t, "coaps://127.0.0.1:5684", "format: senml-json")
				d.seconds = 10
				lwbs.add(t, *d)
			},
			cause: "refused", why: []string{"4.15 Unsupported Content-Format", "none of the content formats that were tried (senml-json)"},
		},
		{
			// It takes the JSON of single Resources for their values, and finds that out at Finish.
			name: "format that it takes for text", peers: []peer{wakaamaNPM}, from: "coaps",
			setup: func(t *testing.T, lwbs operator, d *device) {
				lwbs.apply(t, "coaps://127.0.0.1:5684", "format: senml-json")
				d.seconds = 15
				lwbs.add(t, *d)
			},
			cause: "finish-refused", why: []string{"4.06 Not Acceptable", "it does not know senml-json", "set format to tlv"},
		},
	}
	for _, tt := range tests {
		for _, p := range tt.peers {
			t.Run(tt.name+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				tt.run(t, p)
			})
		}
	}
}

func (f failure) run(t *testing.T, p peer) {
	p.require(t)
	lwbs := serve(t)
	lwbs.apply(t, "coaps://127.0.0.1:5684")
	d := factoryDevice(lwbs.uri[f.from])
	if f.setup != nil {
		f.setup(t, lwbs, &d)
	}
	events := p.start(t, d).events(t)
	f.checkDevice(t, events, d)
	f.checkHistory(t, lwbs, d)
}

// wrongKey adds the device with another key than it has.
func wrongKey(t *testing.T, lwbs operator, d *device) {
	lwbs.add(t, *d)
	d.key, d.seconds = "ffeeddccbbaa99887766554433221100", 10
}

// exchanged adds the device, and gives it the credentials of another one.
func exchanged(t *testing.T, lwbs operator, d *device) {
	lwbs.add(t, *d)
	d.identity, d.key = "factory-4712", "ffeeddccbbaa99887766554433221100"
	other := *d
	other.endpoint = "urn:dev:os:meter-2"
	lwbs.add(t, other)
}

// checkDevice looks at what the device says: that it was told the right thing, that it
// was never told that all is well, and that it may try again.
func (f failure) checkDevice(t *testing.T, events []event, d device) {
	t.Helper()
	has := func(name string) bool {
		return slices.ContainsFunc(events, func(e event) bool { return e.Event == name })
	}
	if f.event != "" && !has(f.event) {
		t.Errorf("the device does not say %s", f.event)
	}
	if has("registered") {
		t.Error("the device registered")
	}
	tells := slices.ContainsFunc(events, func(e event) bool { return e.Method != "" }) // Wakaama does not
	finished := slices.ContainsFunc(events, func(e event) bool { return e.Method == "POST" && e.Path == "/bs" })
	if finished != (f.cause == "finish-refused") && (finished || tells) {
		t.Errorf("the device got Bootstrap-Finish: %v", finished)
	}
	checkDevice(t, events, d)
}

// checkHistory looks at what the operator is told.
func (f failure) checkHistory(t *testing.T, lwbs operator, d device) {
	t.Helper()
	name, query := d.endpoint, "--endpoint"
	if f.ask != "" {
		name, query = f.ask, "--identity"
	}
	sessions := lwbs.sessions(t, 1, query, name)
	last := sessions[len(sessions)-1]
	if last.Cause != f.cause || last.Identity != d.identity || last.Transport != f.from {
		t.Errorf("session is %+v, want cause %s", last, f.cause)
	}
	why := lwbs.run(t, "why", name)
	for _, words := range f.why {
		if !strings.Contains(why, words) {
			t.Errorf("lwbs why does not tell %q:\n%s", words, why)
		}
	}
}
