package sim_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/explain"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Where a personality cannot be bootstrapped, or not at once, the cause is right and the
// device keeps the account with which it can come back.
func TestPersonalitiesInTrouble(t *testing.T) {
	longURI := "coaps://" + strings.Repeat("long.", 40) + "example:5684"
	unknown := func(b *bench, c *sim.Config) { c.Endpoint, c.Attempts = "urn:dev:9", 3 }
	forgets := func(b *bench, c *sim.Config) { c.Stack.Writes.Forgets, c.Attempts = true, 8 }
	tests := []struct {
		name     string
		who      string
		records  func(*bench)
		device   func(*bench, *sim.Config)
		err      error         // of the device
		causes   []store.Cause // newest first
		told     string        // in what `lwbs why` says of the newest
		attempts int           // of the device
		asked    string        // the last; empty: nothing
	}{
		// Answered 4.00 they stop for good, after one more try where pct was sent.
		{name: "unknown", who: "zephyr", device: unknown, err: sim.ErrRefused,
			causes: []store.Cause{store.CauseEndpointUnknown}, told: "lwbs device rename urn:dev:1 urn:dev:9", attempts: 1},
		{name: "unknown", who: "anjay-1.1", device: unknown, err: sim.ErrRefused,
			causes: []store.Cause{store.CauseEndpointUnknown}, told: "2 times", attempts: 1},
		{name: "unknown", who: "leshan-2.0", device: unknown, err: sim.ErrRefused,
			causes: []store.Cause{store.CauseEndpointUnknown}, told: `belongs to device "urn:dev:1"`, attempts: 1},
		// These come again and again.
		{name: "unknown", who: "wakaama", device: unknown, err: sim.ErrRefused,
			causes: []store.Cause{store.CauseEndpointUnknown}, told: "3 times", attempts: 3},

		// No Finish is sent without an account that was accepted.
		{name: "no room for the key", who: "zephyr", records: func(b *bench) { b.profile.Accounts[0].KeyLength = 32 }, err: sim.ErrNoFinish,
			causes: []store.Cause{store.CauseRefused}, told: "5.00", attempts: 1, asked: "PUT /0/1"},
		{name: "no room for the key", who: "contiki-ng", records: func(b *bench) { b.profile.Accounts[0].KeyLength = 48 }, err: sim.ErrNoFinish,
			causes: []store.Cause{store.CauseRefused}, told: "5.00", attempts: 1, asked: "PUT /0/1"},
		{name: "no room for the URI", who: "riot", records: func(b *bench) { b.profile.Accounts[0].URI = longURI }, err: sim.ErrNoFinish,
			causes: []store.Cause{store.CauseRefused}, told: "PUT /0/1", attempts: 1, asked: "PUT /0/1"},
		{name: "no room for two accounts", who: "zephyr", records: twoAccounts, err: sim.ErrNoFinish,
			causes: []store.Cause{store.CauseRefused}, told: "PUT /0/2", attempts: 1, asked: "PUT /0/2"},
		{name: "no room for the message", who: "zephyr", records: func(b *bench) { impatient(b); b.profile.Accounts[0].URI = longURI }, err: sim.ErrNoFinish,
			causes: []store.Cause{store.CauseSilent}, told: "PUT /0/1", attempts: 1, asked: "GET /"},
		{name: "Resource that it does not know", who: "wakaama", records: certificateUsage, err: sim.ErrNoFinish,
			causes: []store.Cause{store.CauseRefused}, told: "4.00", attempts: 1, asked: "PUT /0/1/15"},

		// What it does not know it drops, with 2.04; a look back finds that out.
		{name: "Resource that it drops", who: "leshan-2.0", records: func(b *bench) {
			mode := json.Number("1")
			b.profile.Verify = "fail"
			b.profile.Accounts[0].ServerResources = map[lwm2m.ResourceID]store.Literal{26: {Number: &mode}}
		}, err: sim.ErrNoFinish, causes: []store.Cause{store.CauseVerifyFailed}, told: "/1/0/26", attempts: 1, asked: "GET /1"},

		// What came of Finish.
		{name: "knows no Finish", who: "zephyr-1.14", err: sim.ErrNoFinish,
			causes: []store.Cause{store.CauseFinishRefused}, told: "4.04", attempts: 1, asked: "POST /bs"},
		{name: "misses what is empty", who: "leshan-2.0", records: omitEmpty, err: sim.ErrNoFinish,
			causes: []store.Cause{store.CauseFinishRefused}, told: "4.06", attempts: 1, asked: "POST /bs"},
		{name: "misses what is empty, and does not say so", who: "leshan-1.5", records: omitEmpty, err: sim.ErrNoAccount,
			causes: []store.Cause{store.CauseDone}, attempts: 1, asked: "POST /bs"},
		{name: "patience runs out", who: "awa", records: impatient, device: func(b *bench, c *sim.Config) {
			c.Refuse, c.Attempts, c.Speed = map[string]lwm2m.Code{"PUT /1": silence}, 2, 30
			c.BootstrapServer.ClientHoldOffTime = 5 * time.Second
		}, err: sim.ErrNoFinish, causes: []store.Cause{store.CauseGone, store.CauseGone}, told: "PUT /1/0", attempts: 2, asked: "PUT /1/0"},

		// A new address is a new device as far as anybody can tell; the old session ends.
		{name: "plain CoAP from another port", who: "u-blox-sara", records: overPlainCoAP,
			causes: []store.Cause{store.CauseDone, store.CauseSuperseded}, attempts: 1, asked: "POST /bs"},

		// A device that keeps nothing comes back, until it is taken for what it is.
		{name: "keeps nothing", who: "wakaama", records: supplied("0123456789abcdef"), device: func(b *bench, c *sim.Config) {
			forgets(b, c)
			c.Stack.Returns.AfterRefusal, c.Stack.Finishes.Stays = false, time.Millisecond
		}, err: sim.ErrRefused, causes: append([]store.Cause{store.CauseRateLimited}, slices.Repeat([]store.Cause{store.CauseDone}, 5)...),
			told: "again and again", attempts: 6, asked: "POST /bs"},
		{name: "keeps nothing", who: "anjay-1.0", device: func(b *bench, c *sim.Config) {
			forgets(b, c)
			c.Speed, c.SessionTimeout = 1000, 1000*patience // only its pauses are short
		}, err: sim.ErrRefused,
			causes: append([]store.Cause{store.CauseRateLimited}, slices.Repeat([]store.Cause{store.CauseDone}, 5)...), told: "again and again", attempts: 6, asked: "POST /bs"},
		{name: "keeps nothing", who: "zephyr", device: forgets, err: sim.ErrNoAccount,
			causes: []store.Cause{store.CauseDone}, attempts: 1, asked: "POST /bs"},
	}
	for _, tt := range tests {
		t.Run(tt.who+", "+tt.name, func(t *testing.T) {
			b := newBench(t, tt.records)
			cfg := b.play(tt.who)
			if tt.device != nil {
				tt.device(b, &cfg)
			}
			result, err := sim.Run(t.Context(), cfg)
			if !errors.Is(err, tt.err) || result.Attempts != tt.attempts {
				t.Errorf("the device ends with %v after %d attempts, want %v after %d", err, result.Attempts, tt.err, tt.attempts)
			}
			s := b.session()
			if got := b.causes(); !slices.Equal(got, tt.causes) {
				t.Errorf("causes %v, want %v: %s", got, tt.causes, s.Detail)
			}
			if e := explain.Session(s); !strings.Contains(e.Happened+e.Remedy, tt.told) {
				t.Errorf("explained as %q, %q; want %q in it", e.Happened, e.Remedy, tt.told)
			}
			last := ""
			if asked := b.asked(); len(asked) > 0 {
				last = asked[len(asked)-1]
			}
			if last != tt.asked {
				t.Errorf("asked %v, want %s last", b.asked(), tt.asked)
			}
			b.checkBootstrapServer(result, cfg)
		})
	}
}

