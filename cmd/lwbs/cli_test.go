package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

const meterYAML = `name: meter
accounts:
  - name: main
    uri: coaps://lwm2m.example.com:5684
    shortServerID: 101
`

// patience is how long a test waits for what must happen, on any machine.
const patience = time.Minute

// A shell runs commands in a folder of its own.
type shell struct {
	t   *testing.T
	dir string
	db  string // empty for the file x.db in dir

	printed              string // by the server before it is ready
	coap, coaps, metrics string // where the server listens, once there is one
	at                   string // where a server process is to listen for DTLS; empty for any port
}

// newShell has meter.yaml and key.hex in its folder. The test must leave no goroutine.
func newShell(t *testing.T) *shell {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	sh := &shell{t: t, dir: t.TempDir()}
	sh.write("meter.yaml", meterYAML)
	sh.write("key.hex", "00112233445566778899aabbccddeeff\n")
	return sh
}

func (sh *shell) path(name string) string { return filepath.Join(sh.dir, name) }

// database is what --db says.
func (sh *shell) database() string { return cmp.Or(sh.db, sh.path("x.db")) }

func (sh *shell) write(name, text string) {
	sh.t.Helper()
	if err := os.WriteFile(sh.path(name), []byte(text), 0o600); err != nil {
		sh.t.Fatal(err)
	}
}

// run runs a command line, in which $D is the folder, $E nothing and $S a space, and
// returns what it printed.
func (sh *shell) run(line string) (status int, stdout, stderr string) {
	sh.t.Helper()
	args := []string{"lwbs", "--db", sh.database()}
	for word := range strings.FieldsSeq(line) {
		args = append(args, strings.NewReplacer("$D", sh.dir, "$E", "", "$S", " ").Replace(word))
	}
	var out, errs bytes.Buffer
	status = run(args, strings.NewReader("ffeeddccbbaa99887766554433221100\n"), &out, &errs)
	return status, strings.ReplaceAll(out.String(), sh.dir, "$D"), strings.ReplaceAll(errs.String(), sh.dir, "$D")
}

// ok runs a command line that must do, and returns what it printed.
func (sh *shell) ok(line string) string {
	sh.t.Helper()
	status, out, errs := sh.run(line)
	if status != exitDone {
		sh.t.Fatalf("%s: status %d: %s%s", line, status, out, errs)
	}
	return out
}

// serve runs a server until the test ends, and returns what it printed first.
func (sh *shell) serve(options ...string) string {
	sh.t.Helper()
	sh.serveLogging(io.Discard, options...)
	return sh.printed
}

// serveLogging is the same with a log. It returns what stops the server before that.
func (sh *shell) serveLogging(log io.Writer, options ...string) (end func()) {
	sh.t.Helper()
	ctx, stop := context.WithCancel(sh.t.Context())
	listening := &firstLines{want: "administered at", seen: make(chan string, 1)}
	ended := make(chan error, 1)
	app := newApp(strings.NewReader(""), listening, log)
	go func() {
		ended <- app.RunContext(ctx, append([]string{"lwbs", "--db", sh.database(), "serve", "--coaps", "127.0.0.1:0"}, options...))
	}()
	end = sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil {
			sh.t.Errorf("the server ended with %v", err)
		}
	})
	sh.t.Cleanup(end)
	select {
	case text := <-listening.seen:
		sh.printed = text
		sh.coap, sh.coaps, sh.metrics = addressIn(text, coapAddress), addressIn(text, coapsAddress), addressIn(text, metricsAddress)
	case err := <-ended:
		ended <- err
		sh.t.Fatalf("the server did not start: %v", err)
	case <-time.After(patience):
		sh.t.Fatal("the server did not say that it listens")
	}
	return end
}

// firstLines tells what was written until a text was among it.
type firstLines struct {
	want string
	seen chan string // with room for one

	mu   sync.Mutex // as both a command and its log write
	text strings.Builder
	done bool
}

func (f *firstLines) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text.Write(b)
	if !f.done && strings.Contains(f.text.String(), f.want) {
		f.done = true
		f.seen <- f.text.String()
	}
	return len(b), nil
}

