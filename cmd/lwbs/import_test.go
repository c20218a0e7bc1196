package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/lwm2m"
	"lwbs/store/importer"
)

// foreign copies files of testdata/import into the folder of the shell.
func (sh *shell) foreign(names ...string) {
	sh.t.Helper()
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("../../testdata/import", name))
		if err != nil {
			sh.t.Fatal(err)
		}
		sh.write(name, string(text))
	}
}

const (
	leshanConfigs = "leshan-2.0.0-M15-bootstrapStore.json"
	leshanKeys    = "leshan-2.0.0-M15-api-security-clients.json"
	wakaamaFile   = "wakaama-bootstrap_info.ini"
)

func TestImport(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.foreign(leshanConfigs, leshanKeys, wakaamaFile)
		both := "import leshan $D/" + leshanConfigs + " $D/" + leshanKeys

		status, out, errs := sh.run(both + " --dry-run")
		contains(t, "dry run", out, "meter-1: would be imported with profile leshan-lwm2m.example.org", "5 entries: 4 would be imported, 0 skipped, 1 refused")
		contains(t, "dry run", errs, "1 of 5 entries refused")
		if devices := sh.ok("device list --json"); status != exitFailed || devices != "[]\n" {
			t.Errorf("after a dry run of status %d there are devices: %s", status, devices)
		}
		lacks(t, "profiles after a dry run", sh.ok("profile list"), "leshan")

		status, out, _ = sh.run(both + " --tag moved")
		contains(t, "import", out, "profile leshan-lwm2m.example.org: created, for 2 devices", "rpk-1: refused: it authenticates with a raw public key")
		if status != exitFailed {
			t.Errorf("import with refused entries: status %d", status)
		}
		for _, key := range []string{"00112233445566778899aabbccddee00", "ffeeddccbbaa998877665544332211f0"} {
			lacks(t, "the report", out, key)
			contains(t, "the record", sh.ok("device get meter-1 --reveal"), key, "moved")
		}

		contains(t, "a device with a certificate", sh.ok("device get urn:imei:490154203237518"), `any certificate of a trusted CA for "urn:imei:490154203237518"`)
		contains(t, "a device with OSCORE", sh.ok("device get oscore-1 --reveal"), "1234567890", "hex:01", "hex:02")

		_, out, _ = sh.run(both)
		contains(t, "a second import", out, "meter-1: unchanged, with profile leshan-lwm2m.example.org", "5 entries: 0 imported, 4 unchanged, 0 skipped, 1 refused")
		sh.ok("device set meter-1 --note kept --var x=1 --psk generate")
		_, out, _ = sh.run(both)
		contains(t, "a device with another key", out, "meter-1: refused: the device exists: --replace replaces its record", "5 entries: 0 imported, 3 unchanged")
		_, out, _ = sh.run(both + " --replace")
		contains(t, "replacing", out, "meter-1: imported with profile leshan-lwm2m.example.org, in place of the record", "lwm2m.example.org: unchanged, for 2 devices")
		replaced := sh.ok("device get meter-1")
		contains(t, "a replaced device", replaced, "kept", "moved")
		lacks(t, "a replaced device", replaced, "variable")
	})
}

func TestImportOfWakaama(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.foreign(wakaamaFile)
		status, out, _ := sh.run("import wakaama --no-sec --json --prefix old $D/" + wakaamaFile)
		var report struct {
			Summary  map[string]int
			Profiles []json.RawMessage
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil || status != exitFailed {
			t.Fatalf("status %d, %v: %s", status, err, out)
		}
		if s := report.Summary; s[importer.Imported] != 5 || s[importer.Skipped] != 1 || s[importer.Refused] != 5 || len(report.Profiles) != 4 {
			t.Errorf("summary %v, %d profiles", s, len(report.Profiles))
		}
		lacks(t, "the report", strings.ToLower(out), "4f7572536563726574")
		contains(t, "a device", sh.ok("device get twin-a --reveal"), "old-localhost", "4f7572536563726574", "permitted")
	})
}

// What is in the way of an entry refuses it, and leaves what there was as it was.
func TestImportBesideOtherRecords(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.foreign(leshanConfigs)
		sh.write("other.yaml", strings.Replace(meterYAML, "name: meter", "name: leshan-lwm2m.example.org", 1))
		sh.ok("profile apply -f $D/other.yaml")
		_, out, _ := sh.run("import leshan $D/" + leshanConfigs)
		contains(t, "another profile", out, "meter-1: refused: profile leshan-lwm2m.example.org: another profile has this name")
		contains(t, "the other profile", sh.ok("profile get leshan-lwm2m.example.org"), "shortServerID: 101")

		sh.ok("device add thief --profile meter --psk generate --psk-identity meter-1")
		_, out, _ = sh.run("import leshan --prefix new $D/" + leshanConfigs)
		contains(t, "a taken identity", out, `meter-1: refused: psk identity "meter-1": identity is taken, by device "thief"`, "meter-2: imported with profile new-lwm2m.example.org")
		_, out, _ = sh.run("import leshan --replace $D/" + leshanConfigs)
		contains(t, "replacing", out, "profile leshan-lwm2m.example.org: replaced, for 1 device\n")
		contains(t, "the replaced profile", sh.ok("profile get leshan-lwm2m.example.org"), "shortServerID: 123")
	})
}

