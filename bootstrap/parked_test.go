package bootstrap_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/pending"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A parkingServer is a Bootstrap-Server that parks unknown devices. It trusts one CA.
type parkingServer struct {
	*testing.T
	cfg     bootstrap.Config
	server  *bootstrap.Server
	handler bootstrap.Handler
	db      *bolt.DB
	ca      *certtest.Authority
	events  chan bootstrap.Event
}

func newParkingServer(t *testing.T, u bootstrap.UnknownDevices, cfg bootstrap.Config) *parkingServer {
	t.Helper()
	keyring, err := seal.NewKeyring()
	check(t, err)
	s := &parkingServer{T: t, ca: certtest.NewAuthority(t, "Factory"), events: make(chan bootstrap.Event, 10_000)}
	s.db, err = bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	check(t, err)
	t.Cleanup(func() { s.db.Close() })
	_, err = s.db.PutProfile(t.Context(), store.Profile{Name: "p", SecretsOverNoSec: true, Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}}})
	check(t, err)
	trust, err := auth.NewTrust([]*x509.Certificate{s.ca.Certificate}, nil, nil)
	check(t, err)
	cfg.Store, cfg.Trust = s.db, func() *auth.Trust { return trust }
	cfg.Observe = func(e bootstrap.Event) { s.events <- e }
	s.cfg = cfg
	if u.Policy == "" {
		u.Policy = bootstrap.UnknownPark
	}
	s.start(u)
	return s
}

// start starts a server, also once more after another was closed.
func (s *parkingServer) start(u bootstrap.UnknownDevices) {
	s.Helper()
	var err error
	s.server, err = bootstrap.NewServer(s.cfg)
	check(s.T, err)
	s.Cleanup(func() { s.server.Close() })
	s.handler, err = s.server.Handler(u)
	check(s.T, err)
}

// device is a client with a certificate of the CA for name.
func (s *parkingServer) device(name string, answers map[string][]any) certified {
	return certified{newScriptedClient(answers), certtest.Chain(s.T, s.ca.Client(s.T, name))}
}

// ask lets a client ask as ep, none where that is empty, and returns the answer. A session goes on in
// a goroutine of its own.
func (s *parkingServer) ask(c bootstrap.Conn, ep string) bootstrap.Response {
	s.Helper()
	r := post("bs")
	if ep != "" {
		r = post("bs", "ep="+ep)
	}
	resp, after := s.handler.ServeRequest(context.WithoutCancel(s.Context()), c, r)
	if after != nil {
		go after(context.WithoutCancel(s.Context()))
	}
	return resp
}

// next waits for the next event of a kind.
func (s *parkingServer) next(kind bootstrap.EventKind) store.Session {
	s.Helper()
	for deadline := time.After(2 * time.Hour); ; { // by the clock of a bubble; elsewhere the test ends before
		select {
		case e := <-s.events:
			if e.Kind == kind {
				return e.Session
			}
			if e.Kind == bootstrap.EventEnded && kind != bootstrap.EventEnded {
				s.Fatalf("a session ends, as %s: %s", e.Session.Cause, e.Session.Detail)
			}
		case <-deadline:
			s.Fatalf("%s does not come", kind)
		}
	}
}

// both waits for the next events of these kinds, which may come in any order.
func (s *parkingServer) both(kinds ...bootstrap.EventKind) map[bootstrap.EventKind]store.Session {
	s.Helper()
	found := make(map[bootstrap.EventKind]store.Session)
	for deadline := time.After(2 * time.Hour); len(found) < len(kinds); {
		select {
		case e := <-s.events:
			if slices.Contains(kinds, e.Kind) {
				found[e.Kind] = e.Session
			}
		case <-deadline:
			s.Fatalf("of %v only %v come", kinds, found)
		}
	}
	return found
}

// parks lets a client ask as ep, and returns its session once it waits.
func (s *parkingServer) parks(c bootstrap.Conn, ep string) store.Session {
	s.Helper()
	if resp := s.ask(c, ep); resp.Code != lwm2m.CodeChanged {
		s.Fatalf("the request is answered with %v %s", resp.Code, resp.Payload)
	}
	return s.next(bootstrap.EventParked)
}

