package sim_test

import (
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

// oscoreOf returns the security context that an account of a device refers to.
func oscoreOf(t *testing.T, r sim.Result, a sim.Account) lwm2m.OSCOREInstance {
	t.Helper()
	link := a.Security.OSCORESecurityMode
	if link == nil {
		t.Fatal("the account refers to no security context")
	}
	i := slices.IndexFunc(r.Objects, func(o lwm2m.Object) bool { return o.ID == link.Object })
	if i < 0 {
		t.Fatalf("the device has no Object %d", link.Object)
	}
	for _, in := range r.Objects[i].Instances {
		if in.ID == link.Instance {
			o, err := lwm2m.OSCOREFrom(in)
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
	}
	t.Fatalf("the device has no %v", *link)
	return lwm2m.OSCOREInstance{}
}

func TestOSCORE(t *testing.T) {
	tests := []struct {
		name   string
		uri    string
		pack   lwm2m.Format
		source string
	}{
		{name: "with DTLS", uri: "coaps://127.0.0.1:5684"},
		{name: "without DTLS", uri: "coap://127.0.0.1:5683"},
		{name: "supplied", uri: "coaps://127.0.0.1:5684", source: store.KeySupplied},
		{name: "in a pack", uri: "coaps://127.0.0.1:5684", pack: lwm2m.FormatSenMLCBOR},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, func(b *bench) {
				b.profile.Pack, b.profile.Accounts[0].URI = "allow", tt.uri
				b.profile.Accounts[0].OSCORE = &store.OSCORE{SenderID: "hex:{{.Vars.kid}}", RecipientID: "s", MasterSecret: tt.source, MasterSalt: "hex:09"}
				b.device.Vars = map[string]string{"kid": "a1b2"}
				if tt.source == store.KeySupplied {
					b.device.Accounts = map[string]store.AccountKeys{"main": {MasterSecret: otherKey}}
				}
			})
			cfg := b.config()
			cfg.Pack = tt.pack
			result, err := sim.Run(t.Context(), cfg)
			b.ok(err)
			got := oscoreOf(t, result, result.Accounts[0])
			if s := b.session(); !s.Cause.Success() || len(s.Quirks) > 0 {
				t.Errorf("cause %s: %s, quirks %q", s.Cause, s.Detail, s.Quirks)
			}
			d, err := b.db.Device(t.Context(), endpoint)
			b.ok(err)
			given := d.Accounts["main"]
			if !got.MasterSecret.Equal(given.MasterSecret) || got.MasterSecret.Len() != 16 || given.Delivered.IsZero() || tt.source == store.KeySupplied && !got.MasterSecret.Equal(otherKey) {
				t.Errorf("the device has a master secret of %d bytes, the record one of %d, delivered %v", got.MasterSecret.Len(), given.MasterSecret.Len(), given.Delivered)
			}
			if string(got.SenderID) != "\xa1\xb2" || string(got.RecipientID) != "s" || len(got.Extra) != 1 {
				t.Errorf("context %+v", got)
			}
		})
	}
}

// An account that has a security context now, and no DTLS any more, keeps the key that it
// had: it may be wanted again.
func TestOSCOREKeepsTheKey(t *testing.T) {
	b := newBench(t, func(b *bench) {
		b.profile.Accounts[0].URI = "coap://127.0.0.1:5683"
		b.profile.Accounts[0].OSCORE = &store.OSCORE{SenderID: "c", RecipientID: "s"}
		b.device.Accounts = map[string]store.AccountKeys{"main": {Key: otherKey}}
	})
	_, err := sim.Run(t.Context(), b.config())
	b.ok(err)
	b.session()
	d, err := b.db.Device(t.Context(), endpoint)
	b.ok(err)
	if keys := d.Accounts["main"]; !keys.Key.Equal(otherKey) || keys.MasterSecret.IsZero() || keys.Delivered.IsZero() {
		t.Errorf("the record has a key of %d bytes, a master secret of %d, delivered %v", keys.Key.Len(), keys.MasterSecret.Len(), keys.Delivered)
	}
}

// A second bootstrap replaces the context and leaves no other behind.
func TestOSCOREAgain(t *testing.T) {
	b := newBench(t, func(b *bench) {
		b.profile.Verify = "fail"
		b.profile.Accounts[0].OSCORE = &store.OSCORE{SenderID: "c", RecipientID: "s"}
	})
	result, err := sim.Run(t.Context(), b.config())
	b.ok(err)
	cfg := b.config()
	cfg.Holds = result.Objects
	again, err := sim.Run(t.Context(), cfg)
	b.ok(err)
	if first, second := oscoreOf(t, result, result.Accounts[0]), oscoreOf(t, again, again.Accounts[0]); first.ID != second.ID || !first.MasterSecret.Equal(second.MasterSecret) {
		t.Errorf("/21/%d became /21/%d", first.ID, second.ID)
	}
	if !slices.Contains(b.asked(), "DELETE /21/0") {
		t.Errorf("asked %v", b.asked())
	}
	b.session()
}

// Without encryption no device is given a master secret unless the profile permits it.
func TestOSCOREOverPlainCoAP(t *testing.T) {
	b := newBench(t, func(b *bench) {
		b.device.NoSec = true
		b.profile.Accounts[0].URI = "coap://127.0.0.1:5683"
		b.profile.Accounts[0].OSCORE = &store.OSCORE{SenderID: "c", RecipientID: "s"}
	})
	cfg := b.config()
	cfg.Dial = b.overUDP
	if _, err := sim.Run(t.Context(), cfg); err == nil {
		t.Error("the device was bootstrapped")
	}
	if s := b.session(); s.Cause != store.CausePlanInvalid || !strings.Contains(s.Detail, "secretsOverNoSec") {
		t.Errorf("cause %s: %s", s.Cause, s.Detail)
	}
}
