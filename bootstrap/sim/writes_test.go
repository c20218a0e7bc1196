package sim_test

import (
	"slices"
	"testing"

	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

// However it is written, the device holds the same in the end.
func TestWrites(t *testing.T) {
	for _, writes := range []string{"instance", "object", "resource"} {
		for _, format := range []lwm2m.Format{lwm2m.FormatTLV, lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLCBOR, lwm2m.FormatLwM2MCBOR} {
			t.Run(writes+" "+format.String(), func(t *testing.T) {
				b := newBench(t, func(b *bench) {
					b.profile.Verify = "fail"
					b.profile.Device = store.DeviceLimits{Writes: writes, Order: "server-first"}
					b.profile.Accounts = append(b.profile.Accounts, store.Account{Name: "second", URI: "coaps://127.0.0.2:5684", ShortServerID: 102})
					b.profile.AccessControl = []store.AccessControl{{Object: 3, Owner: 101, Rights: map[uint16]uint8{101: 31, 102: 1}}}
				})
				cfg := b.config()
				cfg.PreferredFormat = format
				result, err := sim.Run(t.Context(), cfg)
				b.ok(err)
				if s := b.session(); s.Cause != store.CauseDone || len(s.Quirks) > 0 {
					t.Errorf("cause %s: %s, quirks %q", s.Cause, s.Detail, s.Quirks)
				}
				want := map[string]string{"instance": "PUT /1/1", "object": "PUT /1", "resource": "PUT /1/1/7"}[writes]
				if len(result.Accounts) != 2 || !slices.Contains(b.asked(), want) {
					t.Errorf("accounts %+v, asked %v, want %s", result.Accounts, b.asked(), want)
				}
			})
		}
	}
}