func TestImportMistakes(t *testing.T) {
	sh := newShell(t)
	sh.foreign("leshan-2.0.0-M15-bssecurity.data", leshanConfigs, wakaamaFile)
	for _, test := range []struct {
		line   string
		status int
		want   string
	}{
		{"import leshan", exitUsage, "no FILE is named"},
		{"import wakaama", exitUsage, "expected FILE"},
		{"import leshan $D/nope.json", exitFailed, "no such file"},
		{"import leshan $D/leshan-2.0.0-M15-bssecurity.data", exitFailed, "curl http://HOST:8080/api/security/clients"},
		{"import leshan -", exitFailed, "standard input: not a JSON object"},
		{"import odd", exitUsage, "unknown command"},
	} {
		status, out, errs := sh.run(test.line)
		if status != test.status || out != "" && status == exitFailed {
			t.Errorf("%s: status %d, output %s", test.line, status, out)
		}
		contains(t, test.line, errs, test.want)
	}
	if _, err := os.Stat(sh.path("x.db")); err == nil {
		t.Error("a mistake made a database")
	}
	_, out, _ := sh.run("import leshan --dry-run $D/" + leshanConfigs)
	contains(t, "a dry run without a database", out, "4 entries: 4 would be imported, 0 skipped, 0 refused")
	if _, err := os.Stat(sh.path("x.db")); err == nil {
		t.Error("a dry run made a database")
	}
	sh.write("refused.json", `{"nowhere": {}}`)
	status, out, errs := sh.run("import leshan $D/refused.json")
	contains(t, "nothing to import", out, "nowhere: refused:", "1 entry: 0 imported, 0 skipped, 1 refused")
	if _, err := os.Stat(sh.path("x.db")); err == nil || status != exitFailed || errs != "lwbs: 1 of 1 entry refused\n" {
		t.Errorf("nothing to import: status %d, %v, %s", status, err, errs)
	}
}

// A device that knows its key from Leshan is given by lwbs what Leshan gave it.
func TestImportedDeviceBootstraps(t *testing.T) {
	sh := newShell(t)
	sh.foreign(leshanConfigs)
	sh.ok("import leshan $D/" + leshanConfigs)
	sh.serve("--metrics", ":0")
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	result, err := sh.bootstrap("meter-2", "00112233445566778899aabbccddee01")
	if err != nil || len(result.Accounts) != 1 {
		t.Fatalf("%v, with %d accounts", err, len(result.Accounts))
	}
	a := result.Accounts[0]
	if a.Security.ServerURI != "coaps://lwm2m.example.org:5684" || string(a.Security.PublicKeyOrIdentity) != "meter-2-dm" ||
		string(a.Security.SecretKey.Reveal()) != "\xff\xee\xdd\xcc\xbb\xaa\x99\x88\x77\x66\x55\x44\x33\x22\x11\xf1" ||
		a.Server.ShortServerID != 123 || a.Server.Lifetime != 300*time.Second {
		t.Errorf("the account is %+v", a)
	}
	if result.BootstrapServer == nil || result.BootstrapServer.ServerURI != "coaps://"+sh.coaps {
		t.Errorf("the Bootstrap-Server Account is %+v", result.BootstrapServer)
	}
	_, text := clitest.Ask(t, "GET", sh.metrics+"/metrics")
	contains(t, "metrics", text, `lwbs_handshake_duration_seconds_count{result="done"} 1`, `lwbs_operations_total{code="2.04",op="write"} 2`)
}

// A device of Wakaama comes over plain CoAP, as it did before.
func TestImportedDeviceBootstrapsOverPlainCoAP(t *testing.T) {
	sh := newShell(t)
	sh.foreign(wakaamaFile)
	if status, _, errs := sh.run("import wakaama --no-sec $D/" + wakaamaFile); status != exitFailed {
		t.Fatalf("status %d: %s", status, errs)
	}
	sh.serve("--coap", "127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	result, err := sim.Run(ctx, sim.Config{
		Endpoint:        "no-lifetime",
		BootstrapServer: lwm2m.SecurityInstance{ServerURI: "coap://" + sh.coap, Mode: lwm2m.SecurityNoSec},
		Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
			return coap.DialUDP(ctx, sh.coap, coap.DialConfig{Handler: h})
		},
	})
	if err != nil || len(result.Accounts) != 1 {
		t.Fatalf("%v, with %d accounts", err, len(result.Accounts))
	}
	a := result.Accounts[0]
	if a.Security.ServerURI != "coap://lifetime.example.org" || a.Security.Mode != lwm2m.SecurityNoSec ||
		a.Server.ShortServerID != 5 || a.Server.Lifetime != 24*time.Hour || a.Server.NotificationStoring {
		t.Errorf("the account is %+v", a)
	}
}