// add makes a record, as an operator does who approves.
func (s *parkingServer) add(ep string, credentials ...store.Credential) {
	s.Helper()
	_, err := s.db.PutDevice(s.Context(), store.Device{Endpoint: lwm2m.EndpointName(ep), Profile: "p", NoSec: len(credentials) == 0, Credentials: credentials})
	check(s.T, err)
}

// inBubble is a subtest whose clock is that of package synctest.
func inBubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func named(name string) store.Credential {
	return store.Credential{Kind: store.CredentialCertificateName, Identity: name}
}

// approve makes the record of a pending device and takes it off the list, as the admin API does.
func (s *parkingServer) approve(id, ep string, credentials ...store.Credential) {
	s.Helper()
	s.add(ep, credentials...)
	check(s.T, s.server.Pending().Remove(s.Context(), id))
}

// A device that a CA vouches for waits, and the same session goes on once it is approved.
func TestParkedSessionGoesOnWhenApproved(t *testing.T) {
	s := newParkingServer(t, bootstrap.UnknownDevices{}, bootstrap.Config{})
	c := s.device("urn:dev:1", nil)
	parked := s.parks(c, "urn:dev:1")
	list := s.server.Pending().All()
	if len(list) != 1 || list[0].ID != parked.Pending || list[0].Endpoint != "urn:dev:1" || list[0].Kind != store.CredentialCertificateName || list[0].Wait == nil || list[0].Wait.Session != parked.ID {
		t.Fatalf("pending are %+v", list)
	}
	if running := s.server.Active(); len(running) != 1 || running[0].Stage != store.StageParked || s.server.ActiveCount() != 0 || s.server.ParkedCount() != 1 {
		t.Errorf("running are %+v; %d count as active, %d as parked", running, s.server.ActiveCount(), s.server.ParkedCount())
	}
	s.approve(parked.Pending, "urn:dev:1", named("urn:dev:1"))
	done := s.next(bootstrap.EventEnded)
	if done.Cause != store.CauseDone || done.ID != parked.ID || done.Endpoint != "urn:dev:1" || !done.Known || done.Proof != store.ProofIdentity || done.Profile != "p" {
		t.Errorf("the session ended as %+v", done)
	}
	if asked := c.requests(); !slices.Contains(asked, "POST /bs") || !slices.Contains(asked, "PUT /1/0 tlv") {
		t.Errorf("the client was asked %v", asked)
	}
	if left := s.server.Pending().All(); len(left) != 0 || s.server.ParkedCount() != 0 {
		t.Errorf("still pending are %+v", left)
	}
	kept, err := s.db.Sessions(t.Context(), store.SessionQuery{Endpoint: "urn:dev:1", Own: true})
	if err != nil || len(kept) != 1 || kept[0].Pending != parked.Pending {
		t.Errorf("the history has %+v, %v", kept, err)
	}
	if resp := s.ask(c, "urn:dev:1"); resp.Code != lwm2m.CodeChanged { // a second bootstrap
		t.Fatalf("the next request is answered with %v", resp.Code)
	}
	if again := s.next(bootstrap.EventEnded); again.Cause != store.CauseDone || again.Pending != "" {
		t.Errorf("the second bootstrap ended as %+v", again)
	}
}

// A record that was made by hand, or got its name by a rename, lets the session go on, too; and the
// device leaves the list.
func TestParkedSessionGoesOnWithARecordOfAnotherHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newParkingServer(t, bootstrap.UnknownDevices{}, bootstrap.Config{})
		s.add("other", named("other"))
		for name, edit := range map[string]func(){
			"added": func() { s.add("added", named("added")) },
			"renamed": func() {
				d, err := s.db.Device(t.Context(), "other")
				check(t, err)
				d.Credentials = []store.Credential{named("renamed")}
				d, err = s.db.PutDevice(t.Context(), d)
				check(t, err)
				_, err = s.db.RenameDevice(t.Context(), "other", "renamed", d.Revision)
				check(t, err)
			},
		} {
			s.parks(s.device(name, nil), name)
			edit()
			if done := s.next(bootstrap.EventEnded); done.Cause != store.CauseDone || string(done.Endpoint) != name {
				t.Errorf("%s: the session ended as %+v", name, done)
			}
			if left := s.server.Pending().All(); len(left) != 0 {
				t.Errorf("%s: still pending are %+v", name, left)
			}
		}
	})
}

