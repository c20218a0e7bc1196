package main

import (
	"cmp"
	"strings"
	"testing"

	"lwbs/bootstrap/coap"
)

// What has changed while a device was away counts when it comes back on its association: it
// is served by what the records say now, or refused, and why tells the reason.
func TestComesBackAfterAChange(t *testing.T) {
	const add = " --psk-key-format hex --psk-key-file $D/"
	tests := []struct {
		name    string
		changes []string // commands; NAME is the device
		as      string   // the name that it is to be found under; empty for that of the device
		cause   string
		why     []string
	}{
		{"nothing", nil, "", "done", nil},
		{"disabled", []string{"device disable NAME"}, "", "disabled", []string{"was refused", "lwbs device enable NAME"}},
		{"disabled and enabled", []string{"device disable NAME", "device enable NAME"}, "", "done", nil},
		{"deleted", []string{"device delete NAME"}, "", "endpoint-unknown", []string{"there is no device record of this name"}},
		{"deleted and added with the same key", []string{"device delete NAME", "device add NAME --profile meter" + add + "key.hex"}, "", "done", nil},
		{"deleted and added with another key", []string{"device delete NAME", "device add NAME --profile meter" + add + "other.hex"}, "", "key-changed", []string{"the key has changed", "restart it"}},
		{"another key", []string{"device set NAME" + add + "other.hex"}, "", "key-changed", []string{"the key has changed", "restart it"}},
		{"another identity", []string{"device set NAME --psk-identity id-2"}, "", "identity-mismatch", []string{"which the record of that device does not have"}},
		{"another name", []string{"device rename NAME renamed"}, "renamed", "endpoint-unknown", []string{`The device calls itself "NAME"`, "lwbs device rename renamed NAME"}},
		{"another profile", []string{"device set NAME --profile second"}, "", "done", nil},
	}
	sh := newShell(t)
	sh.write("other.hex", "ffeeddccbbaa99887766554433221100\n")
	sh.write("second.yaml", "name: second\naccounts:\n  - {name: main, uri: 'coaps://second.example:5684', shortServerID: 102}\n")
	sh.serve("--hibernate", "memory")
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("profile apply -f $D/second.yaml")
	// None is nearly the same as another, else why tells of that too.
	names := []string{"ada", "bohr", "curie", "dirac", "euler", "fermi", "gauss", "hertz", "ising", "joule"}
	name := func(i int) string { return names[i] }
	devices := make([]*keptDevice, len(tests))
	for i := range tests {
		sh.ok("device add " + name(i) + " --profile meter" + add + "key.hex")
		devices[i] = sh.dial(name(i), coap.DialConfig{Identity: name(i), Key: secretOf(t, rightKey)})
		if err := devices[i].bootstrap(); err != nil {
			t.Fatal(err)
		}
	}
	sh.awaitMetric("lwbs_associations_hibernated", float64(len(tests)))
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			named := strings.NewReplacer("NAME", name(i)).Replace
			for _, line := range tt.changes {
				sh.ok(named(line))
			}
			err := devices[i].bootstrap()
			if served := err == nil; served != (tt.cause == "done") {
				t.Errorf("it ends with %v, want cause %s", err, tt.cause)
			}
			why := sh.await("why "+cmp.Or(tt.as, name(i)), ": "+tt.cause+"\n")
			for _, words := range tt.why {
				contains(t, "why", why, named(words))
			}
			if got := sh.metric("lwbs_associations_woken_total"); got != float64(i+1) {
				t.Errorf("%v associations were woken, want %d", got, i+1)
			}
		})
	}
}
