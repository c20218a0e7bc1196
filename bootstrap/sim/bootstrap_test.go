package sim_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/explain"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A bench is a Bootstrap-Server with a device record, on loopback.
type bench struct {
	t       *testing.T
	db      *bolt.DB
	server  *bootstrap.Server
	udp     *coap.Listener
	dtls    *coap.Listener
	profile store.Profile
	device  store.Device
	steps   []sim.Step

	// With certificates: what is believed of the device's, and what the server shows.
	trust       *auth.Trust
	certificate *tls.Certificate

	ended  chan store.Session // each session that ended
	tapped atomic.Int32       // datagrams that a personality's tap changed

	acknowledged atomic.Int32 // empty acknowledgements that a personality heard

	handshakeTimeout time.Duration // of the server
}

// patience is how long a test waits for what must happen, on any machine.
const patience = time.Minute

const endpoint = lwm2m.EndpointName("urn:dev:1")

var (
	key      = lwm2m.NewSecret([]byte("0123456789abcdef"))
	otherKey = lwm2m.NewSecret([]byte("another key here"))
)

// newBench starts a server; change may edit the records before they are kept.
func newBench(t *testing.T, change func(*bench)) *bench {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	b := &bench{
		t: t, ended: make(chan store.Session, 100), handshakeTimeout: patience,
		profile: store.Profile{Name: "p", Accounts: []store.Account{
			{Name: "main", URI: "coaps://127.0.0.1:5684", ShortServerID: 101, Lifetime: new(store.Duration(time.Hour))},
		}},
		device: store.Device{Endpoint: endpoint, Profile: "p", Credentials: []store.Credential{
			{Kind: store.CredentialPSK, Identity: "id-1", Key: key},
		}},
	}
	if change != nil {
		change(b)
	}
	keyring, err := seal.NewKeyring()
	b.ok(err)
	b.db, err = bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	b.ok(err)
	t.Cleanup(func() { b.db.Close() })
	_, err = b.db.PutProfile(t.Context(), b.profile)
	b.ok(err)
	_, err = b.db.PutDevice(t.Context(), b.device)
	b.ok(err)
	other := store.Device{Endpoint: "urn:dev:2", Profile: "p", Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: "id-2", Key: otherKey}}}
	_, err = b.db.PutDevice(t.Context(), other)
	b.ok(err)
	b.server, err = bootstrap.NewServer(bootstrap.Config{Store: b.db, Trust: func() *auth.Trust { return b.trust }, Observe: func(e bootstrap.Event) {
		if e.Kind == bootstrap.EventEnded {
			b.ended <- e.Session
		}
	}})
	b.ok(err)
	cfg := coap.Config{Handler: b.server, PSK: b.server.PSK, HandshakeFailed: b.server.HandshakeFailed, DTLS: coap.DTLSConfig{HandshakeTimeout: b.handshakeTimeout, NoRequest: b.server.NoRequest}}
	if b.certificate != nil {
		cfg.DTLS.Certificates = func() []tls.Certificate { return []tls.Certificate{*b.certificate} }
		cfg.DTLS.VerifyClient = b.server.VerifyClient
	}
	b.udp, err = coap.ListenUDP("127.0.0.1:0", cfg)
	b.ok(err)
	b.dtls, err = coap.ListenDTLS("127.0.0.1:0", cfg)
	b.ok(err)
	t.Cleanup(func() { b.udp.Close(); b.dtls.Close() })
	t.Cleanup(func() { b.server.Close() })
	return b
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// config is the device of the record, over DTLS.
func (b *bench) config() sim.Config {
	return sim.Config{
		Endpoint: endpoint, SessionTimeout: patience,
		Stack:   sim.Stack{Finishes: sim.Finishing{Stays: 20 * time.Millisecond}},
		Dial:    b.overDTLS("id-1", key),
		Observe: func(s sim.Step) { b.steps = append(b.steps, s) },
	}
}

func (b *bench) overDTLS(identity string, key lwm2m.Secret) func(context.Context, bootstrap.Handler) (bootstrap.Conn, error) {
	return func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
		return coap.DialDTLS(ctx, b.dtls.Addr().String(), coap.DialConfig{Handler: h, Identity: identity, Key: key})
	}
}

func (b *bench) overUDP(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
	return coap.DialUDP(ctx, b.udp.Addr().String(), coap.DialConfig{Handler: h})
}

