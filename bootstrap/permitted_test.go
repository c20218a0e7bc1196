package bootstrap_test

import (
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/store"
)

// An edit that takes something from a device ends the session that is giving it, before the
// next operation and with the cause; any other edit is for the next bootstrap.
func TestEditWhileSessionRuns(t *testing.T) {
	text := func(s string) store.Literal { return store.Literal{Text: &s} }
	profile := store.Profile{
		Name: "p", SecretsOverNoSec: true,
		Accounts: []store.Account{
			{Name: "a", URI: "coaps://a.example", ShortServerID: 101},
			{Name: "b", URI: "coaps://b.example", ShortServerID: 102},
		},
		AccessControl: []store.AccessControl{{Object: 3, Instance: 0, Owner: 101, Rights: map[uint16]uint8{0: 1, 102: 3}}},
		Objects:       []store.ObjectValues{{Path: lwm2m.InstancePath(3333, 0), Resources: map[lwm2m.ResourceID]store.Literal{1: text("x")}}},
	}
	const withdrawn, done = store.CauseWithdrawn, store.CauseDone
	tests := []struct {
		name   string
		plain  bool
		device func(*store.Device)
		prof   func(*store.Profile)
		delete bool
		cause  store.Cause
		detail string
	}{
		{name: "device deleted", delete: true, cause: withdrawn, detail: "deleted"},
		{name: "device disabled", device: func(d *store.Device) { d.Disabled = true }, cause: store.CauseDisabled, detail: "while the session ran"},
		{name: "plain CoAP not permitted any more", plain: true, device: func(d *store.Device) { d.NoSec = false }, cause: store.CauseNoSecRefused, detail: "while the session ran"},
		{name: "secrets over plain CoAP not permitted any more", plain: true, prof: func(p *store.Profile) { p.SecretsOverNoSec = false }, cause: withdrawn, detail: "secretsOverNoSec"},
		{name: "credential removed", device: func(d *store.Device) { d.Credentials = nil }, cause: withdrawn, detail: "credential"},
		{name: "key of the credential replaced", device: func(d *store.Device) { d.Credentials[0].Key = lwm2m.NewSecret([]byte("another")) }, cause: withdrawn, detail: "key"},
		{name: "account gone from the profile", prof: func(p *store.Profile) { p.Accounts, p.AccessControl = p.Accounts[:1], nil }, cause: withdrawn, detail: "server 102"},
		{name: "account with another address", prof: func(p *store.Profile) { p.Accounts[1].URI = "coaps://c.example" }, cause: withdrawn, detail: "address"},
		{name: "account with another key", device: func(d *store.Device) {
			d.Accounts = map[string]store.AccountKeys{"a": {Key: lwm2m.NewSecret([]byte("0123456789abcdef"))}, "b": d.Accounts["b"]}
		}, cause: withdrawn, detail: "server 101"},
		{name: "right taken", prof: func(p *store.Profile) { p.AccessControl[0].Rights = map[uint16]uint8{0: 1, 102: 1} }, cause: withdrawn, detail: "access to Object 3"},
		{name: "Instance taken", prof: func(p *store.Profile) { p.Objects = nil }, cause: withdrawn, detail: "/3333/0"},
		{name: "profile of the device is another", device: func(d *store.Device) { d.Profile = "other" }, cause: withdrawn, detail: "account of server 101"},
		{name: "profile that makes no configuration", prof: func(p *store.Profile) { p.Accounts[0].Identity = "{{.Vars.none}}" }, cause: withdrawn, detail: "no configuration"},

		{name: "other keys are asked for", device: func(d *store.Device) {
			for name, a := range d.Accounts {
				a.Rotate = time.Now()
				d.Accounts = map[string]store.AccountKeys{"a": d.Accounts["a"], "b": d.Accounts["b"], name: a}
			}
			d.Credentials[0].Rotate = time.Now()
		}, cause: done},
		{name: "keys are too old by now", prof: func(p *store.Profile) { p.RotateAfter = 1 }, cause: done},
		{name: "note of the device", device: func(d *store.Device) { d.Note = "new" }, cause: done},
		{name: "another credential beside", device: func(d *store.Device) {
			d.Credentials = append(d.Credentials, store.Credential{Kind: store.CredentialPSK, Identity: "new", Key: lwm2m.NewSecret([]byte("k2"))})
		}, cause: done},
		{name: "lifetime", prof: func(p *store.Profile) { l := store.Duration(time.Hour); p.Accounts[0].Lifetime = &l }, cause: done},
		{name: "right given", prof: func(p *store.Profile) { p.AccessControl[0].Rights = map[uint16]uint8{0: 1, 102: 31} }, cause: done},
		{name: "value that is no secret", prof: func(p *store.Profile) { p.Objects[0].Resources[1] = text("y") }, cause: done},
		{name: "profile with the accounts in another order", prof: func(p *store.Profile) { p.Accounts[0], p.Accounts[1] = p.Accounts[1], p.Accounts[0] }, cause: done},
	}
	for _, tt := range tests {
		for _, at := range []string{"GET /", "PUT /0/1", "PUT /1/0"} {
			t.Run(tt.name+" at "+at, func(t *testing.T) {
				db := openEditable(t, profile, tt.plain)
				edit := func() {
					if tt.delete {
						check(t, db.DeleteDevice(t.Context(), "dev", 0))
						return
					}
					if tt.device != nil {
						d, err := db.Device(t.Context(), "dev")
						check(t, err)
						tt.device(&d)
						_, err = db.PutDevice(t.Context(), d)
						check(t, err)
					}
					if tt.prof != nil {
						p, err := db.Profile(t.Context(), "p")
						check(t, err)
						tt.prof(&p)
						_, err = db.PutProfile(t.Context(), p)
						check(t, err)
					}
				}
				answer := bootstrap.Response{Code: lwm2m.CodeChanged}
				if at == "GET /" {
					answer = bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte(`</>;lwm2m=1.1,</0/0>`)}
				}
				c := newScriptedClient(map[string][]any{at: {func() bootstrap.Response { edit(); return answer }}})
				c.plain = tt.plain
				if kept := onlySession(t, db, c); kept.Cause != tt.cause || !strings.Contains(kept.Detail, tt.detail) {
					t.Fatalf("the history has %+v, want %s with %q", kept, tt.cause, tt.detail)
				}
				last := c.asked[len(c.asked)-1]
				if ended := strings.HasPrefix(last, at); ended != (tt.cause != done) {
					t.Errorf("asked %q", c.asked)
				}
			})
		}
	}
}

