package bootstrap_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/enrol"
	"lwbs/lwm2m"
	"lwbs/store"
)

// lot is the group of most tests here, without its name.
func lot(name string) store.Group {
	return store.Group{
		Name: name, Profile: "p", Tags: []string{"new"}, Match: []string{name + "-*"},
		Keys: []store.GroupKey{{ID: 1, Key: lwm2m.NewSecret([]byte("a key of the group"))}},
	}
}

// psk is the key for the handshake, where there is one.
func (h *certificateServer) psk(identity string) (key lwm2m.Secret, known bool) {
	key, err := h.server.PSK(identity)
	return key, err == nil && !key.IsZero()
}

func (h *certificateServer) group(t *testing.T, g store.Group) store.Group {
	t.Helper()
	kept, err := h.store.PutGroup(t.Context(), g)
	check(t, err)
	return kept
}

// change edits a group.
func (h *certificateServer) change(t *testing.T, name string, edit func(*store.Group)) store.Group {
	t.Helper()
	g, err := h.store.Group(t.Context(), name)
	check(t, err)
	edit(&g)
	return h.group(t, g)
}

// holder is a peer that has proved to hold a key.
func holder(identity string, key lwm2m.Secret) auth.Peer {
	return auth.Peer{Remote: "192.0.2.1:5000", Transport: store.TransportDTLS, Identity: identity, HasKey: key.Equal}
}

// derived is the key of a device of g by its nth key.
func derived(t *testing.T, g store.Group, n int, identity string) lwm2m.Secret {
	t.Helper()
	key, err := enrol.DeviceKey(g.Derivation, g.KeyLength, g.Keys[n].Key, identity)
	check(t, err)
	return key
}

func (h *certificateServer) device(t *testing.T, ep lwm2m.EndpointName) store.Device {
	t.Helper()
	d, err := h.store.Device(t.Context(), ep)
	check(t, err)
	return d
}

func (h *certificateServer) mustLack(t *testing.T, ep lwm2m.EndpointName) {
	t.Helper()
	if d, err := h.store.Device(t.Context(), ep); err == nil {
		t.Errorf("there is a record of %q: %+v", ep, d)
	}
}

// The record of a device is made at its first request, and by no handshake before; from then on it is
// an ordinary device.
func TestEnrolment(t *testing.T) {
	h := newCertificateServer(t, nil)
	g := h.group(t, lot("lot"))
	want := derived(t, g, 0, "lot-1")
	key, known := h.psk("lot-1")
	if !known || !key.Equal(want) {
		t.Fatalf("the key for the handshake is known: %v, and the derived one: %v", known, key.Equal(want))
	}
	h.server.NoRequest(holder("lot-1", key), time.Now(), attempt.UnusedInTime)
	h.server.HandshakeFailed(auth.Handshake{Remote: "192.0.2.1:5000", Identity: "lot-1", Started: time.Now(), Err: auth.ErrKeyDiffers})
	if none, failed := <-h.ended, <-h.ended; none.Known || none.Cause != store.CauseNoRequest || failed.Cause != store.CauseKeyDiffers || failed.Group != "lot" || failed.Known {
		t.Errorf("handshakes without a request are recorded as %+v and %+v", none, failed)
	}
	h.mustLack(t, "lot-1")
	for i, query := range []string{"ep=lot-1", "ep=lot-1"} {
		s := h.request(t, holder("lot-1", key), post("bs", query), nil)
		if s.Cause != store.CauseDone || s.Endpoint != "lot-1" || s.Proof != store.ProofIdentity || s.Enrolled != (i == 0) {
			t.Errorf("request %d: %+v", i+1, s)
		}
		if key, known := h.psk("lot-1"); !known || !key.Equal(want) {
			t.Error("the device has another key than before")
		}
	}
	d := h.device(t, "lot-1")
	if c := d.Credentials; d.Group != "lot" || d.Profile != "p" || fmt.Sprint(d.Tags) != "[new]" || len(c) != 1 || !c[0].Key.IsZero() || c[0].GroupKey != 1 {
		t.Errorf("the record is %+v", d)
	}
	if s := h.request(t, holder("lot-2", derived(t, g, 0, "lot-2")), post("bs"), nil); s.Cause != store.CauseDone || s.Endpoint != "lot-2" || !s.Enrolled {
		t.Errorf("a request without a name: %+v", s)
	}
	if size, err := h.store.GroupSize(t.Context(), "lot"); size != 2 || err != nil {
		t.Errorf("the group has %d devices, %v", size, err)
	}
}

