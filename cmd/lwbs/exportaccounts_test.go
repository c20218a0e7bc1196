package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// What LwM2M Servers have to know of devices is written with keys only where that is asked for, to a file of
// its owner or encrypted; never a private key, and never the key to bootstrap with.
func TestExportAccounts(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("t.csv", "endpoint,psk-key,account.main.key,account.main.identity,tag\n"+
			"a,00112233445566778899aabbccddee01,00112233445566778899aabbccddee11,dm-a,lot7\n"+
			"b,00112233445566778899aabbccddee02,00112233445566778899aabbccddee12,,lot7\n"+
			"c,00112233445566778899aabbccddee03,00112233445566778899aabbccddee13,,lot8\n")
		sh.ok("import csv $D/t.csv --key-format hex --profile meter")
		status, out, errs := sh.run("export csv --accounts --tag lot7")
		if want := "endpoint,account,short-server-id,security,identity,key,certificate,lwm2m-server\na,main,101,psk,dm-a,,,\nb,main,101,psk,b,,,\n"; status != exitDone || out != want {
			t.Errorf("status %d: %s, want %s", status, out, want)
		}
		contains(t, "what is told", errs, "wrote 2 accounts of 2 devices", "keys are left out: --reveal writes them, too")

		sh.ok("export jsonl --accounts --account main --reveal --plain --out $D/k.jsonl --prefix a")
		contains(t, "JSON", string(sh.read("k.jsonl")), `{"endpoint":"a","account":"main","shortServerID":101,"security":"psk","identity":"dm-a","key":"00112233445566778899aabbccddee11"}`)
		sh.ok("export psk-file --reveal --plain --out $D/k.psk --tag lot7")
		if got, want := string(sh.read("k.psk")), "dm-a:00112233445566778899aabbccddee11\nb:00112233445566778899aabbccddee12\n"; got != want {
			t.Errorf("the PSK file is %q, want %q", got, want)
		}
		sh.ok("export leshan --reveal --plain --out $D/k.json")
		var clients []struct {
			Endpoint string
			TLS      struct {
				Mode    string
				Details struct{ Identity, Key string }
			}
		}
		if err := json.Unmarshal(sh.read("k.json"), &clients); err != nil || len(clients) != 3 || clients[0].TLS.Mode != "psk" || clients[0].TLS.Details.Identity != "dm-a" {
			t.Errorf("for Leshan: %+v, error %v", clients, err)
		}
		sh.ok("export leshan --reveal --plain --out $D/none.json --prefix nothing")
		if got := string(sh.read("none.json")); got != "[\n]\n" {
			t.Errorf("no device: %q", got)
		}
		for _, file := range []string{"k.jsonl", "k.psk", "k.json"} {
			lacks(t, file, string(sh.read(file)), "00112233445566778899aabbccddee01")
			if info, err := os.Stat(sh.path(file)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v, error %v", file, info.Mode(), err)
			}
		}
	})
}

// Of devices with several accounts it is said which; what a form cannot hold is told, and no file is left.
func TestExportAccountsMistakes(t *testing.T) {
	sh := newShell(t)
	sh.write("two.yaml", "name: two\naccounts:\n  - {name: a, uri: \"coaps://a.example\", shortServerID: 1}\n  - {name: b, uri: \"coaps://b.example\", shortServerID: 2}\n  - {name: plain, uri: \"coap://c.example\", shortServerID: 3}\naccessControl: none\n")
	sh.ok("profile apply -f $D/two.yaml")
	sh.ok("device add d --profile two --psk generate --account-identity b=hex:00ff")
	for line, want := range map[string]string{
		"export leshan --reveal --plain --out $D/x":               `device "d" has the accounts a, b: say with --account which one this is for`,
		"export psk-file --reveal --plain --out $D/x --account b": `its identity in account "b" is not text`,
		"export psk-file":                "psk-file is about keys: --reveal writes them",
		"export csv --account a":         "--account goes with --accounts",
		"export csv --accounts --reveal": "--reveal writes secrets: encrypt them with --recipient",
		"export leshan --reveal":         "--reveal writes secrets: encrypt them with --recipient",
	} {
		status, out, errs := sh.run(line)
		if status == exitDone || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %q, %s", line, status, out, errs)
		}
		if _, err := os.Stat(sh.path("x")); err == nil {
			t.Errorf("%s: a file is left", line)
		}
	}
	contains(t, "all accounts", sh.ok("export csv --accounts"), "d,a,1,psk,d,,,\nd,b,2,psk,hex:00ff,,,\n")
}

