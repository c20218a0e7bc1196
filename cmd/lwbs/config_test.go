package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/cmd/lwbs/internal/settings"
	"lwbs/lwm2m"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

// A shownSetting is what config show --json prints of a key.
type shownSetting struct {
	Key   string
	Value any
	From  string
	Line  int
	File  string
}

func (sh *shell) shown(line string) map[string]shownSetting {
	sh.t.Helper()
	var all []shownSetting
	if err := json.Unmarshal([]byte(sh.ok(line)), &all); err != nil {
		sh.t.Fatal(err)
	}
	byKey := make(map[string]shownSetting)
	for _, s := range all {
		byKey[s.Key] = s
	}
	return byKey
}

// Whatever an option of lwbs serve can say, the configuration file can say, and a variable of the environment: the keys
// are the options, of serve and those that every command has, but for what is for other commands.
func TestConfigFileSaysWhatOptionsSay(t *testing.T) {
	sh := newShell(t)
	app := newApp(nil, nil, nil)
	keys := settings.Keys(app)
	var want []string
	for _, f := range app.Flags {
		if name := f.Names()[0]; !slices.Contains([]string{"config", "version", "token-file", "ca-file", "client-cert", "client-key"}, name) {
			want = append(want, name)
		}
	}
	for _, f := range commandAt(t, "serve").Flags {
		want = append(want, f.Names()[0])
	}
	var got []string
	for _, k := range keys {
		got = append(got, k.Name)
		if len(k.Env) == 0 {
			t.Errorf("no variable of the environment gives %s", k.Name)
		}
	}
	if !slices.Equal(got, want) || len(got) < 40 {
		t.Errorf("the keys are %v, want %v", got, want)
	}
	example := regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(sh.ok("config example"), "$1")
	for _, k := range keys {
		sample := regexp.MustCompile(`(?m)^` + k.Name + `: (.*)$`).FindStringSubmatch(example)
		if sample == nil {
			t.Errorf("the example lacks %s", k.Name)
			continue
		}
		sh.write("one.yaml", "# a comment\n"+k.Name+": "+sample[1]+"\n")
		if file, err := settings.Parse("one.yaml", []byte(k.Name+": "+sample[1]), keys); err != nil || file == nil {
			t.Errorf("%s: %s: %v", k.Name, sample[1], err)
		}
	}
}

// What is in force is shown with where it comes from. (--db is on the command line of every test.)
func TestConfigShow(t *testing.T) {
	sh := newShell(t)
	sh.write("lwbs.yaml", "log: warn\ncoaps:\n  - 127.0.0.1:0\n  - \"[::1]:0\"\nmax-pending: 5\nadmin: unix:"+sh.path("s")+"\n")
	t.Setenv("LWBS_DRAIN", "5s")
	shown := sh.shown("config show --config $D/lwbs.yaml --json --log-json --max-pending 7")
	for key, want := range map[string]shownSetting{
		"log": {Value: "warn", From: "file", Line: 1}, "admin": {Value: "unix:" + "$D/s", From: "file", Line: 6}, "drain": {Value: "5s", From: "environment"},
		"log-json": {Value: true, From: "option"}, "max-pending": {Value: "7", From: "option"}, "hibernate": {Value: "disk", From: "default"}, "db": {Value: "$D/x.db", From: "option"},
	} {
		got := shown[key]
		if got.Value != want.Value || got.From != want.From || got.Line != want.Line {
			t.Errorf("%s is shown as %+v, want %+v", key, got, want)
		}
	}
	if list, ok := shown["coaps"].Value.([]any); !ok || len(list) != 2 || shown["coaps"].Line != 2 {
		t.Errorf("coaps is shown as %+v", shown["coaps"])
	}
	contains(t, "as a table", sh.ok("config show --config $D/lwbs.yaml"), "KEY ", "log ", "$D/lwbs.yaml:1", "environment LWBS_DRAIN", "option --db", "10,000")
	if status, _, errs := sh.run("config show --log noise"); status != exitUsage || !strings.Contains(errs, `--log "noise"`) {
		t.Errorf("a mistake: status %d, %s", status, errs)
	}
}

