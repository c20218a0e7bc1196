package sim_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

// replaceAccount has the Bootstrap-Server Account replaced, its key from there.
func replaceAccount(source string) func(*bench) {
	return func(b *bench) {
		b.profile.BootstrapServer = &store.BootstrapServer{URI: "coaps://bs.example", Key: source}
	}
}

// ownAccount is the Bootstrap-Server Account that a device holds.
func ownAccount(t *testing.T, r sim.Result) lwm2m.SecurityInstance {
	t.Helper()
	for _, o := range r.Objects {
		if o.ID != lwm2m.ObjectSecurity {
			continue
		}
		for _, in := range o.Instances {
			if s, err := lwm2m.SecurityFrom(in); err == nil && s.BootstrapServer {
				return s
			}
		}
	}
	t.Fatal("the device has no Bootstrap-Server Account")
	return lwm2m.SecurityInstance{}
}

// with is the device that holds the account.
func (b *bench) with(own lwm2m.SecurityInstance) sim.Config {
	cfg := b.config()
	cfg.BootstrapServer = own
	cfg.Dial = b.overDTLS(string(own.PublicKeyOrIdentity), own.SecretKey)
	return cfg
}

// bootstrapWith lets the device bootstrap that holds the account, and returns the one it
// has then.
func (b *bench) bootstrapWith(own lwm2m.SecurityInstance) lwm2m.SecurityInstance {
	b.t.Helper()
	result, err := sim.Run(b.t.Context(), b.with(own))
	b.ok(err)
	return ownAccount(b.t, result)
}

// credentials are the identities that the record of the device has, with a question mark
// behind those that are pending.
func (b *bench) credentials() (out []string) {
	b.t.Helper()
	d, err := b.db.Device(b.t.Context(), endpoint)
	b.ok(err)
	for _, c := range d.Credentials {
		text := c.Identity
		if c.Pending {
			text += "?"
		}
		out = append(out, text)
	}
	return out
}

func (b *bench) wantCredentials(want ...string) {
	b.t.Helper()
	if got := b.credentials(); !slices.Equal(got, want) {
		b.t.Errorf("credentials %q, want %q", got, want)
	}
}

// factory is the account that the device of the bench was made with.
var factory = lwm2m.SecurityInstance{ID: 2, BootstrapServer: true, ServerURI: "coaps://old.example", PublicKeyOrIdentity: []byte("id-1"), SecretKey: key}

func TestOwnAccountIsReplacedOnce(t *testing.T) {
	b := newBench(t, replaceAccount(""))
	given := b.bootstrapWith(factory)
	if string(given.PublicKeyOrIdentity) != string(endpoint) || given.ID != 2 || given.ServerURI != "coaps://bs.example" || given.SecretKey.Equal(key) || given.SecretKey.Len() != 16 || given.ClientHoldOffTime != time.Second {
		t.Errorf("given %+v", given)
	}
	b.wantCredentials("id-1", "urn:dev:1?")
	b.bootstrapWith(factory) // it did not take the new one: the old is still good
	b.wantCredentials("id-1", "urn:dev:1?")
	b.steps = nil
	again := b.bootstrapWith(given)
	b.wantCredentials("urn:dev:1")
	if !again.SecretKey.Equal(given.SecretKey) || slices.Contains(b.asked(), "PUT /0/2") {
		t.Errorf("the account was replaced again: asked %v", b.asked())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := sim.Run(ctx, b.with(factory)); err == nil {
		t.Error("the old credential is still accepted")
	}
	b.session()
	kept, err := b.db.Sessions(t.Context(), store.SessionQuery{Endpoint: endpoint})
	b.ok(err)
	if len(kept) != 3 || !noted(kept[2], `"id-1" is accepted too`) || !noted(kept[0], `"id-1" is no longer accepted`) {
		t.Errorf("notes of the sessions: %+v", kept)
	}
}

func noted(s store.Session, part string) bool {
	return slices.ContainsFunc(s.Notes, func(n string) bool { return strings.Contains(n, part) })
}

func TestOwnAccountIsRenewed(t *testing.T) {
	b := newBench(t, replaceAccount(store.KeyRenew))
	seen := []lwm2m.Secret{key}
	own := factory
	for range 3 {
		own = b.bootstrapWith(own)
		if slices.ContainsFunc(seen, own.SecretKey.Equal) {
			t.Error("a key was given twice")
		}
		seen = append(seen, own.SecretKey)
	}
	b.wantCredentials("urn:dev:1-2", "urn:dev:1?")
	b.session()
}

// A credential whose identity is the endpoint name has to make room for another.
func TestOwnIdentityIsNew(t *testing.T) {
	b := newBench(t, func(b *bench) {
		replaceAccount("")(b)
		b.device.Credentials[0].Identity = string(endpoint)
	})
	old := factory
	old.PublicKeyOrIdentity = []byte(endpoint)
	if given := b.bootstrapWith(old); string(given.PublicKeyOrIdentity) != "urn:dev:1-2" {
		t.Errorf("the identity is %q", given.PublicKeyOrIdentity)
	}
	b.session()
}

// However a session fails, the device gets in again with what it has, and is given no
// third key.
func TestOwnAccountSurvivesFailure(t *testing.T) {
	tests := []struct {
		name   string
		refuse map[string]lwm2m.Code
		takes  bool // the device has the new account after it
		asked  string
	}{
		{"a write before it is refused", map[string]lwm2m.Code{"PUT /1": lwm2m.CodeInternalServerError}, false, "PUT /1/0"},
		{"it is refused", map[string]lwm2m.Code{"PUT /0/2": lwm2m.CodeInternalServerError}, false, "PUT /0/2"},
		{"Finish is refused", map[string]lwm2m.Code{"POST /bs": lwm2m.CodeNotAcceptable}, true, "POST /bs"},
		{"Finish is not answered", map[string]lwm2m.Code{"POST /bs": silence}, true, "POST /bs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, func(b *bench) { replaceAccount("")(b); impatient(b) })
			cfg := b.with(factory)
			cfg.Refuse = tt.refuse
			cfg.Observe = func(s sim.Step) {
				b.steps = append(b.steps, s)
				if s.Path == lwm2m.InstancePath(0, 2) {
					b.wantCredentials("id-1", "urn:dev:1?") // kept before it is sent
				}
			}
			result, err := sim.Run(t.Context(), cfg)
			if asked := b.asked(); err == nil || asked[len(asked)-1] != tt.asked {
				t.Fatalf("ended with %v, asked %v", err, asked)
			}
			b.wantCredentials("id-1", "urn:dev:1?")
			has := ownAccount(t, result)
			if took := !has.SecretKey.Equal(key); took != tt.takes {
				t.Fatalf("the device took the account: %v", took)
			}
			if given := b.bootstrapWith(factory); tt.takes && !given.SecretKey.Equal(has.SecretKey) {
				t.Error("the device was given a third key")
			}
			b.bootstrapWith(has)
			b.session()
		})
	}
}