// A device that gives no name is known by its certificate, and may have any name.
func TestParkedDeviceWithoutAName(t *testing.T) {
	s := newParkingServer(t, bootstrap.UnknownDevices{}, bootstrap.Config{})
	parked := s.parks(s.device("serial-7", nil), "")
	if p, _ := s.server.Pending().Get(parked.Pending); p.Endpoint != "serial-7" || p.Named {
		t.Errorf("pending is %+v", p)
	}
	s.approve(parked.Pending, "meter-7", named("serial-7"))
	if done := s.next(bootstrap.EventEnded); done.Cause != store.CauseDone || done.Endpoint != "meter-7" {
		t.Errorf("the session ended as %+v", done)
	}
}

// A rejected device is told: its session ends, and its next request is refused, also after a restart
// of the server, until it is approved after all.
func TestRejectedDevice(t *testing.T) {
	s := newParkingServer(t, bootstrap.UnknownDevices{}, bootstrap.Config{})
	c := s.device("dev", nil)
	parked := s.parks(c, "dev")
	_, first, err := s.server.Pending().Reject(t.Context(), parked.Pending, time.Now())
	check(t, err)
	if ended := s.next(bootstrap.EventEnded); ended.Cause != store.CauseRejected || !first {
		t.Errorf("the session ended as %+v", ended)
	}
	s.until("it is told by close_notify", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.linger == aborted })
	if asked := c.requests(); slices.Contains(asked, "POST /bs") {
		t.Errorf("the client was asked %v: Finish says that the bootstrap has succeeded", asked)
	}
	for _, restart := range []bool{false, true} {
		if restart {
			check(t, s.server.Close())
			s.start(bootstrap.UnknownDevices{Policy: bootstrap.UnknownPark})
		}
		if resp := s.ask(c, "dev"); resp.Code != lwm2m.CodeBadRequest {
			t.Errorf("restarted %t: the next request is answered with %v", restart, resp.Code)
		}
		if ended := s.next(bootstrap.EventEnded); ended.Cause != store.CauseRejected || ended.Pending != parked.Pending {
			t.Errorf("restarted %t: the attempt ended as %+v", restart, ended)
		}
	}
	s.approve(parked.Pending, "dev", named("dev"))
	if s.ask(c, "dev"); s.next(bootstrap.EventEnded).Cause != store.CauseDone {
		t.Error("an approval after the rejection is not honoured")
	}
}

func (s *parkingServer) until(what string, ok func() bool) {
	s.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("it does not come about that %s", what)
		}
	}
}

// At the end of its patience a device goes on waiting on the list, keeps its ID when it comes again,
// also after a restart, and is served when it was approved meanwhile.
func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := bootstrap.UnknownDevices{Policy: bootstrap.UnknownPark, Patience: time.Hour}
		s := newParkingServer(t, u, bootstrap.Config{})
		c := s.device("dev", nil)
		parked := s.parks(c, "dev")
		if ended := s.next(bootstrap.EventEnded); ended.Cause != store.CauseNotApproved || ended.ID != parked.ID {
			t.Errorf("the session ended as %+v", ended)
		}
		check(t, s.server.Close())
		s.start(bootstrap.UnknownDevices{Policy: bootstrap.UnknownPark})
		list := s.server.Pending().All()
		if len(list) != 1 || list[0].ID != parked.Pending || list[0].Wait != nil {
			t.Fatalf("after a restart %+v are pending", list)
		}
		if again := s.parks(c, "dev"); again.Pending != parked.Pending || again.ID == parked.ID {
			t.Errorf("the device comes again as %+v", again)
		}
		check(t, s.server.Close()) // as a restart does; the device is away
		s.start(u)
		s.approve(parked.Pending, "dev", named("dev"))
		for len(s.events) > 0 {
			<-s.events
		}
		if s.ask(c, "dev"); s.next(bootstrap.EventEnded).Cause != store.CauseDone {
			t.Error("an approval of a device that is away is not honoured")
		}
	})
}

