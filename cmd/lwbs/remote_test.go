package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/certtest"
)

// A remote server is asked over HTTPS by the commands of a shell that has no database.
type remote struct {
	*shell         // of who asks
	at      *shell // of the server
	url     string
	options string // --admin, --token-file, --ca-file
}

func newRemote(t *testing.T) *remote {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	at, sh := newShell(t), newShell(t)
	ca := certtest.NewAuthority(t, "web CA")
	cert, key := certtest.WriteFiles(t, ca.Server(t, "localhost", certtest.P256(t)))
	certtest.WritePEM(t, sh.path("ca.pem"), "CERTIFICATE", ca.Certificate.Raw)
	for _, role := range []string{"admin", "engineer", "viewer"} {
		sh.write(role, at.ok("token create "+role+" --role "+role))
	}
	at.serve("--web", "127.0.0.1:0", "--web-tls-cert", cert, "--web-tls-key", key)
	url := strings.Replace(addressIn(at.printed, webPages), "127.0.0.1", "localhost", 1)
	return &remote{sh, at, url, "--admin " + url + " --token-file $D/admin --ca-file $D/ca.pem "}
}

// leaves are all commands that do something, by their words.
func leaves(commands []*cli.Command, before string) (names []string) {
	for _, c := range commands {
		if len(c.Subcommands) > 0 {
			names = append(names, leaves(c.Subcommands, before+c.Name+" ")...)
		} else if !c.Hidden {
			names = append(names, before+c.Name)
		}
	}
	return names
}

// remoteScript are commands in an order in which they do, all over HTTPS.
var remoteScript = strings.Split(strings.TrimSpace(`
status
profile apply $D/meter.yaml
profile check $D/meter.yaml
profile list
profile get meter
profile history meter
device add dev --profile meter --psk generate
device add dev2 --profile meter --psk-key-file $D/key.hex --psk-key-format hex
device list
device list --json
device get dev
device get dev --reveal
device set dev --note n
device disable dev
device enable dev
device rotate dev
rotation list
rotation get dev
rotation cancel dev
device preview dev
device factory dev --for json --reveal --server coaps://bs.example
device label dev --reveal --server coaps://bs.example
device rename dev2 dev3
device rebootstrap dev
campaign list
group add lot --profile meter --match lot-*
group list
group get lot
group set lot --note n
group delete lot
lwm2m-server add dm --kind none --device-uri coaps://dm.example
lwm2m-server list
lwm2m-server get dm
lwm2m-server set dm --note n
lwm2m-server drain dm
lwm2m-server undrain dm
lwm2m-server delete dm
outbox list
pending list
import csv $D/devices.csv --profile meter --key-format hex
export csv
session list
why dev
user add ada --role viewer --no-password
user list
user set ada --note n
user delete ada
token create ci --role viewer
token list
token revoke ci
audit list
db check
db stats
db backup $D/copy.db
device delete dev3
device delete dev
device delete imported
profile delete meter
`), "\n")

// sameScript are commands on records that there are none of: the server says the same over both ways.
var sameScript = strings.Split(strings.TrimSpace(`
campaign get x
campaign devices x
campaign pause x
campaign resume x
campaign cancel x
profile diff x
profile rollback x
profile keys x
group enable x
group disable x
group deny x y
group allow x y
lwm2m-server test x
outbox get 7
outbox retry 7
outbox drop 7
session get x
pending approve x
pending reject x
export jsonl
export leshan
export psk-file
`), "\n")

// notRemote are the commands that no server is asked for, and those whose records a script cannot have; each says why.
var notRemote = map[string]string{
	"serve": "is the server", "demo": "has its own", "probe": "is a device", "simulate": "is a fleet", "completion": "prints a script", "man": "prints a page", "version": "is of the program",
	"login": "TestLogin", "logout": "TestLogin", "db salvage": "needs the file", "object list": "reads files", "object check": "reads files", "object get": "reads files", "key derive": "computes", "profile schema": "prints a schema",
	"config check": "reads files", "config show": "reads files", "config example": "prints a file",
	"user password": "TestUserPasswordOnAnotherMachine", "session watch": "TestRemoteWatch", "session trace": "TestRemoteTrace",
	"import jsonl": "as import csv", "import psk-file": "as import csv", "import cumulocity": "as import csv", "import thingsboard": "as import csv", "import dps": "as import csv",
	"import leshan": "as import csv", "import wakaama": "as import csv",
}