// Whatever is the reason why no group enrols a peer, it looks like any identity that is unknown: it has
// no key, and its request, if it gets as far as to one, has the answer of every refusal.
func TestNotEnrolled(t *testing.T) {
	tests := []struct {
		name     string
		identity string
		ep       string // of the request
		change   func(*store.Group)
		keyless  bool // the handshake has no key for it
		cause    store.Cause
		variant  store.Variant
		group    string
	}{
		{"no group has such names", "other-1", "other-1", func(*store.Group) {}, true, store.CauseEndpointUnknown, "", ""},
		{"capitals", "LOT-1", "LOT-1", func(*store.Group) {}, true, store.CauseEndpointUnknown, "", ""},
		{"a denied name", "lot-1", "lot-1", func(g *store.Group) { g.Denied = []lwm2m.EndpointName{"lot-1"} }, true, store.CauseEndpointUnknown, store.VariantGroupDenied, "lot"},
		{"a disabled group", "lot-1", "lot-1", func(g *store.Group) { g.Disabled = true }, true, store.CauseEndpointUnknown, store.VariantGroupDisabled, "lot"},
		{"a group at its end", "lot-1", "lot-1", func(g *store.Group) { g.Until = time.Now().Add(-time.Second) }, true, store.CauseEndpointUnknown, store.VariantGroupEnded, "lot"},
		{"a full group", "lot-1", "lot-1", func(g *store.Group) { g.MaxDevices = 1 }, true, store.CauseEndpointUnknown, store.VariantGroupFull, "lot"},
		{"no key any more", "lot-1", "lot-1", func(g *store.Group) { g.Keys = nil }, true, store.CauseEndpointUnknown, "", ""},
		{"another key since", "lot-1", "lot-1", func(g *store.Group) {
			g.Keys[0] = store.GroupKey{ID: 2, Key: lwm2m.NewSecret([]byte("another key of it"))}
		}, false, store.CauseKeyChanged, "", ""},
		{"another name than its identity", "lot-1", "lot-2", func(*store.Group) {}, false, store.CauseEndpointUnknown, store.VariantGroupName, "lot"},
		{"the name of an ordinary device", "lot-own", "lot-own", func(*store.Group) {}, true, store.CauseIdentityMismatch, "", ""},
		{"the name of another device of the group", "lot-1", "lot-0", func(*store.Group) {}, false, store.CauseIdentityMismatch, "", ""},
		{"a control character", "lot-\x00", "lot-\x00", func(*store.Group) {}, true, store.CauseBadRequest, "", ""},
		{"no name, and a control character", "lot-\x00", "", func(*store.Group) {}, true, store.CauseEndpointUnknown, "", ""},
		{"no name, and bytes that are no text", "lot-\xff\xfe", "", func(*store.Group) {}, true, store.CauseEndpointUnknown, "", ""},
		{"no name, and the identity of another device", "lot-alias", "", func(*store.Group) {}, false, store.CauseDone, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newCertificateServer(t, nil)
			g := h.group(t, lot("lot"))
			h.request(t, holder("lot-0", derived(t, g, 0, "lot-0")), post("bs", "ep=lot-0"), nil)
			h.add(t, "lot-own", psk("own key"))
			h.add(t, "ordinary", psk("lot-alias"))
			key := derived(t, g, 0, tt.identity)
			if tt.identity == "lot-alias" {
				key = lwm2m.NewSecret([]byte("key"))
			}
			h.change(t, "lot", tt.change)
			if _, known := h.psk(tt.identity); known == tt.keyless {
				t.Errorf("the handshake has a key for it: %v", known)
			}
			r := post("bs")
			if tt.ep != "" {
				r = post("bs", "ep="+tt.ep)
			}
			c := peerClient{newScriptedClient(nil), holder(tt.identity, key)}
			resp, after := h.server.ServeRequest(t.Context(), c, r)
			if after != nil {
				after(t.Context())
			}
			s := <-h.ended
			if s.Cause != tt.cause || s.Variant != tt.variant || s.Group != tt.group {
				t.Errorf("the attempt is recorded as %+v", s)
			}
			if reply := string(resp.Payload); tt.cause != store.CauseDone && tt.cause != store.CauseBadRequest && (resp.Code != lwm2m.CodeBadRequest || reply != "endpoint not accepted") {
				t.Errorf("it is answered with %v %q", resp.Code, reply)
			}
			for _, ep := range []lwm2m.EndpointName{"other-1", "LOT-1", "lot-1", "lot-2", "lot-alias"} {
				h.mustLack(t, ep)
			}
			if own := h.device(t, "lot-own"); own.Group != "" || own.Revision != 1 {
				t.Errorf("the ordinary device was changed: %+v", own)
			}
		})
	}
}