// Whatever a client answers to the keep-alive, the session says what that means.
func TestKeepAliveAnswers(t *testing.T) {
	content := bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte("</0/0>")}
	for name, tt := range map[string]struct {
		plain   bool
		answers []any
		want    store.Cause // not-approved: it waited to the end
	}{
		"success":                       {false, []any{content}, store.CauseNotApproved},
		"no Discover":                   {false, []any{lwm2m.CodeBadRequest}, store.CauseNotApproved},
		"4.04":                          {false, []any{lwm2m.CodeNotFound}, store.CauseNotApproved},
		"4.05":                          {false, []any{lwm2m.CodeMethodNotAllowed}, store.CauseNotApproved},
		"5.00 from the beginning":       {false, []any{lwm2m.CodeInternalServerError}, store.CauseNotApproved},
		"busy for once":                 {false, []any{content, lwm2m.CodeServiceUnavailable, content}, store.CauseNotApproved},
		"RST over DTLS":                 {false, []any{bootstrap.ErrReset}, store.CauseNotApproved},
		"5.00 after success, as Leshan": {false, []any{content, lwm2m.CodeInternalServerError}, store.CauseGone},
		"silent at once":                {false, []any{bootstrap.ErrSilent}, store.CauseSilent},
		"silent later":                  {false, []any{content, bootstrap.ErrSilent}, store.CauseSilent},
		"the association ends":          {false, []any{content, bootstrap.ErrGone}, store.CauseGone},
		"plain, success":                {true, []any{content}, store.CauseNotApproved},
		"plain, RST later":              {true, []any{content, bootstrap.ErrReset}, store.CauseReset},
		"plain, RST at once":            {true, []any{bootstrap.ErrReset}, store.CauseReset},
	} {
		inBubble(t, name, func(t *testing.T) {
			s := newParkingServer(t, bootstrap.UnknownDevices{Patience: 3 * time.Minute, KeepAlive: time.Minute}, bootstrap.Config{})
			answers := map[string][]any{"GET /": tt.answers}
			var c bootstrap.Conn = s.device("dev", answers)
			if tt.plain {
				c = plainClient(answers)
			}
			if resp := s.ask(c, "dev"); resp.Code != lwm2m.CodeChanged {
				t.Fatalf("answered %v", resp.Code)
			}
			ended := s.next(bootstrap.EventEnded)
			if ended.Cause != tt.want {
				t.Errorf("it ends as %s: %s; want %s", ended.Cause, ended.Detail, tt.want)
			}
			if n := len(ended.Operations); n > 3 || n == 0 {
				t.Errorf("the record has %d operations: %+v", n, ended.Operations)
			}
		})
	}
}

// Who may wait, and who is refused.
func TestWhoIsParked(t *testing.T) {
	s := newParkingServer(t, bootstrap.UnknownDevices{}, bootstrap.Config{})
	s.add("known", named("known"), psk("id"))
	foreign := certtest.NewAuthority(t, "Foreign")
	tests := map[string]struct {
		client bootstrap.Conn
		ep     string
		want   store.Cause // empty: it is parked
	}{
		"vouched for by a CA":                           {s.device("a", nil), "a", ""},
		"vouched for, under another name":               {s.device("b", nil), "c", ""},
		"vouched for, without any name":                 {s.device("", nil), "d", ""},
		"a known device under an unknown name":          {s.device("known", nil), "e", store.CauseEndpointUnknown},
		"a known key under an unknown name":             {newScriptedClient(nil), "e", store.CauseEndpointUnknown},
		"under the name of a known device":              {s.device("b", nil), "known", store.CauseCertificateName},
		"not vouched for":                               {certified{newScriptedClient(nil), certtest.Chain(t, foreign.Client(t, "f"))}, "f", store.CauseEndpointUnknown},
		"named in the certificate as a known one is":    {s.device("g", nil), "known", store.CauseCertificateName},
		"come back with a certificate that was revoked": {stale{s.device("h", nil)}, "h", store.CauseEndpointUnknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := &parkingServer{T: t, server: s.server, handler: s.handler, events: s.events}
			if tt.want == "" {
				s.parks(tt.client, tt.ep)
				return
			}
			if resp := s.ask(tt.client, tt.ep); resp.Code != lwm2m.CodeBadRequest {
				t.Errorf("answered %v", resp.Code)
			}
			if ended := s.next(bootstrap.EventEnded); ended.Cause != tt.want {
				t.Errorf("it ends as %s, want %s", ended.Cause, tt.want)
			}
		})
	}
}