var (
	coapAddress    = regexp.MustCompile(`coap://(\S+)`)
	coapsAddress   = regexp.MustCompile(`coaps://(\S+)`)
	metricsAddress = regexp.MustCompile(`metrics at (\S+)/metrics`)
)

// addressIn returns the address that text tells of, empty where it does not.
func addressIn(text string, pattern *regexp.Regexp) string {
	if m := pattern.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// inBothModes runs a test with a server and without.
func inBothModes(t *testing.T, test func(*testing.T, *shell)) {
	for _, mode := range []string{"without a server", "with a server"} {
		t.Run(mode, func(t *testing.T) {
			sh := newShell(t)
			sh.ok("profile apply -f $D/meter.yaml")
			if mode == "with a server" {
				sh.serve()
			}
			test(t, sh)
		})
	}
}

func contains(t *testing.T, what, text string, wants ...string) {
	t.Helper()
	clitest.Contains(t, what, text, wants...)
}

func lacks(t *testing.T, what, text, unwanted string) {
	t.Helper()
	clitest.Lacks(t, what, text, unwanted)
}

func TestDeviceCommands(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		out := sh.ok("device add urn:dev:1/a --profile meter --psk generate --tag north")
		shown := regexp.MustCompile(`key       ([0-9a-f]{32})`).FindStringSubmatch(out)
		if shown == nil {
			t.Fatalf("add shows no key:\n%s", out)
		}
		contains(t, "add", out, "added urn:dev:1/a (profile meter, revision 1)", "identity  urn:dev:1/a", "LwM2M Server of account main")
		if strings.Count(out, "identity  urn:dev:1/a\n") != 2 {
			t.Errorf("add does not tell both identities:\n%s", out)
		}
		lacks(t, "get", sh.ok("device get urn:dev:1/a"), shown[1])
		lacks(t, "get --json", sh.ok("device get urn:dev:1/a --json"), shown[1])
		contains(t, "get --reveal", sh.ok("device get --reveal urn:dev:1/a"), shown[1])
		lacks(t, "list --json", sh.ok("device list --json"), shown[1])

		sh.ok("device add dev-2 --profile meter --psk-key-file $D/key.hex --psk-key-format hex --psk-identity id-2")
		out = sh.ok("device get dev-2 --reveal")
		contains(t, "get", out, `psk identity "id-2"`, "00112233445566778899aabbccddeeff", "never seen by this database")
		sh.ok("device set dev-2 --psk-key-file - --psk-key-format hex --account-key-file main=$D/key.hex --note n --var a=b")
		out = sh.ok("device get dev-2 --reveal")
		contains(t, "after set", out, `psk identity "dev-2"`, "ffeeddccbbaa99887766554433221100", "account main", "00112233445566778899aabbccddeeff", "variable a", "note")

		sh.ok("device set dev-2 --var list=1,2 --tag a,b --tag c --note x,y")
		contains(t, "commas", sh.ok("device get dev-2"), "list    1,2\n", "a,b, c\n", "x,y\n")
		sh.ok("device set dev-2 --tag none")
		lacks(t, "tags removed", sh.ok("device get dev-2"), "tags")
		_, _, errs := sh.run("device add dev-4$S --profile meter --psk generate")
		contains(t, "a space", errs, `warning: the name "dev-4 " begins or ends with a space`)
		sh.ok("device delete dev-4$S")

		contains(t, "list", sh.ok("device list"), "dev-2", "urn:dev:1/a")
		lacks(t, "list --tag", sh.ok("device list --tag north"), "dev-2")
		lacks(t, "list --after", sh.ok("device list --after dev-2"), "dev-2")
		contains(t, "disable", sh.ok("device disable dev-2"), "disabled dev-2 (revision 5)")
		contains(t, "get", sh.ok("device get dev-2"), "disabled")
		contains(t, "enable", sh.ok("device enable dev-2 --revision 5"), "enabled dev-2 (revision 6)")

		for line, want := range map[string]string{
			"device enable dev-2 --revision 3":                                                   "revision is 6, not 3",
			"device add dev-2 --profile meter":                                                   "exists already",
			"device add --profile meter " + strings.Repeat("x", 300):                             "endpoint name has 300 bytes, at most",
			"device add dev-3 --profile nope":                                                    `profile "nope": not found`,
			"device add dev-3 --profile meter --psk generate --psk-identity dev-2":               "identity is taken",
			"device set dev-2 --account-key-file nope=$D/key.hex":                                "profile has no account of this name",
			"device get dev-9":                                                                   "not found",
			"profile delete meter":                                                               "in use",
			"device add dev-3 --profile meter --psk-key-file $D/key.hex --psk-key-format base6":  "is not hex, base64",
			"device add dev-3 --profile meter --psk-key-file $D/meter.yaml --psk-key-format hex": "are no hexadecimal digit",
		} {
			status, out, errs := sh.run(line)
			if status == exitDone || !strings.Contains(errs, want) || out != "" {
				t.Errorf("%s: status %d, %q, stderr %q, want %q in it", line, status, out, errs, want)
			}
		}
		contains(t, "delete", sh.ok("device delete dev-2"), "deleted dev-2")
		sh.ok("device delete urn:dev:1/a")
		contains(t, "profile delete", sh.ok("profile delete meter"), "deleted profile meter")
		contains(t, "db check", sh.ok("db check"), "sound")
	})
}

