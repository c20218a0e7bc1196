package bootstrap_test

import (
	"slices"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
)

func TestWrites(t *testing.T) {
	own := func(p *store.Profile) { p.BootstrapServer = &store.BootstrapServer{URI: "coaps://bs.example"} }
	device := func(d store.DeviceLimits) func(*store.Profile) { return func(p *store.Profile) { p.Device = d } }
	const serverParts = "PUT /1/0/0 tlv, PUT /1/0/1 tlv, PUT /1/0/6 tlv, PUT /1/0/7 tlv"
	const securityParts = "PUT /0/1/0 tlv, PUT /0/1/1 tlv, PUT /0/1/2 tlv, PUT /0/1/3 tlv, PUT /0/1/4 tlv, PUT /0/1/5 tlv, PUT /0/1/10 tlv"
	tests := []struct {
		name    string
		change  func(*store.Profile)
		answers map[string][]any
		asked   string // after Discover and Delete
		cause   store.Cause
		detail  string // a part of it
		quirk   string
	}{
		{name: "an instance too large", answers: map[string][]any{"PUT /1/0": {lwm2m.CodeRequestTooLarge}},
			asked: "PUT /0/1 tlv, PUT /1/0 tlv, " + serverParts + ", POST /bs", cause: store.CauseDone, quirk: "refuses a Write of the whole of /1/0 with 4.13"},
		{name: "an instance with one Resource at fault", answers: map[string][]any{"PUT /1/0": {lwm2m.CodeBadRequest}, "PUT /1/0/6": {lwm2m.CodeBadRequest}},
			asked: "PUT /0/1 tlv, PUT /1/0 tlv, PUT /1/0/0 tlv, PUT /1/0/1 tlv, PUT /1/0/6 tlv", cause: store.CauseRefused, detail: "PUT /1/0/6"},
		{name: "parts not wanted either", answers: map[string][]any{"PUT /1/0": {lwm2m.CodeBadRequest}, "PUT /1/0/0": {lwm2m.CodeNotFound}},
			asked: "PUT /0/1 tlv, PUT /1/0 tlv, PUT /1/0/0 tlv", cause: store.CauseRefused, detail: "PUT /1/0 (LwM2M Server) in tlv with 4.00"},
		{name: "formats come before parts", answers: map[string][]any{"PUT /0/1": {lwm2m.CodeUnsupportedFormat, lwm2m.CodeBadRequest}},
			asked: "PUT /0/1 tlv, PUT /0/1 senml-cbor, PUT /0/1 senml-json, " +
				strings.ReplaceAll(securityParts+", PUT /1/0 tlv", "tlv", "senml-cbor") + ", POST /bs", cause: store.CauseDone},
		{name: "parts in the format that was understood", answers: map[string][]any{"PUT /0/1": {lwm2m.CodeBadRequest, lwm2m.CodeUnsupportedFormat}},
			asked: "PUT /0/1 tlv, PUT /0/1 senml-cbor, PUT /0/1 senml-json, " + securityParts + ", PUT /1/0 tlv, POST /bs",
			cause: store.CauseDone, quirk: "refuses a Write of the whole of /0/1 with 4.00"},
		{name: "not for other refusals", answers: map[string][]any{"PUT /1/0": {lwm2m.CodeNotFound}},
			asked: "PUT /0/1 tlv, PUT /1/0 tlv", cause: store.CauseRefused, detail: "4.04"},
		{name: "by Object", change: device(store.DeviceLimits{Writes: "object"}), asked: "PUT /0 tlv, PUT /1 tlv, POST /bs", cause: store.CauseDone},
		{name: "by Object, but the Bootstrap-Server Account", change: func(p *store.Profile) { own(p); p.Device.Writes = "object" },
			asked: "PUT /0 tlv, PUT /1 tlv, PUT /0/0 tlv, POST /bs", cause: store.CauseDone},
		{name: "by Object, but the Device Object", change: func(p *store.Profile) {
			p.Device.Writes = "object"
			p.Objects = []store.ObjectValues{{Path: lwm2m.InstancePath(3, 0), Resources: map[lwm2m.ResourceID]store.Literal{15: {Text: new("UTC")}}}}
		}, asked: "PUT /0 tlv, PUT /1 tlv, PUT /3/0 tlv, POST /bs", cause: store.CauseDone},
		{name: "an Object too large", change: device(store.DeviceLimits{Writes: "object"}), answers: map[string][]any{"PUT /0": {lwm2m.CodeRequestTooLarge}},
			asked: "PUT /0 tlv, PUT /0/1 tlv, PUT /1 tlv, POST /bs", cause: store.CauseDone},
		{name: "by Resource", change: device(store.DeviceLimits{Writes: "resource"}), asked: securityParts + ", " + serverParts + ", POST /bs", cause: store.CauseDone},
		{name: "by Resource, but the Bootstrap-Server Account", change: func(p *store.Profile) { own(p); p.Device.Writes = "resource" },
			asked: securityParts + ", " + serverParts + ", PUT /0/0 tlv, POST /bs", cause: store.CauseDone},
		{name: "the Bootstrap-Server Account is not divided", change: own, answers: map[string][]any{"PUT /0/0": {lwm2m.CodeRequestTooLarge}},
			asked: "PUT /0/1 tlv, PUT /1/0 tlv, PUT /0/0 tlv", cause: store.CauseRefused, detail: "4.13"},
		{name: "Server first", change: device(store.DeviceLimits{Order: "server-first"}), asked: "PUT /1/0 tlv, PUT /0/1 tlv, POST /bs", cause: store.CauseDone},
		{name: "Server first, by Object", change: device(store.DeviceLimits{Order: "server-first", Writes: "object"}), asked: "PUT /1 tlv, PUT /0 tlv, POST /bs", cause: store.CauseDone},
		{name: "more than the device holds", change: device(store.DeviceLimits{MaxPayload: 30}),
			asked: securityParts + ", PUT /1/0 tlv, POST /bs", cause: store.CauseDone},
		{name: "Object more than the device holds", change: device(store.DeviceLimits{MaxPayload: 56, Writes: "object"}),
			asked: "PUT /0/1 tlv, PUT /1 tlv, POST /bs", cause: store.CauseDone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newScriptedClient(tt.answers)
			p := store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}}}
			if tt.change != nil {
				tt.change(&p)
			}
			s, _ := bootstrapScripted(t, c, p)
			if asked := strings.Join(c.asked, ", "); asked != "GET /, DELETE /1/3, "+tt.asked {
				t.Errorf("asked %s\n want GET /, DELETE /1/3, %s", asked, tt.asked)
			}
			if s.Cause != tt.cause || !strings.Contains(s.Detail, tt.detail) {
				t.Errorf("cause %s, want %s: %s, want %s in it", s.Cause, tt.cause, s.Detail, tt.detail)
			}
			if tt.quirk != "" && !slices.ContainsFunc(s.Quirks, func(q string) bool { return strings.Contains(q, tt.quirk) }) {
				t.Errorf("quirks %q, want %q", s.Quirks, tt.quirk)
			}
		})
	}
}
