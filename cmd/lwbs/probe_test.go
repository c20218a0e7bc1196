package main

import (
	"encoding/json"
	"strings"
	"testing"

	"lwbs/bootstrap/certtest"
)

// A probe of our own server tells each step, what it was given, and where it did not work why.
func TestProbe(t *testing.T) {
	t.Parallel()
	sh := newShellBeside(t)
	server := certtest.SelfSigned(t, "localhost")
	certificate, key := certtest.WriteFiles(t, server)
	sh.serve("--coap", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add dev-1 --profile meter --psk-identity id-1 --psk-key-format hex --psk-key-file $D/key.hex")
	const psk = " --endpoint dev-1 --identity id-1 --psk-key-format hex --psk-key-file $D/key.hex "

	out := sh.ok("probe coaps://" + sh.coaps + psk)
	contains(t, "probe", out, "as dev-1 (identity id-1, key of 16 bytes)", "handshake DTLS 1.2 with "+sh.coaps+"  → completed", "POST /bs?ep=dev-1  → accepted",
		"GET       /  Bootstrap-Discover  → 2.05", "PUT       /0/1  tlv", "Bootstrap-Finish  → 2.04", "/0/1    LwM2M Security", "Secret Key                         [16 bytes]", "account of LwM2M Server 101", "came to    done")
	lacks(t, "probe", out, "Manufacturer") // was not given
	sh.await("session list --endpoint dev-1", "done")

	account := sh.deviceKeyHex("dev-1")
	lacks(t, "probe", out, account)
	contains(t, "probe --reveal", sh.ok("probe --reveal coaps://"+sh.coaps+psk), account)
	var view struct {
		Done         bool
		Holds, Steps []json.RawMessage
	}
	text := sh.ok("probe --json --as wakaama coaps://" + sh.coaps + psk)
	if err := json.Unmarshal([]byte(text), &view); err != nil || !view.Done || len(view.Holds) != 2 || len(view.Steps) < 5 {
		t.Errorf("%v: %s", err, text)
	}
	lacks(t, "probe --json", text, account)

	for line, want := range map[string]string{
		"coaps://" + sh.coaps + " --endpoint dev-2 --identity id-1 --psk-key-format hex --psk-key-file $D/key.hex": "4.00 Bad Request",
		"coap://" + sh.coap + " --endpoint dev-1": "request-refused",
	} {
		status, out, errs := sh.run("probe " + line)
		if status != exitFailed || !strings.Contains(errs, "the device was not bootstrapped") {
			t.Errorf("probe %s: status %d: %s", line, status, errs)
		}
		contains(t, line, out, want, "to do      ", "lwbs why dev-")
	}
}

// A device with a certificate is played too, and it looks at that of the server.
func TestProbeWithACertificate(t *testing.T) {
	sh := newShell(t)
	server, device := certtest.SelfSigned(t, "localhost"), certtest.SelfSigned(t, "dev-1")
	certificate, key := certtest.WriteFiles(t, server)
	own, ownKey := certtest.WriteFiles(t, device)
	sh.serve("--tls-cert", certificate, "--tls-key", key)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add dev-1 --profile meter --certificate " + own)
	options := " --endpoint dev-1 --tls-cert " + own + " --tls-key " + ownKey + " --server-ca "
	contains(t, "probe", sh.ok("probe coaps://"+sh.coaps+options+certificate), "(with a certificate)", "came to    done")
	status, out, _ := sh.run("probe coaps://" + sh.coaps + options + own)
	if status != exitFailed {
		t.Errorf("status %d", status)
	}
	contains(t, "another CA", out, "server-untrusted", "--server-ca")
}

func TestProbeMistakes(t *testing.T) {
	sh := newShell(t)
	for line, want := range map[string]string{
		"probe":                                                  "expected URI, got 0 arguments",
		"probe bs.example.com":                                   "is no URI such as coaps://bs.example.com:5684",
		"probe coap+tcp://h --endpoint a":                        "CoAP over TCP is not spoken here",
		"probe coap://h":                                         "--endpoint is missing",
		"probe coaps://h --endpoint a":                           "coaps:// takes one credential",
		"probe coap://h --endpoint a --identity b":               "a credential goes with coaps://",
		"probe coaps://h --endpoint a --tls-cert x":              "go together",
		"probe coaps://h --endpoint a --psk-key-file $D/key.hex": "--psk-key-format \"\" is not hex",
		"probe coap://h --endpoint a --as nosuch":                "--as \"nosuch\" is not one of",
		"probe coap://h --endpoint a --preferred-format xml":     "--preferred-format \"xml\" is not tlv",
		"probe coap://h --endpoint a --timeout 0s":               "--timeout 0s is not more than 0",
	} {
		status, out, errs := sh.run(line)
		if status != exitUsage || out != "" {
			t.Errorf("%s: status %d: %s", line, status, out)
		}
		contains(t, line, errs, want)
	}
}

// deviceKeyHex is the key of a device's account, in hexadecimal digits.
func (sh *shell) deviceKeyHex(endpoint string) string {
	sh.t.Helper()
	var d struct {
		Accounts map[string]struct{ Key string }
	}
	if err := json.Unmarshal([]byte(sh.ok("device get --reveal --json "+endpoint)), &d); err != nil || d.Accounts["main"].Key == "" {
		sh.t.Fatalf("the device has no key: %v", err)
	}
	return d.Accounts["main"].Key
}