// An account with several LwM2M Servers has the one that the device is assigned, with what follows from its URI, and each
// server can be told of its own devices only.
func TestExportAccountsOfSeveralServers(t *testing.T) {
	sh := newShell(t)
	sh.ok("lwm2m-server add dm-1 --kind none --device-uri coaps://dm-1.example")
	sh.ok("lwm2m-server add dm-2 --kind none --device-uri coaps://dm-2.example")
	sh.ok("lwm2m-server add plain --kind none --device-uri coap://plain.example")
	sh.ok("lwm2m-server add told --kind psk-file --address " + sh.path("keys"))
	sh.write("p.yaml", "name: p\naccounts:\n  - {name: main, servers: [dm-1, dm-2], shortServerID: 1}\n  - {name: other, uri: \"coaps://b.example\", shortServerID: 2, handOver: told}\naccessControl: none\n")
	sh.ok("profile apply -f $D/p.yaml")
	for i := range 8 {
		sh.ok(fmt.Sprintf("device add d-%d --profile p --psk generate", i))
	}
	all := make(map[string]string) // the server, by the device
	for _, row := range strings.Split(strings.TrimSpace(sh.ok("export csv --accounts --account main")), "\n")[1:] {
		cells := strings.Split(row, ",")
		all[cells[0]] = cells[len(cells)-1]
		contains(t, "preview", sh.ok("device preview "+cells[0]), "account main: assigned to LwM2M Server "+cells[len(cells)-1])
	}
	if len(all) != 8 {
		t.Fatalf("servers %v", all)
	}
	for _, name := range []string{"dm-1", "dm-2"} {
		var got, want []string
		for _, row := range strings.Split(strings.TrimSpace(sh.ok("export csv --accounts --lwm2m-server "+name)), "\n")[1:] {
			got = append(got, strings.Split(row, ",")[0])
		}
		for _, d := range slices.Sorted(maps.Keys(all)) {
			if all[d] == name {
				want = append(want, d)
			}
		}
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("at %s are %v, want %v", name, got, want)
		}
	}
	sh.ok("export psk-file --reveal --plain --out $D/told --lwm2m-server told")
	if n := strings.Count(string(sh.read("told")), "\n"); n != 8 {
		t.Errorf("%d keys for the server that is told", n)
	}
	contains(t, "JSON", sh.ok("export jsonl --accounts --account other --prefix d-0"), `"lwm2mServer":"told"`)

	sh.ok("lwm2m-server drain dm-1")
	lacks(t, "drained", sh.ok("export csv --accounts --account main"), "dm-1")
	sh.write("p.yaml", "name: p\naccounts:\n  - {name: main, servers: [plain], shortServerID: 1}\naccessControl: none\n")
	sh.ok("profile apply -f $D/p.yaml --replace-keys --allow-failing")
	if out := sh.ok("export csv --accounts"); strings.Count(out, "\n") != 1 {
		t.Errorf("without security: %s", out)
	}
	for line, want := range map[string]string{
		"export csv --accounts --lwm2m-server dm-3": `"dm-3": not found`,
		"export csv --lwm2m-server dm-1":            "--lwm2m-server goes with --accounts",
	} {
		if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d: %s", line, status, errs)
		}
	}
}
