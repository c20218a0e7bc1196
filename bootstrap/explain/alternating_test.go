package explain_test

import (
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/explain"
	"lwbs/store"
)

// Two devices with one name and credential are told by their addresses, which alternate.
func TestAlternating(t *testing.T) {
	tests := []struct {
		name    string
		remotes string // the oldest first
		between string // the two that alternate; empty where nothing is suspected
	}{
		{"none", "", ""},
		{"one", "192.0.2.1:5683", ""},
		{"a port for each association", "192.0.2.1:1 192.0.2.1:2 192.0.2.1:3 192.0.2.1:4", ""},
		{"a port of its own", "192.0.2.1:5683 192.0.2.1:5683 192.0.2.1:5683", ""},
		{"moves on", "192.0.2.1:1 192.0.2.2:1 192.0.2.3:1 192.0.2.4:1", ""},
		{"was away for once", "192.0.2.1:1 192.0.2.2:1 192.0.2.1:1 192.0.2.1:1", ""},
		{"two addresses", "192.0.2.1:1 192.0.2.2:1 192.0.2.1:2 192.0.2.2:2", "192.0.2.1 and 192.0.2.2"},
		{"two addresses, several times each", "192.0.2.1:1 192.0.2.1:2 192.0.2.2:1 192.0.2.2:1 192.0.2.1:2 192.0.2.2:2 192.0.2.2:3", "192.0.2.1 and 192.0.2.2"},
		{"three addresses", "192.0.2.1:1 192.0.2.2:1 192.0.2.3:1 192.0.2.1:1 192.0.2.2:1", "192.0.2.1 and 192.0.2.2"},
		{"two ports of one address", "192.0.2.1:5683 192.0.2.1:5684 192.0.2.1:5683 192.0.2.1:5684", "192.0.2.1:5683 and 192.0.2.1:5684"},
		{"IPv6", "[2001:db8::1]:1 [2001:db8::2]:1 [2001:db8::1]:2 [2001:db8::2]:1", "2001:db8::1 and 2001:db8::2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var own []store.Session
			for remote := range strings.FieldsSeq(tt.remotes) {
				own = append(own, store.Session{Remote: remote})
			}
			slices.Reverse(own)
			got := explain.Alternating(own)
			if (got == "") != (tt.between == "") || !strings.Contains(got, tt.between) {
				t.Errorf("suspected: %q, want %q", got, tt.between)
			}
		})
	}
}
