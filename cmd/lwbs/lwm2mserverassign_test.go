package main

import (
	"fmt"
	"strings"
	"testing"
)

// Devices are assigned one of several LwM2M Servers, which preview shows; a drained one has none, and what would leave a
// device without is refused.
func TestServersShareDevices(t *testing.T) {
	sh := newShell(t)
	for i, weight := range []int{1, 3} {
		sh.ok(fmt.Sprintf("lwm2m-server add dm-%d --kind none --device-uri coaps://dm-%d.example.com:5684 --weight %d", i+1, i+1, weight))
	}
	sh.ok("lwm2m-server add bare --kind none")
	profile := func(name, servers string) {
		sh.write(name+".yaml", "name: "+name+"\naccounts:\n  - {name: main, shortServerID: 101, servers: "+servers+"}\n")
	}
	profile("spread", "[dm-1, dm-2]")
	sh.ok("profile apply -f $D/spread.yaml")
	contains(t, "list", sh.ok("lwm2m-server list"), "WEIGHT", "coaps://dm-2.example.com:5684  3 ")
	sizes := func() (first, second int) {
		for i := range 24 {
			switch out := sh.ok(fmt.Sprintf("device preview dev-%d", i)); {
			case strings.Contains(out, "account main: assigned to LwM2M Server dm-1, coaps://dm-1.example.com:5684\n"):
				first++
			case strings.Contains(out, "account main: assigned to LwM2M Server dm-2, coaps://dm-2.example.com:5684\n"):
				second++
			default:
				t.Fatalf("no server is shown: %s", out)
			}
		}
		return first, second
	}
	for i := range 24 {
		sh.ok(fmt.Sprintf("device add dev-%d --profile spread --psk generate", i))
	}
	first, second := sizes()
	if first == 0 || second <= first {
		t.Errorf("of 24 devices %d are assigned to the one with weight 1, %d to that with 3", first, second)
	}
	contains(t, "drain", sh.ok("lwm2m-server drain dm-2"), "drained LwM2M Server dm-2")
	contains(t, "get", sh.ok("lwm2m-server get dm-2"), "weight       drained (3)")
	if now, none := sizes(); now != 24 || none != 0 {
		t.Errorf("of 24 devices %d are assigned to the one that is drained", none)
	}
	sh.ok("lwm2m-server undrain dm-2")
	if a, b := sizes(); a != first || b != second {
		t.Errorf("after it was undrained they have %d and %d, before %d and %d", a, b, first, second)
	}

	sh.ok("lwm2m-server drain dm-2")
	profile("bare", "[dm-1, bare]")
	profile("none", "[dm-1, dm-3]")
	profile("empty", "[dm-2]")
	for line, want := range map[string]string{
		"lwm2m-server drain dm-1":                          `account "main" of profile "spread" has no other server`,
		"lwm2m-server drain dm-3":                          "not found",
		"lwm2m-server set dm-1 --device-uri $E":            `account "main" of profile "spread" gives its devices the device URI`,
		"lwm2m-server set dm-1 --device-uri http://a.test": "is no URI such as coaps://",
		"lwm2m-server set dm-1 --weight 0":                 "lwm2m-server drain",
		"lwm2m-server set dm-1 --weight 1001":              "it can be 1 to 1000",
		"lwm2m-server set dm-1 --rate -1":                  "rate -1",
		"lwm2m-server delete dm-1":                         "in use",
		"lwm2m-server test dm-1":                           "kind none is not told",
		"profile apply -f $D/bare.yaml":                    `LwM2M Server "bare" no URI for devices`,
		"profile apply -f $D/none.yaml":                    `there is no LwM2M Server "dm-3"`,
		"profile apply -f $D/empty.yaml":                   "being drained",
	} {
		status, _, errs := sh.run(line)
		if status == exitDone || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %q; want %q", line, status, errs, want)
		}
	}
}

// A device that was bootstrapped is due where it is assigned another server than it was given, and only then.
func TestDueForAnotherServer(t *testing.T) {
	sh := newShell(t)
	sh.serve()
	for _, name := range []string{"dm-1", "dm-2"} {
		sh.ok("lwm2m-server add " + name + " --kind none --device-uri coaps://" + name + ".example.com:5684")
	}
	sh.write("spread.yaml", "name: spread\naccounts:\n  - {name: main, shortServerID: 101, servers: [dm-1, dm-2]}\n")
	sh.ok("profile apply -f $D/spread.yaml")
	sh.ok("device add dev --profile spread --psk-key-format hex --psk-key-file $D/key.hex")
	given := sh.ok("probe coaps://" + sh.coaps + " --endpoint dev --identity dev --psk-key-format hex --psk-key-file $D/key.hex")
	sh.await("session list --endpoint dev", "done")
	has, other := "dm-1", "dm-2"
	if strings.Contains(given, "coaps://dm-2.") {
		has, other = other, has
	}
	due := func() bool {
		in := strings.Contains(sh.ok("device list --state due --json"), `"endpoint"`)
		if listed := strings.Contains(sh.ok("device list --json"), `"due": [`); listed != in {
			t.Errorf("device list --state due says %v, device list %v", in, listed)
		}
		if alone := strings.Contains(sh.ok("device get dev --json"), `"due": [`); alone != in {
			t.Errorf("device list --state due says %v, device get: %s", in, sh.ok("device get dev"))
		}
		return in
	}
	for _, step := range []struct {
		line string
		due  bool
	}{
		{"lwm2m-server drain " + other, false},
		{"lwm2m-server undrain " + other, false},
		{"lwm2m-server drain " + has, true},
		{"lwm2m-server undrain " + has, false},
		{"lwm2m-server set " + other + " --device-uri coaps://elsewhere.example.com", false},
		{"lwm2m-server set " + has + " --device-uri coaps://elsewhere.example.com", true},
	} {
		if sh.ok(step.line); due() != step.due {
			t.Errorf("after %s it is due: %v", step.line, !step.due)
		}
	}
}
