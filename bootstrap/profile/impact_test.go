package profile_test

import (
	"fmt"
	"strings"
	"testing"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// What the replacement of a profile means for devices is found out by trying it on them.
func TestTrial(t *testing.T) {
	key := lwm2m.NewSecret([]byte("0123456789abcdef"))
	account := func(change func(*store.Account)) store.Profile {
		p := store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}}
		if change != nil {
			change(&p.Accounts[0])
		}
		return p
	}
	second := func(p store.Profile) store.Profile {
		p.Accounts = append(p.Accounts, store.Account{Name: "more", URI: "coaps://b.example", ShortServerID: 102})
		p.NoAccessControl = true
		return p
	}
	oscore := func(a *store.Account) { a.OSCORE = &store.OSCORE{SenderID: "s"} }
	has := map[string]store.AccountKeys{"main": {Key: key}}
	tests := []struct {
		name          string
		before, after store.Profile
		accounts      map[string]store.AccountKeys
		vars          map[string]string
		want          string // Failing | KeysLost | KeysMade | FailedBefore
	}{
		{"nothing changes", account(nil), account(nil), has, nil, "|||0"},
		{"another address", account(nil), account(func(a *store.Account) { a.URI = "coaps://b.example" }), has, nil, "|||0"},
		{"a variable that it lacks", account(nil), account(func(a *store.Account) { a.URI = "coaps://{{.Vars.host}}" }), has, nil, `accounts[0].uri: the device has no variable "host"|||0`},
		{"a variable that it has", account(nil), account(func(a *store.Account) { a.URI = "coaps://{{.Vars.host}}" }), has, map[string]string{"host": "b.example"}, "|||0"},
		{"a variable with a bad value", account(nil), account(func(a *store.Account) { a.URI = "coaps://{{.Vars.host}}" }), has, map[string]string{"host": "999.1.1.1"}, "accounts[0].uri: host \"999.1.1.1\" looks like|||0"},
		{"a variable that it lacked before", account(func(a *store.Account) { a.URI = "coaps://{{.Vars.host}}" }), account(func(a *store.Account) { a.URI = "coaps://{{.Vars.host}}:1" }), has, nil, "|||1"},
		{"renamed", account(nil), account(func(a *store.Account) { a.Name = "other" }), has, nil, `|accounts: there is no account "main" any more|accounts[0]: a key is made for account "other"|0`},
		{"renamed, and it says so", account(nil), account(func(a *store.Account) { a.Name, a.RenamedFrom = "other", []string{"old", "main"} }), has, nil, "|||0"},
		{"renamed before, and the device has not come since", account(func(a *store.Account) { a.Name, a.RenamedFrom = "other", []string{"main"} }), account(func(a *store.Account) { a.Name = "other" }), has, nil, `|accounts[0]: the record has the key of account "other" under a name that the account had before||0`},
		{"removed", second(account(nil)), account(nil), map[string]store.AccountKeys{"main": {Key: key}, "more": {Key: key}}, nil, `|accounts: there is no account "more" any more||0`},
		{"removed, and the device had no key in it", second(account(nil)), account(nil), has, nil, "|||0"},
		{"added", account(nil), second(account(nil)), has, nil, `||accounts[1]: a key is made for account "more"|0`},
		{"security none", account(nil), account(func(a *store.Account) { a.URI = "coap://a.example" }), has, nil, `|accounts[0].security: account "main" has no key any more||0`},
		{"security from none", account(func(a *store.Account) { a.URI = "coap://a.example" }), account(nil), nil, nil, `||accounts[0]: a key is made for account "main"|0`},
		{"security certificate", account(nil), account(func(a *store.Account) {
			a.Security, a.ServerPublicKey = "certificate", store.OctetsOf(make([]byte, 32))
			a.SecurityResources = map[lwm2m.ResourceID]store.Literal{13: {Text: new("1")}}
		}), has, nil, `accounts[0].identity: the certificate of account "main" is to be supplied|||0`},
		{"key renewed", account(nil), account(func(a *store.Account) { a.Key = store.KeyRenew }), has, nil, `|accounts[0].key: the key of account "main" is made anew at each bootstrap||0`},
		{"key renewed as before", account(func(a *store.Account) { a.Key = store.KeyRenew }), account(func(a *store.Account) { a.Key = store.KeyRenew }), has, nil, "|||0"},
		{"key supplied, which it has", account(nil), account(func(a *store.Account) { a.Key = store.KeySupplied }), has, nil, "|||0"},
		{"key supplied, which it lacks", account(func(a *store.Account) { a.URI = "coap://a.example" }), account(func(a *store.Account) { a.Key = store.KeySupplied }), nil, nil, `accounts[0].key: the key of account "main" is to be supplied|||0`},
		{"key not supplied any more", account(func(a *store.Account) { a.Key = store.KeySupplied }), account(nil), has, nil, "|||0"},
		{"OSCORE", account(nil), account(oscore), has, nil, `||accounts[0].oscore: a master secret is made for account "main"|0`},
		{"no OSCORE any more", account(oscore), account(nil), map[string]store.AccountKeys{"main": {Key: key, MasterSecret: key}}, nil, `|accounts[0]: account "main" has no OSCORE any more||0`},
		{"mandatory Resources, which the profile by itself lacks", account(nil), store.Profile{Name: "p", Accounts: account(nil).Accounts, Objects: []store.ObjectValues{{Path: lwm2m.InstancePath(11, 0), Resources: map[lwm2m.ResourceID]store.Literal{1: {Text: new("x")}}}}}, has, nil, "|||0"},
		{"too long for the device", account(nil), func() store.Profile { p := account(nil); p.Device.MaxKey = 8; return p }(), has, nil, "accounts[0].key: key has 16 bytes, and this kind of device holds 8|||0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			trial := profile.NewTrial(&tt.before, tt.after, nil)
			d := store.Device{Endpoint: "dev-1", Profile: "p", Accounts: tt.accounts, Vars: tt.vars}
			trial.Try(d)
			got := trial.Impact(1)
			for i, list := range [][]profile.Effect{got.Failing, got.KeysLost, got.KeysMade} {
				want := strings.Split(tt.want, "|")[i]
				text := ""
				for _, e := range list {
					text += e.Place + ": " + e.Message
				}
				if (text == "") != (want == "") || !strings.HasPrefix(text, want) {
					t.Errorf("%s: %q, want %q", []string{"failing", "keys lost", "keys made"}[i], text, want)
				}
			}
			if want := strings.Split(tt.want, "|")[3]; fmt.Sprint(got.FailedBefore) != want {
				t.Errorf("%d failed before, want %s", got.FailedBefore, want)
			}
			if len(tt.accounts["main"].Identity) > 0 || len(d.Accounts) != len(tt.accounts) {
				t.Error("the trial changed the record")
			}
		})
	}
}

