//go:build interop

package interop_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// A probe of a server that is none for bootstrapping: the DTLS handshake with a foreign stack works,
// and each end is told for what it is.
func TestProbeOfALwM2MServer(t *testing.T) {
	peer{name: "Leshan server", needs: []string{"java", leshanJar("server")}}.require(t)
	server := newLeshanSink(t)
	const key, wrongKey = "00112233445566778899aabbccddeeff", "ff112233445566778899aabbccddeeff"
	server.accept(t, account{"dev-1", "id-1", key})
	for name, tt := range map[string]struct {
		uri, identity, key string
		cause              string
		shaken             bool
	}{
		"its key":             {server.uri("coaps"), "id-1", key, "request-refused", true},
		"another key":         {server.uri("coaps"), "id-1", wrongKey, "handshake", false},
		"an unknown identity": {server.uri("coaps"), "id-2", key, "handshake", false},
		"without DTLS":        {server.uri("coap"), "", "", "request-refused", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{"probe", "--json", "--endpoint", "dev-1", "--timeout", "20s"}
			if tt.identity != "" {
				args = append(args, "--identity", tt.identity, "--psk-key-file", "-", "--psk-key-format", "hex")
			}
			cmd := exec.Command(command, append(args, tt.uri)...)
			cmd.Stdin = strings.NewReader(tt.key + "\n")
			out, err := cmd.Output()
			var report struct {
				Cause, Happened string
				Done            bool
				Steps           []struct{ What, Result string }
			}
			if failed := json.Unmarshal(out, &report); failed != nil || err == nil || report.Done || !strings.HasPrefix(report.Cause, tt.cause) {
				t.Fatalf("%v, %v: %s", err, failed, out)
			}
			if shaken := len(report.Steps) > 0 && report.Steps[0].Result == "completed"; shaken != tt.shaken {
				t.Errorf("the handshake was completed: %v: %s", shaken, out)
			}
			t.Log(report.Happened)
		})
	}
}
