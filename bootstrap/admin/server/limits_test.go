package server

import (
	"encoding/json"
	"strings"
	"testing"

	"lwbs/bootstrap/admin/wire"
	"lwbs/store"
)

// A request has 1 MiB, and one with several profiles 8 MiB; one of a byte more is answered 413.
func TestBytesOfARequest(t *testing.T) {
	c := withDevices(t, 1)
	profiles, err := json.Marshal(wire.ApplyRequest{Profiles: []store.Profile{fullProfile()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method, path, body string
		limit              int
	}{
		{"PATCH", "/v1/devices/dev-000", `{"note": "n"}`, 1 << 20},
		{"POST", "/v1/profiles", string(profiles), 8 << 20},
	} {
		whole := tt.body + strings.Repeat(" ", tt.limit-len(tt.body))
		if status, answer, _ := c.ask(tt.method, tt.path, whole); status != 200 {
			t.Errorf("%s %s with %d bytes: status %d: %.200s", tt.method, tt.path, len(whole), status, answer)
		}
		if status, answer, _ := c.ask(tt.method, tt.path, whole+" "); status != 413 {
			t.Errorf("%s %s with %d bytes: status %d: %.200s", tt.method, tt.path, len(whole)+1, status, answer)
		}
	}
}

// A page has 10,000 entries.
func TestEntriesOfAPage(t *testing.T) {
	c := withDevices(t, 1)
	for path, want := range map[string]int{"/v1/devices?limit=10000": 200, "/v1/devices?limit=10001": 400, "/v1/sessions?limit=10000": 200, "/v1/sessions?limit=10001": 400, "/v1/profiles?limit=10001": 400} {
		if status, answer, _ := c.ask("GET", path, ""); status != want {
			t.Errorf("%s: status %d: %.200s, want %d", path, status, answer, want)
		}
	}
}