func TestProfileCommands(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		contains(t, "apply again", sh.ok("profile apply -f $D/meter.yaml"), "unchanged: profile meter (revision 1)")
		contains(t, "get", sh.ok("profile get meter"), "# revision 1", "uri: coaps://lwm2m.example.com:5684")
		contains(t, "list", sh.ok("profile list"), "meter")
		var listed []store.Profile
		if err := json.Unmarshal([]byte(sh.ok("profile list --json")), &listed); err != nil || len(listed) != 1 || listed[0].Name != "meter" {
			t.Errorf("profile list --json: %v %v", listed, err)
		}
		contains(t, "check", sh.ok("profile check -f $D/meter.yaml"), "profile meter is good: 1 account, 0 other objects")
		sh.write("bad.yaml", strings.Replace(meterYAML, "coaps:", "http:", 1)+"---\nname: second\naccounts: []\n")
		status, _, errs := sh.run("profile apply -f $D/bad.yaml")
		if status != exitFailed || !strings.Contains(errs, "$D/bad.yaml:4: accounts[0].uri") {
			t.Errorf("status %d: %s", status, errs)
		}
		if got := sh.ok("profile list"); strings.Contains(got, "second") {
			t.Errorf("a part of a bad file was applied:\n%s", got)
		}
	})
}

func TestOtherCommands(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.ok("device add dev-1 --profile meter --psk generate")
		contains(t, "why", sh.ok("why dev-1"), "never seen by this database", "to do")
		contains(t, "session list", sh.ok("session list"), "CAUSE")
		if got := strings.TrimSpace(sh.ok("session list --json --failed")); got != "[]" {
			t.Errorf("session list --json: %s", got)
		}
		contains(t, "session list --failed", sh.ok("session list --failed"), "TIMES")
		contains(t, "db stats", sh.ok("db stats"), "devices   1", "profiles  1")
		contains(t, "db backup", sh.ok("db backup $D/copy.db"), "backed up to $D/copy.db")
		if status, _, errs := sh.run("db backup $D/copy.db"); status != exitFailed || !strings.Contains(errs, "file already exists") {
			t.Errorf("a second backup: status %d: %s", status, errs)
		}
		contains(t, "version", sh.ok("version"), "lwbs ")
		if status, _, errs := sh.run("why unknown"); status != exitFailed || !strings.Contains(errs, "unknown") {
			t.Errorf("why unknown: status %d: %s", status, errs)
		}
		if status, _, errs := sh.run("session get nope"); status != exitFailed || !strings.Contains(errs, "not found") {
			t.Errorf("session get nope: status %d: %s", status, errs)
		}
	})
}

