//go:build interop

package interop_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A Leshan device is bootstrapped with a configuration that came in through the REST API of Leshan's demo, in the
// form of 2.0 and of 1.5, and registers at a Leshan server with it.
func TestConfiguredThroughLeshanAPI(t *testing.T) {
	const token = "0123456789abcdef0123456789abcdef"
	for form, psk := range map[string]string{
		"2.0": `{"endpoint":%q,"tls":{"mode":"psk","details":{"identity":%q,"key":%q}}}`,
		"1.5": `{"endpoint":%q,"psk":{"identity":%q,"key":%q}}`,
	} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			leshan11.require(t)
			sink := newLeshanSink(t).(leshanSink)
			lwbs := serve(t, "--leshan-api", "127.0.0.1:0", "--leshan-api-token-file", writeFile(t, "tokens", token+"\n"))
			ask := func(method, path, body string) {
				t.Helper()
				r, err := http.NewRequestWithContext(t.Context(), method, lwbs.leshan+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer "+token)
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer answer.Body.Close()
				if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode/100 != 2 {
					t.Fatalf("%s %s: %s %s, %v", method, path, answer.Status, text, err)
				}
			}
			d := factoryDevice(lwbs.uri["coaps"])
			given := account{endpoint: d.endpoint, identity: d.endpoint, key: "aabbccddeeff00112233445566778899"}
			sink.accept(t, given)
			ask("PUT", "/security/clients/", fmt.Sprintf(psk, d.endpoint, d.identity, d.key))
			ask("POST", "/bootstrap/"+d.endpoint, fmt.Sprintf(`{"servers":{"0":{"shortId":101,"lifetime":3600,"binding":"U"}},"security":{"1":{"uri":%q,"serverId":101,"securityMode":"PSK","publicKeyOrId":%s,"secretKey":%s}},"toDelete":["/0","/1"]}`,
				sink.uri("coaps"), numbers([]byte(given.identity)), numbers(unhex(t, given.key))))
			p := leshan11.start(t, d)
			for range leshan11.rounds {
				checkRegistration(t, sink.registered(t), leshan11, "coaps")
			}
			for _, s := range lwbs.sessions(t, leshan11.rounds, "--endpoint", d.endpoint) {
				checkDone(t, s, "coaps", d)
			}
			checkDevice(t, p.events(t), d)
			ask("DELETE", "/bootstrap/"+d.endpoint, "")
			ask("DELETE", "/security/clients/"+d.endpoint, "")
		})
	}
}

// numbers are bytes as JSON has them in Leshan's configurations.
func numbers(b []byte) string {
	all := make([]int, len(b))
	for i := range b {
		all[i] = int(b[i])
	}
	text, _ := json.Marshal(all)
	return string(text)
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
