package bootstrap_test

import (
	"fmt"
	"testing"

	"lwbs/bootstrap/auth"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A peer that has come back on an association which it would not get any more is refused as
// others are, and each reason has a cause of its own. What its record says counts first.
func TestStalePeers(t *testing.T) {
	h := newCertificateServer(t, nil)
	h.add(t, "meter-A", psk("id-A"))
	changed := fmt.Errorf("%w since the association from 2026-11-01", auth.ErrKeyChanged)
	unknown := fmt.Errorf("%w of the association from 2026-11-01", auth.ErrKeyUnknown)
	revoked := &auth.CertificateError{Cause: store.CauseCertificateRevoked, Detail: "revoked yesterday"}
	for _, tt := range []struct {
		name, ep, identity string
		stale              error
		code               lwm2m.Code
		cause              store.Cause
		proof              store.Proof
	}{
		{"key changed", "meter-A", "id-A", changed, lwm2m.CodeBadRequest, store.CauseKeyChanged, store.ProofNone},
		{"key changed, no name", "", "id-A", changed, lwm2m.CodeBadRequest, store.CauseKeyChanged, store.ProofNone},
		{"identity taken out", "meter-A", "id-B", unknown, lwm2m.CodeBadRequest, store.CauseIdentityMismatch, store.ProofNone},
		{"record deleted", "meter-C", "id-C", unknown, lwm2m.CodeBadRequest, store.CauseEndpointUnknown, store.ProofNone},
		{"key not found for now", "meter-A", "id-A", unknown, lwm2m.CodeInternalServerError, store.CauseInternal, store.ProofIdentity},
		{"certificate", "meter-A", "id-A", revoked, lwm2m.CodeBadRequest, store.CauseCertificateRevoked, store.ProofIdentity},
		{"nothing", "meter-A", "id-A", nil, lwm2m.CodeChanged, store.CauseDone, store.ProofIdentity},
	} {
		t.Run(tt.name, func(t *testing.T) {
			peer := over(store.TransportDTLS, tt.identity)
			peer.Stale = tt.stale
			var queries []string
			if tt.ep != "" {
				queries = []string{"ep=" + tt.ep}
			}
			client := peerClient{newScriptedClient(nil), peer}
			resp, after := h.server.ServeRequest(t.Context(), client, post("bs", queries...))
			if after != nil {
				after(t.Context())
			}
			s := <-h.ended
			if resp.Code != tt.code || s.Cause != tt.cause || s.Proof != tt.proof || string(s.Endpoint) != tt.ep && tt.ep != "" {
				t.Errorf("answered %v; %s ended as %s (%s), proof %s; want %v, %s, %s", resp.Code, s.Endpoint, s.Cause, s.Detail, s.Proof, tt.code, tt.cause, tt.proof)
			}
		})
	}
}
