//go:build interop

package interop_test

import (
	"crypto/x509"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/certtest"
)

// group makes a group for factory devices with options of its own, and returns the file of its key, which
// is there unless an option gives it none.
func (o operator) group(t *testing.T, options ...string) (keyFile string) {
	t.Helper()
	args := []string{"group", "add", "lot", "--profile", "meter", "--match", "urn:dev:os:*", "--max-devices", "1", "--tag", "enrolled"}
	if !slices.Contains(options, "--ca") {
		keyFile = filepath.Join(t.TempDir(), "group.key")
		args = append(args, "--group-key-out", keyFile)
	}
	o.run(t, append(args, options...)...)
	return keyFile
}

// derived gives d the key that a factory derives from that of its group.
func (o operator) derived(t *testing.T, d *device, keyFile string, options ...string) {
	t.Helper()
	args := append([]string{"key", "derive", d.endpoint, "--group-key-file", keyFile, "--group-key-format", "hex"}, options...)
	d.identity, d.key = d.endpoint, strings.TrimSpace(o.run(t, args...))
}

// checkEnrolled looks at the sessions of a device, of which the first made its record.
func checkEnrolled(t *testing.T, lwbs operator, d device, rounds int) {
	t.Helper()
	sessions := lwbs.sessions(t, rounds, "--endpoint", d.endpoint)
	for i, s := range sessions {
		if first := i == 0; s.Cause != "done" || s.Transport != "coaps" || s.Enrolled != first || first && s.Group != "lot" {
			t.Errorf("session %d is %+v", i+1, s)
		}
	}
	var record struct {
		Group, Profile string
		Tags           []string
	}
	lwbs.runJSON(t, &record, "device", "get", d.endpoint)
	if record.Group != "lot" || record.Profile != "meter" || !slices.Equal(record.Tags, []string{"enrolled"}) {
		t.Errorf("the record is %+v", record)
	}
}

// A device that no record has comes with the key that was derived for it, gets its account, and comes a
// second time.
func TestEnrolmentByKey(t *testing.T) {
	for _, tt := range []struct {
		name   string
		peer   peer
		group  []string // options of the group
		derive []string // options of lwbs key derive
	}{
		{"HKDF", leshan11, nil, nil},
		{"HKDF", leshan10, nil, nil},
		{"HKDF", wakaamaNPM, nil, nil},
		{"HKDF", wakaamaDTLS, nil, nil},
		{"Azure", leshan11, []string{"--derivation", "azure-dps"}, []string{"--derivation", "azure-dps"}},
	} {
		t.Run(tt.name+"/"+tt.peer.name, func(t *testing.T) {
			t.Parallel()
			tt.peer.require(t)
			sink := tt.peer.sink(t)
			lwbs := serve(t)
			lwbs.apply(t, sink.uri("coap")) // whose key is not known before the record is made
			keyFile := lwbs.group(t, tt.group...)
			d := factoryDevice(lwbs.uri["coaps"])
			lwbs.derived(t, &d, keyFile, tt.derive...)
			p := tt.peer.start(t, d)
			for round := range tt.peer.rounds {
				if round > 0 && tt.peer.again != nil {
					tt.peer.again(t, p)
				}
				checkRegistration(t, sink.registered(t), tt.peer, "coap")
			}
			checkEnrolled(t, lwbs, d, tt.peer.rounds)
		})
	}
}

// A device that gets a key of its own in its first session comes with that in the second.
func TestEnrolledDeviceGetsItsOwnKey(t *testing.T) {
	leshan11.require(t)
	sink := leshan11.sink(t)
	lwbs := serve(t)
	lwbs.apply(t, sink.uri("coap"), `bootstrapServer: {uri: "`+lwbs.uri["coaps"]+`"}`)
	d := factoryDevice(lwbs.uri["coaps"])
	lwbs.derived(t, &d, lwbs.group(t))
	leshan11.start(t, d)
	for range leshan11.rounds {
		checkRegistration(t, sink.registered(t), leshan11, "coap")
	}
	checkEnrolled(t, lwbs, d, leshan11.rounds)
	if s := lwbs.sessions(t, leshan11.rounds, "--endpoint", d.endpoint); s[1].Identity != d.endpoint+"-2" {
		t.Errorf("it came the second time as %q", s[1].Identity)
	}
	if got := lwbs.run(t, "device", "get", d.endpoint); strings.Contains(got, "derived from") {
		t.Errorf("the derived key is still accepted:\n%s", got)
	}
}

// While the key of the group is changed, a client with the former one gets in with its second handshake.
// Leshan's would try again after ten minutes: it is started again.
func TestEnrolmentByFormerKey(t *testing.T) {
	leshan11.require(t)
	sink := leshan11.sink(t)
	lwbs := serve(t)
	lwbs.apply(t, sink.uri("coap"))
	d := factoryDevice(lwbs.uri["coaps"])
	lwbs.derived(t, &d, lwbs.group(t))
	lwbs.run(t, "group", "set", "lot", "--group-key", "generate")
	if events := leshan11.start(t, d).events(t); !slices.ContainsFunc(events, func(e event) bool { return e.Event == "bootstrap-timeout" }) {
		t.Errorf("the first handshake has not failed: %+v", events)
	}
	leshan11.start(t, d)
	for range leshan11.rounds {
		checkRegistration(t, sink.registered(t), leshan11, "coap")
	}
	var record struct{ Credentials []struct{ GroupKey int } }
	lwbs.runJSON(t, &record, "device", "get", d.endpoint)
	if len(record.Credentials) != 1 || record.Credentials[0].GroupKey != 1 {
		t.Errorf("the record does not have the key that the device came with: %+v", record)
	}
}

// A device with a certificate of the CA of a group is enrolled, by each library and by Leshan's client.
func TestEnrolmentByCertificate(t *testing.T) {
	p := newPKI(t)
	vendor := certtest.NewAuthority(t, "Vendor")
	for _, c := range dtlsClients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.require(t)
			lwbs := serve(t, p.options...)
			lwbs.apply(t, "coaps://127.0.0.1:5684")
			lwbs.group(t, "--ca", caFile(t, vendor))
			d := p.device(t, lwbs.uri["coaps"], vendor.Client(t, factoryDevice("").endpoint))
			for range 2 {
				bare := bareDevice{t: t, link: c.start(t, d, c.certificates[2]), device: d}
				if written := bare.bootstrap(); !slices.Equal(written, []string{"/0/1", "/1/0"}) {
					t.Errorf("%q were written", written)
				}
			}
			checkEnrolled(t, lwbs, d, 2)
		})
	}
	t.Run(leshan11.name, func(t *testing.T) {
		t.Parallel()
		leshan11.require(t)
		server := p.ca.Server(t, serverName, certtest.P256(t), func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} })
		certificate, key := certtest.WriteFiles(t, server)
		sink := leshan11.sink(t)
		lwbs := serve(t, "--tls-cert", certificate, "--tls-key", key)
		lwbs.apply(t, sink.uri("coap"))
		lwbs.group(t, "--ca", caFile(t, vendor))
		d := factoryDevice(lwbs.uri["coaps"])
		own := vendor.Client(t, d.endpoint)
		private, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		d.certificate, d.certificateKey = writeFile(t, "own.der", string(own.Certificate[0])), writeFile(t, "own.key", string(private))
		d.ca = writeFile(t, "server.der", string(server.Certificate[0]))
		leshan11.start(t, d)
		for range leshan11.rounds {
			checkRegistration(t, sink.registered(t), leshan11, "coap")
		}
		checkEnrolled(t, lwbs, d, leshan11.rounds)
	})
}