func TestMistakesInTheCommandLine(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	for line, want := range map[string]string{
		"nope":                  `unknown command "nope"`,
		"device nope":           `unknown command "device nope"`,
		"device list --nope":    "unknown option --nope: lwbs device list --help tells more",
		"device list extra":     "expected no arguments",
		"device list --limit 0": "--limit 0",
		"device add":            "expected ENDPOINT",
		"device add x":          "--profile is missing",
		"device add x --profile meter --psk 0011":                "--psk is generate or none: other users could read",
		"device add x --profile meter --psk-key-file $D/key.hex": "--psk-key-file needs --psk-key-format",
		"device add x --profile meter --psk-identity i":          "an identity goes with a key",
		"device add x --profile meter --var novalue":             "is not NAME=VALUE",
		"device set x --var a=1 --var a=2":                       "--var a is given twice",
		"device set x --account-key-file main":                   `--account-key-file "main" is not ACCOUNT=FILE`,
		"device set x --account-key-file main=":                  "--account-key-file main= names no file",
		"device set x --secret-file /11/0/6":                     `--secret-file "/11/0/6" is not PATH=FILE`,
		"device add x --profile meter --format xml":              "--format",
		"device add x --profile meter --psk":                     "--psk needs a value",
		"device add x --profile --psk generate":                  "--profile needs a value",
		"device list --db":                                       "--db needs a value",
		"device list --limit ten":                                `--limit "ten" is not a whole number: lwbs device list`,
		"device set x --revision -1 --note n":                    `--revision "-1" is not a whole number of 0 or more`,
		"device set x --no-sec=maybe":                            `--no-sec "maybe" is not true or false`,
		"serve --drain 5":                                        `--drain "5" is not a time such as 30s or 5m`,
		"profile apply -f":                                       "-f needs a value",
		"device set x":                                           "no option says what to change",
		"device list a":                                          "expected no arguments, got 1 argument: lwbs device list [options]\n",
		"device get $E":                                          "ENDPOINT is empty: lwbs device get [options] ENDPOINT\n",
		"--db $E device list":                                    "--db is empty",
		"profile check":                                          "no FILE is named, nor - for standard input: lwbs profile check [options] FILE...",
		"profile apply":                                          "no FILE is named",
		"device add x --profile a --profile b":                   "--profile is given twice",
		"device set x --tag none --tag a":                        "--tag none stands alone: it removes all",
		"device set x --tag $E":                                  "--tag is empty",
		"device set x --certificate-name $E":                     "--certificate-name is empty",
		"device set x --certificate $E":                          "--certificate is empty",
		"device set x --psk-key-file $E":                         "--psk-key-file is empty",
		"device set x --psk-key-file - --psk-key-format hex --account-key-file main=-": "--psk-key-file - and --account-key-file main=-: standard input can be read once",
		"device set x --psk-key-format hex":                                            "--psk-key-format says how a file is written: it needs --psk-key-file",
		"device set x --account-key-format hex":                                        "--account-key-format says how a file is written: it needs --account-key-file or",
		"profile apply $E":                                                             "FILE is empty",
		"profile apply $D/meter.yaml -f $D/meter.yaml":                                 "FILE $D/meter.yaml is named twice",
		"serve --log loud":                                                             "--log",
		"serve --coaps $E":                                                             `--coaps "" is not an address such as :5684`,
		"serve --coaps nonsense":                                                       `--coaps "nonsense" is not an address`,
		"serve --coaps 127.0.0.1:":                                                     "is not an address",
		"serve --coap 127.0.0.1:99999":                                                 `--coap "127.0.0.1:99999" is not an address`,
		"serve --coaps off":                                                            "there is nothing to listen on",
		"serve --drain -1s":                                                            "--drain -1s is negative",
		"--admin tcp:1 device list":                                                    "is neither unix:PATH nor https://HOST:PORT",
	} {
		status, out, errs := sh.run(line)
		if status != exitUsage || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: status %d, want %d: %s%s", line, status, exitUsage, out, errs)
		}
	}
}