// The handshake has a record with the group that did not enrol the peer, and why.
func TestFailedHandshakeNamesGroup(t *testing.T) {
	h := newCertificateServer(t, nil)
	g := lot("lot")
	g.Disabled = true
	h.group(t, g)
	h.server.HandshakeFailed(auth.Handshake{Remote: "192.0.2.1:5000", Identity: "lot-1", Started: time.Now(), Err: auth.ErrKeyDiffers})
	if s := <-h.ended; s.Cause != store.CauseIdentityUnknown || s.Group != "lot" || s.Variant != store.VariantGroupDisabled || s.Known || s.Proof != store.ProofNone {
		t.Errorf("it is recorded as %+v", s)
	}
}

// While the key of a group is changed, devices have a key by the new one or by the one before it, and
// the record remembers by which. Without the one before it, its devices are refused.
func TestKeyOfGroupIsChanged(t *testing.T) {
	h := newCertificateServer(t, nil)
	former := h.group(t, lot("lot"))
	had := derived(t, former, 0, "lot-1")
	if s := h.request(t, holder("lot-1", had), post("bs", "ep=lot-1"), nil); s.Cause != store.CauseDone {
		t.Fatalf("%+v", s)
	}
	both := h.change(t, "lot", func(g *store.Group) {
		g.Keys = append([]store.GroupKey{{ID: 2, Key: lwm2m.NewSecret([]byte("a newer key of it"))}}, g.Keys...)
	})
	keys := func(identity string) (first, second lwm2m.Secret) {
		first, known := h.psk(identity)
		second, other := h.server.OtherPSK(identity)
		if !known || !other {
			t.Errorf("%q has a key: %v, and another: %v", identity, known, other)
		}
		return first, second
	}
	if first, second := keys("lot-1"); !first.Equal(had) || !second.Equal(derived(t, both, 0, "lot-1")) {
		t.Error("an enrolled device does not have its key first and the new one second")
	}
	if first, second := keys("lot-2"); !first.Equal(derived(t, both, 0, "lot-2")) || !second.Equal(derived(t, both, 1, "lot-2")) {
		t.Error("a device without a record does not have the new key first and the former one second")
	}
	if s := h.request(t, holder("lot-2", derived(t, both, 1, "lot-2")), post("bs", "ep=lot-2"), nil); s.Cause != store.CauseDone || h.device(t, "lot-2").Credentials[0].GroupKey != 1 {
		t.Errorf("enrolled with the former key: %+v", s)
	}
	now := derived(t, both, 0, "lot-1")
	if s := h.request(t, holder("lot-1", now), post("bs", "ep=lot-1"), nil); s.Cause != store.CauseDone || !strings.Contains(fmt.Sprint(s.Notes), "key 2 of group") {
		t.Errorf("with the new key: %+v", s)
	}
	if first, _ := keys("lot-1"); !first.Equal(now) {
		t.Error("the key that a device came with last is not the first")
	}
	h.change(t, "lot", func(g *store.Group) { g.Keys = g.Keys[:1] })
	if _, other := h.server.OtherPSK("lot-2"); other {
		t.Error("a device has two keys, and the group has one")
	}
	if s := h.request(t, holder("lot-2", derived(t, both, 1, "lot-2")), post("bs", "ep=lot-2"), nil); s.Cause != store.CauseKeyChanged || s.Endpoint != "lot-2" {
		t.Errorf("on an association with a key that the group does not have any more: %+v", s)
	}
	if s := h.request(t, holder("lot-1", now), post("bs", "ep=lot-1"), nil); s.Cause != store.CauseDone {
		t.Errorf("with the key that stays: %+v", s)
	}
}

