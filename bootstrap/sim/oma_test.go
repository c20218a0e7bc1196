package sim_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/profile"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/lwm2m/link"
	"lwbs/store"
)

// The test cases of the OMA Enabler Test Specification for LwM2M 1.1 and 1.2 that are
// about bootstrapping, under its names, with our server and the simulated device at the
// two ends. What has to be seen for a pass stands before each, in our words. Of its
// others, int-3 needs a smartcard, int-5 and int-7 are the LwM2M Server's and the
// client's business, and int-6 the client's.
func TestOMA(t *testing.T) {
	t.Run("LightweightM2M-1.1-int-0", testOMAInt0)
	t.Run("LightweightM2M-1.1-int-1", testOMAInt1)
	t.Run("LightweightM2M-1.1-int-2", testOMAInt2)
	t.Run("LightweightM2M-1.1-int-4", testOMAInt4)
	t.Run("LightweightM2M-1.1-int-8", testOMAInt8)
	t.Run("LightweightM2M-1.1-int-9", testOMAInt9)
	t.Run("LightweightM2M-1.2-int-12", testOMAInt12)
}

// newOMABench is a bench with the accounts of the specification's tests: the LwM2M
// Server's at /0/0 and /1/0 with Short Server ID 1, the Bootstrap-Server's at /0/1.
func newOMABench(t *testing.T, change func(*bench)) (*bench, sim.Config) {
	t.Helper()
	b := newBench(t, func(b *bench) {
		b.profile.Accounts[0].ShortServerID = 1
		if change != nil {
			change(b)
		}
	})
	cfg := b.config()
	cfg.BootstrapServer = lwm2m.SecurityInstance{ID: 1, ServerURI: "coaps://" + b.dtls.Addr().String(), PublicKeyOrIdentity: []byte("id-1"), SecretKey: key}
	return b, cfg
}

// answered are the requests that the device heard, with its answers: "PUT /0 2.04".
func (b *bench) answered() (out []string) {
	for i, r := range b.asked() {
		out = append(out, r+" "+b.steps[i].Response.Code.Dotted())
	}
	return out
}

// passed fails where the device was not asked exactly this, with these answers, in a
// session that ended as it should.
func (b *bench) passed(cause store.Cause, want ...string) {
	b.t.Helper()
	if got := b.answered(); !slices.Equal(got, want) {
		b.t.Errorf("asked and answered %q, want %q", got, want)
	}
	if s := b.session(); s.Cause != cause || len(s.Quirks) > 0 {
		b.t.Errorf("cause %s, want %s: %s, quirks %q", s.Cause, cause, s.Detail, s.Quirks)
	}
}

// Client Initiated Bootstrap.
//   - The client's Bootstrap-Request, with its Endpoint Client Name, is answered 2.04.
//   - The server writes Object 0, then Object 1, each as a whole: 2.04 each.
//   - A Discover of the root then shows the version, the LwM2M Server's account under
//     its Short Server ID, the Bootstrap-Server's without one, and /3/0.
//   - Bootstrap-Finish is answered 2.04.
func testOMAInt0(t *testing.T) {
	b, cfg := newOMABench(t, func(b *bench) {
		b.profile.Device.Writes = "object"
		b.profile.Verify = "fail"
	})
	result, err := sim.Run(t.Context(), cfg)
	b.ok(err)
	b.passed(store.CauseDone, "GET / 2.05", "PUT /0 2.04", "PUT /1 2.04", "GET / 2.05", "GET /1 2.05", "POST /bs 2.04")
	found := link.ParseDiscovery(b.steps[3].Response.Payload)
	accounts := make([]string, 0, 4)
	for _, in := range found.Instances {
		accounts = append(accounts, fmt.Sprintf("%v %d", in.Path, in.ShortServerID))
	}
	if want := []string{"/0/0 1", "/0/1 0", "/1/0 1", "/3/0 0"}; found.Version != "1.1" || !slices.Equal(accounts, want) {
		t.Errorf("version %s, accounts %q, want %q", found.Version, accounts, want)
	}
	b.checkBootstrapServer(result, cfg)
}