type stale struct{ certified }

func (c stale) Peer() auth.Peer {
	p := c.certified.Peer()
	p.Stale = &auth.CertificateError{Cause: store.CauseCertificateRevoked}
	return p
}

// Nothing of a peer over plain CoAP is on the list, or in the log of unknown devices that wait, before
// it has answered at its address.
func TestUnvalidatedPeerIsNotParked(t *testing.T) {
	s := newParkingServer(t, bootstrap.UnknownDevices{}, bootstrap.Config{})
	for i := range 50 {
		c := forger()
		if resp := s.ask(c, fmt.Sprintf("forged-%d", i)); resp.Code != lwm2m.CodeChanged {
			t.Fatalf("answered %v", resp.Code)
		}
		s.until("it is asked", func() bool { return len(c.requests()) > 0 })
	}
	if n := len(s.server.Pending().All()); n != 0 || s.server.ParkedCount() != 0 || len(s.server.Active()) != 0 {
		t.Errorf("%d are pending", n)
	}
	parked := s.parks(plainClient(nil), "real")
	s.approve(parked.Pending, "real")
	if done := s.next(bootstrap.EventEnded); done.Cause != store.CauseDone || done.Proof != store.ProofAddress {
		t.Errorf("the session ended as %+v", done)
	}
}

// A device that asks once more is parked once, and keeps its ID. One that does so again and again is
// refused for a while.
func TestParkedDeviceAsksAgain(t *testing.T) {
	s := newParkingServer(t, bootstrap.UnknownDevices{}, bootstrap.Config{LoopLimit: 3})
	c := s.device("dev", nil)
	first := s.parks(c, "dev")
	for range 2 {
		s.ask(c, "dev")
		news := s.both(bootstrap.EventEnded, bootstrap.EventParked)
		if ended := news[bootstrap.EventEnded]; ended.Cause != store.CauseSuperseded {
			t.Errorf("the former session ends as %s", ended.Cause)
		}
		if again := news[bootstrap.EventParked]; again.Pending != first.Pending {
			t.Errorf("it waits as %s, and as %s before", again.Pending, first.Pending)
		}
	}
	if resp := s.ask(c, "dev"); resp.Code != lwm2m.CodeServiceUnavailable {
		t.Errorf("the fourth request within a minute is answered with %v", resp.Code)
	}
	if n := len(s.server.Pending().All()); n != 1 || s.server.ParkedCount() != 1 {
		t.Errorf("%d are pending, %d parked", n, s.server.ParkedCount())
	}
	if count := s.server.Pending().All()[0].Count; count != 3 {
		t.Errorf("it is said to have come %d times", count)
	}
}

// At the limit the next device is told to come later, and the list has a share for each network.
func TestParkedAreBounded(t *testing.T) {
	s := newParkingServer(t, bootstrap.UnknownDevices{}, bootstrap.Config{Pending: pending.Limits{Devices: 3, Network: 2}})
	s.parks(s.device("a", nil), "a")
	s.parks(s.device("b", nil), "b")
	if resp := s.ask(s.device("c", nil), "c"); resp.Code != lwm2m.CodeServiceUnavailable {
		t.Errorf("a third device of the network is answered with %v", resp.Code)
	}
	if ended := s.next(bootstrap.EventEnded); ended.Cause != store.CauseBusy {
		t.Errorf("it ends as %s", ended.Cause)
	}
	s.parks(from2{s.device("d", nil)}, "d")
}

// from2 is a client in another network.
type from2 struct{ certified }

func (c from2) Peer() auth.Peer {
	p := c.certified.Peer()
	p.Remote = "198.51.100.2:5000"
	return p
}

