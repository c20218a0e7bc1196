package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/fleet"
	"lwbs/cmd/lwbs/internal/clitest"
)

// A fleet is played with keys of a group, of a table and with certificates; the report is text, JSON and
// a page.
func TestSimulate(t *testing.T) {
	t.Parallel()
	p := clitest.NewPKI(t)
	sh := newShellBeside(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.serve(p.Options()...)
	sh.ok("group add sims --profile meter --match sim-* --group-key-out $D/sims.key")
	out := sh.ok("simulate coaps://" + sh.coaps + " --count 12 --group-key-file $D/sims.key --group-key-format hex --as zephyr=2 --as leshan-2.0 --html $D/r.html --seed 5")
	contains(t, "simulate", out, "12 devices against coaps://"+sh.coaps, "--seed 5", "12 of 12 bootstrapped, 0 failed", "latency   p50", "zephyr: ", "leshan-2.0: ", "datagrams ")
	page, err := os.ReadFile(sh.path("r.html"))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, "the page", string(page), "12 of 12 devices bootstrapped", "<svg", "<polyline")
	for _, foreign := range []string{"<script", "http://", "https://"} {
		lacks(t, "the page", strings.ToLower(string(page)), foreign)
	}
	if _, _, errs := sh.run("simulate coaps://" + sh.coaps + " --count 1 --group-key-file $D/sims.key --group-key-format hex --html $D/r.html"); !strings.Contains(errs, "exists, and is not replaced") {
		t.Errorf("a page that exists: %s", errs)
	}

	sh.write("lot.csv", "IMEI;PSK\n1;00112233445566778899aabbccddee01\n2;00112233445566778899aabbccddee02\n3;00112233445566778899aabbccddee03\n")
	const table = "$D/lot.csv --map IMEI=var.imei --map PSK=psk-key --key-format hex --endpoint lot-{{.IMEI}} "
	sh.ok("import csv " + table + "--profile meter")
	sh.ok("device disable lot-3")
	status, out, errs := sh.run("simulate coaps://" + sh.coaps + " --attempts 1 --patience 20s --json --devices " + table)
	var r fleet.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != exitFailed || r.Done != 2 || r.Failed != 1 || len(r.Causes) != 1 || r.Causes[0].Device != "lot-3" {
		t.Errorf("of a table: status %d, %v, %+v, %s", status, err, r, errs)
	}

	sh.ok("device add sim-c1 --profile meter --certificate-name sim-c1")
	ca, caKey := certtest.WriteFiles(t, p.CA.Pair())
	contains(t, "with certificates", sh.ok("simulate coaps://"+sh.coaps+" --count 1 --endpoint sim-c{{.N}} --ca-cert "+ca+" --ca-key "+caKey+" --server-ca "+ca), "1 of 1 bootstrapped")
}

func TestSimulateMistakes(t *testing.T) {
	sh := newShell(t)
	sh.write("bad.csv", "endpoint;psk-key\na;0011\nb;zz\n")
	for line, want := range map[string]string{
		"":                                                       "expected URI",
		"coaps://127.0.0.1":                                      "sim-001 has no key for coaps://: give one with --psk-key-file",
		"http://127.0.0.1":                                       "does not begin with coap:// or coaps://",
		"coap://127.0.0.1 --count 0":                             "--count 0 is not within 1 to 1000000",
		"coap://127.0.0.1 --rate -1":                             "--rate -1 is not more than 0",
		"coap://127.0.0.1 --ramp-over 1s":                        "--ramp-from, --ramp-over and --rate go together",
		"coap://127.0.0.1 --loss 100%":                           `--loss "100%" is not a share of less than 100%`,
		"coap://127.0.0.1 --loss x":                              `--loss "x" is not a share`,
		"coap://127.0.0.1 --delay 2m":                            "--delay 2m0s is not within 0 to 1m0s",
		"coap://127.0.0.1 --as telex":                            `--as "telex" is not one of anjay-1.0`,
		"coap://127.0.0.1 --as zephyr=0":                         `the weight "0" is not within 1 to 1000`,
		"coap://127.0.0.1 --endpoint {{.M}}":                     "no column is {{.M}}",
		"coap://127.0.0.1 --psk-key-file x":                      "coap:// is without encryption: --psk-key-file goes with coaps://",
		"coap://127.0.0.1 --attempts 0":                          "--attempts 0 and --patience 5m0s have to be more than 0",
		"coap://127.0.0.1 --devices $D/no.csv":                   "no such file or directory",
		"coap://127.0.0.1 --devices $D/bad.csv --key-format hex": `bad.csv:3: column "psk-key" (character 3): 2 of 2 characters are no hexadecimal digit`,
		"coaps://127.0.0.1 --psk-key-file a --ca-cert b":         "--psk-key-file and --ca-cert exclude each other",
		"coaps://127.0.0.1 --ca-cert b":                          "--ca-cert, --ca-key and --server-ca go together",
	} {
		status, out, errs := sh.run("simulate " + line)
		if status == exitDone || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, want) {
			t.Errorf("simulate %s: status %d, %q, %s", line, status, out, errs)
		}
	}
}