// Client Initiated Bootstrap Full, with a Pre-Shared Key.
//   - The Bootstrap-Request comes over DTLS with the key of the Bootstrap-Server Account.
//   - The server gives the account of an LwM2M Server with mode PSK: identity, key, URI.
//   - After Finish the client registers there, over DTLS with that key: 2.01, with its
//     name, the lifetime and the version.
func testOMAInt1(t *testing.T) {
	var dm *registrar
	b, cfg := newOMABench(t, func(b *bench) { dm = newRegistrar(b) })
	cfg.DialServer = dialAccount
	result, err := sim.Run(t.Context(), cfg)
	b.ok(err)
	b.passed(store.CauseDone, "GET / 2.05", "PUT /0/0 2.04", "PUT /1/0 2.04", "POST /bs 2.04")
	if mode := result.Accounts[0].Security.Mode; mode != lwm2m.SecurityPSK || len(result.Registered) != 1 {
		t.Errorf("account with mode %v, registered at %v", mode, result.Registered)
	}
	dm.registered("ep=" + string(endpoint) + "&lt=3600&lwm2m=1.1&b=U")
	b.checkBootstrapServer(result, cfg)
}

// Bootstrap Delete.
//   - The client has an account from before.
//   - The server deletes Object 0 and Object 1: 2.02 each.
//   - Of that account nothing is left; the Bootstrap-Server's stays.
//   - After the writes and Finish the client has the new account only.
func testOMAInt4(t *testing.T) {
	b, cfg := newOMABench(t, func(b *bench) {
		b.profile.Delete = store.DeletePolicy{Mode: store.DeleteList, Paths: []lwm2m.Path{lwm2m.ObjectPath(0), lwm2m.ObjectPath(1)}}
		b.profile.Verify = "fail"
	})
	cfg.Holds = leftOver(t, 4, 4)
	result, err := sim.Run(t.Context(), cfg)
	b.ok(err)
	b.passed(store.CauseDone, "GET / 2.05", "DELETE /0 2.02", "DELETE /1 2.02", "PUT /0/0 2.04", "PUT /1/0 2.04", "GET / 2.05", "GET /1 2.05", "POST /bs 2.04")
	for _, in := range link.ParseDiscovery(b.steps[5].Response.Payload).Instances {
		if in.ShortServerID != 0 && in.ShortServerID != 1 {
			t.Errorf("%v of server %d is left", in.Path, in.ShortServerID)
		}
	}
	d, err := b.db.Device(t.Context(), endpoint)
	b.ok(err)
	b.checkAccounts(result, cfg, d)
}

// Bootstrap Read.
//   - The server writes an Access Control Instance: for the Object /3, Instance 0, with
//     all rights, which only bootstrapping may change; and its account.
//   - A Read of Object 1, and of Object 2, is answered 2.05 with what was written.
//   - A Read of Object 0 is answered 4.05.
func testOMAInt8(t *testing.T) {
	b, cfg := newOMABench(t, func(b *bench) {
		b.profile.Verify = "fail"
		b.profile.AccessControl = []store.AccessControl{{Object: 3, Instance: 0, Owner: 65535, Rights: map[uint16]uint8{0: 31}}}
	})
	_, err := sim.Run(t.Context(), cfg)
	b.ok(err)
	b.passed(store.CauseDone, "GET / 2.05", "PUT /0/0 2.04", "PUT /1/0 2.04", "PUT /2/0 2.04",
		"GET / 2.05", "GET /1 2.05", "GET /2 2.05", "POST /bs 2.04")
	read, err := content.Decode(lwm2m.FormatTLV, lwm2m.ObjectPath(2), b.steps[6].Response.Payload)
	b.ok(err)
	access := lwm2m.AccessControlFrom(read[0].Instances[0])
	if access.Object != 3 || access.Instance != 0 || access.Rights[0] != 31 || access.Owner != 65535 {
		t.Errorf("read %+v", access)
	}

	cfg.Dial = dialByHand(func(s *byHand, _ bootstrap.Request) lwm2m.Code {
		if got := s.ask(bootstrap.GET, "/0", lwm2m.FormatTLV, nil).Code; got != lwm2m.CodeMethodNotAllowed {
			t.Errorf("a Read of Object 0 is answered %v", got)
		}
		return lwm2m.CodeBadRequest
	})
	_, _ = sim.Run(t.Context(), cfg)
}

