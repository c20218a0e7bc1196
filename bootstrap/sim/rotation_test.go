package sim_test

import (
	"testing"
	"time"

	"lwbs/bootstrap/profile"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

// edit changes the record of the device.
func (b *bench) edit(change func(*store.Device)) {
	b.t.Helper()
	d := b.record()
	change(&d)
	_, err := b.db.PutDevice(b.t.Context(), d)
	b.ok(err)
}

func (b *bench) record() store.Device {
	b.t.Helper()
	d, err := b.db.Device(b.t.Context(), endpoint)
	b.ok(err)
	return d
}

// rotate asks for another key, which must be new.
func (b *bench) rotate(name string) {
	b.t.Helper()
	b.edit(func(d *store.Device) {
		if !profile.Rotate(d, name, time.Now()) {
			b.t.Errorf("no other key of %s is asked for", name)
		}
	})
}

// due is why the device is to bootstrap again.
func (b *bench) due() []profile.DueReason {
	b.t.Helper()
	p, err := b.db.Profile(b.t.Context(), "p")
	b.ok(err)
	return profile.Due(p, profile.ContentOf(p), b.record().Outline(), time.Now())
}

func (b *bench) wantDue(want ...profile.DueReason) {
	b.t.Helper()
	got := b.due()
	if len(got) != len(want) {
		b.t.Errorf("the device is due for %v, want %v", got, want)
		return
	}
	for i := range want {
		if got[i] != want[i] {
			b.t.Errorf("the device is due for %v, want %v", got, want)
		}
	}
}

// The key of an account that is rotated is the one of the record until the device has accepted the other in a
// session that succeeded; however often it fails before, it is given the same.
func TestRotatedAccountKey(t *testing.T) {
	b := newBench(t, impatient)
	_, err := sim.Run(t.Context(), b.config())
	b.ok(err)
	b.awaitEnd()
	first := b.record().Accounts["main"].Key
	b.wantDue()
	b.rotate("main")
	b.wantDue(profile.DueRotation)
	b.edit(func(d *store.Device) {
		if profile.Rotate(d, "main", time.Now()) {
			t.Error("what is asked for already is asked for again")
		}
	})

	var given []lwm2m.Secret
	for _, refuse := range []map[string]lwm2m.Code{{"POST /bs": lwm2m.CodeNotAcceptable}, {"PUT /1": lwm2m.CodeInternalServerError}, nil} {
		cfg := b.config()
		cfg.Refuse = refuse
		result, err := sim.Run(t.Context(), cfg)
		b.awaitEnd()
		if (err == nil) != (refuse == nil) {
			t.Fatalf("ended with %v", err)
		}
		now := b.record().Accounts["main"]
		if refuse != nil {
			if !now.Key.Equal(first) || now.Pending.IsZero() || now.Rotate.IsZero() {
				t.Error("the record has another key already, or none that is pending")
			}
			b.wantDue(profile.DueRotation)
			given = append(given, now.Pending)
			continue
		}
		given = append(given, result.Accounts[0].Security.SecretKey)
		if !now.Key.Equal(given[0]) || !now.Pending.IsZero() || !now.Rotate.IsZero() || now.KeyMade.IsZero() {
			t.Error("the record has not the key that the device has")
		}
	}
	for _, k := range given {
		if !k.Equal(given[0]) || k.Equal(first) {
			t.Error("the device is given a third key, or its first one")
		}
	}
	b.wantDue()
	b.session()
}

// Both keys to bootstrap with are accepted until the device has come with the other.
func TestRotatedBootstrapKey(t *testing.T) {
	b := newBench(t, func(b *bench) {
		replaceAccount("")(b)
		b.device.Credentials[0].URI = "coaps://bs.example" // it was given here
	})
	first := factory
	first.ServerURI = "coaps://bs.example"
	b.bootstrapWith(first)
	b.awaitEnd()
	b.wantCredentials("id-1")
	b.rotate(store.BootstrapServerAccount)
	b.wantDue(profile.DueRotation)
	second := b.bootstrapWith(first)
	b.awaitEnd()
	b.wantCredentials("id-1", "urn:dev:1?")
	b.wantDue() // it waits for the device to come with the other
	if second.SecretKey.Equal(first.SecretKey) {
		t.Error("the key is the same")
	}
	again := b.bootstrapWith(first) // it lost the other
	b.awaitEnd()
	if !again.SecretKey.Equal(second.SecretKey) {
		t.Error("the device is given a third key")
	}
	b.edit(func(d *store.Device) {
		if changed, late := profile.CancelRotation(d); changed || len(late) != 1 {
			t.Errorf("a key that the device may have is withdrawn: %v, %q", changed, late)
		}
	})
	b.bootstrapWith(second)
	b.awaitEnd()
	b.wantCredentials("urn:dev:1")
	if third := b.bootstrapWith(second); !third.SecretKey.Equal(second.SecretKey) {
		t.Error("the key is replaced again")
	}
	b.session()
}

// Keys that are older than the profile permits are replaced at the next bootstrap, and those that lwbs does
// not make are not.
func TestKeysThatAreTooOld(t *testing.T) {
	b := newBench(t, func(b *bench) {
		replaceAccount("")(b)
		b.profile.RotateAfter = store.Duration(365 * 24 * time.Hour)
		b.profile.NoAccessControl = true
		b.profile.Accounts = append(b.profile.Accounts, store.Account{Name: "supplied", URI: "coaps://b.example", ShortServerID: 102, Key: store.KeySupplied})
		b.device.Accounts = map[string]store.AccountKeys{"supplied": {Key: otherKey}}
	})
	own := b.bootstrapWith(factory)
	b.awaitEnd()
	own = b.bootstrapWith(own)
	b.awaitEnd()
	b.wantDue()
	before := b.record()
	year := time.Now().Add(-366 * 24 * time.Hour)
	b.edit(func(d *store.Device) {
		d.Credentials[0].Created = year
		for name, a := range d.Accounts {
			a.KeyMade = year
			d.Accounts[name] = a
		}
	})
	b.wantDue(profile.DueAge)
	next := b.bootstrapWith(own)
	b.awaitEnd()
	b.wantDue()
	after := b.record()
	if next.SecretKey.Equal(own.SecretKey) || after.Accounts["main"].Key.Equal(before.Accounts["main"].Key) || !after.Accounts["supplied"].Key.Equal(otherKey) {
		t.Errorf("the key to bootstrap with is the same: %v; that of the account: %v; the supplied one: %v", next.SecretKey.Equal(own.SecretKey),
			after.Accounts["main"].Key.Equal(before.Accounts["main"].Key), after.Accounts["supplied"].Key.Equal(otherKey))
	}
	b.session()
}

// An OSCORE master secret is replaced as a key is.
func TestRotatedMasterSecret(t *testing.T) {
	b := newBench(t, func(b *bench) {
		impatient(b)
		b.profile.Accounts[0].URI = "coap://127.0.0.1:5683"
		b.profile.Accounts[0].OSCORE = &store.OSCORE{SenderID: "s", RecipientID: "r"}
	})
	run := func(refuse map[string]lwm2m.Code) sim.Result {
		t.Helper()
		cfg := b.config()
		cfg.Refuse = refuse
		result, err := sim.Run(t.Context(), cfg)
		b.awaitEnd()
		if (err == nil) != (refuse == nil) {
			t.Fatalf("ended with %v", err)
		}
		return result
	}
	first := oscoreOf(t, run(nil), run(nil).Accounts[0]).MasterSecret
	b.rotate("main")
	run(map[string]lwm2m.Code{"POST /bs": lwm2m.CodeNotAcceptable})
	pending := b.record().Accounts["main"].PendingMaster
	if pending.IsZero() || !b.record().Accounts["main"].MasterSecret.Equal(first) {
		t.Error("another master secret is not pending beside the first")
	}
	result := run(nil)
	given, now := oscoreOf(t, result, result.Accounts[0]).MasterSecret, b.record().Accounts["main"]
	if !given.Equal(pending) || !now.MasterSecret.Equal(pending) || !now.PendingMaster.IsZero() || now.Rotate != (time.Time{}) {
		t.Error("the record has not the master secret that the device has")
	}
	b.session()
}

// The record knows which revision of its profile a device was given, and a change that gives devices nothing
// else makes none due.
func TestWhatADeviceHolds(t *testing.T) {
	b := newBench(t, impatient)
	run := func(refuse map[string]lwm2m.Code) {
		t.Helper()
		cfg := b.config()
		cfg.Refuse = refuse
		_, err := sim.Run(t.Context(), cfg)
		b.awaitEnd()
		if (err == nil) != (refuse == nil) {
			t.Fatalf("ended with %v", err)
		}
	}
	apply := func(change func(*store.Profile)) {
		t.Helper()
		p, err := b.db.Profile(t.Context(), "p")
		b.ok(err)
		change(&p)
		_, err = b.db.PutProfile(t.Context(), p)
		b.ok(err)
	}
	run(map[string]lwm2m.Code{"POST /bs": lwm2m.CodeNotAcceptable})
	if holds := b.record().Holds; holds != (store.Holding{}) {
		t.Errorf("after a session that failed it holds %+v", holds)
	}
	run(nil)
	holds := b.record().Holds
	if holds.Profile != "p" || holds.Revision != 1 || time.Since(holds.Since) > patience {
		t.Errorf("it holds %+v", holds)
	}
	apply(func(p *store.Profile) { p.Verify, p.Device.BlockSize = "record", 512 })
	b.wantDue()
	apply(func(p *store.Profile) { p.Accounts[0].URI = "coaps://b.example" })
	b.wantDue(profile.DueProfile)
	b.edit(func(d *store.Device) { d.Settings++ })
	b.wantDue(profile.DueProfile, profile.DueRecord)
	run(nil)
	b.wantDue()
	if holds := b.record().Holds; holds.Revision != 3 {
		t.Errorf("it holds %+v", holds)
	}
	b.session()
}
