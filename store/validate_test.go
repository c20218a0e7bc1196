package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows"
)

func TestDeviceValidate(t *testing.T) {
	psk := func(change func(*store.Credential)) func(*store.Device) {
		return func(d *store.Device) { change(&d.Credentials[0]) }
	}
	account := func(name string, keys store.AccountKeys) func(*store.Device) {
		return func(d *store.Device) { d.Accounts = map[string]store.AccountKeys{name: keys} }
	}
	variable := func(name, v string) func(*store.Device) {
		return func(d *store.Device) { d.Vars = map[string]string{name: v} }
	}
	certificate := func(fingerprint string) store.Credential {
		return store.Credential{Kind: store.CredentialCertificate, Identity: fingerprint}
	}
	named := func(name string) store.Credential {
		return store.Credential{Kind: store.CredentialCertificateName, Identity: name}
	}
	secret := func(path lwm2m.Path, n int) func(*store.Device) {
		return func(d *store.Device) { d.Secrets = map[lwm2m.Path]lwm2m.Secret{path: lwm2m.NewSecret(make([]byte, n))} }
	}
	key := func(n int) lwm2m.Secret { return lwm2m.NewSecret(make([]byte, n)) }
	tests := []struct {
		want   string // in the error; empty for none
		change func(*store.Device)
	}{
		{"", func(*store.Device) {}},
		{"", func(d *store.Device) { d.Credentials, d.Accounts, d.Vars, d.Tags = nil, nil, nil, nil }},
		{"", psk(func(c *store.Credential) { c.Identity, c.Key = strings.Repeat("x", 128), key(64) })},
		{"", psk(func(c *store.Credential) { c.Identity = "\xff" })},
		{"endpoint name is empty", func(d *store.Device) { d.Endpoint = "" }},
		{"needs a profile", func(d *store.Device) { d.Profile = "" }},
		{"kind is empty", psk(func(c *store.Credential) { c.Kind = "" })},
		{"control character", psk(func(c *store.Credential) { c.Kind = "x\x00509" })},
		{"", psk(func(c *store.Credential) { c.Kind = "of-a-newer-lwbs" })},
		{"identity has 0 bytes", psk(func(c *store.Credential) { c.Identity = "" })},
		{"identity has 129 bytes", psk(func(c *store.Credential) { c.Identity = strings.Repeat("x", 129) })},
		{"key has 0 bytes", psk(func(c *store.Credential) { c.Key = key(0) })},
		{"key has 65 bytes", psk(func(c *store.Credential) { c.Key = key(65) })},
		{"", psk(func(c *store.Credential) { *c = certificate(store.Fingerprint([]byte("any"))) })},
		{"fingerprint", psk(func(c *store.Credential) { *c = certificate("") })},
		{"fingerprint", psk(func(c *store.Credential) { *c = certificate(strings.ToUpper(store.Fingerprint(nil))) })},
		{"fingerprint", psk(func(c *store.Credential) { *c = certificate(store.Fingerprint(nil)[1:]) })},
		{"pre-shared key", psk(func(c *store.Credential) { *c = certificate(store.Fingerprint(nil)); c.Key = key(16) })},
		{"", psk(func(c *store.Credential) { *c = named(strings.Repeat("x", 255)) })},
		{"identity has 256 bytes", psk(func(c *store.Credential) { *c = named(strings.Repeat("x", 256)) })},
		{"identity has 0 bytes", psk(func(c *store.Credential) { *c = named("") })},
		{"not UTF-8", psk(func(c *store.Credential) { *c = named("\xff") })},
		{"pre-shared key", psk(func(c *store.Credential) { *c = named("n"); c.Key = key(16) })},
		{"two credentials", func(d *store.Device) { d.Credentials = append(d.Credentials, d.Credentials[0]) }},
		{"tag is empty", func(d *store.Device) { d.Tags = []string{"t", ""} }},
		{"tag has 129 bytes", func(d *store.Device) { d.Tags = []string{strings.Repeat("x", 129)} }},
		{"control character", func(d *store.Device) { d.Tags = []string{"a\x00b"} }},
		{"note is not UTF-8", func(d *store.Device) { d.Note = "\xff" }},
		{"account", account("\xff", store.AccountKeys{})},
		{"account", account("a", store.AccountKeys{Identity: "\xff"})},
		{"variable", variable("\xff", "v")},
		{"", secret(lwm2m.ResourcePath(11, 0, 6), store.MaxSecret)},
		{"secret of /11/0/6 has 0 bytes", secret(lwm2m.ResourcePath(11, 0, 6), 0)},
		{"secret of /11/0/6 has 4097 bytes", secret(lwm2m.ResourcePath(11, 0, 6), store.MaxSecret+1)},
		{"not the path of a Resource", secret(lwm2m.InstancePath(11, 0), 1)},
		{"belong to accounts", secret(lwm2m.ResourcePath(0, 1, 5), 1)},
		{"belong to accounts", secret(lwm2m.ResourcePath(21, 1, 0), 1)},
		{"variable", variable("v", "\xff")},
		{"", variable("v", strings.Repeat("x", store.MaxValue))},
		{`variable "v" has 16385 bytes`, variable("v", strings.Repeat("x", store.MaxValue+1))},
		{"name of a variable is empty", variable("", "v")},
		{"name of a variable has 129 bytes", variable(strings.Repeat("x", 129), "v")},
		{"name of a variable \"a\\nb\" has a control character", variable("a\nb", "v")},
		{"name of an account has 129 bytes", account(strings.Repeat("x", 129), store.AccountKeys{})},
		{`name of an account "a\x1bb" has a control character`, account("a\x1bb", store.AccountKeys{})},
		{`key of account "a" has 4097 bytes`, account("a", store.AccountKeys{Key: key(store.MaxSecret + 1)})},
		{`master secret of account "a" has 4097 bytes`, account("a", store.AccountKeys{MasterSecret: key(store.MaxSecret + 1)})},
		{"257 variables, at most 256 are possible", func(d *store.Device) {
			d.Vars = make(map[string]string)
			for i := range store.MaxVars + 1 {
				d.Vars[fmt.Sprint("v", i)] = "x"
			}
		}},
		{"65 tags, at most 64 are possible", func(d *store.Device) { d.Tags = slices.Repeat([]string{"t"}, store.MaxTags+1) }},
		{"17 credentials, at most 16 are possible", func(d *store.Device) {
			d.Credentials = slices.Repeat([]store.Credential{named("n")}, store.MaxCredentials+1)
		}},
		{"65 accounts, at most 64 are possible", func(d *store.Device) {
			d.Accounts = make(map[string]store.AccountKeys)
			for i := range store.MaxAccounts + 1 {
				d.Accounts[fmt.Sprint("a", i)] = store.AccountKeys{}
			}
		}},
		{"65 secrets, at most 64 are possible", func(d *store.Device) {
			d.Secrets = make(map[lwm2m.Path]lwm2m.Secret)
			for i := range store.MaxSecrets + 1 {
				d.Secrets[lwm2m.ResourcePath(11, lwm2m.InstanceID(i), 6)] = key(1)
			}
		}},
		{"4097 bytes of note, at most 4096 are possible", func(d *store.Device) { d.Note = strings.Repeat("x", store.MaxNote+1) }},
		{"bytes of texts, keys and certificates, at most 65536 are possible", func(d *store.Device) {
			d.Vars = make(map[string]string)
			for i := range 5 {
				d.Vars[fmt.Sprint("v", i)] = strings.Repeat("x", store.MaxValue)
			}
		}},
	}
	for _, tt := range tests {
		d := validDevice()
		tt.change(&d)
		err := d.Validate()
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("a valid device: %v", err)
		case tt.want != "" && (!errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%v, want ErrInvalid with %q", err, tt.want)
		}
	}
}