// Bootstrap Inconsistency.
//   - Nothing but the Disable Timeout of a Server Instance is written: 2.04.
//   - Bootstrap-Finish is answered 4.06, and the client stays as it was.
//
// Our server makes no such plan, and says why; a client that finds what it was given
// wanting is recorded as the one that refused Finish.
func testOMAInt9(t *testing.T) {
	timeout := instance(t, lwm2m.ObjectServer, lwm2m.Instance{Resources: []lwm2m.Resource{lwm2m.Single(5, lwm2m.IntegerValue(86400))}})
	b, cfg := newOMABench(t, nil)
	alone := cfg
	alone.Dial = dialByHand(func(s *byHand, _ bootstrap.Request) lwm2m.Code {
		wrote := s.ask(bootstrap.PUT, "/1/0", lwm2m.FormatTLV, timeout).Code
		finished := s.ask(bootstrap.POST, "/bs", 0, nil).Code
		if wrote != lwm2m.CodeChanged || finished != lwm2m.CodeNotAcceptable {
			t.Errorf("Write is answered %v, Finish %v", wrote, finished)
		}
		close(s.done)
		return lwm2m.CodeChanged
	})
	result, err := sim.Run(t.Context(), alone)
	if err == nil || len(result.Accounts) > 0 {
		t.Errorf("the device has accounts %+v, error %v", result.Accounts, err)
	}
	b.checkBootstrapServer(result, cfg)

	if found := profile.Check(store.Profile{Name: "p"}, nil); !slices.ContainsFunc(found, func(f profile.Finding) bool { return !f.Warning }) {
		t.Errorf("a profile without an account passes: %v", found)
	}

	b.steps = nil
	cfg.Stack.Writes.Forgets = true
	_, err = sim.Run(t.Context(), cfg)
	if err == nil {
		t.Error("a device without an account is content")
	}
	b.passed(store.CauseFinishRefused, "GET / 2.05", "PUT /0/0 2.04", "PUT /1/0 2.04", "POST /bs 4.06")
}

// Bootstrap-Pack (LwM2M 1.2).
//   - The client asks for a pack with GET /bspack, with its name and the format it reads:
//     2.05 with everything it is given, in that format.
//   - No Discover, Write, Delete or Finish follows.
//   - The client registers at the LwM2M Server of the pack.
func testOMAInt12(t *testing.T) {
	for _, format := range []lwm2m.Format{lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLCBOR, lwm2m.FormatLwM2MCBOR} {
		t.Run(format.String(), func(t *testing.T) {
			var dm *registrar
			b, cfg := newOMABench(t, func(b *bench) {
				allowPack(b)
				dm = newRegistrar(b)
			})
			cfg.Version, cfg.Pack, cfg.DialServer = "1.2", format, dialAccount
			result, err := sim.Run(t.Context(), cfg)
			b.ok(err)
			b.passed(store.CausePackDelivered)
			if s := b.session(); !result.Packed || s.Format != format {
				t.Errorf("packed %v, in %v", result.Packed, s.Format)
			}
			dm.registered("ep=" + string(endpoint) + "&lt=3600&lwm2m=1.2&b=U")
			b.checkBootstrapServer(result, cfg)
		})
	}
}

// A registrar is the LwM2M Server of a bench's account. It takes the device with what that
// is to be given, and no other.
type registrar struct {
	*coap.Listener
	t    *testing.T
	came chan bootstrap.Request
}

const registrarKey = "key from a record"

// newRegistrar makes the account of b's profile lead to a registrar, with a key.
func newRegistrar(b *bench) *registrar {
	b.t.Helper()
	supplied(registrarKey)(b)
	r := &registrar{t: b.t, came: make(chan bootstrap.Request, 1)}
	l, err := coap.ListenDTLS("127.0.0.1:0", coap.Config{Handler: r, PSK: func(identity string) (key lwm2m.Secret, err error) {
		if identity == string(endpoint) {
			key = lwm2m.NewSecret([]byte(registrarKey))
		}
		return key, nil
	}})
	b.ok(err)
	b.t.Cleanup(func() { l.Close() })
	r.Listener = l
	b.profile.Accounts[0].URI = "coaps://" + l.Addr().String()
	return r
}

// ServeRequest implements [bootstrap.Handler].
func (r *registrar) ServeRequest(_ context.Context, _ bootstrap.Conn, req bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	if req.Method != bootstrap.POST || !slices.Equal(req.Path, []string{"rd"}) {
		return bootstrap.Response{Code: lwm2m.CodeNotFound}, nil
	}
	r.came <- req
	return bootstrap.Response{Code: lwm2m.CodeCreated}, nil
}

// registered fails where no client has registered with these queries.
func (r *registrar) registered(queries string) {
	r.t.Helper()
	select {
	case req := <-r.came:
		if got := strings.Join(req.Queries, "&"); got != queries {
			r.t.Errorf("registered with %s, want %s", got, queries)
		}
	case <-time.After(patience):
		r.t.Error("no client has registered")
	}
}

// dialAccount reaches the LwM2M Server of an account.
func dialAccount(ctx context.Context, a sim.Account) (bootstrap.Conn, error) {
	return coap.DialDTLS(ctx, strings.TrimPrefix(a.Security.ServerURI, "coaps://"),
		coap.DialConfig{Identity: string(a.Security.PublicKeyOrIdentity), Key: a.Security.SecretKey})
}
