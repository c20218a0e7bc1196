package sim_test

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

// play returns the device of a personality, with the credentials of the record, over
// DTLS; over plain CoAP where the record permits that.
func (b *bench) play(name string) sim.Config {
	b.t.Helper()
	p, ok := sim.PersonalityOf(name)
	if !ok {
		b.t.Fatalf("there is no personality %s", name)
	}
	cfg := p.Config
	cfg.Endpoint = endpoint
	cfg.BootstrapServer.PublicKeyOrIdentity, cfg.BootstrapServer.SecretKey = []byte("id-1"), key
	cfg.BootstrapServer.ServerURI = "coaps://" + b.dtls.Addr().String()
	cfg.Stack.Finishes.Stays = cmp.Or(cfg.Stack.Finishes.Stays, 20*time.Millisecond)
	cfg.Observe = func(s sim.Step) { b.steps = append(b.steps, s) }
	cfg.Dial = func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
		dial := coap.DialConfig{Handler: h, Tap: countingTap{cfg.Stack.Wire.Tap(!b.device.NoSec), &b.tapped, &b.acknowledged}}
		if b.device.NoSec {
			return coap.DialUDP(ctx, b.udp.Addr().String(), dial)
		}
		dial.Identity, dial.Key = "id-1", key
		return coap.DialDTLS(ctx, b.dtls.Addr().String(), dial)
	}
	return cfg
}

// A countingTap counts the datagrams that the tap of a personality changed, and the empty
// acknowledgements that came.
type countingTap struct {
	*sim.Tap
	changed, acknowledged *atomic.Int32
}

func (c countingTap) In(b []byte) (pass bool, answer []byte) {
	if pass, answer = c.Tap.In(b); !pass {
		c.changed.Add(1)
	}
	if len(b) == 4 && b[0] == 0x60 && b[1] == 0 {
		c.acknowledged.Add(1)
	}
	return pass, answer
}

func (c countingTap) Out(b []byte) [][]byte {
	out := c.Tap.Out(b)
	if len(out) != 1 {
		c.changed.Add(1)
	}
	return out
}

// overPlainCoAP makes the record one of a device without DTLS.
func overPlainCoAP(b *bench) {
	b.device.NoSec = true
	b.profile.SecretsOverNoSec = true
}

// leftOver is an account from an earlier bootstrap.
func leftOver(t *testing.T, security, server lwm2m.InstanceID) []lwm2m.Object {
	t.Helper()
	s, err1 := lwm2m.SecurityInstance{ID: security, ServerURI: "coaps://old.example", SecretKey: otherKey, ShortServerID: 7}.Instance(true)
	v, err2 := lwm2m.ServerInstance{ID: server, ShortServerID: 7, Lifetime: time.Hour, Binding: "U"}.Instance()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return []lwm2m.Object{{ID: lwm2m.ObjectSecurity, Instances: []lwm2m.Instance{s}}, {ID: lwm2m.ObjectServer, Instances: []lwm2m.Instance{v}}}
}

// A played is what is to be seen of one session with a personality that ends well.
type played struct {
	records func(*bench)
	device  func(*testing.T, *sim.Config)
	format  lwm2m.Format
	asked   string        // of the device
	quirks  []string      // parts of those recorded, all of them
	causes  []store.Cause // of the sessions, newest first; default done
	learned lwm2m.Format  // of the device record
}

const asNew = "GET /, PUT /0/1 F, PUT /1/0 F, POST /bs"

