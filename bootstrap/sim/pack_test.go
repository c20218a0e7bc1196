package sim_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/explain"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

func allowPack(b *bench) { b.profile.Pack = "allow" }

func TestPack(t *testing.T) {
	large := func(b *bench) { // more than a datagram: fetched with Block2
		allowPack(b)
		text := strings.Repeat("x", 3000)
		b.profile.Objects = []store.ObjectValues{{Path: lwm2m.InstancePath(3, 0), Resources: map[lwm2m.ResourceID]store.Literal{15: {Text: &text}}}}
	}
	tests := []struct {
		name    string
		records func(*bench)
		format  lwm2m.Format
		at      lwm2m.InstanceID // of the Bootstrap-Server Account
		untold  bool
		want    lwm2m.InstanceID // of the Security instance given
	}{
		{name: "SenML JSON", records: allowPack, format: lwm2m.FormatSenMLJSON, want: 1},
		{name: "SenML CBOR", records: allowPack, format: lwm2m.FormatSenMLCBOR, want: 1},
		{name: "LwM2M CBOR", records: allowPack, format: lwm2m.FormatLwM2MCBOR, want: 1},
		{name: "account told at 1", records: allowPack, format: lwm2m.FormatSenMLCBOR, at: 1, want: 0},
		{name: "account at 1, not told", records: allowPack, format: lwm2m.FormatSenMLCBOR, at: 1, untold: true, want: 2},
		{name: "in blocks", records: large, format: lwm2m.FormatSenMLCBOR, want: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, tt.records)
			cfg := b.config()
			cfg.Pack, cfg.OmitAccount, cfg.BootstrapServer.ID = tt.format, tt.untold, tt.at
			result, err := sim.Run(t.Context(), cfg)
			b.ok(err)
			if !result.Packed || len(b.asked()) > 0 || len(result.Accounts) != 1 {
				t.Fatalf("packed %v, asked %v, accounts %+v", result.Packed, b.asked(), result.Accounts)
			}
			s := b.session()
			if s.Cause != store.CausePackDelivered || s.Stage != store.StagePack || s.Format != tt.format || s.ProfileRevision == 0 ||
				len(s.Operations) != 1 || s.Operations[0].Op != lwm2m.OpPack || s.Operations[0].Bytes == 0 {
				t.Errorf("session %+v", s)
			}
			d, err := b.db.Device(t.Context(), endpoint)
			b.ok(err)
			given, a := d.Accounts["main"], result.Accounts[0]
			if a.Security.ID != tt.want || !a.Security.SecretKey.Equal(given.Key) || given.Key.IsZero() || given.Delivered.IsZero() {
				t.Errorf("the device has /0/%d with a key of %d bytes, the record one of %d, delivered %v", a.Security.ID, a.Security.SecretKey.Len(), given.Key.Len(), given.Delivered)
			}
			if kept, err := b.db.Sessions(t.Context(), store.SessionQuery{Failed: true}); err != nil || len(kept) > 0 {
				t.Errorf("failed sessions: %v %v", kept, err)
			}
			if e := explain.Session(s); !strings.Contains(e.Happened, "one pack") || e.Remedy == "" {
				t.Errorf("explained as %+v", e)
			}
		})
	}
}

// Whatever is wrong with the pack, the device gets there by POST /bs.
func TestPackThenSession(t *testing.T) {
	tests := []struct {
		name    string
		records func(*bench)
		device  func(*sim.Config)
		causes  []store.Cause // newest first
	}{
		{name: "not allowed", causes: []store.Cause{store.CauseDone}},
		{name: "unusable", records: allowPack, device: func(c *sim.Config) { c.BootstrapServer.ID, c.OmitAccount = 2, true },
			causes: []store.Cause{store.CauseDone, store.CausePackDelivered}},
		{name: "in TLV", records: allowPack, device: func(c *sim.Config) { c.Pack = lwm2m.FormatTLV },
			causes: []store.Cause{store.CauseDone, store.CauseFormatUnknown}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, tt.records)
			cfg := b.config()
			cfg.Pack = lwm2m.FormatSenMLCBOR
			if tt.device != nil {
				tt.device(&cfg)
			}
			result, err := sim.Run(t.Context(), cfg)
			b.ok(err)
			if asked := b.asked(); result.Packed || len(asked) == 0 || asked[len(asked)-1] != "POST /bs" {
				t.Errorf("packed %v, asked %v", result.Packed, asked)
			}
			b.session()
			kept, err := b.db.Sessions(t.Context(), store.SessionQuery{})
			b.ok(err)
			var causes []store.Cause
			for _, s := range kept {
				causes = append(causes, s.Cause)
			}
			if !slices.Equal(causes, tt.causes) {
				t.Errorf("causes %v, want %v", causes, tt.causes)
			}
		})
	}
}

// A device that may not bootstrap is given no pack.
func TestPackRefused(t *testing.T) {
	b := newBench(t, allowPack)
	cfg := b.config()
	cfg.Pack, cfg.Dial = lwm2m.FormatSenMLCBOR, b.overDTLS("id-2", otherKey)
	if result, err := sim.Run(t.Context(), cfg); err == nil || result.Packed || len(result.Accounts) > 0 {
		t.Errorf("the device got %+v", result)
	}
	if s := b.session(); s.Cause != store.CauseIdentityMismatch || !strings.Contains(s.Detail, "2 times") {
		t.Errorf("session %+v", s)
	}
}

// Over plain CoAP there is no pack: a forged request would have what is configured sent to
// another peer.
func TestPackOverPlainCoAP(t *testing.T) {
	b := newBench(t, func(b *bench) {
		allowPack(b)
		b.device.NoSec = true
		b.profile.Accounts[0].URI = "coap://127.0.0.1:5683"
	})
	cfg := b.config()
	cfg.Pack = lwm2m.FormatSenMLCBOR
	cfg.Dial = func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
		return coap.DialUDP(ctx, b.udp.Addr().String(), coap.DialConfig{Handler: h})
	}
	result, err := sim.Run(t.Context(), cfg)
	b.ok(err)
	if result.Packed {
		t.Error("the device got a pack")
	}
	if s := b.session(); s.Cause != store.CauseDone {
		t.Errorf("cause %s: %s", s.Cause, s.Detail)
	}
}
