package bootstrap_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store"
)

func links(text string) bootstrap.Response {
	return bootstrap.Response{Code: lwm2m.CodeContent, ContentFormat: lwm2m.FormatLink, Payload: []byte(text)}
}

// readAnswer is the answer to a Read of an Object.
func readAnswer(t *testing.T, f lwm2m.Format, o lwm2m.ObjectID, instances ...lwm2m.Instance) bootstrap.Response {
	t.Helper()
	payload, err := content.Encode(f, lwm2m.ObjectPath(o), []lwm2m.Object{{ID: o, Instances: instances}})
	check(t, err)
	return bootstrap.Response{Code: lwm2m.CodeContent, ContentFormat: f, Payload: payload}
}

// server is the Server instance that the profile of TestVerify makes.
func server(t *testing.T, change func(*lwm2m.ServerInstance)) lwm2m.Instance {
	t.Helper()
	s := lwm2m.ServerInstance{ShortServerID: 101, Lifetime: 24 * time.Hour, NotificationStoring: true, Binding: "U"}
	if change != nil {
		change(&s)
	}
	in, err := s.Instance()
	check(t, err)
	return in
}

func TestVerify(t *testing.T) {
	before, after := links(`</>;lwm2m=1.1,</0/0>,</1/3>;ssid=9`), links(`</>;lwm2m=1.1,</0/0>,</0/1>;ssid=101,</1/0>;ssid=101`)
	good := readAnswer(t, lwm2m.FormatTLV, 1, server(t, nil))
	const asked = "GET /, DELETE /1/3, PUT /0/1 tlv, PUT /1/0 tlv, "
	const whole = asked + "GET /, GET /1, POST /bs"
	tests := []struct {
		name    string
		verify  string
		again   any // answer to the second Discover
		read    any
		asked   string
		cause   store.Cause
		quirk   string // a part of one; of the detail where the cause is verify-failed
		note    string
		accepts []store.AccessControl
	}{
		{name: "told too much", verify: "fail", again: bootstrap.ErrAnswerTooLarge, read: bootstrap.ErrAnswerTooLarge, asked: whole, cause: store.CauseDone, quirk: "more than 16384 bytes"},
		{name: "off", asked: asked + "POST /bs", cause: store.CauseDone},
		{name: "as written", verify: "fail", again: after, read: good, asked: whole, cause: store.CauseDone},
		{name: "read in another format than asked for", verify: "fail", again: after, read: readAnswer(t, lwm2m.FormatSenMLJSON, 1, server(t, nil)), asked: whole, cause: store.CauseDone},
		{name: "more than was written", verify: "fail", again: after, asked: whole, cause: store.CauseDone, note: "server 101: last TLS alert 40",
			read: readAnswer(t, lwm2m.FormatTLV, 1, server(t, func(s *lwm2m.ServerInstance) {
				s.Extra = []lwm2m.Resource{lwm2m.Single(11, lwm2m.UnsignedValue(40)), lwm2m.Single(12, lwm2m.TimeValue(time.Unix(1700000000, 0)))}
			}))},
		{name: "last bootstrapped", verify: "record", again: after, asked: whole, cause: store.CauseDone, note: "server 101: last bootstrapped 2023-11-14T22:13:20Z",
			read: readAnswer(t, lwm2m.FormatTLV, 1, server(t, func(s *lwm2m.ServerInstance) {
				s.Extra = []lwm2m.Resource{lwm2m.Single(12, lwm2m.TimeValue(time.Unix(1700000000, 0)))}
			}))},
		{name: "another value", verify: "record", again: after, asked: whole, cause: store.CauseDone, quirk: "holds 60 at /1/0/1 (Lifetime), where 86400 was written",
			read: readAnswer(t, lwm2m.FormatTLV, 1, server(t, func(s *lwm2m.ServerInstance) { s.Lifetime = time.Minute }))},
		{name: "another value, which must not be", verify: "fail", again: after, asked: asked + "GET /, GET /1", cause: store.CauseVerifyFailed, quirk: "it holds 60 at /1/0/1",
			read: readAnswer(t, lwm2m.FormatTLV, 1, server(t, func(s *lwm2m.ServerInstance) { s.Lifetime = time.Minute }))},
		{name: "Resource dropped", verify: "fail", again: after, asked: asked + "GET /, GET /1", cause: store.CauseVerifyFailed, quirk: "does not hold /1/0/7 (Binding)",
			read: readAnswer(t, lwm2m.FormatTLV, 1, lwm2m.Instance{Resources: server(t, nil).Resources[:3]})},
		{name: "instance dropped", verify: "fail", again: after, asked: asked + "GET /, GET /1", cause: store.CauseVerifyFailed, quirk: "does not hold /1/0,",
			read: readAnswer(t, lwm2m.FormatTLV, 1, lwm2m.Instance{ID: 7, Resources: server(t, nil).Resources})},
		{name: "Security instance dropped", verify: "fail", again: links(`</0/0>,</1/0>;ssid=101`), read: good, asked: asked + "GET /, GET /1", cause: store.CauseVerifyFailed, quirk: "does not have /0/1"},
		{name: "Bootstrap-Server Account gone", verify: "fail", again: links(`</0/1>;ssid=101,</1/0>;ssid=101`), read: good, asked: asked + "GET /, GET /1", cause: store.CauseVerifyFailed, quirk: "Bootstrap-Server Account /0/0"},
		{name: "old account kept", verify: "fail", again: links(`</0/0>,</0/1>;ssid=101,</1/0>;ssid=101,</1/3>;ssid=9`), read: good, asked: whole, cause: store.CauseDone, quirk: "keeps /1/3 of server 9"},
		{name: "Read not allowed", verify: "fail", again: after, read: lwm2m.CodeMethodNotAllowed, asked: whole, cause: store.CauseDone},
		{name: "Read is a bad request", verify: "fail", again: after, read: lwm2m.CodeBadRequest, asked: whole, cause: store.CauseDone},
		{name: "nothing to read", verify: "fail", again: after, read: lwm2m.CodeNotFound, asked: whole, cause: store.CauseDone},
		{name: "Read reset", verify: "fail", again: after, read: bootstrap.ErrReset, asked: whole, cause: store.CauseDone},
		{name: "Read silent", verify: "record", again: after, read: bootstrap.ErrSilent, asked: asked + "GET /, GET /1", cause: store.CauseSilent},
		{name: "read answered with nonsense", verify: "fail", again: after, read: bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte{0xff}}, asked: whole, cause: store.CauseDone, quirk: "answers a Read of /1"},
		{name: "second Discover refused", verify: "fail", again: lwm2m.CodeNotFound, read: good, asked: whole, cause: store.CauseDone},
		{name: "second Discover silent", verify: "fail", again: bootstrap.ErrSilent, asked: asked + "GET /", cause: store.CauseSilent},
		{name: "access control dropped", verify: "fail", again: links(`</0/0>,</0/1>;ssid=101,</1/0>;ssid=101,</2/0>`), read: good,
			accepts: []store.AccessControl{{Object: 3, Owner: 101, Rights: map[uint16]uint8{101: 31, 0: 1}}},
			asked:   asked + "PUT /2/0 tlv, GET /, GET /1, GET /2", cause: store.CauseVerifyFailed, quirk: "holds {0: 1} at /2/0/2 (ACL), where {0: 1, 101: 31} was written"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newScriptedClient(map[string][]any{"GET /": {before, tt.again}, "GET /1": {tt.read},
				"GET /2": {readAnswer(t, lwm2m.FormatTLV, 2, lwm2m.AccessControlInstance{Object: 3, Owner: 101, Rights: map[uint16]uint8{0: 1}}.Content())}})
			p := store.Profile{Name: "p", Verify: tt.verify, Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}}, AccessControl: tt.accepts}
			s, d := bootstrapScripted(t, c, p)
			if asked := strings.Join(c.asked, ", "); asked != tt.asked {
				t.Errorf("asked %s\n want %s", asked, tt.asked)
			}
			if s.Cause != tt.cause {
				t.Errorf("cause %s, want %s: %s", s.Cause, tt.cause, s.Detail)
			}
			told := slices.Clone(s.Quirks)
			if tt.cause == store.CauseVerifyFailed {
				told = []string{s.Detail}
			}
			has := func(list []string, part string) bool {
				return slices.ContainsFunc(list, func(q string) bool { return strings.Contains(q, part) })
			}
			if tt.quirk != "" && !has(told, tt.quirk) || tt.quirk == "" && len(told) > 0 {
				t.Errorf("told %q, want %q", told, tt.quirk)
			}
			if tt.note != "" && !has(s.Notes, tt.note) {
				t.Errorf("notes %q, want %q", s.Notes, tt.note)
			}
			if delivered := !d.Accounts["a"].Delivered.IsZero(); delivered != (tt.cause == store.CauseDone) {
				t.Errorf("the record says delivered: %v", delivered)
			}
		})
	}
}