// session ends the server and returns the newest session that it kept.
func (b *bench) session() store.Session {
	b.t.Helper()
	b.ok(b.server.Drain(b.t.Context()))
	b.ok(b.server.Close())
	kept, err := b.db.Sessions(b.t.Context(), store.SessionQuery{})
	b.ok(err)
	if len(kept) == 0 {
		b.t.Fatal("no session was kept")
	}
	return kept[0]
}

// asked are the requests that the device saw, such as "PUT /0/1".
func (b *bench) asked() (out []string) {
	for _, s := range b.steps {
		path := s.Path.String()
		if s.Request.Method == bootstrap.POST {
			path = "/bs"
		}
		out = append(out, s.Request.Method.String()+" "+path)
	}
	return out
}

func TestBootstrap(t *testing.T) {
	for _, format := range []lwm2m.Format{0, lwm2m.FormatTLV, lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLCBOR, lwm2m.FormatLwM2MCBOR} {
		t.Run(format.String(), func(t *testing.T) {
			b := newBench(t, nil)
			cfg := b.config()
			cfg.PreferredFormat = format
			result, err := sim.Run(t.Context(), cfg)
			b.ok(err)
			if want := []string{"GET /", "PUT /0/1", "PUT /1/0", "POST /bs"}; !slices.Equal(b.asked(), want) {
				t.Errorf("asked %v, want %v", b.asked(), want)
			}
			s := b.session()
			if s.Cause != store.CauseDone || s.Identity != "id-1" || s.Endpoint != endpoint {
				t.Errorf("session %+v", s)
			}
			d, err := b.db.Device(t.Context(), endpoint)
			b.ok(err)
			given := d.Accounts["main"]
			a := result.Accounts[0]
			if !a.Security.SecretKey.Equal(given.Key) || given.Key.Len() != 16 || given.Delivered.IsZero() {
				t.Errorf("the device has a key of %d bytes, the record one of %d, delivered %v", a.Security.SecretKey.Len(), given.Key.Len(), given.Delivered)
			}
			if string(a.Security.PublicKeyOrIdentity) != string(endpoint) || a.Server.Lifetime != time.Hour {
				t.Errorf("account %+v", a)
			}
		})
	}
}

// The account instances of the device decide where the new ones go.
func TestBootstrapServerAccountIsNeverTouched(t *testing.T) {
	for _, at := range []lwm2m.InstanceID{0, 1, 7} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			b := newBench(t, nil)
			cfg := b.config()
			cfg.BootstrapServer = lwm2m.SecurityInstance{ID: at, ServerURI: "coaps://bs.example", SecretKey: key}
			result, err := sim.Run(t.Context(), cfg)
			b.ok(err)
			if slices.ContainsFunc(b.steps, func(s sim.Step) bool {
				return s.Request.Method != bootstrap.GET && s.Path == lwm2m.InstancePath(0, at)
			}) {
				t.Errorf("at /0/%d: asked %v", at, b.asked())
			}
			if len(result.Accounts) != 1 || result.Accounts[0].Security.ID == at {
				t.Errorf("at /0/%d: accounts %+v", at, result.Accounts)
			}
		})
	}
}

// silence is the code of no answer.
const silence lwm2m.Code = 0

// impatient gives up on a silent device in about a second.
func impatient(b *bench) { b.profile.Device.AckTimeout = store.Duration(20 * time.Millisecond) }