// A device that can only come over plain CoAP is given nothing where its profile has secrets
// and does not permit that.
func TestTrialOverPlainCoAP(t *testing.T) {
	p := store.Profile{Name: "p", SecretsOverNoSec: true, Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}},
		BootstrapServer: &store.BootstrapServer{URI: "coaps://bs.example"}}
	key := map[string]store.AccountKeys{"main": {Key: lwm2m.NewSecret([]byte("0123456789abcdef"))}}
	next := p.Clone()
	next.SecretsOverNoSec = false
	open := next.Clone()
	open.Accounts[0].URI = "coap://a.example"
	credential := []store.Credential{{Kind: store.CredentialPSK, Identity: "d", Key: lwm2m.NewSecret([]byte("k"))}}
	for _, tt := range []struct {
		name  string
		after store.Profile
		d     store.Device
		fails bool
	}{
		{"plain CoAP only", next, store.Device{Endpoint: "d", NoSec: true, Accounts: key}, true},
		{"plain CoAP, too", next, store.Device{Endpoint: "d", NoSec: true, Accounts: key, Credentials: credential}, false},
		{"permitted", p, store.Device{Endpoint: "d", NoSec: true, Accounts: key}, false},
		{"no secrets", open, store.Device{Endpoint: "d", NoSec: true}, false},
	} {
		trial := profile.NewTrial(&p, tt.after, nil)
		trial.Try(tt.d)
		if got := trial.Impact(1); (len(got.Failing) > 0) != tt.fails {
			t.Errorf("%s: %+v", tt.name, got)
		}
		found := profile.CheckDevice(tt.after, tt.d, nil)
		if told := strings.Contains(fmt.Sprint(found), "secretsOverNoSec: true"); told != tt.fails {
			t.Errorf("%s: found %v", tt.name, found)
		}
	}
}

