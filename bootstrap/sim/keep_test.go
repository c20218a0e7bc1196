package sim_test

import (
	"slices"
	"testing"

	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

// One account is replaced and the other stays as it is.
func TestReplaceOneAccount(t *testing.T) {
	t.Run("by its server", func(t *testing.T) {
		testReplaceOneAccount(t, func(sim.Account) store.DeletePolicy { return store.DeletePolicy{Mode: store.DeleteReplaced} })
	})
	t.Run("by its paths", func(t *testing.T) {
		testReplaceOneAccount(t, func(a sim.Account) store.DeletePolicy {
			return store.DeletePolicy{Mode: store.DeleteList, Paths: []lwm2m.Path{
				lwm2m.InstancePath(lwm2m.ObjectSecurity, a.Security.ID), lwm2m.InstancePath(lwm2m.ObjectServer, a.Server.ID),
			}}
		})
	})
}

func testReplaceOneAccount(t *testing.T, deletes func(sim.Account) store.DeletePolicy) {
	b := newBench(t, func(b *bench) {
		b.profile.Accounts = append(b.profile.Accounts, store.Account{Name: "second", URI: "coaps://127.0.0.2:5684", ShortServerID: 102})
		b.profile.NoAccessControl = true
	})
	both, err := sim.Run(t.Context(), b.config())
	b.ok(err)
	p, err := b.db.Profile(t.Context(), "p")
	b.ok(err)
	p.Accounts = p.Accounts[:1]
	p.Accounts[0].URI = "coaps://moved.example"
	p.Accounts[0].Key = store.KeyRenew
	p.Delete = deletes(both.Accounts[0])
	p.Verify = "fail"
	_, err = b.db.PutProfile(t.Context(), p)
	b.ok(err)
	b.steps = nil
	cfg := b.config()
	cfg.Holds = both.Objects
	after, err := sim.Run(t.Context(), cfg)
	b.ok(err)
	b.session()
	if want := []string{"GET /", "DELETE /0/1", "DELETE /1/0", "PUT /0/1", "PUT /1/0", "GET /", "GET /1", "POST /bs"}; !slices.Equal(b.asked(), want) {
		t.Errorf("asked %v, want %v", b.asked(), want)
	}
	if len(after.Accounts) != 2 {
		t.Fatalf("accounts %+v", after.Accounts)
	}
	if a, was := after.Accounts[0].Security, both.Accounts[0].Security; a.ServerURI != "coaps://moved.example" || a.SecretKey.Equal(was.SecretKey) {
		t.Errorf("the account of server 101 is still %+v", a)
	}
	if a, was := after.Accounts[1], both.Accounts[1]; a.Security.ServerURI != was.Security.ServerURI || !a.Security.SecretKey.Equal(was.Security.SecretKey) || a.Security.ID != was.Security.ID || a.Server.ID != was.Server.ID {
		t.Errorf("the account of server 102 became %+v", a)
	}
}
