package bootstrap_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/certtest"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A peerClient is a scripted client that is this peer.
type peerClient struct {
	*scriptedClient
	peer auth.Peer
}

func (c peerClient) Peer() auth.Peer { return c.peer }

// request lets a peer ask for something, and returns how it went on.
func (h *certificateServer) request(t *testing.T, peer auth.Peer, r bootstrap.Request, answers map[string][]any) store.Session {
	t.Helper()
	_, after := h.server.ServeRequest(t.Context(), peerClient{newScriptedClient(answers), peer}, r)
	if after != nil {
		after(t.Context())
	}
	return <-h.ended
}

func over(transport, identity string) auth.Peer {
	return auth.Peer{Remote: "192.0.2.1:5000", Transport: transport, Identity: identity}
}

func post(path string, queries ...string) bootstrap.Request {
	return bootstrap.Request{Method: bootstrap.POST, Path: strings.Split(path, "/"), Queries: queries}
}

func psk(identity string) store.Credential {
	return store.Credential{Kind: store.CredentialPSK, Identity: identity, Key: lwm2m.NewSecret([]byte("key"))}
}

// What an attempt is counted under is what was proved, not what was said: a device that
// gives the name of another one leaves no mark on that.
func TestAttemptsAreCountedUnderWhoProvedWhat(t *testing.T) {
	h := newCertificateServer(t, nil)
	h.add(t, "meter-A", psk("id-A"))
	h.add(t, "meter-B", psk("id-B"))
	h.add(t, "off", psk("id-off"))
	_, err := h.store.PutProfile(t.Context(), store.Profile{Name: "open", Accounts: []store.Account{{Name: "a", URI: "coap://a.example", ShortServerID: 101}}})
	check(t, err)
	_, err = h.store.PutDevice(t.Context(), store.Device{Endpoint: "plain", Profile: "open", NoSec: true})
	check(t, err)
	d, err := h.store.Device(t.Context(), "off")
	check(t, err)
	d.Disabled = true
	_, err = h.store.PutDevice(t.Context(), d)
	check(t, err)

	const dtls, plain = store.TransportDTLS, store.TransportPlain
	silent := map[string][]any{"GET /": {bootstrap.ErrSilent}}
	gone := map[string][]any{"DELETE /1/3": {bootstrap.ErrSilent}}
	tests := []struct {
		name              string
		peer              auth.Peer
		request           bootstrap.Request
		answers           map[string][]any
		cause             store.Cause
		endpoint, claimed lwm2m.EndpointName
		known             bool
		proof             store.Proof
	}{
		{"as itself", over(dtls, "id-A"), post("bs", "ep=meter-A"), nil, store.CauseDone, "meter-A", "", true, store.ProofIdentity},
		{"without a name", over(dtls, "id-A"), post("bs"), nil, store.CauseDone, "meter-A", "", true, store.ProofIdentity},
		{"as another device", over(dtls, "id-A"), post("bs", "ep=meter-B"), nil, store.CauseIdentityMismatch, "meter-A", "meter-B", true, store.ProofIdentity},
		{"as a device that is not there", over(dtls, "id-A"), post("bs", "ep=meter-X"), nil, store.CauseEndpointUnknown, "meter-A", "meter-X", true, store.ProofIdentity},
		{"as one that is disabled", over(dtls, "id-A"), post("bs", "ep=off"), nil, store.CauseIdentityMismatch, "meter-A", "off", true, store.ProofIdentity},
		{"disabled", over(dtls, "id-off"), post("bs", "ep=off"), nil, store.CauseDisabled, "off", "", true, store.ProofIdentity},
		{"with an identity that was taken away", over(dtls, "id-gone"), post("bs", "ep=meter-B"), nil, store.CauseIdentityMismatch, "meter-B", "", true, store.ProofNone},
		{"the same, unknown", over(dtls, "id-gone"), post("bs", "ep=meter-X"), nil, store.CauseEndpointUnknown, "meter-X", "", false, store.ProofNone},
		{"request that cannot be read", over(dtls, "id-A"), post("bs", "ep=meter-B", "pct=x"), nil, store.CauseBadRequest, "meter-A", "meter-B", true, store.ProofIdentity},
		{"pack as another device", over(dtls, "id-A"), bootstrap.Request{Method: bootstrap.GET, Path: []string{"bspack"}, Queries: []string{"ep=meter-B"}}, nil,
			store.CauseIdentityMismatch, "meter-A", "meter-B", true, store.ProofIdentity},
		{"registration", over(dtls, "id-A"), post("rd", "ep=meter-A", "lt=60"), nil, store.CauseOtherRequest, "meter-A", "", true, store.ProofIdentity},
		{"another request", over(dtls, "id-A"), post("x/y"), nil, store.CauseOtherRequest, "meter-A", "", true, store.ProofIdentity},
		{"another method", over(dtls, "id-A"), bootstrap.Request{Method: bootstrap.PUT, Path: []string{"bs"}, Queries: []string{"ep=meter-A"}}, nil,
			store.CauseOtherRequest, "meter-A", "", true, store.ProofIdentity},

		{"plain CoAP that is not permitted", over(plain, ""), post("bs", "ep=meter-B"), nil, store.CauseNoSecRefused, "meter-B", "", true, store.ProofNone},
		{"plain CoAP, unknown", over(plain, ""), post("bs", "ep=meter-X"), nil, store.CauseEndpointUnknown, "meter-X", "", false, store.ProofNone},
		{"plain CoAP, cannot be read", over(plain, ""), post("bs", "ep=meter-B", "pct=x"), nil, store.CauseBadRequest, "meter-B", "", true, store.ProofNone},
		{"plain CoAP, registration", over(plain, ""), post("rd", "ep=meter-B"), nil, store.CauseOtherRequest, "meter-B", "", true, store.ProofNone},
		{"plain CoAP without an answer", over(plain, ""), post("bs", "ep=plain"), silent, store.CauseSilent, "plain", "", true, store.ProofNone},
		{"plain CoAP that is answered at first", over(plain, ""), post("bs", "ep=plain"), gone, store.CauseSilent, "plain", "", true, store.ProofAddress},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := h.request(t, tt.peer, tt.request, tt.answers)
			if s.Cause != tt.cause || s.Endpoint != tt.endpoint || s.Claimed != tt.claimed || s.Known != tt.known || s.Proof != tt.proof {
				t.Errorf("%s of %q, claimed %q, known %v, proof %s; want %s of %q, %q, %v, %s", s.Cause, s.Endpoint, s.Claimed, s.Known, s.Proof,
					tt.cause, tt.endpoint, tt.claimed, tt.known, tt.proof)
			}
		})
	}
}

