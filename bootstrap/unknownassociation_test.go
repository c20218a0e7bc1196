package bootstrap_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/explain"
	"lwbs/store"
)

// lost is what comes from an address without an association.
func lost(remote string, count int) attempt.UnknownAssociation {
	return attempt.UnknownAssociation{Remote: remote, Started: time.Now(), Count: count}
}

// from is a peer of DTLS that comes from an address.
func from(remote, identity string) auth.Peer {
	return auth.Peer{Remote: remote, Transport: store.TransportDTLS, Identity: identity}
}

// Records of an association that the server does not have are in the history of the device
// that last used the address, with what to do; they are not its own attempts.
func TestUnknownAssociationIsRecorded(t *testing.T) {
	const a, b = "192.0.2.1:5000", "192.0.2.1:5001"
	h := newCertificateServer(t, nil)
	h.add(t, "meter-A", psk("id-A"))
	h.add(t, "meter-B", psk("id-B"))
	h.request(t, from(a, "id-A"), post("bs", "ep=meter-A"), nil)
	h.request(t, from(b, "id-B"), post("bs", "ep=meter-A"), nil) // refused, and it is meter-B all the same
	h.server.UnknownAssociation(lost(a, 4))
	s := <-h.ended
	if s.Cause != store.CauseAssociationUnknown || s.Endpoint != "meter-A" || !s.Known || s.Proof != store.ProofNone || s.Attempts != 4 ||
		s.Stage != store.StageDatagram || s.Remote != a || s.Transport != store.TransportDTLS || s.Identity != "" {
		t.Errorf("recorded as %+v", s)
	}
	e := explain.Session(s)
	for _, want := range []string{a, "this device was the last to use", "association that the server does not have", "--max-hibernated", "Restart the device", "behind the same NAT"} {
		if !strings.Contains(e.Happened+e.Remedy, want) {
			t.Errorf("it is not explained by %q: %+v", want, e)
		}
	}
	if strings.Contains(e.Remedy, "whoever knows its name") {
		t.Errorf("explained twice: %s", e.Remedy)
	}
	h.server.UnknownAssociation(lost(b, 1))
	if s := <-h.ended; s.Endpoint != "meter-B" {
		t.Errorf("recorded for %s, which never came from there", s.Endpoint)
	}
	h.request(t, from(a, "id-B"), post("bs", "ep=meter-B"), nil)
	other := lost(a, 1)
	other.OtherReplica = true
	h.server.UnknownAssociation(other)
	if s := <-h.ended; s.Endpoint != "meter-B" || !strings.Contains(explain.Session(s).Remedy, "balancer") {
		t.Errorf("recorded for %s, which was not the last there: %+v", s.Endpoint, explain.Session(s))
	}
	check(t, h.server.Close())
	own, err := h.store.Sessions(t.Context(), store.SessionQuery{Endpoint: "meter-A", Own: true})
	check(t, err)
	for _, s := range own {
		if s.Cause == store.CauseAssociationUnknown {
			t.Errorf("it counts as an attempt of the device: %+v", s)
		}
	}
}

// Of addresses that no device has used, or one that is gone, nothing is recorded; a device
// with another name by now is found.
func TestUnknownAssociationOfWhom(t *testing.T) {
	h := newCertificateServer(t, nil)
	h.add(t, "meter-A", psk("id-A"))
	h.add(t, "meter-B", psk("id-B"))
	h.request(t, from("192.0.2.1:5000", "id-A"), post("bs", "ep=meter-A"), nil)
	h.request(t, from("192.0.2.1:5001", "id-B"), post("bs", "ep=meter-B"), nil)
	h.request(t, auth.Peer{Remote: "192.0.2.1:5002", Transport: store.TransportPlain}, post("bs", "ep=meter-A"), nil)
	for address, want := range map[string]bool{"192.0.2.1:5000": true, "192.0.2.1:5001": true, "192.0.2.1:5002": false, "192.0.2.1:5003": false} {
		if got := h.server.KnownAddress(netip.MustParseAddrPort(address)); got != want {
			t.Errorf("%s is known: %t", address, got)
		}
	}
	a, err := h.store.Device(t.Context(), "meter-A")
	check(t, err)
	check(t, h.store.DeleteDevice(t.Context(), "meter-A", a.Revision))
	_, err = h.store.PutDevice(t.Context(), store.Device{Endpoint: "meter-new", Profile: "p", Credentials: a.Credentials})
	check(t, err)
	b, err := h.store.Device(t.Context(), "meter-B")
	check(t, err)
	check(t, h.store.DeleteDevice(t.Context(), "meter-B", b.Revision))
	for _, remote := range []string{"192.0.2.1:5001", "192.0.2.1:5003", "nowhere"} {
		h.server.UnknownAssociation(lost(remote, 1))
	}
	if h.server.KnownAddress(netip.MustParseAddrPort("192.0.2.1:5001")) {
		t.Error("the address of a device that is gone is still known")
	}
	h.server.UnknownAssociation(lost("192.0.2.1:5000", 1))
	if s := <-h.ended; s.Endpoint != "meter-new" || s.Remote != "192.0.2.1:5000" {
		t.Errorf("recorded: %+v", s)
	}
}

// After a restart the addresses are known from the history: those of associations, and of
// each the device that came last.
func TestLastAddressesAreRead(t *testing.T) {
	h := newCertificateServer(t, nil)
	h.add(t, "meter-A", psk("id-A"))
	h.add(t, "meter-B", psk("id-B"))
	h.request(t, from("192.0.2.1:5000", "id-A"), post("bs", "ep=meter-A"), nil)
	h.request(t, from("192.0.2.1:5000", "id-B"), post("bs", "ep=meter-B"), nil)
	h.server.NoRequest(from("192.0.2.1:5001", "id-A"), time.Now(), attempt.UnusedInTime)
	h.server.HandshakeFailed(auth.Handshake{Remote: "192.0.2.1:5002", Identity: "id-A", Err: auth.ErrKeyDiffers, Started: time.Now()})
	for range 2 {
		<-h.ended
	}
	check(t, h.server.Close())
	again, err := bootstrap.NewServer(bootstrap.Config{Store: h.store, Observe: func(e bootstrap.Event) {
		if e.Kind == bootstrap.EventEnded {
			h.ended <- e.Session
		}
	}})
	check(t, err)
	defer again.Close()
	for deadline := time.Now().Add(time.Minute); !again.KnownAddress(netip.MustParseAddrPort("192.0.2.1:5000")); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the addresses are not known")
		}
	}
	again.UnknownAssociation(lost("192.0.2.1:5000", 1))
	if s := <-h.ended; s.Endpoint != "meter-B" {
		t.Errorf("recorded for %s", s.Endpoint)
	}
	if !again.KnownAddress(netip.MustParseAddrPort("192.0.2.1:5001")) || again.KnownAddress(netip.MustParseAddrPort("192.0.2.1:5002")) {
		t.Error("an association without a request is not known, or a handshake that failed is")
	}
}