// Whatever is wrong with the files is one line, and changes nothing.
func TestBadFiles(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, sh *shell)
		line  string
		want  string
	}{
		{"no database", func(t *testing.T, sh *shell) { remove(t, sh.path("x.db")) }, "device list", "does not exist"},
		{"no key", func(t *testing.T, sh *shell) { remove(t, sh.path("x.db.key")) }, "device list", "sealing key is missing"},
		{"key of another database", func(t *testing.T, sh *shell) {
			remove(t, sh.path("x.db.key"))
			k, err := seal.NewKeyring()
			if err != nil || k.Save(sh.path("x.db.key")) != nil {
				t.Fatal(err)
			}
		}, "device list", "does not fit"},
		{"key that others can read", func(t *testing.T, sh *shell) {
			if err := os.Chmod(sh.path("x.db.key"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "device list", "chmod 600 $D/x.db.key"},
		{"no database at all", func(t *testing.T, sh *shell) { sh.write("x.db", strings.Repeat("text ", 5000)) }, "device list", "damaged"},
		{"locked", func(t *testing.T, sh *shell) {
			k, err := seal.LoadKeyring(sh.path("x.db.key"))
			if err != nil {
				t.Fatal(err)
			}
			db, err := bolt.Open(sh.path("x.db"), k, bolt.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
		}, "device list", "in use by another process"},
		{"no profile file", func(*testing.T, *shell) {}, "profile apply -f $D/nope.yaml", "no such file"},
		{"profile is not YAML", func(t *testing.T, sh *shell) { sh.write("b.yaml", "name: [\n") }, "profile apply -f $D/b.yaml", "$D/b.yaml:1:"},
		{"profile has an unknown key", func(t *testing.T, sh *shell) { sh.write("b.yaml", "name: m\nacounts: []\n") }, "profile apply -f $D/b.yaml", `did you mean "accounts"?`},
		{"database is a folder", func(*testing.T, *shell) {}, "--db $D device list", "database $D is a folder"},
		{"no folder for a database", func(*testing.T, *shell) {}, "--db $D/no/y.db profile apply -f $D/meter.yaml", "make database $D/no/y.db: stat $D/no: no such file"},
		{"no folder for a socket", func(*testing.T, *shell) {}, "serve --coaps 127.0.0.1:0 --admin unix:$D/no/s", "admin socket"},
		{"socket with too long a name", func(*testing.T, *shell) {}, "serve --coaps 127.0.0.1:0 --admin unix:$D/" + strings.Repeat("s", 120), "the path is too long for a socket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sh := newShell(t)
			sh.ok("profile apply -f $D/meter.yaml")
			tt.spoil(t, sh)
			status, out, errs := sh.run(tt.line)
			first, rest, _ := strings.Cut(errs, "\n")
			if status != exitFailed || out != "" || !strings.HasPrefix(first, "lwbs: ") || !strings.Contains(first, tt.want) {
				t.Errorf("status %d, stdout %q, stderr %q, want %q in its first line", status, out, errs, tt.want)
			}
			if rest != "" && (!strings.HasPrefix(rest, "hint: ") || strings.Count(rest, "\n") != 1) {
				t.Errorf("more than a hint follows: %q", rest)
			}
		})
	}
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

func TestArrange(t *testing.T) {
	for in, want := range map[string]string{
		"lwbs device add X --profile p":             "lwbs device add --profile p X",
		"lwbs device list --db f --json":            "lwbs --db f device list --json",
		"lwbs why --limit=2 X":                      "lwbs why --limit=2 X",
		"lwbs device add --psk generate X --no-sec": "lwbs device add --psk generate --no-sec X",
		"lwbs device delete -- -x":                  "lwbs device delete -- -x",
		"lwbs device set X --psk-key-file -":        "lwbs device set --psk-key-file - X",
		"lwbs device add X --psk":                   "lwbs device add --psk",
		"lwbs device add X --profile --psk Y":       "lwbs device add --profile",
		"lwbs device set X --note=--psk":            "lwbs device set --note=--psk X",
		"lwbs device set X --note --unknown":        "lwbs device set --note --unknown X",
		"lwbs device list --json --db":              "lwbs --db",
		"lwbs":                                      "lwbs",
	} {
		args, err := arrange(newApp(nil, nil, nil), strings.Fields(in))
		if got := strings.Join(args, " "); err != nil || got != want {
			t.Errorf("%s becomes %s, %v, want %s", in, got, err, want)
		}
	}
	if got, err := arrange(newApp(nil, nil, nil), nil); err != nil || len(got) > 0 {
		t.Errorf("nothing becomes %s, %v", got, err)
	}
}