// personalities are all that there are, with a profile that fits them: the default one,
// where nothing is said.
var personalities = map[string]played{
	"anjay-1.0": {format: lwm2m.FormatTLV, asked: "GET /, PUT /0/0 F, PUT /1/0 F, POST /bs"},
	"anjay-1.1": {format: lwm2m.FormatSenMLCBOR, asked: "GET /, PUT /0/0 F, PUT /1/0 F, POST /bs"},
	// It takes a pack where there is one, and goes on like 1.1 where there is none.
	"anjay-1.2":  {format: lwm2m.FormatSenMLCBOR, asked: "GET /, PUT /0/0 F, PUT /1/0 F, POST /bs"},
	"anjay-lite": {format: lwm2m.FormatSenMLCBOR, asked: asNew},
	// No plan deletes a whole Object, which it refuses.
	"awa": {device: func(t *testing.T, c *sim.Config) { c.Holds = leftOver(t, 1, 0) }, format: lwm2m.FormatTLV,
		asked: "GET /, DELETE /0/1, DELETE /1/0, PUT /0/1 F, PUT /1/0 F, POST /bs"},
	// A tick between two writes must not find a server that the device cannot use yet.
	"contiki-ng": {records: func(b *bench) {
		b.profile.Accounts[0].URI = "coap://127.0.0.1:5683"
		b.profile.Device.Order = "server-first"
	}, format: lwm2m.FormatTLV, asked: "GET /, PUT /1/0 F, PUT /0/1 F, POST /bs"},
	"leshan-1.5": {format: lwm2m.FormatTLV, asked: asNew},
	"leshan-2.0": {format: lwm2m.FormatSenMLCBOR, asked: asNew},
	// What may not be deleted is overwritten.
	"mbed-cloud-client": {device: func(t *testing.T, c *sim.Config) { c.Holds = leftOver(t, 1, 0) }, format: lwm2m.FormatTLV,
		asked: "GET /, DELETE /0/1, DELETE /1/0, PUT /0/1 F, PUT /1/0 F, POST /bs"},
	"module-2.01":  {format: lwm2m.FormatTLV, asked: asNew, quirks: []string{"2.01 in place of 2.04"}},
	"nrf91":        {format: lwm2m.FormatSenMLCBOR, asked: asNew},
	"quectel-bg95": {records: func(b *bench) { b.profile.Accounts[0].Identity = "urn:imei:{{.Endpoint}}" }, format: lwm2m.FormatTLV, asked: asNew},
	"riot":         {format: lwm2m.FormatTLV, asked: asNew},
	// The account is more than it has room for in one message.
	"small-blocks": {format: lwm2m.FormatTLV, asked: asNew},
	// What it does not take whole it takes in parts.
	"soletta": {format: lwm2m.FormatTLV, asked: "GET /, PUT /0/1 F, PUT /0/1 senml-cbor, PUT /0/1 senml-json, " +
		"PUT /0/1/0 F, PUT /0/1/1 F, PUT /0/1/2 F, PUT /0/1/3 F, PUT /0/1/4 F, PUT /0/1/5 F, PUT /0/1/10 F, " +
		"PUT /1/0 F, PUT /1/0/0 F, PUT /1/0/1 F, PUT /1/0/6 F, PUT /1/0/7 F, POST /bs",
		quirks: []string{"whole of /0/1 with 4.00", "whole of /1/0 with 4.00"}},
	"u-blox-sara": {format: lwm2m.FormatTLV, asked: "GET /, PUT /0/1 F, GET /, DELETE /0/1, PUT /0/1 F, PUT /1/0 F, POST /bs",
		causes: []store.Cause{store.CauseDone, store.CauseSuperseded}},
	"wakaama": {records: supplied("0123456789abcdef"), format: lwm2m.FormatSenMLJSON, asked: asNew},
	"wakaama-old": {records: overPlainCoAP, format: lwm2m.FormatTLV,
		asked: "GET /, DELETE /0/1, DELETE /1/0, PUT /0/1 F, PUT /1/0 F, POST /bs", quirks: []string{"foreign token"}},
	"zephyr": {format: lwm2m.FormatSenMLCBOR, asked: asNew},
	"zephyr-3.7": {format: lwm2m.FormatTLV, asked: "GET /, DELETE /0/1, PUT /0/1 F, PUT /1/0 F, POST /bs",
		quirks: []string{"/0/1 has no valid Short Server ID"}},
	"zephyr-1.14": {}, // see TestPersonalitiesInTrouble: it knows no Finish
}

// supplied makes the key of the account a given one.
func supplied(k string) func(*bench) {
	return func(b *bench) {
		b.profile.Accounts[0].Key = store.KeySupplied
		b.device.Accounts = map[string]store.AccountKeys{"main": {Key: lwm2m.NewSecret([]byte(k))}}
	}
}

// Each personality bootstraps, and what is odd about it is in the record.
func TestPersonalities(t *testing.T) {
	document, err := os.ReadFile("../../docs/interop.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range sim.Personalities() {
		names = append(names, p.Name)
		if !strings.Contains(string(document), "`"+p.Name+"`") {
			t.Errorf("docs/interop.md has no %s", p.Name)
		}
		if p.Client == "" || p.Source == "" {
			t.Errorf("%s comes from %q, %q", p.Name, p.Client, p.Source)
		}
	}
	if !slices.IsSorted(names) || len(names) != len(personalities) {
		t.Errorf("the personalities are %v, and there are %d tests", names, len(personalities))
	}
	for _, name := range names {
		want := personalities[name]
		if want.asked == "" {
			continue
		}
		t.Run(name, func(t *testing.T) { testPlayed(t, name, want) })
	}
}

