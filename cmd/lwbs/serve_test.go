package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
)

func TestServeRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"serve --replica-id 256":                  "--replica-id 256",
		"serve --new-peer-rate -1":                "--new-peer-rate -1",
		"serve --new-peer-rate-per-net -1":        "--new-peer-rate-per-net -1",
		"serve --max-associations -1":             "--max-associations -1",
		"serve --max-associations-per-address -1": "--max-associations-per-address -1",
		"serve --handshake-timeout 0":             "--handshake-timeout 0s is not within 1s to 10m",
		"serve --handshake-timeout -9s":           "--handshake-timeout -9s",
		"serve --handshake-timeout 601s":          "--handshake-timeout 10m1s",
		"serve --handshake-timeout soon":          "handshake-timeout",
		"serve --hibernate ram":                   `--hibernate "ram" is not disk, memory or off`,
		"serve --replica-id -1":                   "replica-id",
		"serve --coaps off":                       "nothing to listen on",
		"serve --coaps 127.0.0.1:0 --log noise":   `--log "noise"`,
	} {
		status, _, errs := newShell(t).run(line)
		if status != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %q; want %q", line, status, errs, want)
		}
	}
}

// A server that cannot listen leaves nothing behind: no database, no key, no socket.
func TestServeMakesNothingWhereItCannotListen(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	for line, want := range map[string]string{
		"serve --coaps " + udp.LocalAddr().String():                                  "the port is in use by another program: stop it, or choose another address with --coaps",
		"serve --coaps off --coap " + udp.LocalAddr().String():                       "choose another address with --coap",
		"serve --coaps 127.0.0.1:0 --metrics " + tcp.Addr().String():                 "choose another address with --metrics",
		"serve --coaps 127.0.0.1:0 --metrics nonsense":                               `--metrics "nonsense" is not an address`,
		"serve --coaps 192.0.2.77:5684":                                              "coaps at 192.0.2.77:5684: this machine has no such address",
		"serve --coaps 127.0.0.1:0 --admin unix:$D/no/s":                             "admin socket",
		"serve --coaps 127.0.0.1:0 --admin unix:$D/" + strings.Repeat("s", 120):      "the path is too long for a socket",
		"serve --coaps 127.0.0.1:0 --max-associations -1":                            "--max-associations -1",
		"serve --coaps 127.0.0.1:0 --tls-cert $D/meter.yaml --tls-key $D/meter.yaml": "is no certificate in PEM or DER",
		"--objects $D/nowhere serve --coaps 127.0.0.1:0":                             "no such file",
	} {
		sh := newShell(t)
		status, out, errs := sh.run(line)
		if status == exitDone || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %s%s, want %q", line, status, out, errs, want)
		}
		for _, name := range []string{"x.db", "x.db.key", "x.db.sock"} {
			if _, err := os.Lstat(sh.path(name)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: there is a file %s: %v", line, name, err)
			}
		}
	}
	free := udp.LocalAddr().String()
	udp.Close()
	sh := newShell(t)
	status, _, errs := sh.run("serve --coaps " + free + " --coaps " + free)
	if status == exitDone || !strings.Contains(errs, "the port is in use") {
		t.Errorf("one address twice: status %d, %s", status, errs)
	}
}
