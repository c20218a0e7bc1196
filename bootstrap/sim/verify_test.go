package sim_test

import (
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A device that holds what it was given is believed, whatever the format.
func TestVerify(t *testing.T) {
	for _, format := range []lwm2m.Format{lwm2m.FormatTLV, lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLCBOR, lwm2m.FormatLwM2MCBOR} {
		t.Run(format.String(), func(t *testing.T) {
			b := newBench(t, func(b *bench) {
				b.profile.Verify = "fail"
				b.profile.Accounts[0].ServerResources = map[lwm2m.ResourceID]store.Literal{22: {Text: new("U")}, 23: {Boolean: new(false)}}
				b.profile.AccessControl = []store.AccessControl{{Object: 3, Owner: 101, Rights: map[uint16]uint8{0: 1, 101: 31}}}
			})
			cfg := b.config()
			cfg.PreferredFormat = format
			_, err := sim.Run(t.Context(), cfg)
			b.ok(err)
			if want := []string{"GET /", "PUT /0/1", "PUT /1/0", "PUT /2/0", "GET /", "GET /1", "GET /2", "POST /bs"}; !slices.Equal(b.asked(), want) {
				t.Errorf("asked %v, want %v", b.asked(), want)
			}
			if s := b.session(); s.Cause != store.CauseDone || len(s.Quirks) > 0 {
				t.Errorf("cause %s: %s, quirks %q", s.Cause, s.Detail, s.Quirks)
			}
		})
	}
}

// A device that will not be read is none the worse for it.
func TestVerifyOfTheUnreadable(t *testing.T) {
	b := newBench(t, func(b *bench) { b.profile.Verify = "record" })
	cfg := b.config()
	cfg.Refuse = map[string]lwm2m.Code{"GET /1": lwm2m.CodeMethodNotAllowed}
	_, err := sim.Run(t.Context(), cfg)
	b.ok(err)
	s := b.session()
	if s.Cause != store.CauseDone || !slices.ContainsFunc(s.Operations, func(o store.Operation) bool {
		return o.Op == lwm2m.OpRead && o.Tolerated && strings.HasPrefix(o.Code.String(), "4.05")
	}) {
		t.Errorf("session %+v", s)
	}
}