func testPlayed(t *testing.T, name string, want played) {
	b := newBench(t, want.records)
	cfg := b.play(name)
	if want.device != nil {
		want.device(t, &cfg)
	}
	result, err := sim.Run(t.Context(), cfg)
	b.ok(err)
	asked := strings.ReplaceAll(want.asked, " F", " "+want.format.String())
	if got := b.askedIn(); got != asked {
		t.Errorf("asked %s\n want %s", got, asked)
	}
	s := b.session()
	if s.Format != want.format || s.Endpoint != endpoint {
		t.Errorf("session of %s, written in %v, want %v", s.Endpoint, s.Format, want.format)
	}
	if len(want.causes) == 0 {
		want.causes = []store.Cause{store.CauseDone}
	}
	if got := b.causes(); !slices.Equal(got, want.causes) {
		t.Errorf("causes %v, want %v: %s", got, want.causes, s.Detail)
	}
	checkQuirks(t, s.Quirks, want.quirks)
	if w := cfg.Stack.Wire; (w.Separate || w.StrayAck || w.MaxBlock > 0) != (b.tapped.Load() > 0) {
		t.Errorf("%d datagrams are not those of the message layer", b.tapped.Load())
	}
	// A Finish that was answered apart counts for Leshan once that is acknowledged.
	if n := b.acknowledged.Load(); (n == 1) != cfg.Stack.Wire.Separate {
		t.Errorf("%d acknowledgements came", n)
	}
	d, err := b.db.Device(t.Context(), endpoint)
	b.ok(err)
	if d.Format != want.learned {
		t.Errorf("the record has format %v, want %v", d.Format, want.learned)
	}
	b.checkAccounts(result, cfg, d)
}

// askedIn are the requests that the device heard, with the formats of what was written.
func (b *bench) askedIn() string {
	out := b.asked()
	for i, s := range b.steps {
		if s.Request.Method == bootstrap.PUT {
			out[i] += " " + s.Request.ContentFormat.String()
		}
	}
	return strings.Join(out, ", ")
}

// causes are those of the sessions that the server kept, newest first.
func (b *bench) causes() (out []store.Cause) {
	b.t.Helper()
	kept, err := b.db.Sessions(b.t.Context(), store.SessionQuery{})
	b.ok(err)
	for _, s := range kept {
		out = append(out, s.Cause)
	}
	return out
}

func checkQuirks(t *testing.T, got, want []string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = strings.Contains(got[i], want[i])
	}
	if !ok {
		t.Errorf("quirks %q, want %q", got, want)
	}
}

// checkAccounts compares what the device holds with its record: one new account, and the
// Bootstrap-Server's as it was.
func (b *bench) checkAccounts(r sim.Result, cfg sim.Config, d store.Device) {
	b.t.Helper()
	b.checkBootstrapServer(r, cfg)
	var given []sim.Account
	for _, a := range r.Accounts {
		if a.Security.ShortServerID == b.profile.Accounts[0].ShortServerID {
			given = append(given, a)
		}
	}
	if len(r.Accounts) != 1 || len(given) != 1 {
		b.t.Fatalf("the device has accounts %+v", r.Accounts)
	}
	a := given[0]
	if a.Security.ServerURI != b.profile.Accounts[0].URI || !a.Security.SecretKey.Equal(d.Accounts["main"].Key) || a.Server.Lifetime != time.Hour {
		b.t.Errorf("the device has %+v, a key of %d bytes; the record one of %d", a, a.Security.SecretKey.Len(), d.Accounts["main"].Key.Len())
	}
}

// checkBootstrapServer fails where the device could not come back.
func (b *bench) checkBootstrapServer(r sim.Result, cfg sim.Config) {
	b.t.Helper()
	own, was := r.BootstrapServer, cfg.BootstrapServer
	switch {
	case own == nil:
		b.t.Error("the Bootstrap-Server Account is gone")
	case own.ID != was.ID || own.ServerURI != was.ServerURI || !own.SecretKey.Equal(was.SecretKey) ||
		string(own.PublicKeyOrIdentity) != string(was.PublicKeyOrIdentity):
		b.t.Errorf("the Bootstrap-Server Account is %+v, was %+v", own, was)
	}
}
