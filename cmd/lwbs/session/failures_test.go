package session

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Failures are told apart by who failed and why, and nothing else.
func TestGroupFailures(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	session := func(minute int, ep lwm2m.EndpointName, identity, remote string, cause store.Cause, attempts int) store.Session {
		at := start.Add(time.Duration(minute) * time.Minute)
		return store.Session{
			ID: fmt.Sprintf("%03d", minute), Endpoint: ep, Identity: identity, Remote: remote, Cause: cause, Attempts: attempts,
			Started: at, Ended: at.Add(time.Second),
		}
	}
	of := func(s store.Session, proof store.Proof, network string) store.Session {
		s.Proof, s.Network = proof, network
		return s
	}
	page := []store.Session{ // the newest first
		of(session(12, "", "", "192.0.2.1:1", store.CauseHandshakeFailed, 400), store.ProofNone, "192.0.2.0/24"),
		of(session(11, "meter", "meter", "192.0.2.9:1", store.CauseCertificateExpired, 0), store.ProofNone, ""),
		of(session(10, "meter", "meter", "192.0.2.9:1", store.CauseCertificateExpired, 0), store.ProofIdentity, ""),
		session(9, "", "", "192.0.2.1:2", store.CauseHandshakeFailed, 0),
		session(8, "meter", "meter", "192.0.2.9:1", store.CauseKeyDiffers, 3),
		session(7, "", "", "192.0.2.1:1", store.CauseHandshakeFailed, 5),
		session(6, "", "unknown", "192.0.2.1:1", store.CauseIdentityUnknown, 0),
		session(5, "meter", "meter", "192.0.2.8:1", store.CauseSilent, 1),
		session(4, "", "", "192.0.2.2:1", store.CauseHandshakeFailed, 0),
		session(3, "meter", "meter", "192.0.2.7:1", store.CauseKeyDiffers, 2),
	}
	var got []string
	for _, f := range groupFailures(page) {
		got = append(got, fmt.Sprintf("%s %s x%d since %d", f.latest.ID, f.latest.Cause, f.attempts, int(f.first.Sub(start).Minutes())))
	}
	want := []string{
		"012 handshake-failed x400 since 12",
		"011 certificate-expired x1 since 11",
		"010 certificate-expired x1 since 10",
		"009 handshake-failed x6 since 7",
		"008 key-differs x5 since 3",
		"006 identity-unknown x1 since 6",
		"005 silent x1 since 5",
		"004 handshake-failed x1 since 4",
	}
	if !slices.Equal(got, want) {
		t.Errorf("failures\n%q, want\n%q", got, want)
	}
}

// pastSessions is an API that only has a history.
type pastSessions struct {
	admin.API
	page []store.Session
}

func (p pastSessions) Sessions(_ context.Context, q store.SessionQuery) ([]store.Session, error) {
	return p.page[:min(q.Limit, len(p.page))], nil
}

func TestListFailures(t *testing.T) {
	ended := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	page := []store.Session{
		{ID: "9", Endpoint: "meter", Transport: "coaps", Remote: "192.0.2.9:1", Stage: store.StageHandshake, Cause: store.CauseKeyDiffers, Attempts: 3, Ended: ended},
		{ID: "8", Identity: "unknown", Transport: "coaps", Remote: "192.0.2.8:1", Stage: store.StageHandshake, Cause: store.CauseIdentityUnknown},
	}
	var all, one bytes.Buffer
	if err := listFailures(t.Context(), &all, pastSessions{page: page}, store.SessionQuery{}, 100); err != nil {
		t.Fatal(err)
	}
	clitest.Contains(t, "all", all.String(), "TIMES", "3      meter", "key-differs", "(identity unknown)", "identity-unknown")
	if err := listFailures(t.Context(), &one, pastSessions{page: page}, store.SessionQuery{}, 1); err != nil {
		t.Fatal(err)
	}
	clitest.Contains(t, "one", one.String(), "meter", "and 1 more: raise --limit")
	clitest.Lacks(t, "one", one.String(), "unknown")
}