// Each command that works over the socket works over HTTPS.
func TestRemoteCommands(t *testing.T) {
	r := newRemote(t)
	r.write("devices.csv", "endpoint,psk\nimported,000102030405060708090a0b0c0d0e0f\n")
	all := leaves(newApp(nil, nil, nil).Commands, "")
	done := make(map[string]bool)
	note := func(line string) {
		for _, name := range all {
			if line == name || strings.HasPrefix(line, name+" ") {
				done[name] = true
			}
		}
	}
	for _, line := range remoteScript {
		status, out, errs := r.run(r.options + line)
		if status != exitDone {
			t.Errorf("%s: status %d: %s%s", line, status, out, errs)
		}
		note(line)
	}
	for _, line := range sameScript {
		here, out, errs := r.at.run(line)
		there, remoteOut, remoteErrs := r.run(r.options + line)
		if here != there || out != remoteOut || errs != remoteErrs {
			t.Errorf("%s: over the socket status %d: %s%s; over HTTPS status %d: %s%s", line, here, out, errs, there, remoteOut, remoteErrs)
		}
		note(line)
	}
	for _, name := range all {
		if !done[name] && notRemote[name] == "" {
			t.Errorf("%s was not tried over HTTPS", name)
		}
	}
	if _, err := os.Stat(r.path("x.db")); err == nil {
		t.Error("a database was made beside the one of the server")
	}
	if info, err := os.Stat(r.path("copy.db")); err != nil || info.Size() == 0 {
		t.Errorf("the backup: %v", err)
	}
	entries := r.at.ok("audit list --json")
	contains(t, "the audit", entries, `"way":"token"`, `"name":"admin"`, `"address":"127.0.0.1"`, `"action":"device import"`)
}