// A device whose profile gives it a key of its own keeps that, and the derived one is not accepted
// any more once it came with it.
func TestEnrolledDeviceGetsItsOwnKey(t *testing.T) {
	h := newCertificateServer(t, nil)
	p, err := h.store.Profile(t.Context(), "p")
	check(t, err)
	p.BootstrapServer = &store.BootstrapServer{URI: "coaps://bs.example"}
	_, err = h.store.PutProfile(t.Context(), p)
	check(t, err)
	g := h.group(t, lot("lot"))
	answers := map[string][]any{"GET /": {bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte(`</>;lwm2m=1.0,</0/0>;uri="coaps://bs.example"`)}}}
	if s := h.request(t, holder("lot-1", derived(t, g, 0, "lot-1")), post("bs", "ep=lot-1"), answers); s.Cause != store.CauseDone {
		t.Fatalf("%+v", s)
	}
	d := h.device(t, "lot-1")
	if len(d.Credentials) != 2 || d.Credentials[1].Identity != "lot-1-2" || d.Credentials[1].Group != "" || d.Credentials[1].Key.IsZero() {
		t.Fatalf("the record has the credentials %+v", d.Credentials)
	}
	if _, known := h.psk("lot-1"); !known {
		t.Error("the derived key is not accepted before the device came with the other one")
	}
	own, _ := h.psk("lot-1-2")
	if s := h.request(t, holder("lot-1-2", own), post("bs", "ep=lot-1"), answers); s.Cause != store.CauseDone {
		t.Errorf("with its own key: %+v", s)
	}
	if d := h.device(t, "lot-1"); len(d.Credentials) != 1 || d.Group != "lot" {
		t.Errorf("the record is %+v", d)
	}
	if _, known := h.psk("lot-1"); known {
		t.Error("the derived key is still accepted")
	}
	h.server.HandshakeFailed(auth.Handshake{Remote: "192.0.2.1:5000", Identity: "lot-1", Started: time.Now(), Err: auth.ErrKeyDiffers})
	if s := <-h.ended; s.Cause != store.CauseIdentityUnknown || s.Variant != store.VariantGroupRecord || s.Group != "lot" {
		t.Errorf("a handshake with the derived key is recorded as %+v", s)
	}
}

// Of two first requests at once one makes the record, and both are of the device.
func TestFirstRequestsAtOnce(t *testing.T) {
	h := newCertificateServer(t, nil)
	g := h.group(t, lot("lot"))
	var wg sync.WaitGroup
	const peers = 8
	for range peers {
		wg.Go(func() {
			c := peerClient{newScriptedClient(nil), holder("lot-1", derived(t, g, 0, "lot-1"))}
			if _, after := h.server.ServeRequest(context.WithoutCancel(t.Context()), c, post("bs", "ep=lot-1")); after != nil {
				after(context.WithoutCancel(t.Context()))
			}
		})
	}
	wg.Wait()
	enrolled := 0
	for range peers {
		switch s := <-h.ended; s.Cause {
		case store.CauseDone, store.CauseSuperseded, store.CauseRateLimited:
			if s.Enrolled {
				enrolled++
			}
		default:
			t.Errorf("one of them: %+v", s)
		}
	}
	if enrolled != 1 {
		t.Errorf("%d of them have made the record", enrolled)
	}
	if size, err := h.store.GroupSize(t.Context(), "lot"); size != 1 || err != nil {
		t.Errorf("the group has %d devices, %v", size, err)
	}
}

