//go:build interop

package interop_test

import (
	"slices"
	"strings"
	"testing"
)

// What a profile can ask for beyond the defaults, with foreign devices. Each must
// register in both rounds with the account it was given.
func TestProfile(t *testing.T) {
	byResource := []string{
		"write /0/1/0", "write /0/1/1", "write /0/1/2", "write /0/1/3", "write /0/1/4", "write /0/1/5", "write /0/1/10",
		"write /1/0/0", "write /1/0/1", "write /1/0/6", "write /1/0/7", "finish /",
	}
	tests := []struct {
		name  string
		peer  peer
		lines []string // of the profile; BS stands for the address of the Bootstrap-Server
		asked []string // operations of the last session, those of Discover and Delete left out
	}{
		{"verify", leshan11, []string{"verify: fail"}, []string{"write /0/1", "write /1/0", "read /1", "finish /"}},
		{"verify", leshan10, []string{"verify: fail"}, []string{"write /0/1", "write /1/0", "read /1", "finish /"}},
		{"verify", wakaamaNPM, []string{"verify: fail"}, []string{"write /0/1", "write /1/0", "read /1", "finish /"}},
		{"by Object", leshan11, []string{"device: {writes: object}"}, []string{"write /0", "write /1", "finish /"}},
		{"by Object", leshan10, []string{"device: {writes: object}"}, []string{"write /0", "write /1", "finish /"}},
		{"by Object", wakaamaNPM, []string{"device: {writes: object}"}, []string{"write /0/1", "write /1", "finish /"}}, // it answers no Discover
		{"by Resource", leshan11, []string{"device: {writes: resource}"}, byResource},
		{"by Resource", leshan10, []string{"device: {writes: resource}"}, byResource},
		{"by Resource", wakaamaNPM, []string{"device: {writes: resource}"}, byResource},
		{"Server first", wakaamaNPM, []string{"device: {order: server-first}"}, []string{"write /1/0", "write /0/1", "finish /"}},
		{"replaced by its server", leshan11, []string{"delete: replaced"}, []string{"write /0/1", "write /1/0", "finish /"}},
		{"Bootstrap-Server Account replaced", leshan11, []string{"bootstrapServer: {uri: BS, key: renew}"}, []string{"write /0/1", "write /1/0", "write /0/0", "finish /"}},
		{"Bootstrap-Server Account replaced", leshan10, []string{"bootstrapServer: {uri: BS, key: renew}"}, []string{"write /0/1", "write /1/0", "write /0/0", "finish /"}},
	}
	for _, tt := range tests {
		t.Run(tt.name+"/"+tt.peer.name, func(t *testing.T) {
			t.Parallel()
			tt.peer.require(t)
			sink := tt.peer.sink(t)
			lwbs := serve(t)
			lines := make([]string, len(tt.lines))
			for i, line := range tt.lines {
				lines[i] = strings.Replace(line, "BS", `"`+lwbs.uri["coaps"]+`"`, 1)
			}
			lwbs.apply(t, sink.uri("coaps"), lines...)
			d := factoryDevice(lwbs.uri["coaps"])
			lwbs.add(t, d)
			sink.accept(t, lwbs.account(t, d.endpoint))
			p := tt.peer.start(t, d)
			for round := range tt.peer.rounds {
				if round > 0 && tt.peer.again != nil {
					tt.peer.again(t, p)
				}
				checkRegistration(t, sink.registered(t), tt.peer, "coaps")
			}
			sessions := lwbs.sessions(t, tt.peer.rounds, "--endpoint", d.endpoint)
			for _, s := range sessions {
				var asked []string
				for _, o := range s.Operations {
					if o.Op != "discover" && o.Op != "delete" {
						asked = append(asked, o.Op+" "+o.Path)
					}
				}
				if s.Cause != "done" || !slices.Equal(asked, tt.asked) {
					t.Errorf("cause %s: %s, asked %q, want %q", s.Cause, s.Detail, asked, tt.asked)
				}
			}
			replaced := slices.Contains(tt.asked, "write /0/0")
			if came := sessions[len(sessions)-1].Identity; replaced != (came != d.identity) {
				t.Errorf("the device came as %q last, from the factory it is %q", came, d.identity)
			}
		})
	}
}