// A peer is unauthenticated before its handshake is complete, but for the key of a certificate.
func TestHandshakesProveNothing(t *testing.T) {
	p := newPKI(t)
	h := newCertificateServer(t, p.trust)
	mine := p.untrusted.Client(t, "whoever", expired)
	h.add(t, "meter-A", psk("id-A"), store.Credential{Kind: store.CredentialCertificate, Identity: store.Fingerprint(mine.Certificate[0])})
	timeout := errors.New("handshake timed out")
	tests := []struct {
		name     string
		shake    auth.Handshake
		cause    store.Cause
		endpoint lwm2m.EndpointName
		proof    store.Proof
	}{
		{"wrong key", auth.Handshake{Identity: "id-A", Err: fmt.Errorf("%w: %w", auth.ErrKeyDiffers, timeout)}, store.CauseKeyDiffers, "meter-A", store.ProofNone},
		{"no Finished", auth.Handshake{Identity: "id-A", Err: timeout}, store.CauseHandshakeFailed, "meter-A", store.ProofNone},
		{"unknown identity", auth.Handshake{Identity: "id-X", Err: timeout}, store.CauseIdentityUnknown, "", store.ProofNone},
		{"no identity", auth.Handshake{Err: timeout}, store.CauseHandshakeFailed, "", store.ProofNone},
		{"certificate with its name", auth.Handshake{Chain: certtest.Chain(t, certtest.SelfSigned(t, "meter-A"))}, store.CauseCertificateUnknown, "meter-A", store.ProofNone},
		{"certificate of the record, expired", auth.Handshake{Chain: certtest.Chain(t, mine)}, store.CauseCertificateExpired, "meter-A", store.ProofIdentity},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			shake := tt.shake
			shake.Remote, shake.Started = "192.0.2.1:5000", time.Now()
			if shake.Err == nil {
				shake.Err = h.server.VerifyClient(shake.Chain)
			}
			h.server.HandshakeFailed(shake)
			s := <-h.ended
			if s.Cause != tt.cause || s.Endpoint != tt.endpoint || s.Proof != tt.proof {
				t.Errorf("%s of %q, proof %s; want %s of %q, %s", s.Cause, s.Endpoint, s.Proof, tt.cause, tt.endpoint, tt.proof)
			}
		})
	}
}