// An edit of the group, or of the record, ends the session of a device that may not have it any more.
func TestGroupIsEditedWhileSessionRuns(t *testing.T) {
	for name, tt := range map[string]struct {
		edit  func(t *testing.T, h *certificateServer)
		cause store.Cause
	}{
		"denied": {func(t *testing.T, h *certificateServer) {
			h.change(t, "lot", func(g *store.Group) { g.Denied = []lwm2m.EndpointName{"lot-1"} })
		}, store.CauseDisabled},
		"another key": {func(t *testing.T, h *certificateServer) {
			h.change(t, "lot", func(g *store.Group) {
				g.Keys[0] = store.GroupKey{ID: 2, Key: lwm2m.NewSecret([]byte("a newer key of it"))}
			})
		}, store.CauseWithdrawn},
		"its record is deleted": {func(t *testing.T, h *certificateServer) { check(t, h.store.DeleteDevice(t.Context(), "lot-1", 0)) }, store.CauseWithdrawn},
		"disabled, which is for others": {func(t *testing.T, h *certificateServer) {
			h.change(t, "lot", func(g *store.Group) { g.Disabled, g.MaxDevices = true, 1 })
		}, store.CauseDone},
	} {
		t.Run(name, func(t *testing.T) {
			h := newCertificateServer(t, nil)
			g := h.group(t, lot("lot"))
			c := peerClient{newScriptedClient(nil), holder("lot-1", derived(t, g, 0, "lot-1"))}
			_, after := h.server.ServeRequest(t.Context(), c, post("bs", "ep=lot-1"))
			if after == nil {
				t.Fatalf("it was refused: %+v", <-h.ended)
			}
			tt.edit(t, h)
			after(t.Context())
			if s := <-h.ended; tt.cause == store.CauseWithdrawn && s.Cause != store.CauseWithdrawn && s.Cause != store.CauseEndpointUnknown && s.Cause != store.CauseKeyChanged || tt.cause != store.CauseWithdrawn && s.Cause != tt.cause {
				t.Errorf("the session ended as %+v", s)
			}
			if name == "its record is deleted" {
				h.mustLack(t, "lot-1")
			}
		})
	}
}

// A device whose record is deleted comes back, unless it is denied.
func TestDeletedDeviceComesBack(t *testing.T) {
	h := newCertificateServer(t, nil)
	g := h.group(t, lot("lot"))
	peer := holder("lot-1", derived(t, g, 0, "lot-1"))
	for range 2 {
		if s := h.request(t, peer, post("bs", "ep=lot-1"), nil); !s.Enrolled {
			t.Errorf("%+v", s)
		}
		check(t, h.store.DeleteDevice(t.Context(), "lot-1", 0))
	}
	h.change(t, "lot", func(g *store.Group) { g.Denied = []lwm2m.EndpointName{"lot-1"} })
	if s := h.request(t, peer, post("bs", "ep=lot-1"), nil); s.Enrolled || s.Variant != store.VariantGroupDenied {
		t.Errorf("denied: %+v", s)
	}
	h.mustLack(t, "lot-1")
}

// Who has the key of a group fills the database only as fast as the limit permits.
func TestEnrolmentsAreLimited(t *testing.T) {
	h := newCertificateServer(t, nil)
	g := h.group(t, lot("lot"))
	limited, err := bootstrap.NewServer(bootstrap.Config{Store: h.store, Enrolments: 4, Observe: func(e bootstrap.Event) {
		if e.Kind == bootstrap.EventEnded {
			h.ended <- e.Session
		}
	}})
	check(t, err)
	defer limited.Close()
	h.server = limited
	enrolled := 0
	for i := range 12 {
		identity := fmt.Sprintf("lot-%d", i)
		peer := holder(identity, derived(t, g, 0, identity))
		peer.Remote = fmt.Sprintf("192.0.%d.1:5000", i/4)
		s := h.request(t, peer, post("bs"), nil)
		if s.Enrolled {
			enrolled++
		} else if s.Cause != store.CauseBusy || s.Group != "lot" {
			t.Errorf("beyond the limit: %+v", s)
		}
	}
	if enrolled != 4 {
		t.Errorf("%d devices were enrolled, want 4, 2 of each network", enrolled)
	}
	limited.SetEnrolments(6) // in the same minute
	peer := holder("lot-12", derived(t, g, 0, "lot-12"))
	peer.Remote = "192.0.9.1:5000"
	if s := h.request(t, peer, post("bs"), nil); !s.Enrolled {
		t.Errorf("within a higher limit: %+v", s)
	}
}