// What keeps a server from being asked is one line that says what to do.
func TestRemoteErrors(t *testing.T) {
	r := newRemote(t)
	r.write("wrong", "lwbs_admin_"+strings.Repeat("a", 52)+"\n")
	r.write("none", "\n")
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"type":"urn:lwbs:no-route","title":"x","status":404,"detail":"the admin API has no such path: GET /v1/principal"}`))
	}))
	defer old.Close()
	certtest.WritePEM(t, r.path("other.pem"), "CERTIFICATE", certtest.NewAuthority(t, "other CA").Certificate.Raw)
	with := func(token, ca string) string {
		return "--admin " + r.url + " --token-file $D/" + token + " --ca-file $D/" + ca
	}
	for line, told := range map[string]string{
		with("admin", "other.pem") + " device list":                                                     "its certificate is of a CA that is not known here: name that with --ca-file",
		"--admin " + r.url + " --token-file $D/admin device list":                                       "its certificate is of a CA that is not known here",
		with("wrong", "ca.pem") + " device list":                                                        "the token is wrong, or was revoked: name a token that is valid",
		with("none", "ca.pem") + " device list":                                                         "is empty",
		with("nosuch", "ca.pem") + " device list":                                                       "nosuch",
		"--admin " + r.url + " --ca-file $D/ca.pem device list":                                         "needs --token-file FILE",
		with("viewer", "ca.pem") + " device add x --profile meter":                                      "viewer has the role viewer, and this needs engineer",
		with("engineer", "ca.pem") + " device get x --reveal":                                           "engineer has the role engineer, and this needs admin",
		with("engineer", "ca.pem") + " user list":                                                       "this needs admin",
		strings.Replace(with("admin", "ca.pem"), "localhost", "127.0.0.1", 1) + " status":               "its certificate is for another host",
		"--admin http://192.0.2.1:8080 --token-file $D/admin status":                                    "want https, or http on loopback",
		"--admin https://ada:secret@localhost:1 --token-file $D/admin status":                           "it has a user in it",
		"--admin https://localhost:1/path --token-file $D/admin status":                                 "more than a host and a port",
		"--admin https:// --token-file $D/admin status":                                                 "want https://HOST:PORT",
		"--admin ftp://localhost --token-file $D/admin status":                                          "neither unix:PATH nor https://HOST:PORT",
		"--admin " + strings.Replace(plain.URL, "http:", "https:", 1) + " --token-file $D/admin status": "does not speak TLS",
		"--admin " + plain.URL + " --token-file $D/admin status":                                        "is it another version of lwbs?",
		"--admin " + old.URL + " --token-file $D/admin status":                                          "it is older than this lwbs",
		"--admin https://localhost:1 --token-file $D/admin status":                                      "connection refused",
		with("admin", "ca.pem") + " serve --coaps 127.0.0.1:0":                                          "is on another machine",
		with("admin", "ca.pem") + " db salvage $D/fresh.db":                                             "is on another machine",
		"--admin " + r.url + " --client-cert $D/x status":                                               "belong together",
	} {
		status, _, errs := r.run(line)
		if status == exitDone || !strings.Contains(errs, told) {
			t.Errorf("%s: status %d: %s; want %q", line, status, errs, told)
		}
		for _, secret := range []string{"ada:secret", strings.Repeat("a", 52)} {
			lacks(t, line, errs, secret)
		}
	}
}

// A login is saved for its user only, and used where nothing else is named and there is no database.
func TestLogin(t *testing.T) {
	r := newRemote(t)
	contains(t, "login", r.ok("--token-file $D/engineer --ca-file $D/ca.pem login "+r.url), "logged in to "+r.url+" as engineer, engineer")
	file := os.Getenv("XDG_CONFIG_HOME") + "/lwbs/login.json"
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	t.Chdir(t.TempDir())
	bare := func(line string) (int, string, string) { // without --db
		sh := *r.shell
		var out, errs strings.Builder
		status := run(append([]string{"lwbs"}, strings.Fields(strings.ReplaceAll(line, "$D", sh.dir))...), strings.NewReader(""), &out, &errs)
		return status, out.String(), errs.String()
	}
	if status, _, errs := bare("device list"); status != exitDone {
		t.Errorf("status %d: %s", status, errs)
	}
	if status, _, errs := bare("user list"); status == exitDone || !strings.Contains(errs, "this needs admin") {
		t.Errorf("status %d: %s", status, errs)
	}
	if status, _, errs := bare("--admin " + r.url + " --token-file $D/admin user list"); status != exitDone { // with the saved CA
		t.Errorf("status %d: %s", status, errs)
	}
	if status, _, _ := r.run("device list"); status == exitDone { // --db is another database
		t.Error("a login is used in place of a database that is named")
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := bare("device list"); status == exitDone || !strings.Contains(errs, "other users can read it") {
		t.Errorf("status %d: %s", status, errs)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := bare("device list"); status == exitDone || !strings.Contains(errs, "cannot be read: lwbs logout removes it") {
		t.Errorf("status %d: %s", status, errs)
	}
	if status, out, _ := bare("logout"); status != exitDone || out != "logged out\n" {
		t.Errorf("status %d: %s", status, out)
	}
	if status, _, errs := bare("device list"); status == exitDone || !strings.Contains(errs, "does not exist") {
		t.Errorf("status %d: %s", status, errs)
	}
	r.write("wrong", "lwbs_x_y\n")
	if status, _, errs := bare("--token-file $D/wrong --ca-file $D/ca.pem login " + r.url); status == exitDone || !strings.Contains(errs, "this is no token of lwbs") {
		t.Errorf("status %d: %s", status, errs)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a login that failed was saved")
	}
}