// Many devices are counted under the same reason, the first of them by name; many reasons
// are told as one.
func TestTrialCounts(t *testing.T) {
	p := store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}}
	next := p.Clone()
	next.Accounts[0].URI = "coaps://{{.Vars.host}}"
	trial := profile.NewTrial(&p, next, nil)
	for i := range 100 {
		d := store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprintf("d%02d", i)), Vars: map[string]string{"host": fmt.Sprintf("%d.example.7", i)}}
		if i >= 50 {
			d.Vars = nil
		}
		trial.Try(d)
	}
	got := trial.Impact(1000)
	if got.Devices != 1000 || got.Examined != 100 || len(got.Failing) != 21 {
		t.Fatalf("%d of %d, %d reasons", got.Examined, got.Devices, len(got.Failing))
	}
	n := 0
	for _, e := range got.Failing {
		if n += e.Devices; len(e.Names) > 5 || len(e.Names) == 0 {
			t.Errorf("%s: %d names", e.Message, len(e.Names))
		}
	}
	if last := got.Failing[len(got.Failing)-1]; n != 100 || last.Devices < 50 || last.Message != "for other reasons" {
		t.Errorf("%d devices in all, %d for other reasons", n, last.Devices)
	}
}

// A device keeps its key in an account that was renamed, from the next session on under
// the new name.
func TestRenamedAccountKeepsItsKey(t *testing.T) {
	key := lwm2m.NewSecret([]byte("0123456789abcdef"))
	p := store.Profile{Name: "p", Accounts: []store.Account{{Name: "new", RenamedFrom: []string{"old"}, URI: "coaps://a.example", ShortServerID: 101}}}
	d := store.Device{Endpoint: "d", Accounts: map[string]store.AccountKeys{"old": {Key: key, Identity: "me"}}}
	if !profile.AdoptRenamed(p, &d) || len(d.Accounts) != 1 || !d.Accounts["new"].Key.Equal(key) || d.Accounts["new"].Identity != "me" {
		t.Errorf("the record has %v", d.Accounts)
	}
	if profile.AdoptRenamed(p, &d) {
		t.Error("it is adopted twice")
	}
	both := store.Device{Accounts: map[string]store.AccountKeys{"old": {Key: key}, "new": {Key: lwm2m.NewSecret([]byte("other"))}}}
	if profile.AdoptRenamed(p, &both) || len(both.Accounts) != 2 {
		t.Errorf("a key under either name: %v", both.Accounts)
	}
	partly := store.Device{Accounts: map[string]store.AccountKeys{"old": {Key: key, Identity: "me"}, "new": {Identity: "you"}}}
	if !profile.AdoptRenamed(p, &partly) || partly.Accounts["new"].Identity != "you" || !partly.Accounts["new"].Key.Equal(key) {
		t.Errorf("an identity under the new name: %v", partly.Accounts)
	}
	for place, change := range map[string]func(*store.Profile){
		"is the name of account": func(p *store.Profile) {
			p.Accounts = append(p.Accounts, store.Account{Name: "old", URI: "coaps://b.example", ShortServerID: 102})
		},
		"is there twice": func(p *store.Profile) { p.Accounts[0].RenamedFrom = []string{"old", "old"} },
		"or was":         func(p *store.Profile) { p.Accounts[0].RenamedFrom = []string{"new"} },
		"without a name": func(p *store.Profile) { p.Accounts[0].RenamedFrom = []string{""} },
	} {
		q := p.Clone()
		change(&q)
		if text := fmt.Sprint(profile.Check(q, nil)); !strings.Contains(text, place) {
			t.Errorf("found %s, want %q", text, place)
		}
	}
}
