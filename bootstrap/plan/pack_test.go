package plan_test

import (
	"slices"
	"testing"

	"lwbs/bootstrap/plan"
	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
	"lwbs/store"
)

// A pack leaves free where the Bootstrap-Server Account is, or may be.
func TestPackInstances(t *testing.T) {
	tests := []struct {
		name     string
		acc      string // empty: not told
		instance lwm2m.InstanceID
		security []lwm2m.InstanceID
	}{
		{"told to be at 0", "</0/0>", 0, []lwm2m.InstanceID{1, 2}},
		{"told to be at 1", "</0/1>", 0, []lwm2m.InstanceID{0, 2}},
		{"not told", "", 0, []lwm2m.InstanceID{2, 3}},
		{"not told, assumed at 2", "", 2, []lwm2m.InstanceID{3, 4}},
		{"nonsense told", "x", 0, []lwm2m.InstanceID{2, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := planProfile()
			p.BootstrapInstance = tt.instance
			info := resolved(t, p, store.Device{Endpoint: "dev-1"})
			info.BootstrapServer = &lwm2m.SecurityInstance{BootstrapServer: true, ServerURI: "coaps://bs.example"}
			var own *link.Discovery
			if tt.acc != "" {
				own = new(link.ParseDiscovery([]byte(tt.acc)))
			}
			pack, err := plan.MakePack(p, store.Device{}, info, own)
			if err != nil {
				t.Fatal(err)
			}
			var got []lwm2m.InstanceID
			for _, in := range pack.Content[0].Instances {
				got = append(got, in.ID)
			}
			if !slices.Equal(got, tt.security) {
				t.Errorf("Security instances %v, want %v", got, tt.security)
			}
		})
	}
}
