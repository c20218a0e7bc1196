package profile_test

import (
	"encoding/json"
	"testing"
	"time"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// contentProfile has something of everything.
func contentProfile() store.Profile {
	return store.Profile{
		Name: "p", Revision: 3,
		Accounts: []store.Account{
			{Name: "main", URI: "coaps://a.example", ShortServerID: 101},
			{Name: "plain", URI: "coap://b.example", ShortServerID: 102, OSCORE: &store.OSCORE{SenderID: "s"}},
		},
		AccessControl:   []store.AccessControl{{Object: 3, Owner: 101, Rights: map[uint16]uint8{102: 1}}},
		Objects:         []store.ObjectValues{{Path: lwm2m.InstancePath(3, 0), Partial: true, Resources: map[lwm2m.ResourceID]store.Literal{14: {Text: new("+01:00")}}}},
		BootstrapServer: &store.BootstrapServer{URI: "coaps://bs.example"},
	}
}

// Of two revisions of a profile it is told whether devices are given something else.
func TestContentOfAProfile(t *testing.T) {
	number := json.Number("60")
	for name, tt := range map[string]struct {
		change func(*store.Profile)
		same   bool
	}{
		"nothing":                    {func(*store.Profile) {}, true},
		"its name and its dates":     {func(p *store.Profile) { p.Name, p.Revision, p.Created, p.Updated = "q", 4, time.Now(), time.Now() }, true},
		"how it is written":          {func(p *store.Profile) { p.Format, p.Device.MaxPayload, p.Device.Writes = "tlv", 100, "resource" }, true},
		"whether it is checked":      {func(p *store.Profile) { p.Verify, p.DiscoverFailed, p.Pack = "fail", "fail", "allow" }, true},
		"how old keys may be":        {func(p *store.Profile) { p.RotateAfter = 1 }, true},
		"who is told":                {func(p *store.Profile) { p.Accounts[0].HandOver = "dm" }, true},
		"the length of keys to come": {func(p *store.Profile) { p.Accounts[0].KeyLength, p.BootstrapServer.KeyLength = 32, 32 }, true},
		"defaults that are said":     {sayDefaults, true},
		"the order of lists":         {func(p *store.Profile) { p.Accounts[0], p.Accounts[1] = p.Accounts[1], p.Accounts[0] }, true},
		"an account's name, kept":    {func(p *store.Profile) { p.Accounts[0].Name, p.Accounts[0].RenamedFrom = "b", []string{"main"} }, true},
		"an account's name":          {func(p *store.Profile) { p.Accounts[0].Name = "b" }, false},
		"an address":                 {func(p *store.Profile) { p.Accounts[1].URI = "coap://c.example" }, false},
		"security":                   {func(p *store.Profile) { p.Accounts[0].Security = "certificate" }, false},
		"a lifetime":                 {func(p *store.Profile) { p.Accounts[0].Lifetime = new(store.Duration(time.Hour)) }, false},
		"an identity":                {func(p *store.Profile) { p.Accounts[0].Identity = "x-{{.Endpoint}}" }, false},
		"where a key comes from":     {func(p *store.Profile) { p.Accounts[0].Key = store.KeySupplied }, false},
		"a Resource of Object 1": {func(p *store.Profile) {
			p.Accounts[0].ServerResources = map[lwm2m.ResourceID]store.Literal{2: {Number: &number}}
		}, false},
		"OSCORE":                      {func(p *store.Profile) { p.Accounts[1].OSCORE.RecipientID = "r" }, false},
		"a value":                     {func(p *store.Profile) { p.Objects[0].Resources[14] = store.Literal{Text: new("+02:00")} }, false},
		"another Instance":            {func(p *store.Profile) { p.Objects[0].Path = lwm2m.InstancePath(3, 1) }, false},
		"rights":                      {func(p *store.Profile) { p.AccessControl[0].Rights[102] = 3 }, false},
		"what is deleted":             {func(p *store.Profile) { p.Delete.Mode = store.DeleteAll }, false},
		"the Bootstrap-Server":        {func(p *store.Profile) { p.BootstrapServer.URI = "coaps://c.example" }, false},
		"no Bootstrap-Server Account": {func(p *store.Profile) { p.BootstrapServer = nil }, false},
	} {
		p := contentProfile()
		before := profile.ContentOf(p)
		tt.change(&p)
		if same := profile.ContentOf(p) == before; same != tt.same {
			t.Errorf("%s: the content is the same: %v, want %v", name, same, tt.same)
		}
	}
	p := contentProfile()
	if profile.ContentOf(p); p.Accounts[1].OSCORE.MasterSecret != "" || p.BootstrapServer.Key != "" || p.Name != "p" {
		t.Error("to look at a profile changes it")
	}
}

// Records have the content of profiles in them: that of a profile must not change with the program, else every
// device would be due.
func TestContentIsTheSameInEachRelease(t *testing.T) {
	if got, want := profile.ContentOf(contentProfile()), "e41a40838e159ee46dacdb1d3dc4aa73"; got != want {
		t.Errorf("content %s, want %s: a new key of profiles must be left out of it where it is not set", got, want)
	}
}

func sayDefaults(p *store.Profile) {
	a := &p.Accounts[0]
	a.Security, a.Key, a.Binding, a.Lifetime, a.NotificationStoring = "psk", store.KeyGenerate, "U", new(store.Duration(24*time.Hour)), new(true)
	p.Accounts[1].Security, p.Accounts[1].OSCORE.MasterSecret = "nosec", store.KeyGenerate
	p.Delete.Mode = store.DeleteDiscovered
	p.BootstrapServer.Key, p.BootstrapServer.ClientHoldOffTime = store.KeyGenerate, new(store.Duration(time.Second))
}

// What an edit of a record changes for its device is told from what it does not.
func TestAlters(t *testing.T) {
	p := contentProfile()
	p.Objects = append(p.Objects, store.ObjectValues{Path: lwm2m.InstancePath(11, 0), Resources: map[lwm2m.ResourceID]store.Literal{6: {}}})
	secret := func(text string) lwm2m.Secret { return lwm2m.NewSecret([]byte(text)) }
	d := store.Device{
		Endpoint: "dev", Profile: "p", Vars: map[string]string{"a": "b"}, Secrets: map[lwm2m.Path]lwm2m.Secret{lwm2m.ResourcePath(11, 0, 6): secret("s")},
		Accounts: map[string]store.AccountKeys{"main": {Key: secret("k")}, "gone": {Key: secret("g")}},
	}
	for name, tt := range map[string]struct {
		change func(*store.Device)
		want   bool
	}{
		"a note and a tag":                      {func(d *store.Device) { d.Note, d.Tags = "n", []string{"t"} }, false},
		"what it bootstraps with":               {func(d *store.Device) { d.Credentials = []store.Credential{{Kind: store.CredentialPSK, Identity: "x"}} }, false},
		"that another key is asked for":         {func(d *store.Device) { profile.Rotate(d, "main", time.Now()) }, false},
		"what it has of an account that is not": {func(d *store.Device) { delete(d.Accounts, "gone") }, false},
		"a variable":                            {func(d *store.Device) { d.Vars["a"] = "c" }, true},
		"a secret":                              {func(d *store.Device) { d.Secrets[lwm2m.ResourcePath(11, 0, 6)] = secret("other") }, true},
		"a key":                                 {func(d *store.Device) { d.Accounts["main"] = store.AccountKeys{Key: secret("other")} }, true},
		"an identity":                           {func(d *store.Device) { d.Accounts["main"] = store.AccountKeys{Key: secret("k"), Identity: "i"} }, true},
		"its name":                              {func(d *store.Device) { d.Endpoint = "other" }, true},
	} {
		is := d.Clone()
		tt.change(&is)
		if got := profile.Alters(p, d, is); got != tt.want {
			t.Errorf("%s: alters %v, want %v", name, got, tt.want)
		}
	}
}
