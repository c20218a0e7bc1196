package bootstrap_test

import (
	"strings"
	"testing"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/profilefile"
)

// Before anything is changed on a client it is certain that all can be encoded.
func TestPlanIsEncodedFirst(t *testing.T) {
	empty := store.Profile{Name: "p", Accounts: []store.Account{{
		Name: "a", URI: "coaps://a.example", ShortServerID: 101,
		SecurityResources: map[lwm2m.ResourceID]store.Literal{16: {Instances: map[lwm2m.ResourceInstanceID]store.Literal{}}},
	}}}
	for _, tt := range []struct {
		name, format string
		queries      []string
		asked        string
		cause        store.Cause
		told         string
	}{
		{"in a format that can", "", nil, "GET /, DELETE /1/3, PUT /0/1 tlv, PUT /1/0 tlv, POST /bs", store.CauseDone, ""},
		{"in another format than the client prefers", "", []string{"pct=110"}, "GET /, DELETE /1/3, PUT /0/1 tlv, PUT /1/0 tlv, POST /bs", store.CauseDone, "written in tlv"},
		{"in the format that is prescribed", "senml-cbor", nil, "GET /", store.CausePlanInvalid, "/0/1/16: SenML cannot express a multiple-instance Resource without instances"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := empty
			p.Format = tt.format
			c := newScriptedClient(nil)
			s, d := bootstrapScripted(t, c, p, tt.queries...)
			if asked := strings.Join(c.asked, ", "); asked != tt.asked || s.Cause != tt.cause || !strings.Contains(s.Detail+strings.Join(s.Notes, "\n"), tt.told) {
				t.Errorf("asked %s, cause %s: %s, notes %q\n want %s, %s, %s", asked, s.Cause, s.Detail, s.Notes, tt.asked, tt.cause, tt.told)
			}
			if d.Format != 0 {
				t.Errorf("the record has learned the format %v", d.Format)
			}
		})
	}
}

// A client that refuses a format is not tried with one that cannot carry the plan.
func TestFallBackToFormatsThatCarryThePlan(t *testing.T) {
	noSenML := store.Profile{Name: "p", Accounts: []store.Account{{
		Name: "a", URI: "coaps://a.example", ShortServerID: 101,
		SecurityResources: map[lwm2m.ResourceID]store.Literal{16: {Instances: map[lwm2m.ResourceInstanceID]store.Literal{}}},
	}}}
	c := newScriptedClient(map[string][]any{"PUT /0/1": {lwm2m.CodeUnsupportedFormat}})
	s, _ := bootstrapScripted(t, c, noSenML)
	if asked := strings.Join(c.asked, ", "); asked != "GET /, DELETE /1/3, PUT /0/1 tlv" || s.Cause != store.CauseRefused {
		t.Errorf("asked %s, cause %s: %s", asked, s.Cause, s.Detail)
	}
}

// An Instance that the profile names in part stays, and is written Resource by Resource.
func TestPartialInstances(t *testing.T) {
	links := bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte(`</>;lwm2m=1.1,</0/0>,</11/0>,</11/1>`)}
	for object, want := range map[string]string{
		"{path: /11/0, resources: {0: x, 1: internet, 2: true, 4: 1}}":    "DELETE /11/0, PUT /0/1 tlv, PUT /1/0 tlv, PUT /11/0 tlv",
		"{path: /11/0, partial: true, resources: {1: internet, 2: true}}": "PUT /0/1 tlv, PUT /1/0 tlv, PUT /11/0/1 tlv, PUT /11/0/2 tlv",
	} {
		c := newScriptedClient(map[string][]any{"GET /": {links}})
		docs, err := profilefile.Read("p.yaml", []byte("name: p\naccounts: [{name: a, uri: 'coaps://a.example', shortServerID: 101}]\nobjects: ["+object+"]\n"), nil)
		check(t, err)
		if s, _ := bootstrapScripted(t, c, docs[0].Profile); strings.Join(c.asked, ", ") != "GET /, "+want+", POST /bs" || s.Cause != store.CauseDone {
			t.Errorf("%s: asked %s, cause %s: %s\n want %s", object, strings.Join(c.asked, ", "), s.Cause, s.Detail, want)
		}
	}
}

// A session goes on without mandatory Resources: whether a device can do without is for it
// to say.
func TestSessionWithoutMandatoryResources(t *testing.T) {
	c := newScriptedClient(nil)
	s, _ := bootstrapScripted(t, c, store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}},
		Objects: []store.ObjectValues{{Path: lwm2m.InstancePath(11, 0), Resources: map[lwm2m.ResourceID]store.Literal{1: {Text: new("internet")}}}}})
	if s.Cause != store.CauseDone {
		t.Errorf("cause %s: %s", s.Cause, s.Detail)
	}
}