// A server that stops does not wait for parked sessions, and tells them.
func TestDrainEndsParkedSessions(t *testing.T) {
	s := newParkingServer(t, bootstrap.UnknownDevices{}, bootstrap.Config{})
	c := s.device("dev", nil)
	s.parks(c, "dev")
	check(t, s.server.Drain(t.Context()))
	if ended := s.next(bootstrap.EventEnded); ended.Cause != store.CauseStopped {
		t.Errorf("it ends as %s", ended.Cause)
	}
	if resp := s.ask(c, "dev"); resp.Code != lwm2m.CodeServiceUnavailable {
		t.Errorf("a request while the server stops is answered with %v", resp.Code)
	}
	check(t, s.server.Close())
	all, err := s.db.PendingDevices(t.Context())
	if err != nil || len(all) != 1 {
		t.Errorf("the store has %+v, %v", all, err)
	}
}

// A record that does not take the credential of the device lets it wait further; its disabled record
// ends that.
func TestParkedDeviceMeetsARecordThatRefusesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newParkingServer(t, bootstrap.UnknownDevices{Patience: 3 * time.Minute}, bootstrap.Config{})
		s.parks(s.device("dev", nil), "dev")
		s.add("dev", psk("dev"))
		if ended := s.next(bootstrap.EventEnded); ended.Cause != store.CauseNotApproved || !strings.Contains(ended.Detail, "does not permit it") {
			t.Errorf("it ends as %s: %s", ended.Cause, ended.Detail)
		}
		s.parks(s.device("off", nil), "off")
		_, err := s.db.PutDevice(t.Context(), store.Device{Endpoint: "off", Profile: "p", Disabled: true, Credentials: []store.Credential{named("off")}})
		check(t, err)
		if ended := s.next(bootstrap.EventEnded); ended.Cause != store.CauseDisabled {
			t.Errorf("it ends as %s: %s", ended.Cause, ended.Detail)
		}
	})
}

// An unknown device that asks for a pack is sent on to the request after which it can wait.
func TestUnknownDeviceAsksForAPack(t *testing.T) {
	s := newParkingServer(t, bootstrap.UnknownDevices{}, bootstrap.Config{})
	c := s.device("dev", nil)
	resp, after := s.handler.ServeRequest(t.Context(), c, bootstrap.Request{Method: bootstrap.GET, Path: []string{"bspack"}, Queries: []string{"ep=dev"}})
	if resp.Code != lwm2m.CodeNotImplemented || after != nil {
		t.Errorf("answered %v", resp.Code)
	}
	s.parks(c, "dev")
}

// Where unknown devices get no answer, none gets one who is not known to be the device that it names:
// silence tells no one which names have no record.
func TestSilence(t *testing.T) {
	s := newParkingServer(t, bootstrap.UnknownDevices{Policy: bootstrap.UnknownSilent}, bootstrap.Config{})
	s.add("known", named("known"))
	s.add("secret", psk("secret"))
	_, err := s.db.PutDevice(t.Context(), store.Device{Endpoint: "off", Profile: "p", Disabled: true, Credentials: []store.Credential{named("off")}})
	check(t, err)
	const none = lwm2m.Code(0)
	for name, tt := range map[string]struct {
		client bootstrap.Conn
		ep     string
		want   lwm2m.Code
	}{
		"unknown":                 {s.device("a", nil), "a", none},
		"unknown over plain CoAP": {plainClient(nil), "a", none},
		"known, over plain CoAP without permission": {plainClient(nil), "secret", none},
		"the credential of another":                 {s.device("known", nil), "secret", none},
		"a name that the record does not take":      {s.device("a", nil), "secret", none},
		"disabled, and proved":                      {s.device("off", nil), "off", lwm2m.CodeBadRequest},
		"known":                                     {s.device("known", nil), "known", lwm2m.CodeChanged},
	} {
		if resp := s.ask(tt.client, tt.ep); resp.Code != tt.want {
			t.Errorf("%s: answered %v, want %v", name, resp.Code, tt.want)
		}
		s.next(bootstrap.EventEnded) // each is in the history
	}
}

// Mistakes in what is said of unknown devices are all named.
func TestUnknownDevicesAreChecked(t *testing.T) {
	s := newParkingServer(t, bootstrap.UnknownDevices{}, bootstrap.Config{})
	_, err := s.server.Handler(bootstrap.UnknownDevices{Policy: "ignore", Patience: -1, KeepAlive: time.Hour})
	for _, want := range []string{`"ignore"`, "patience", "keep-alive"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s in it", err, want)
		}
	}
}