func omitEmpty(b *bench) { b.profile.Device.EmptyResources = "omit" }

func twoAccounts(b *bench) {
	b.profile.NoAccessControl = true
	b.profile.Accounts = append(b.profile.Accounts, store.Account{Name: "second", URI: "coaps://second.example", ShortServerID: 102})
}

// certificateUsage writes Resource 0/x/15, which came with LwM2M 1.1.
func certificateUsage(b *bench) {
	supplied("0123456789abcdef")(b)
	usage := json.Number("3")
	b.profile.Accounts[0].SecurityResources = map[lwm2m.ResourceID]store.Literal{15: {Number: &usage}}
}

// With a profile that says what the device is like, trouble is none.
func TestPersonalitiesWithFittingProfiles(t *testing.T) {
	tests := []struct {
		name    string
		who     string
		records func(*bench)
		device  func(*testing.T, *sim.Config)
		learned lwm2m.Format
	}{
		{name: "blocks", who: "zephyr", records: func(b *bench) {
			b.profile.Accounts[0].URI = "coaps://" + strings.Repeat("long.", 40) + "example:5684"
			b.profile.Device.BlockSize = 128
		}},
		{name: "blocks", who: "leshan-2.0", records: func(b *bench) {
			overPlainCoAP(b)
			b.profile.Accounts[0].ServerPublicKey = ""
			b.profile.Device.BlockSize = 64
		}},
		{name: "Resources", who: "soletta", records: func(b *bench) { b.profile.Device.Writes = "resource" }},
		// It reads one alphabet of Base64 and is told in another: then TLV, remembered.
		{name: "a key with other digits", who: "wakaama", records: supplied("\xfb\xff\xfe--------------"), learned: lwm2m.FormatTLV},
		{name: "path and query of its own", who: "anjay-1.1", device: func(_ *testing.T, c *sim.Config) {
			c.Stack.Asks.Path, c.Stack.Asks.Queries = []string{"tenantA"}, []string{"x=1"}
		}},
		{name: "Object 0 is not the server's to delete", who: "wakaama-old", device: func(_ *testing.T, c *sim.Config) {
			c.Refuse["DELETE /0"] = lwm2m.CodeUnauthorized
		}},
		// Over DTLS nothing is stray.
		{name: "DTLS", who: "wakaama-old"},
		{name: "everything deleted", who: "wakaama-old", records: func(b *bench) { b.profile.Delete.Mode = store.DeleteAll },
			device: func(t *testing.T, c *sim.Config) { c.Holds = leftOver(t, 1, 0) }},
		{name: "bootstrapped before", who: "anjay-1.1", device: func(t *testing.T, c *sim.Config) { c.Holds = leftOver(t, 0, 4) }},
		{name: "bootstrapped before", who: "zephyr", device: func(t *testing.T, c *sim.Config) { c.Holds = leftOver(t, 1, 0) }},
		{name: "bootstrapped before", who: "wakaama", records: supplied("0123456789abcdef"),
			device: func(t *testing.T, c *sim.Config) { c.Holds = leftOver(t, 3, 2) }},
	}
	for _, tt := range tests {
		t.Run(tt.who+", "+tt.name, func(t *testing.T) {
			b := newBench(t, tt.records)
			cfg := b.play(tt.who)
			cfg.Stack.Finishes.Stays = time.Millisecond // that some never leave has been seen elsewhere
			if tt.device != nil {
				tt.device(t, &cfg)
			}
			result, err := sim.Run(t.Context(), cfg)
			b.ok(err)
			if s := b.session(); s.Cause != store.CauseDone || len(s.Quirks) > 0 {
				t.Errorf("session %+v", s)
			}
			d, err := b.db.Device(t.Context(), endpoint)
			b.ok(err)
			if d.Format != tt.learned {
				t.Errorf("the record has format %v, want %v", d.Format, tt.learned)
			}
			b.checkAccounts(result, cfg, d)
		})
	}
}

// A device of LwM2M 1.2 is content with a pack, and keeps its Bootstrap-Server Account.
func TestPersonalityWithPack(t *testing.T) {
	b := newBench(t, allowPack)
	cfg := b.play("anjay-1.2")
	result, err := sim.Run(t.Context(), cfg)
	b.ok(err)
	if s := b.session(); !result.Packed || s.Cause != store.CausePackDelivered || len(b.steps) > 0 {
		t.Errorf("packed %v, asked %v, session %+v", result.Packed, b.asked(), s)
	}
	b.checkBootstrapServer(result, cfg)
}