func TestEnrolmentByCertificate(t *testing.T) {
	p := newPKI(t)
	vendor, other := certtest.NewAuthority(t, "Vendor"), certtest.NewAuthority(t, "Other")
	stolen := vendor.Client(t, "lot-stolen")
	h := newCertificateServer(t, p.trust)
	h.group(t, store.Group{
		Name: "lot", Profile: "p", Match: []string{"lot-*"}, CAs: [][]byte{vendor.Certificate.Raw},
		RevocationLists: [][]byte{vendor.Revoke(t, stolen)},
	})
	h.group(t, store.Group{Name: "other", Profile: "p", Match: []string{"lot-other*", "o-*"}, CAs: [][]byte{other.Certificate.Raw}})
	h.group(t, store.Group{Name: "keys", Profile: "p", Match: []string{"lot-*-more-of-it-is-fixed*"}, Keys: lot("x").Keys})
	h.add(t, "lot-own", psk("own key"))
	h.add(t, "lot-trusted", store.Credential{Kind: store.CredentialCertificateName, Identity: "lot-trusted"})
	tests := []struct {
		name      string
		chain     tls.Certificate
		ep        string
		handshake store.Cause // why that is refused; empty where it is not
		cause     store.Cause
		group     string // of the record that is made
	}{
		{"the CA of the group", vendor.Client(t, "lot-1"), "lot-1", "", store.CauseDone, "lot"},
		{"without a name in the request", vendor.Client(t, "lot-2"), "", "", store.CauseDone, "lot"},
		{"below the CA", vendor.Authority(t, "Below").Client(t, "lot-3"), "lot-3", "", store.CauseDone, "lot"},
		{"another name than in the certificate", vendor.Client(t, "lot-4"), "lot-5", "", store.CauseEndpointUnknown, ""},
		{"a name that the pattern does not match", vendor.Client(t, "x-1"), "x-1", "", store.CauseEndpointUnknown, ""},
		{"a name of the group of another CA", vendor.Client(t, "o-1"), "o-1", "", store.CauseEndpointUnknown, ""},
		{"a name that is also of the group of another CA", vendor.Client(t, "lot-other-1"), "lot-other-1", "", store.CauseDone, "lot"},
		{"its CA", other.Client(t, "lot-other-2"), "lot-other-2", "", store.CauseDone, "other"},
		{"a name that is also of a group with a key", vendor.Client(t, "lot-1-more-of-it-is-fixed"), "lot-1-more-of-it-is-fixed", "", store.CauseDone, "lot"},
		{"a revoked certificate", stolen, "lot-stolen", store.CauseCertificateRevoked, store.CauseEndpointUnknown, ""},
		{"an expired certificate", vendor.Client(t, "lot-6", expired), "lot-6", store.CauseCertificateExpired, store.CauseEndpointUnknown, ""},
		{"a CA of no one here", p.untrusted.Client(t, "lot-7"), "lot-7", store.CauseCertificateUntrusted, store.CauseEndpointUnknown, ""},
		{"a CA that the server trusts for others", p.root.Client(t, "lot-8"), "lot-8", "", store.CauseEndpointUnknown, ""},
		{"the name of an ordinary device", vendor.Client(t, "lot-own"), "lot-own", "", store.CauseIdentityMismatch, ""},
		{"the name of a device with another CA", vendor.Client(t, "lot-trusted"), "lot-trusted", "", store.CauseIdentityMismatch, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			chain := certtest.Chain(t, tt.chain)
			err := h.server.VerifyClient(chain)
			if refused, _ := err.(*auth.CertificateError); (refused == nil) != (tt.handshake == "") || refused != nil && refused.Cause != tt.handshake {
				t.Errorf("the handshake ends with %v, want %q", err, tt.handshake)
			}
			code, s := h.ask(t, tt.ep, chain)
			if s.Cause != tt.cause || (tt.cause == store.CauseDone) != (code == lwm2m.CodeChanged) {
				t.Errorf("it is answered with %v, and recorded as %+v", code, s)
			}
			d, err := h.store.Device(t.Context(), s.Endpoint)
			if tt.group == "" {
				if err == nil && d.Group != "" {
					t.Errorf("a record was made: %+v", d)
				}
				return
			}
			check(t, err)
			if d.Group != tt.group || !s.Enrolled || s.Group != tt.group {
				t.Errorf("the record is %+v, the session %+v", d, s)
			}
			if code, s := h.ask(t, tt.ep, chain); code != lwm2m.CodeChanged || s.Enrolled {
				t.Errorf("the second time it is answered with %v: %+v", code, s)
			}
			for _, strange := range []tls.Certificate{p.root.Client(t, string(d.Endpoint)), p.untrusted.Client(t, string(d.Endpoint))} {
				if code, s := h.ask(t, tt.ep, certtest.Chain(t, strange)); code == lwm2m.CodeChanged || s.Proof == store.ProofIdentity {
					t.Errorf("with a certificate of another CA for its name it is answered with %v: %+v", code, s)
				}
			}
		})
	}
}