// An association without a request is a failure only where the device lacks something:
// Anjay opens one whenever it starts, and a device that was restarted leaves one behind.
func TestNoRequestOfAHealthyDevice(t *testing.T) {
	const refused = "PUT /0/1"
	tests := []struct {
		name   string
		before []map[string][]any // sessions, by the answers of the client
		end    attempt.UnusedEnd
		cause  store.Cause
	}{
		{"never bootstrapped", nil, attempt.UnusedInTime, store.CauseNoRequest},
		{"never bootstrapped, closed by the client", nil, attempt.UnusedClosed, store.CauseClosedUnused},
		{"never bootstrapped, began anew", nil, attempt.UnusedReplaced, store.CauseSuperseded},
		{"bootstrapped", []map[string][]any{nil}, attempt.UnusedInTime, store.CauseIdle},
		{"bootstrapped, closed by the client", []map[string][]any{nil}, attempt.UnusedClosed, store.CauseIdle},
		{"bootstrapped, later refused", []map[string][]any{nil, {refused: {lwm2m.CodeInternalServerError}}}, attempt.UnusedInTime, store.CauseNoRequest},
		{"refused, later bootstrapped", []map[string][]any{{refused: {lwm2m.CodeInternalServerError}}, nil}, attempt.UnusedInTime, store.CauseIdle},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newCertificateServer(t, nil)
			h.add(t, "meter-A", psk("id-A"))
			peer := over(store.TransportDTLS, "id-A")
			for _, answers := range tt.before {
				h.request(t, peer, post("bs", "ep=meter-A"), answers)
			}
			for range 2 {
				h.server.NoRequest(peer, time.Now(), tt.end)
				if s := <-h.ended; s.Cause != tt.cause || s.Endpoint != "meter-A" || s.Proof != store.ProofIdentity {
					t.Errorf("recorded as %s of %q", s.Cause, s.Endpoint)
				}
			}
			if want := tt.cause != store.CauseIdle; tt.cause.Failure() != want {
				t.Errorf("%s is a failure: %v", tt.cause, !want)
			}
		})
	}
	t.Run("bootstraps on another association", func(t *testing.T) {
		h := newCertificateServer(t, nil)
		h.add(t, "meter-A", psk("id-A"))
		peer := over(store.TransportDTLS, "id-A")
		_, after := h.server.ServeRequest(t.Context(), peerClient{newScriptedClient(map[string][]any{"GET /": {endless{}}}), peer}, post("bs", "ep=meter-A"))
		done := make(chan struct{})
		go func() { defer close(done); after(t.Context()) }()
		h.server.NoRequest(peer, time.Now(), attempt.UnusedInTime)
		if s := <-h.ended; s.Cause != store.CauseIdle {
			t.Errorf("recorded as %s", s.Cause)
		}
		h.server.Close()
		<-done
	})
}