func TestOutcomes(t *testing.T) {
	tests := []struct {
		name    string
		records func(*bench)
		device  func(*bench, *sim.Config)
		cause   store.Cause
		err     error  // of the device
		told    string // in what `lwbs why` says
		asked   string // of the device, the last
	}{
		{name: "plain CoAP, permitted", records: func(b *bench) {
			b.device.NoSec = true
			b.profile.Accounts[0].URI = "coap://127.0.0.1:5683"
		}, device: func(b *bench, c *sim.Config) { c.Dial = b.overUDP }, cause: store.CauseDone, asked: "POST /bs"},
		{name: "plain CoAP, refused", device: func(b *bench, c *sim.Config) { c.Dial = b.overUDP }, cause: store.CauseNoSecRefused, err: sim.ErrRefused, told: "plain CoAP"},
		{name: "plain CoAP, no keys there", records: func(b *bench) { b.device.NoSec = true },
			device: func(b *bench, c *sim.Config) { c.Dial = b.overUDP }, cause: store.CausePlanInvalid, err: sim.ErrRefused, told: "secretsOverNoSec"},
		{name: "name left out", device: func(b *bench, c *sim.Config) { c.OmitEndpoint = true }, cause: store.CauseDone, asked: "POST /bs"},
		{name: "unknown endpoint", device: func(b *bench, c *sim.Config) { c.Endpoint = "urn:dev:9" }, cause: store.CauseEndpointUnknown, err: sim.ErrRefused, told: "urn:dev:9"},
		{name: "identity of another device", device: func(b *bench, c *sim.Config) { c.Dial = b.overDTLS("id-2", otherKey) },
			cause: store.CauseIdentityMismatch, err: sim.ErrRefused, told: "urn:dev:2"},
		{name: "disabled", records: func(b *bench) { b.device.Disabled = true }, cause: store.CauseDisabled, err: sim.ErrRefused, told: "Enable"},
		{name: "write refused", device: func(b *bench, c *sim.Config) {
			c.Refuse = map[string]lwm2m.Code{"PUT /1": lwm2m.CodeNotFound}
		}, cause: store.CauseRefused, err: sim.ErrNoFinish, told: "PUT /1/0", asked: "PUT /1/0"},
		{name: "finish refused", device: func(b *bench, c *sim.Config) {
			c.Refuse = map[string]lwm2m.Code{"POST /bs": lwm2m.CodeNotAcceptable}
		}, cause: store.CauseFinishRefused, err: sim.ErrNoFinish, told: "4.06", asked: "POST /bs"},
		{name: "discover refused, assumed", device: func(b *bench, c *sim.Config) {
			c.Refuse = map[string]lwm2m.Code{"GET /": lwm2m.CodeBadRequest}
		}, cause: store.CauseDone, asked: "POST /bs"},
		{name: "discover refused, profile says fail", records: func(b *bench) { b.profile.DiscoverFailed = "fail" }, device: func(b *bench, c *sim.Config) {
			c.Refuse = map[string]lwm2m.Code{"GET /": lwm2m.CodeBadRequest}
		}, cause: store.CauseDiscoverFailed, err: sim.ErrNoFinish, asked: "GET /"},
		{name: "profile broken meanwhile", records: func(b *bench) { b.profile.Accounts[0].URI = "coap://{{.Vars.none}}" }, cause: store.CauseTemplateFailed, err: sim.ErrRefused, told: `accounts[0].uri: the device has no variable "none"`},
		{name: "silent at a write", records: impatient, device: func(b *bench, c *sim.Config) {
			c.Refuse = map[string]lwm2m.Code{"PUT /1": silence}
		}, cause: store.CauseSilent, err: sim.ErrNoFinish, told: "PUT /1/0"},
		{name: "silent at Discover", records: impatient, device: func(b *bench, c *sim.Config) {
			c.Refuse = map[string]lwm2m.Code{"GET /": silence}
		}, cause: store.CauseSilent, err: sim.ErrNoFinish},
		{name: "silent at Finish", records: impatient, device: func(b *bench, c *sim.Config) {
			c.Refuse = map[string]lwm2m.Code{"POST /bs": silence}
		}, cause: store.CauseFinishUnknown, err: sim.ErrNoFinish},
		{name: "delete all", records: func(b *bench) { b.profile.Delete.Mode = store.DeleteAll }, cause: store.CauseDone, asked: "POST /bs"},
		{name: "version 1.0", device: func(b *bench, c *sim.Config) { c.Version = "1.0" }, cause: store.CauseDone, asked: "POST /bs"},
		{name: "small blocks", records: func(b *bench) { b.profile.Device.BlockSize = 16 }, cause: store.CauseDone, asked: "POST /bs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, tt.records)
			cfg := b.config()
			if tt.device != nil {
				tt.device(b, &cfg)
			}
			_, err := sim.Run(t.Context(), cfg)
			if !errors.Is(err, tt.err) {
				t.Errorf("the device ends with %v, want %v", err, tt.err)
			}
			s := b.session()
			if s.Cause != tt.cause {
				t.Fatalf("cause %s, want %s: %s", s.Cause, tt.cause, s.Detail)
			}
			e := explain.Session(s)
			if !strings.Contains(e.Happened+e.Remedy, tt.told) {
				t.Errorf("explained as %q, %q; want %q in it", e.Happened, e.Remedy, tt.told)
			}
			if asked := b.asked(); tt.asked != "" && (len(asked) == 0 || asked[len(asked)-1] != tt.asked) {
				t.Errorf("asked %v, want %s last", asked, tt.asked)
			}
		})
	}
}