// validDevice has something of everything.
func validDevice() store.Device {
	secret := lwm2m.NewSecret([]byte("key"))
	return store.Device{
		Endpoint: "dev", Profile: "p", NoSec: true, Note: "n", Tags: []string{"t"}, Vars: map[string]string{"v": "w"},
		Credentials: []store.Credential{
			{Kind: store.CredentialPSK, Identity: "i", Key: secret},
			{Kind: store.CredentialPSK, Identity: "j", Key: secret, Pending: true, Replaces: "i"},
		},
		Accounts: map[string]store.AccountKeys{"a": {Identity: "x", Certificate: []byte{1}, Key: secret, MasterSecret: secret}},
		Secrets:  map[lwm2m.Path]lwm2m.Secret{lwm2m.ResourcePath(11, 0, 6): secret},
		Written:  store.Written{Instances: []store.WrittenInstance{{Path: lwm2m.InstancePath(0, 1), Account: "a", Server: 101}}},
	}
}

func TestProfileValidate(t *testing.T) {
	for name, valid := range map[string]bool{
		"p": true, "Zähler 2": true, strings.Repeat("x", 128): true,
		"": false, strings.Repeat("x", 129): false, "a\nb": false, "a\x7f": false, "\xff": false,
	} {
		if err := (store.Profile{Name: name}).Validate(); valid != (err == nil) || err != nil && !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q: %v, want valid %v", name, err, valid)
		}
	}
}

func TestProfileLimits(t *testing.T) {
	for want, p := range map[string]store.Profile{
		"65 accounts, at most 64 are possible":                       {Accounts: make([]store.Account, store.MaxAccounts+1)},
		"257 entries of access control, at most 256 are possible":    {AccessControl: make([]store.AccessControl, store.MaxAccessControl+1)},
		"257 other Object Instances, at most 256 are possible":       {Objects: make([]store.ObjectValues, store.MaxObjects+1)},
		"257 paths to delete, at most 256 are possible":              {Delete: store.DeletePolicy{Paths: make([]lwm2m.Path, store.MaxDelete+1)}},
		"name of an account \"a\\nb\" has a control character":       {Accounts: []store.Account{{Name: "a\nb"}}},
		"name of an account has 129 bytes, at most 128 are possible": {Accounts: []store.Account{{Name: strings.Repeat("x", 129)}}},
	} {
		p.Name = "p"
		if err := p.Validate(); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want ErrInvalid with %q", err, want)
		}
	}
	long := store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: strings.Repeat("x", store.MaxProfile)}}}
	if _, err := rows.EncodeProfile(long); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "bytes of profile, at most 262144 are possible") {
		t.Errorf("a profile that is too large: %v", err)
	}
}