// A device that is deleted and added again while its session runs has other keys.
func TestDeviceMadeAnewWhileSessionRuns(t *testing.T) {
	profile := store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}}}
	db := openEditable(t, profile, false)
	c := newScriptedClient(map[string][]any{"PUT /0/1": {func() bootstrap.Response {
		before, err := db.Device(t.Context(), "dev")
		check(t, err)
		check(t, db.DeleteDevice(t.Context(), "dev", 0))
		d := store.Device{Endpoint: "dev", Profile: "p", Credentials: before.Credentials}
		for d.Revision < before.Revision {
			d, err = db.PutDevice(t.Context(), d)
			check(t, err)
		}
		return bootstrap.Response{Code: lwm2m.CodeChanged}
	}}})
	if kept := onlySession(t, db, c); kept.Cause != store.CauseWithdrawn {
		t.Errorf("the history has %+v", kept)
	}
}

// An edit between two formats of one Write counts, too.
func TestEditBetweenFormats(t *testing.T) {
	db := openEditable(t, store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}}}, false)
	c := newScriptedClient(map[string][]any{"PUT /0/1": {func() bootstrap.Response {
		d, err := db.Device(t.Context(), "dev")
		check(t, err)
		d.Disabled = true
		_, err = db.PutDevice(t.Context(), d)
		check(t, err)
		return bootstrap.Response{Code: lwm2m.CodeUnsupportedFormat}
	}}})
	if kept := onlySession(t, db, c); kept.Cause != store.CauseDisabled || len(kept.Operations) != 3 {
		t.Errorf("asked %q: %+v", c.asked, kept)
	}
}

// onlySession has the client bootstrap once, and returns the one session that the history of
// its device then has.
func onlySession(t *testing.T, db store.Store, c *scriptedClient) store.Session {
	t.Helper()
	server, err := bootstrap.NewServer(bootstrap.Config{Store: db, SessionTimeout: timeout})
	check(t, err)
	bootstrapOnce(t, server, c, false)
	waitIdle(t, server)
	check(t, server.Close())
	kept, err := db.Sessions(t.Context(), store.SessionQuery{Endpoint: "dev"})
	check(t, err)
	if len(kept) != 1 {
		t.Fatalf("the history has %+v", kept)
	}
	return kept[0]
}

// openEditable is a database with profile p and other, and device dev with keys.
func openEditable(t *testing.T, p store.Profile, plain bool) store.Store {
	t.Helper()
	db := openBrittle(t, p).Store
	_, err := db.PutProfile(t.Context(), store.Profile{Name: "other", Accounts: []store.Account{{Name: "z", URI: "coaps://z.example", ShortServerID: 200}}})
	check(t, err)
	d, err := db.Device(t.Context(), "dev")
	check(t, err)
	d.NoSec = plain
	_, err = db.PutDevice(t.Context(), d)
	check(t, err)
	return db
}

// The rest of a pack, which a client fetches block by block, is withheld after such an edit.
func TestEditWhilePackIsFetched(t *testing.T) {
	db := openEditable(t, store.Profile{Name: "p", Pack: "allow", Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}}}, false)
	server, err := bootstrap.NewServer(bootstrap.Config{Store: db})
	check(t, err)
	defer server.Close()
	resp, after := server.ServeRequest(t.Context(), newScriptedClient(nil), bootstrap.Request{Method: bootstrap.GET, Path: []string{"bspack"}, Queries: []string{"ep=dev"}})
	if resp.Code != lwm2m.CodeContent || !resp.Permitted() {
		t.Fatalf("answered %v", resp.Code)
	}
	after(t.Context())
	for _, disabled := range []bool{false, true, false} {
		d, err := db.Device(t.Context(), "dev")
		check(t, err)
		d.Disabled, d.Note = disabled, d.Note+"x"
		_, err = db.PutDevice(t.Context(), d)
		check(t, err)
		if resp.Permitted() == disabled {
			t.Errorf("disabled %v: permitted %v", disabled, resp.Permitted())
		}
	}
}
