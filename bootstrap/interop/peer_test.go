//go:build interop

package interop_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A device is what is set in a foreign device at the factory, and how it is to behave.
type device struct {
	endpoint string
	server   string // URI of its Bootstrap-Server
	identity string // of coaps
	key      string // of coaps; hexadecimal

	// In place of identity and key, in files: its certificate with the key of that, none
	// where they are empty, and the CA that it trusts, or for Leshan the certificate of the
	// server. Name is that of the server.
	certificate, certificateKey, ca, name string

	mtu     int      // of a dtlsClient, in bytes; zero means its default
	options []string // of openssl, beside its own
	seconds int      // how long it tries; zero means 30
	refuse  string   // requests that a Leshan device refuses, as "PUT:/1=4.00"
	format  string   // that device11 prefers; empty for its default
	cid     string   // bytes of the DTLS connection ID that device11 offers; empty for none
	again   string   // who begins the second round of a Leshan device: self or trigger; empty for self
}

// A peer is a foreign LwM2M stack in the role of the device.
type peer struct {
	name    string
	version string   // of LwM2M that it registers with
	needs   []string // commands, and files that "make interop" builds
	binary  string   // environment variable that names the program of an optional peer

	sink  func(*testing.T) sink // the kind of server that it is to register at
	start func(*testing.T, device) *process

	// rounds is how often the device bootstraps and registers: twice proves that its
	// Bootstrap-Server Account is as it was.
	rounds int

	// again starts the second round; nil for a program that goes on by itself.
	again func(*testing.T, *process)

	// mute is whether the program prints no events.
	mute bool
}

var (
	leshan11 = peer{
		name: "Leshan-2.0.0-M18", version: "1.1", rounds: 2,
		needs: []string{"java", leshanJar("server"), leshanJar("device11")},
		sink:  newLeshanSink,
		start: func(t *testing.T, d device) *process { return startLeshan(t, "device11", d) },
	}
	leshan10 = peer{
		name: "Leshan-1.5.0", version: "1.0", rounds: 2,
		needs: []string{"java", leshanJar("server"), leshanJar("device10")},
		sink:  newLeshanSink,
		start: func(t *testing.T, d device) *process { return startLeshan(t, "device10", d) },
	}
	wakaamaNPM = peer{
		name: "Wakaama-npm", version: "1.0", rounds: 1,
		needs: []string{"node", wakaamaPackage},
		sink:  newGoSink,
		start: startWakaamaNPM,
	}
	wakaamaUDP = peer{
		name: "Wakaama-UDP", version: "1.1", rounds: 2, again: bootstrapAgain, mute: true,
		needs: []string{"stdbuf"}, binary: "LWBS_WAKAAMA_CLIENT",
		sink:  newGoSink,
		start: func(t *testing.T, d device) *process { return startWakaama(t, "LWBS_WAKAAMA_CLIENT", d) },
	}
	wakaamaDTLS = peer{
		name: "Wakaama-DTLS", version: "1.1", rounds: 2, again: bootstrapAgain, mute: true,
		needs: []string{"stdbuf"}, binary: "LWBS_WAKAAMA_CLIENT_DTLS",
		sink:  newGoSink,
		start: func(t *testing.T, d device) *process { return startWakaama(t, "LWBS_WAKAAMA_CLIENT_DTLS", d) },
	}
)

// require skips the test where the peer is missing, or fails it where the environment
// has INTEROP=require.
func (p peer) require(t *testing.T) {
	t.Helper()
	if p.binary != "" && os.Getenv(p.binary) == "" {
		t.Skipf("%s names no program", p.binary)
	}
	for _, what := range p.needs {
		_, err := exec.LookPath(what)
		if filepath.Base(what) != what {
			_, err = os.Stat(what)
		}
		if err == nil {
			continue
		}
		if os.Getenv("INTEROP") == "require" {
			t.Fatalf("%s is missing: %v", p.name, err)
		}
		t.Skipf("%s is missing; make interop builds what it can: %v", p.name, err)
	}
}

func startLeshan(t *testing.T, program string, d device) *process {
	t.Helper()
	args := append([]string{"-jar", leshanJar(program), "--rounds", "2"}, deviceArgs(t, d)...)
	if d.refuse != "" {
		args = append(args, "--refuse", d.refuse)
	}
	if d.format != "" {
		args = append(args, "--format", d.format)
	}
	if d.cid != "" {
		args = append(args, "--cid", d.cid)
	}
	if d.again != "" {
		args = append(args, "--again", d.again)
	}
	return start(t, program, exec.Command("java", args...))
}

var (
	wakaamaDevice  = filepath.Join("..", "..", "testdata", "wakaama", "device.js")
	wakaamaPackage = filepath.Join(filepath.Dir(wakaamaDevice), "node_modules", "node-red-contrib-lwm2m", "dist", "binding")
)

// startWakaamaNPM starts the client of the npm package. On a loaded machine its two
// processes do not always find each other, and it ends before it has sent anything: then it
// is started again.
func startWakaamaNPM(t *testing.T, d device) *process {
	t.Helper()
	args := append([]string{wakaamaDevice}, deviceArgs(t, d)...)
	for range 5 {
		p := start(t, "device.js", exec.Command("node", args...))
		if p.says(func(line string) bool { return strings.HasPrefix(line, `{"event":"state"`) }) {
			return p
		}
	}
	t.Fatal("the client of the npm package does not start")
	return nil
}

// deviceArgs are the options that the devices in testdata have in common.
func deviceArgs(t *testing.T, d device) []string {
	t.Helper()
	args := []string{"--endpoint", d.endpoint, "--server", d.server}
	if d.seconds != 0 {
		args = append(args, "--seconds", strconv.Itoa(d.seconds))
	}
	switch {
	case d.certificate != "":
		args = append(args, "--certificate", d.certificate, "--private-key", d.certificateKey, "--server-certificate", d.ca)
	case d.identity != "":
		args = append(args, "--identity", d.identity, "--key-file", writeFile(t, "device.key", d.key))
	}
	return args
}

// startWakaama runs an lwm2mclient of Wakaama's examples. Its output is block-buffered
// where it is not a terminal, hence stdbuf; the command saves the hold-off of 10 s.
func startWakaama(t *testing.T, variable string, d device) *process {
	t.Helper()
	server, err := url.Parse(d.server)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-oL", os.Getenv(variable), "-4", "-b", "-n", d.endpoint, "-l", "0", "-h", server.Hostname(), "-p", server.Port()}
	if d.identity != "" {
		args = append(args, "-i", d.identity, "-s", d.key)
	}
	p := start(t, "lwm2mclient", exec.Command("stdbuf", args...))
	p.awaitLine(t, "STATE_BOOTSTRAPPING", func(line string) bool { return strings.Contains(line, "STATE_BOOTSTRAPPING") })
	bootstrapAgain(t, p)
	return p
}

// bootstrapAgain is for the command line of an lwm2mclient.
func bootstrapAgain(t *testing.T, p *process) {
	t.Helper()
	p.say(t, "bootstrap")
}