func TestWrongKeyIsExplained(t *testing.T) {
	b := newBench(t, func(b *bench) { b.handshakeTimeout = 2 * time.Second }) // the wrong key is seen in a part of that
	cfg := b.config()
	cfg.Dial = b.overDTLS("id-1", otherKey)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := sim.Run(ctx, cfg)
		ended <- err
	}()
	b.awaitEnd()
	cancel()
	if err := <-ended; err == nil {
		t.Fatal("the device got in with a wrong key")
	}
	s := b.session()
	if s.Cause != store.CauseKeyDiffers || s.Endpoint != endpoint || s.Identity != "id-1" {
		t.Errorf("session %+v", s)
	}
}

// awaitEnd waits until a session has ended.
func (b *bench) awaitEnd() {
	b.t.Helper()
	select {
	case <-b.ended:
	case <-time.After(patience):
		b.t.Fatal("no session ended")
	}
}

func TestNoRequestIsRecorded(t *testing.T) {
	b := newBench(t, nil)
	conn, err := b.overDTLS("id-1", key)(t.Context(), b.server)
	b.ok(err)
	b.ok(conn.Close())
	b.awaitEnd()
	if s := b.session(); s.Cause != store.CauseClosedUnused || s.Endpoint != endpoint {
		t.Errorf("session %+v", s)
	}
}

// A device that comes again and again gets through; then it is refused for a while.
func TestLoopGuard(t *testing.T) {
	b := newBench(t, nil)
	for i := range 5 {
		if _, err := sim.Run(t.Context(), b.config()); err != nil {
			t.Fatalf("time %d: %v", i, err)
		}
	}
	if _, err := sim.Run(t.Context(), b.config()); !errors.Is(err, sim.ErrRefused) {
		t.Errorf("the sixth time within a minute: %v", err)
	}
	if s := b.session(); s.Cause != store.CauseRateLimited {
		t.Errorf("cause %s", s.Cause)
	}
}

// A renewed key is active only once the device has confirmed it.
func TestRenewedKey(t *testing.T) {
	b := newBench(t, func(b *bench) { b.profile.Accounts[0].Key = store.KeyRenew })
	keys := make([]lwm2m.Secret, 0, 2)
	for range 2 {
		result, err := sim.Run(t.Context(), b.config())
		b.ok(err)
		keys = append(keys, result.Accounts[0].Security.SecretKey)
	}
	b.session()
	d, err := b.db.Device(t.Context(), endpoint)
	b.ok(err)
	if keys[0].Equal(keys[1]) || !d.Accounts["main"].Key.Equal(keys[1]) || !d.Accounts["main"].Pending.IsZero() {
		t.Errorf("keys differ: %v; the record has the last one: %v", !keys[0].Equal(keys[1]), d.Accounts["main"].Key.Equal(keys[1]))
	}
}

// The newest Bootstrap-Request of a device wins.
func TestSuperseded(t *testing.T) {
	b := newBench(t, nil)
	first := b.config()
	first.Refuse = map[string]lwm2m.Code{"PUT /1": silence} // its session hangs there
	hangs := make(chan struct{})
	first.Observe = func(s sim.Step) {
		if s.Path == lwm2m.InstancePath(1, 0) {
			select {
			case <-hangs:
			default:
				close(hangs)
			}
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := sim.Run(t.Context(), first)
		ended <- err
	}()
	<-hangs
	if _, err := sim.Run(t.Context(), b.config()); err != nil {
		t.Errorf("the second: %v", err)
	}
	if err := <-ended; !errors.Is(err, sim.ErrNoFinish) {
		t.Errorf("the first ends with %v", err)
	}
	b.session()
	kept, err := b.db.Sessions(t.Context(), store.SessionQuery{})
	b.ok(err)
	if len(kept) != 2 || kept[0].Cause != store.CauseDone || kept[1].Cause != store.CauseSuperseded {
		t.Errorf("%d sessions: %+v", len(kept), kept)
	}
}
