package attempt

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/explain"
	"lwbs/bootstrap/history"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A ledger is a store that keeps sessions, and nothing else.
type ledger struct {
	store.Store

	mu   sync.Mutex
	kept map[string]store.Session // by ID; guarded by mu
}

func (l *ledger) AppendSession(_ context.Context, s store.Session) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept == nil {
		l.kept = make(map[string]store.Session)
	}
	l.kept[s.ID] = s
	return nil
}

func (l *ledger) Sessions(context.Context, store.SessionQuery) ([]store.Session, error) {
	return nil, nil
}

func (l *ledger) all() map[string]store.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.kept)
}

// newReports returns Reports whose records are kept in l, and the history that keeps them; observe is
// told of each.
func newReports(t *testing.T, l *ledger, observe func(store.Session)) (*Reports, *history.History) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	guard := panics.New(log)
	kept := history.New(history.Config{
		Store: l, Logger: log, Contain: func(f func()) { guard.Run(panics.History, f) },
		RepeatWindow: 10 * time.Minute, UnknownDeviceRecords: 60, UnauthenticatedRecords: 600,
	})
	r := NewReports(&Recorder{
		IDs: new(history.IDs), Auth: &auth.Authorizer{Store: l, Logger: log}, History: kept, Addresses: history.NewAddresses(), Logger: log, Observe: observe,
	}, l, guard, func(lwm2m.EndpointName) *store.Session { return nil })
	t.Cleanup(r.Close)
	return r, kept
}

// What came to the wrong port is on record with its address and what to do, and counts
// against no device, whatever name is in it.
func TestOtherProtocolIsRecorded(t *testing.T) {
	asked := Asked{Method: "POST", Path: []string{"bs"}, Queries: []string{"ep=meter-A", "pct=\x1b[2J"}}
	tests := []struct {
		other  OtherProtocol
		cause  store.Cause
		detail string
		remedy string
	}{
		{OtherProtocol{Transport: store.TransportPlain, Protocol: ProtocolDTLS}, store.CauseWrongPort, "it speaks DTLS to the port for plain CoAP", "5684"},
		{OtherProtocol{Transport: store.TransportDTLS, Protocol: ProtocolCoAP, Asked: asked, Count: 3}, store.CauseWrongPort,
			`it speaks plain CoAP to the port for DTLS: POST /bs?ep=meter-A&pct=\x1b[2J`, "lwbs device set meter-A --no-sec"},
		{OtherProtocol{Transport: store.TransportDTLS, Protocol: ProtocolDTLS10}, store.CauseOtherProtocol, "it offers DTLS 1.0 only, and the server has DTLS 1.2", "Permit DTLS 1.2"},
		{OtherProtocol{Transport: store.TransportDTLS, Protocol: ProtocolDTLS13}, store.CauseOtherProtocol, "it offers DTLS 1.3 only", "Permit DTLS 1.2"},
		{OtherProtocol{Transport: store.TransportDTLS, Protocol: ProtocolTLS}, store.CauseOtherProtocol, "it speaks TLS, as over TCP, to the port for DTLS", "Let the device use UDP"},
		{OtherProtocol{Transport: store.TransportPlain, Protocol: ProtocolCoAPTCP}, store.CauseOtherProtocol, "RFC 8323", "Let the device use UDP"},
		{OtherProtocol{Transport: store.TransportPlain, Protocol: ProtocolHTTP}, store.CauseOtherProtocol, "it speaks HTTP to the port for plain CoAP", "correct the port"},
		{OtherProtocol{Transport: store.TransportPlain, Sample: []byte{1, 0xff}}, store.CauseUnreadableDatagram, "begins with the bytes 01ff", "look what it sends"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			d := new(ledger)
			ended := make(chan store.Session, 1)
			reports, kept := newReports(t, d, func(s store.Session) { ended <- s })
			tt.other.Remote, tt.other.Started = "192.0.2.7:4021", time.Now()
			reports.OtherProtocol(tt.other)
			kept.Close()
			s := <-ended
			if s.Cause != tt.cause || !strings.Contains(s.Detail, tt.detail) || s.Remote != tt.other.Remote || s.Transport != tt.other.Transport ||
				s.Known || s.Endpoint != "" || s.Identity != "" || s.Proof != store.ProofNone || max(1, s.Attempts) != max(1, tt.other.Count) || len(d.all()) != 1 {
				t.Errorf("%s is recorded as %+v", tt.other.Protocol, s)
			}
			if e := explain.Session(s); !strings.Contains(e.Happened, tt.detail) || !strings.Contains(e.Remedy, tt.remedy) || e.Stage != "a datagram" {
				t.Errorf("%s is explained by %+v", tt.other.Protocol, e)
			}
		})
	}
}

// A flood of it, from addresses that are made up, makes a few records, and takes nothing from
// the share of other attempts.
func TestOtherProtocolIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(ledger)
		reports, kept := newReports(t, d, func(store.Session) {})
		const periods, period = 3, 10 * time.Minute // in which there are 40 records, and 10 of networks
		for i := range periods * 6000 {
			reports.OtherProtocol(OtherProtocol{Remote: fmt.Sprintf("10.%d.%d.1:9", i>>8&0xff, i&0xff), Transport: store.TransportDTLS, Protocol: ProtocolCoAP,
				Asked: Asked{Method: "POST", Path: []string{"bs"}, Queries: []string{fmt.Sprintf("ep=meter-%d", i)}}, Started: time.Now(), Count: 1})
			time.Sleep(period / 6000)
		}
		attempts := []store.Session{
			{ID: "z1", Transport: store.TransportDTLS, Identity: "x", Cause: store.CauseIdentityUnknown},
			{ID: "z2", Transport: store.TransportPlain, Endpoint: "y", Cause: store.CauseEndpointUnknown},
			{ID: "z3", Transport: store.TransportDTLS, Endpoint: "meter-A", Known: true, Cause: store.CauseKeyDiffers},
		}
		for _, s := range attempts {
			s.Remote, s.Proof, s.Started, s.Ended = "192.0.2.7:9", store.ProofNone, time.Now(), time.Now()
			if !kept.Refused(s) {
				t.Errorf("%s has no record of its own", s.Cause)
			}
		}
		kept.Close()
		if n, most := len(d.all())-len(attempts), (periods+1)*(40+10); n > most || n < 40 {
			t.Errorf("%d records were made, at most %d are to be", n, most)
		}
	})
}