// All mistakes are found at once, by serve, config check and config show: those in the form of the file, and those of
// values. A wrong file stops the other commands too, which would look for another database, but not those that need none.
func TestConfigCheck(t *testing.T) {
	sh := newShell(t)
	sh.write("bad.yaml", `logg: info
log: noise
replica-id: 256
drain: 90
coaps: ["127.0.0.1:0", nowhere]
coap: 127.0.0.1:0
hibernate: ram
unknown-devices:
  - "192.0.2.1:1=park"
tls-cert: $D/none.pem
leshan-api: 192.0.2.1:8081
metrics: nonsense
web: 192.0.2.1:8443
new-peer-rate: -1
`)
	status, out, errs := sh.run("config check $D/bad.yaml")
	wants := []string{
		`bad.yaml:1: unknown key "logg": did you mean "log"?`, `bad.yaml:2: log "noise" is not debug, info, warn or error`, "bad.yaml:3: replica-id 256 is not within 0 to 255",
		`bad.yaml:4: drain: "90" is not a time`, `bad.yaml:5: coaps "nowhere" is not an address`, `bad.yaml:7: hibernate "ram" is not disk, memory or off`,
		`bad.yaml:9: unknown-devices "192.0.2.1:1=park": "192.0.2.1:1" is none of the coaps addresses`, "bad.yaml:10: 1 tls-cert and 0 tls-key: each certificate has one key",
		`bad.yaml:10: tls-cert "$D/none.pem": no such file or directory`, "bad.yaml:11: leshan-api 192.0.2.1:8081 is not on loopback", "bad.yaml:11: leshan-api needs leshan-api-token-file",
		`bad.yaml:12: metrics "nonsense" is not an address`, "bad.yaml:13: web 192.0.2.1:8443 is not on loopback", "bad.yaml:14: new-peer-rate -1 is negative",
	}
	lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
	if status != exitFailed || out != "" || len(lines) != len(wants) {
		t.Errorf("status %d, %q, %d lines, want %d:\n%s", status, out, len(lines), len(wants), errs)
	}
	for _, want := range wants {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "lwbs: $D/"+want) }) {
			t.Errorf("it lacks %q:\n%s", want, errs)
		}
	}
	for line, want := range map[string]int{"serve": exitFailed, "config show": exitFailed, "device list": exitFailed, "version": exitDone, "completion bash": exitDone, "config example": exitDone, "help": exitDone} {
		if status, _, errs := sh.run("--config $D/bad.yaml " + line); status != want {
			t.Errorf("%s with the wrong file: status %d, want %d: %s", line, status, want, errs)
		}
	}
	if _, err := os.Lstat(sh.path("x.db")); err == nil {
		t.Error("a database was made")
	}
	sh.write("good.yaml", "coaps: 127.0.0.1:0\ntls-cert: /nowhere/a\ntls-key: /nowhere/b\n")
	contains(t, "without the files", sh.ok("config check --no-files $D/good.yaml"), "good.yaml: no mistakes")
	if status, _, errs := sh.run("config check $D/good.yaml"); status != exitFailed || !strings.Contains(errs, `good.yaml:2: tls-cert "/nowhere/a": no such file`) {
		t.Errorf("with the files: status %d, %s", status, errs)
	}
	p := clitest.NewPKI(t)
	sh.write("certs.yaml", "tls-cert: "+p.Cert+"\ntls-key: "+p.Cert+"\n")
	if status, _, errs := sh.run("config check $D/certs.yaml"); status != exitFailed || !strings.Contains(errs, "key") {
		t.Errorf("a certificate for a key: status %d, %s", status, errs)
	}
	if status, _, errs := sh.run("config check $D/none.yaml"); status != exitFailed || !strings.Contains(errs, "no such file") {
		t.Errorf("no file: status %d, %s", status, errs)
	}
}

// With the file of the server, the other commands find its database and its socket.
func TestCommandsUseTheConfigurationFile(t *testing.T) {
	sh := newShell(t)
	sh.write("lwbs.yaml", "db: "+sh.path("other.db")+"\nadmin: unix:"+sh.path("other.sock")+"\n")
	app := func(args ...string) (int, string) {
		var out strings.Builder
		status := run(append([]string{"lwbs"}, args...), strings.NewReader(""), &out, &out)
		return status, out.String()
	}
	if status, out := app("profile", "apply", "-f", sh.path("meter.yaml"), "--config", sh.path("lwbs.yaml")); status != exitFailed || !strings.Contains(out, "no server answers there") {
		t.Errorf("without the server that the file names: status %d, %s", status, out)
	}
	sh.write("lwbs.yaml", "db: "+sh.path("other.db")+"\n")
	t.Setenv("LWBS_CONFIG", sh.path("lwbs.yaml"))
	if status, out := app("profile", "apply", "-f", sh.path("meter.yaml")); status != exitDone {
		t.Errorf("status %d, %s", status, out)
	}
	if _, err := os.Stat(sh.path("other.db")); err != nil {
		t.Error(err)
	}
}

