package store_test

import (
	"errors"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
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
		{"kind", psk(func(c *store.Credential) { c.Kind = "x509" })},
		{"identity has 0 bytes", psk(func(c *store.Credential) { c.Identity = "" })},
		{"identity has 129 bytes", psk(func(c *store.Credential) { c.Identity = strings.Repeat("x", 129) })},
		{"key has 0 bytes", psk(func(c *store.Credential) { c.Key = key(0) })},
		{"key has 65 bytes", psk(func(c *store.Credential) { c.Key = key(65) })},
		{"", psk(func(c *store.Credential) { *c = certificate(store.Fingerprint([]byte("any"))) })},
		{"fingerprint", psk(func(c *store.Credential) { *c = certificate("") })},
		{"fingerprint", psk(func(c *store.Credential) { *c = certificate(strings.ToUpper(store.Fingerprint(nil))) })},
		{"fingerprint", psk(func(c *store.Credential) { *c = certificate(store.Fingerprint(nil)[1:]) })},
		{"nobody else's", psk(func(c *store.Credential) { *c = certificate(store.Fingerprint(nil)); c.Key = key(16) })},
		{"", psk(func(c *store.Credential) { *c = named(strings.Repeat("x", 255)) })},
		{"identity has 256 bytes", psk(func(c *store.Credential) { *c = named(strings.Repeat("x", 256)) })},
		{"identity has 0 bytes", psk(func(c *store.Credential) { *c = named("") })},
		{"not UTF-8", psk(func(c *store.Credential) { *c = named("\xff") })},
		{"nobody else's", psk(func(c *store.Credential) { *c = named("n"); c.Key = key(16) })},
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
	}
	for _, tt := range tests {
		d := fullDevice()
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