// A record that was renamed keeps the derived key, and its device is no new one under its former name; it
// is denied by either.
func TestRenamedDeviceOfGroup(t *testing.T) {
	h := newCertificateServer(t, nil)
	vendor := certtest.NewAuthority(t, "Vendor")
	g := lot("lot")
	g.CAs = [][]byte{vendor.Certificate.Raw}
	g = h.group(t, g)
	chain := certtest.Chain(t, vendor.Client(t, "lot-2"))
	peer := holder("lot-1", derived(t, g, 0, "lot-1"))
	h.request(t, peer, post("bs", "ep=lot-1"), nil)
	h.ask(t, "lot-2", chain)
	for _, ep := range []lwm2m.EndpointName{"lot-1", "lot-2"} {
		_, err := h.store.RenameDevice(t.Context(), ep, "renamed-"+ep, 0)
		check(t, err)
	}
	if s := h.request(t, peer, post("bs", "ep=renamed-lot-1"), nil); s.Cause != store.CauseDone {
		t.Errorf("under its new name: %+v", s)
	}
	if s := h.request(t, peer, post("bs", "ep=lot-1"), nil); s.Cause != store.CauseEndpointUnknown || s.Endpoint != "renamed-lot-1" || s.Claimed != "lot-1" || s.Group != "" {
		t.Errorf("under its former name: %+v", s)
	}
	if _, s := h.ask(t, "lot-2", chain); s.Cause != store.CauseEndpointUnknown || s.Endpoint != "renamed-lot-2" || s.Claimed != "lot-2" {
		t.Errorf("under its former name, with a certificate: %+v", s)
	}
	h.mustLack(t, "lot-1")
	h.mustLack(t, "lot-2")
	for _, denied := range []lwm2m.EndpointName{"lot-1", "renamed-lot-1"} {
		h.change(t, "lot", func(g *store.Group) { g.Denied = []lwm2m.EndpointName{denied} })
		if s := h.request(t, peer, post("bs", "ep=renamed-lot-1"), nil); s.Cause != store.CauseDisabled || s.Variant != store.VariantGroupDenied {
			t.Errorf("denied as %s: %+v", denied, s)
		}
	}
}

// A peer that comes back on an association whose credential is not accepted any more is not enrolled on it:
// it is unknown, or told to make a new handshake.
func TestStalePeersAreNotEnrolled(t *testing.T) {
	for _, tt := range []struct {
		stale error
		cause store.Cause
	}{
		{auth.ErrKeyUnknown, store.CauseEndpointUnknown},
		{auth.ErrKeyChanged, store.CauseKeyChanged},
		{&auth.CertificateError{Cause: store.CauseCertificateExpired}, store.CauseCertificateExpired},
	} {
		h := newCertificateServer(t, nil)
		g := h.group(t, lot("lot"))
		peer := holder("lot-1", derived(t, g, 0, "lot-1"))
		peer.Stale = tt.stale
		if s := h.request(t, peer, post("bs", "ep=lot-1"), nil); s.Cause != tt.cause || s.Enrolled {
			t.Errorf("%v: %+v", tt.stale, s)
		}
		h.mustLack(t, "lot-1")
	}
}