// At SIGHUP the server takes what can be into use, says of each changed key what became of it, and keeps all as it was
// where the file has a mistake. Signals that come together do no harm.
func TestServeReloadsItsConfiguration(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGHUP")
	}
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	base := "coap: 127.0.0.1:0\nmax-hibernated: 10\n"
	sh.write("lwbs.yaml", base)
	var log clitest.Log
	t.Setenv("LWBS_CONFIG", sh.path("lwbs.yaml"))
	sh.serveLogging(&log, "--new-peer-rate", "4000")
	reload := func(text string, wants ...string) {
		t.Helper()
		before := len(log.String())
		sh.write("lwbs.yaml", text)
		for range 3 {
			if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range wants {
			for deadline := time.Now().Add(patience); !strings.Contains(log.String()[before:], want); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("the log does not come to say %q:\n%s", want, log.String()[before:])
				}
			}
		}
	}
	reload(base+"unknown-devices-plain: park\nmax-pending: 1\nnew-peer-rate: 3\ndrain: 1s\nmetrics: 127.0.0.1:0\n",
		`msg="setting changed" key=unknown-devices-plain from=reject to=park`, `key=max-pending from=1,000 to=1 `, `key=drain from=1m0s to=1s`,
		`level=WARN msg="a setting has changed in the configuration file and needs a restart" key=metrics in_use="only on the admin socket" changed_to=127.0.0.1:0`)
	lacks(t, "an option goes before the file", log.String(), "key=new-peer-rate")
	sh.comesPlain("unknown-1")
	if p := sh.waits("unknown-1"); p.Endpoint != "unknown-1" {
		t.Errorf("the new policy is not in force: %+v", p)
	}
	reload(base+"unknown-devices-plain: silent\ndrain: -1s\nlogg: debug\n", `msg="the configuration file has a mistake; all settings stay as they are"`, `problem="unknown key \"logg\": did you mean \"log\"?"`)
	reload(base+"unknown-devices-plain: silent\ndrain: -1s\n", `line=4 problem="drain -1s is negative"`)
	reload("", "lwbs.yaml is empty")
	lacks(t, "a wrong file changes nothing", log.String(), "to=silent")
	reload(base+"log: error\n", `key=log from=info to=error`, `key=unknown-devices-plain from=park to=reject given_by=default`)
	reload(base+"log: debug\nmax-hibernated-x: 3\n", `unknown key \"max-hibernated-x\"`)
	reload(base+"log: debug\n", `key=log from=error to=debug`)
	if err := os.Remove(sh.path("lwbs.yaml")); err != nil {
		t.Fatal(err)
	}
	before := len(log.String())
	for deadline := time.Now().Add(patience); !strings.Contains(log.String()[before:], "no such file"); {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil || time.Now().After(deadline) {
			t.Fatalf("a file that is gone: %v\n%s", err, log.String()[before:])
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Setenv("LWBS_CONFIG", "")
	sh.ok("status")
}

// The page about the file has the example in it.
func TestConfigurationDocs(t *testing.T) {
	sh := newShell(t)
	example := sh.ok("config example")
	const page, begin, end = "../../docs/configuration.md", "```yaml\n# The configuration of lwbs serve", "\n```\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/configuration.md has no example")
	}
	want := before + "```yaml\n" + strings.TrimSuffix(example, "\n") + end + after
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatal("docs/configuration.md has another example than lwbs config example prints: go test ./cmd/lwbs -run ConfigurationDocs -update")
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// comesPlain lets a device without a record bootstrap over plain CoAP in the background, until the test ends.
func (sh *shell) comesPlain(endpoint string) {
	ctx, cancel := context.WithCancel(sh.t.Context())
	done := make(chan struct{})
	sh.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		_, _ = sim.Run(ctx, sim.Config{
			Endpoint: lwm2m.EndpointName(endpoint), BootstrapServer: lwm2m.SecurityInstance{ServerURI: "coap://" + sh.coap, Mode: lwm2m.SecurityNoSec},
			Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
				return coap.DialUDP(ctx, sh.coap, coap.DialConfig{Handler: h})
			},
		})
	}()
}

// A service manager is told when the server is ready, reloads, has reloaded and stops.
func TestServeTellsTheServiceManager(t *testing.T) {
	sh := newShell(t)
	name := filepath.Join(sh.dir, "n")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Skip(err) // this system has no such sockets
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	told := func(want string) {
		t.Helper()
		b := make([]byte, 200)
		if err := manager.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if n, err := manager.Read(b); err != nil || !strings.HasPrefix(string(b[:n]), want) {
			t.Fatalf("the manager is told %q, %v; want %q", b[:n], err, want)
		}
	}
	end := sh.serveLogging(io.Discard)
	told("READY=1")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	told("RELOADING=1\nMONOTONIC_USEC=")
	told("READY=1")
	end()
	told("STOPPING=1")
}
