package main

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"lwbs/cmd/lwbs/internal/clitest"
)

var leshanURL = regexp.MustCompile(`API of Leshan at (\S+)`)

// The requests of the test suite of Zephyr, in their order (tests/net/lib/lwm2m/interop/pytest: leshan.py and the
// fixture endpoint_bootstrap of conftest.py), with what its class Leshan asks of the answers: a status of 200 to 299, and
// a body that is JSON or empty. Between them a device is bootstrapped with what they say.
func TestRequestsOfZephyr(t *testing.T) {
	const token = "0123456789abcdef0123456789abcdef"
	sh := newShell(t)
	sh.write("tokens", "reveal "+token+"\n")
	api := leshanURL.FindStringSubmatch(sh.serve("--leshan-api", ":0", "--leshan-api-token-file", sh.path("tokens")))[1]
	if !strings.HasPrefix(api, "http://127.0.0.1:") {
		t.Fatalf("without a host it is at %s", api)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	ask := func(method, path, body, want string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, api+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("zephyr", token) // as Python's requests does with the user and password of a URL or of a netrc file
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode < 200 || answer.StatusCode >= 300 || string(text) != want {
			t.Errorf("%s %s: %s %q, %v; want %q", method, path, answer.Status, text, err, want)
		}
	}
	const query = "?timeout=10&format=SENML_CBOR"
	ask("GET", "/security/clients"+query, "", "[]")
	ask("PUT", "/security/clients/"+query, `{"tls":{"mode":"psk","details":{"identity":"client_a1","key":"00112233445566778899aabbccddeeff"}},"endpoint":"client_a1"}`, "")
	ask("POST", "/bootstrap/client_a1"+query, `{"servers":{"0":{"binding":"U","defaultMinPeriod":1,"lifetime":86400,"notifIfDisabled":false,"shortId":1}},"security":{"1":{"bootstrapServer":false,"clientOldOffTime":1,"publicKeyOrId":[99, 108, 105, 101, 110, 116, 95, 97, 49],"secretKey":[97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112],"securityMode":"PSK","serverId":1,"serverSmsNumber":"","smsBindingKeyParam":[],"smsBindingKeySecret":[],"smsSecurityMode":"NO_SEC","uri":"coaps://192.0.2.2:5684"}},"oscore":{},"toDelete":["/0","/1"]}`, "")

	given := sh.ok("probe --reveal --as zephyr coaps://" + sh.coaps + " --endpoint client_a1 --identity client_a1 --psk-key-format hex --psk-key-file $D/key.hex")
	clitest.Contains(t, "the device", given, "coaps://192.0.2.2:5684", "account of LwM2M Server 1", "6162636465666768696a6b6c6d6e6f70", "/0/1", "/1/0", "DELETE    /0", "DELETE    /1", "came to    done")

	ask("DELETE", "/security/clients/client_a1", "", "")
	ask("DELETE", "/bootstrap/client_a1", "", "")
	if out := sh.ok("device list"); strings.Contains(out, "client_a1") {
		t.Errorf("the device is left: %s", out)
	}
}

func TestLeshanAPIOptions(t *testing.T) {
	sh := newShell(t)
	sh.write("tokens", "0123456789abcdef\n")
	sh.write("bad", "x\n")
	for options, want := range map[string]string{
		"--leshan-api 8081": `--leshan-api "8081" is not an address`,
		"--leshan-api :0":   "--leshan-api needs --leshan-api-token-file",
		"--leshan-api 0.0.0.0:0 --leshan-api-token-file $D/tokens":                            "0.0.0.0:0 is not on loopback",
		"--leshan-api bs.example:0 --leshan-api-token-file $D/tokens":                         "is not on loopback",
		"--leshan-api :0 --leshan-api-tls --leshan-api-token-file $D/tokens":                  "--leshan-api-tls needs --tls-cert",
		"--leshan-api-token-file $D/tokens":                                                   "--leshan-api-token-file is for --leshan-api",
		"--leshan-api-no-sec":                                                                 "--leshan-api-no-sec is for --leshan-api",
		"--leshan-api :0 --leshan-api-token-file $D/bad":                                      "line 1: the token has 1 characters",
		"--leshan-api :0 --leshan-api-token-file $D/none":                                     "no such file",
		"--leshan-api 192.0.2.1:1 --leshan-api-unencrypted --leshan-api-token-file $D/tokens": "leshan-api at 192.0.2.1:1",
	} {
		status, _, errs := sh.run("serve --coaps 127.0.0.1:0 " + options)
		if status == exitDone || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %q; want %q", options, status, errs, want)
		}
	}
}