// Without certainty where it is nothing is written at all.
func TestOwnAccountIsNotGuessed(t *testing.T) {
	b := newBench(t, replaceAccount(""))
	cfg := b.with(factory)
	cfg.Refuse = map[string]lwm2m.Code{"GET /": lwm2m.CodeNotFound}
	if _, err := sim.Run(t.Context(), cfg); err == nil {
		t.Error("the device was bootstrapped")
	}
	if s := b.session(); s.Cause != store.CausePlanInvalid || !strings.Contains(s.Detail, "not certain") || len(b.asked()) != 1 {
		t.Errorf("cause %s: %s, asked %v", s.Cause, s.Detail, b.asked())
	}
}

func TestOwnAccountIsSupplied(t *testing.T) {
	supplied := lwm2m.NewSecret([]byte("supplied key 123"))
	b := newBench(t, func(b *bench) {
		replaceAccount(store.KeySupplied)(b)
		b.device.Accounts = map[string]store.AccountKeys{store.BootstrapServerAccount: {Key: supplied, Identity: "mine"}}
	})
	given := b.bootstrapWith(factory)
	if !given.SecretKey.Equal(supplied) || string(given.PublicKeyOrIdentity) != "mine" {
		t.Errorf("given %+v", given)
	}
	b.steps = nil
	b.bootstrapWith(given)
	b.wantCredentials("mine")
	d, err := b.db.Device(t.Context(), endpoint)
	b.ok(err)
	if d.Accounts[store.BootstrapServerAccount].Delivered.IsZero() {
		t.Error("the record does not say that it was delivered")
	}
	if slices.Contains(b.asked(), "PUT /0/2") {
		t.Errorf("the account was replaced again: asked %v", b.asked())
	}
	b.session()
}

// A new address goes to devices that have their credential already.
func TestOwnAccountMoves(t *testing.T) {
	b := newBench(t, replaceAccount(""))
	given := b.bootstrapWith(b.bootstrapWith(factory))
	p, err := b.db.Profile(t.Context(), "p")
	b.ok(err)
	p.BootstrapServer.URI = "coaps://moved.example"
	_, err = b.db.PutProfile(t.Context(), p)
	b.ok(err)
	moved := b.bootstrapWith(given)
	if moved.ServerURI != "coaps://moved.example" || !moved.SecretKey.Equal(given.SecretKey) {
		t.Errorf("moved to %+v", moved)
	}
	b.steps = nil
	b.bootstrapWith(moved)
	if slices.Contains(b.asked(), "PUT /0/2") {
		t.Errorf("the account was moved again: asked %v", b.asked())
	}
	b.session()
}
