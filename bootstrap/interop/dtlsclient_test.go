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
	"strconv"
	"testing"
	"time"
)

// A dtlsClient is a program of another DTLS library that carries its standard input to
// a server, and what the server says to its standard output. It knows no CoAP: the
// LwM2M device behind it is ours.
type dtlsClient struct {
	name         string
	needs        []string // as in peer
	suites       []string // with a pre-shared key, in the program's words
	certificates []string // suites with certificates
	mute         bool     // does not tell the server why it leaves
	command      func(d device, host, port, suite string) *exec.Cmd
}

var (
	openssl = dtlsClient{
		name: "OpenSSL", needs: []string{"openssl"},
		suites: []string{"PSK-AES128-CCM8", "PSK-AES128-CCM", "PSK-AES128-GCM-SHA256", "PSK-AES128-CBC-SHA256", "PSK"},
		certificates: []string{"ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES128-GCM-SHA256",
			"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
			"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305", "DEFAULT"},
		command: func(d device, host, port, suite string) *exec.Cmd {
			args := []string{"s_client", "-quiet", "-dtls1_2", "-connect", net.JoinHostPort(host, port), "-cipher", suite}
			args = append(args, d.options...)
			if d.mtu != 0 {
				args = append(args, "-mtu", strconv.Itoa(d.mtu))
			}
			if d.ca == "" {
				if d.name != "" {
					args = append(args, "-servername", d.name)
				}
				return exec.Command("openssl", append(args, "-psk_identity", d.identity, "-psk", d.key)...)
			}
			args = append(args, "-CAfile", d.ca, "-verify_return_error", "-servername", d.name, "-verify_hostname", d.name)
			if d.certificate != "" {
				args = append(args, "-cert", d.certificate, "-key", d.certificateKey)
			}
			return exec.Command("openssl", args...)
		},
	}
	gnutls = dtlsClient{
		name: "GnuTLS", needs: []string{"gnutls-cli"},
		suites: []string{"+AES-128-CCM-8:+AEAD", "+AES-128-CCM:+AEAD", "+AES-128-GCM:+AEAD", "+AES-128-CBC:+SHA256"},
		certificates: []string{"+ECDHE-ECDSA:+AES-128-CCM-8:+AEAD", "+ECDHE-ECDSA:+AES-128-CCM:+AEAD", "+ECDHE-ECDSA:+AES-128-GCM:+AEAD",
			"+ECDHE-ECDSA:+AES-256-GCM:+AEAD", "+ECDHE-ECDSA:+CHACHA20-POLY1305:+AEAD",
			"+ECDHE-RSA:+AES-128-GCM:+AEAD", "+ECDHE-RSA:+AES-256-GCM:+AEAD", "+ECDHE-RSA:+CHACHA20-POLY1305:+AEAD"},
		command: func(d device, host, port, suite string) *exec.Cmd {
			priority := "NONE:+VERS-DTLS1.2:+COMP-NULL:+SIGN-ALL:+GROUP-ALL:" + suite
			args := []string{"--udp", "--port", port, "--logfile", "/dev/stderr", "--priority"}
			if d.mtu != 0 {
				args = append([]string{"--mtu", strconv.Itoa(d.mtu)}, args...)
			}
			if d.ca == "" {
				return exec.Command("gnutls-cli", append(args, priority+":+PSK", "--pskusername", d.identity, "--pskkey", d.key, host)...)
			}
			args = append(args, priority, "--x509cafile", d.ca, "--sni-hostname", d.name, "--verify-hostname", d.name)
			if d.certificate != "" {
				args = append(args, "--x509certfile", d.certificate, "--x509keyfile", d.certificateKey)
			}
			return exec.Command("gnutls-cli", append(args, host)...)
		},
	}
	// The record version of its first flight is 0xfe00.
	mbedTLS = dtlsClient{
		name: "Mbed-TLS", needs: []string{mbedTLSPython}, mute: true,
		suites: []string{"TLS-PSK-WITH-AES-128-CCM-8", "TLS-PSK-WITH-AES-128-CCM", "TLS-PSK-WITH-AES-128-GCM-SHA256", ""},
		certificates: []string{"TLS-ECDHE-ECDSA-WITH-AES-128-CCM-8", "TLS-ECDHE-ECDSA-WITH-AES-128-CCM", "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
			"TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384", "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256",
			"TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256", "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384", "TLS-ECDHE-RSA-WITH-CHACHA20-POLY1305-SHA256"},
		command: func(d device, host, port, suite string) *exec.Cmd {
			args := []string{filepath.Join(mbedTLSDir, "client.py"), "--connect", net.JoinHostPort(host, port), "--suite", suite}
			if d.ca == "" {
				return exec.Command(mbedTLSPython, append(args, "--identity", d.identity, "--psk", d.key)...)
			}
			args = append(args, "--ca", d.ca, "--name", d.name)
			if d.certificate != "" {
				args = append(args, "--certificate", d.certificate, "--key", d.certificateKey)
			}
			return exec.Command(mbedTLSPython, args...)
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
