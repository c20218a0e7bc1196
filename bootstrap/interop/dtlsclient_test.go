//go:build interop

package interop_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A dtlsClient is a program of another DTLS library that carries its standard input to
// a server, and what the server says to its standard output. It knows no CoAP: the
// LwM2M device behind it is ours.
type dtlsClient struct {
	name    string
	needs   []string // as in peer
	suites  []string // in the program's words
	command func(d device, host, port, suite string) *exec.Cmd
}

var (
	openssl = dtlsClient{
		name: "OpenSSL", needs: []string{"openssl"},
		suites: []string{"PSK-AES128-CCM8", "PSK-AES128-CCM", "PSK-AES128-GCM-SHA256", "PSK-AES128-CBC-SHA256", "PSK"},
		command: func(d device, host, port, suite string) *exec.Cmd {
			return exec.Command("openssl", "s_client", "-quiet", "-dtls1_2", "-connect", net.JoinHostPort(host, port),
				"-cipher", suite, "-psk_identity", d.identity, "-psk", d.key)
		},
	}
	gnutls = dtlsClient{
		name: "GnuTLS", needs: []string{"gnutls-cli"},
		suites: []string{"+AES-128-CCM-8:+AEAD", "+AES-128-CCM:+AEAD", "+AES-128-GCM:+AEAD", "+AES-128-CBC:+SHA256"},
		command: func(d device, host, port, suite string) *exec.Cmd {
			return exec.Command("gnutls-cli", "--udp", "--port", port, "--logfile", "/dev/stderr",
				"--priority", "NONE:+VERS-DTLS1.2:+PSK:+COMP-NULL:+SIGN-ALL:+GROUP-ALL:"+suite,
				"--pskusername", d.identity, "--pskkey", d.key, host)
		},
	}
	// The record version of its first flight is 0xfe00.
	mbedTLS = dtlsClient{
		name: "Mbed-TLS", needs: []string{mbedTLSPython},
		suites: []string{"TLS-PSK-WITH-AES-128-CCM-8", "TLS-PSK-WITH-AES-128-CCM", "TLS-PSK-WITH-AES-128-GCM-SHA256", ""},
		command: func(d device, host, port, suite string) *exec.Cmd {
			return exec.Command(mbedTLSPython, filepath.Join(mbedTLSDir, "client.py"), "--connect", net.JoinHostPort(host, port),
				"--suite", suite, "--identity", d.identity, "--psk", d.key)
		},
	}
	dtlsClients = []dtlsClient{openssl, gnutls, mbedTLS}
)

var (
	mbedTLSDir    = filepath.Join("..", "..", "testdata", "mbedtls")
	mbedTLSPython = filepath.Join(mbedTLSDir, "venv", "bin", "python")
)

func (c dtlsClient) require(t *testing.T) {
	t.Helper()
	peer{name: c.name, needs: c.needs}.require(t)
}

// A conversation is a running [dtlsClient]: what is written to it goes to the server, and
// what is read from it the server has said.
type conversation struct {
	io.Writer
	io.Reader
}

// start runs the program until the test ends, or for as long as a test waits. What it says
// besides is shown when the test fails.
func (c dtlsClient) start(t *testing.T, d device, suite string) conversation {
	t.Helper()
	server, err := url.Parse(d.server)
	if err != nil {
		t.Fatal(err)
	}
	cmd := c.command(d, server.Hostname(), server.Port(), suite)
	var said bytes.Buffer
	cmd.Stderr = &said
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatalf("start %s: %v", c.name, err)
	}
	limit := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		limit.Stop()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("%s said:\n%s", c.name, said.String())
		}
	})
	return conversation{stdin, stdout}
}
