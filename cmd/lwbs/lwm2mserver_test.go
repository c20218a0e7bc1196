package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The commands work with a running server and without, and tell what is wrong with what they are given.
func TestLwM2MServerCommands(t *testing.T) {
	for _, served := range []bool{false, true} {
		t.Run(map[bool]string{false: "without a server", true: "with a server"}[served], func(t *testing.T) {
			sh := newShell(t)
			sh.ok("profile apply -f $D/meter.yaml")
			if served {
				sh.serve()
			}
			token := "t0psecret"
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Token") != token {
					http.Error(w, "wrong token "+r.Header.Get("X-Token"), http.StatusForbidden)
				}
			}))
			defer web.Close()
			sh.write("token", "t0psecret\n")
			sh.write("two-lines", "a\nb\n")
			sh.write("secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3\n")

			contains(t, "add", sh.ok("lwm2m-server add dm --kind leshan --address "+web.URL+" --header-file X-Token=$D/token"), "added LwM2M Server dm (leshan, revision 1)")
			contains(t, "test", sh.ok("lwm2m-server test dm"), "can be told")
			token = "another"
			status, _, errs := sh.run("lwm2m-server test dm")
			if status != exitFailed || !strings.Contains(errs, "403 Forbidden: wrong token …") {
				t.Errorf("status %d: %s", status, errs)
			}
			contains(t, "add", sh.ok("lwm2m-server add hook --kind webhook --address https://a.example/hook --note a-note"), "put into the receiver", "whsec_")
			contains(t, "set", sh.ok("lwm2m-server set hook --secret-file $D/secret --timeout 3s"), "changed LwM2M Server hook (webhook, revision 2)")
			get := sh.ok("lwm2m-server get hook")
			contains(t, "get", get, "former", "3s", "a-note")
			for _, absent := range []string{"whsec_", "user", "arguments", "profiles"} {
				lacks(t, "get", get, absent)
			}
			contains(t, "get --reveal", sh.ok("lwm2m-server get hook --reveal"), "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3")
			sh.ok("lwm2m-server set hook --drop-former-secret")
			contains(t, "list", sh.ok("lwm2m-server list"), "dm", "hook", "https://a.example/hook")
			contains(t, "list --json", sh.ok("lwm2m-server list --json"), `"hasSecret": true`)

			sh.ok("lwm2m-server add coiote --kind coiote --address https://a.example --user u --domain /meters/ --secret-file $D/token")
			sh.ok("lwm2m-server set coiote --domain /meters/lot-7/")
			contains(t, "get", sh.ok("lwm2m-server get coiote"), "domain       /meters/lot-7/", "password")

			for line, told := range map[string]string{
				"lwm2m-server add x --kind coiote --address https://a --user u --secret-file $D/token": "needs the domain that devices are made in, such as /meters/",
				"lwm2m-server add x":                                                                   "--kind is missing",
				"lwm2m-server add x --kind leshan":                                                     "--address is missing",
				"lwm2m-server add x --kind leshn --address http://a":                                   "kind \"leshn\"",
				"lwm2m-server add x --kind leshan --address a.example":                                 "no http or https URL",
				"lwm2m-server add dm --kind leshan --address http://127.0.0.1":                         "exists already",
				"lwm2m-server add x --kind webhook --address https://a --secret-file $D/token":         "begins with whsec_",
				"lwm2m-server add x --kind thingsboard --address https://a --secret-file $D/two-lines": "must be one line",
				"lwm2m-server add x --kind psk-file --address keys.psk":                                "absolute path",
				"lwm2m-server set hook":                                                                "no option says what to change",
				"lwm2m-server set hok --note x":                                                        `did you mean "hook"?`,
				"lwm2m-server get nope":                                                                "not found",
				"lwm2m-server test nope":                                                               "not found",
			} {
				if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, told) || strings.Count(errs, "\n") > 2 { // with a hint
					t.Errorf("%s: status %d: %s, want %s", line, status, errs, told)
				}
			}
			sh.ok("lwm2m-server delete dm")
		})
	}
}

// A device is bootstrapped once the LwM2M Server of its account has its key, and not before.
func TestHandOverByServe(t *testing.T) {
	sh := newShell(t) // without a database
	file := filepath.Join(sh.dir, "keys.psk")
	sh.write("over.yaml", "name: over\naccounts:\n  - {name: main, uri: 'coaps://a.example', shortServerID: 101, handOver: dm}\n")
	sh.ok("lwm2m-server add other --kind leshan --address http://127.0.0.1:8080") // before any profile
	if status, _, errs := sh.run("profile apply -f $D/over.yaml"); status == exitDone || !strings.Contains(errs, `over.yaml:3:`) || !strings.Contains(errs, `there is no LwM2M Server "dm"`) {
		t.Errorf("status %d: %s", status, errs)
	}
	sh.ok("lwm2m-server add dm --kind psk-file --address " + filepath.Join(sh.dir, "missing", "keys.psk"))
	sh.ok("profile apply -f $D/over.yaml")
	sh.ok("device add dev-1 --profile over --psk-key-format hex --psk-key-file $D/key.hex")
	sh.serve()
	if _, err := sh.bootstrap("dev-1", rightKey); err == nil {
		t.Error("the device is bootstrapped, and the file could not be written")
	}
	contains(t, "why", sh.await("why dev-1", ": hand-over-failed\n"), `LwM2M Server "dm" could not be told of account "main"`, "lwbs lwm2m-server test")
	sh.ok("lwm2m-server set dm --address " + file)
	if _, err := sh.bootstrap("dev-1", rightKey); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if key := sh.deviceKeyHex("dev-1"); err != nil || string(b) != "dev-1:"+key+"\n" {
		t.Errorf("the file has %q, want the key %s; %v", b, key, err)
	}
	contains(t, "list", sh.ok("lwm2m-server list"), "over")
	if status, _, errs := sh.run("lwm2m-server delete dm"); status == exitDone || !strings.Contains(errs, "in use") {
		t.Errorf("status %d: %s", status, errs)
	}
}
