package coap_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// Sizes of a record of type 25 with a connection ID of ours, and where that is.
const (
	TypeCID = 25
	cidAt   = 11
	cidEnd  = cidAt + 8
)

func offerCID(cfg *coap.DialConfig) { cfg.OfferCID = true }

// answering is a client that answers requests, as a device does.
func answering(set func(*coap.DialConfig)) func(*coap.DialConfig) {
	return func(cfg *coap.DialConfig) {
		cfg.Handler = answers{}
		set(cfg)
	}
}

// An association with a connection ID goes on when the NAT gives the client another
// port, in both directions; without one it is lost to the client.
func TestDTLSMove(t *testing.T) {
	for name, tt := range map[string]struct {
		set    func(*coap.DialConfig)
		goesOn bool
	}{
		"not asked for":   {func(*coap.DialConfig) {}, false},
		"client has none": {offerCID, true},
		"client has one": {func(cfg *coap.DialConfig) {
			cfg.OfferCID, cfg.OwnCID = true, 5
		}, true},
		"client has the longest": {func(cfg *coap.DialConfig) {
			cfg.OfferCID, cfg.OwnCID = true, 255
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := Listen(t, func(cfg *coap.Config) { cfg.DTLS.ReplicaID = 7 }, nil)
			p := newTap(t, s.Addr())
			var with, without atomic.Int32 // records to the server, after the handshake
			p.filter(func(up bool, b []byte) bool {
				switch {
				case up && b[0] == TypeCID && b[cidAt] == 7:
					with.Add(1)
				case up && b[0] == 23:
					without.Add(1)
				}
				return true
			})
			conn := Dial(t, p.addr(), answering(tt.set))
			ask(t, conn)
			far := next(t, "request", s.requests)
			before := p.local().String()
			p.move()
			if !tt.goesOn {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				if _, err := conn.Do(ctx, finish); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error after the move = %v", err)
				}
				if with.Load() > 0 || s.Peers() != 1 {
					t.Errorf("%d records with a connection ID, %d peers", with.Load(), s.Peers())
				}
				return
			}
			ask(t, conn)
			if got := next(t, "request", s.requests); got != far || got.Peer().Remote != before {
				t.Errorf("request by %+v, want %+v", got.Peer(), far.Peer())
			}
			ask(t, far)
			if with.Load() < 3 || without.Load() > 0 {
				t.Errorf("%d records with and %d without a connection ID", with.Load(), without.Load())
			}
			if n := s.Counters().Retransmitted; n > 0 {
				t.Errorf("%d requests had to be repeated", n)
			}
		})
	}
}

// Whoever has no key cannot move an association, though it may know the connection ID:
// neither with made-up records, nor with those that it has seen.
func TestDTLSMoveForged(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	var seen atomic.Pointer[[]byte]
	p.filter(func(up bool, b []byte) bool {
		if up && b[0] == TypeCID {
			b := bytes.Clone(b)
			seen.Store(&b)
		}
		return true
	})
	conn := Dial(t, p.addr(), answering(offerCID))
	ask(t, conn)
	far := next(t, "request", s.requests)
	attacker, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer attacker.Close()

	newer := bytes.Clone(*seen.Load())
	newer[10] += 3 // sequence number
	forgeries := map[string][]byte{
		"replayed":            *seen.Load(),
		"replayed as newer":   newer,
		"garbage":             append(bytes.Clone(newer[:cidEnd]), append([]byte{0, 40}, make([]byte, 40)...)...),
		"without its content": newer[:cidEnd+2],
		"cut off":             newer[:cidEnd],
		"hidden alert":        append(plainRecord(21, 2, 40), newer...),
	}
	for name, b := range forgeries {
		attacker.Write(b)
		ask(t, far) // a wrong address would make it late
		ask(t, conn)
		if got := next(t, "request", s.requests); got != far {
			t.Fatalf("after %s it is another association", name)
		}
	}
	if n := s.Counters().Retransmitted; n > 0 {
		t.Errorf("%d requests had to be repeated", n)
	}
	attacker.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if n, err := attacker.Read(make([]byte, 100)); err == nil {
		t.Errorf("the attacker was sent %d bytes", n)
	}
}

// A record that is late, and was sent before the client moved, does not move it back.
func TestDTLSMoveLate(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	conn := Dial(t, p.addr(), answering(offerCID))
	ask(t, conn)
	far := next(t, "request", s.requests)
	far.Tune(bootstrap.Tuning{AckTimeout: 20 * time.Millisecond})

	before := p.back.Load()
	late := make(chan []byte, 1)
	moved := false
	p.filter(func(up bool, b []byte) bool {
		if up && !moved {
			moved = true
			p.move()
			late <- bytes.Clone(b)
			return false
		}
		return true
	})
	done := make(chan error, 1)
	go func() { done <- tryAsk(far) }()
	answer := next(t, "answer", late)
	ask(t, conn) // from the new address, where the repeated request goes
	if err := next(t, "repeated answer", done); err != nil {
		t.Fatal(err)
	}
	far.Tune(bootstrap.Tuning{})
	repeated := s.Counters().Retransmitted
	strays := stray(s.Listener)
	before.Write(answer)
	until(t, "the late answer has come", func() bool { return stray(s.Listener) > strays })
	ask(t, far)
	if n := s.Counters().Retransmitted; n != repeated || repeated == 0 {
		t.Errorf("%d requests had to be repeated, before %d", n, repeated)
	}
}

// stray is how many answers came that no exchange waited for.
func stray(l *coap.Listener) uint64 { return l.Counters().Dropped[traffic.DropStray] }

// A record with an unknown connection ID, such as of another replica, is dropped.
func TestDTLSUnknownCID(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	conn := Dial(t, p.addr(), offerCID)
	ask(t, conn)
	p.filter(func(up bool, b []byte) bool {
		if up && b[0] == TypeCID {
			b[cidAt]++
		}
		return true
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := conn.Do(ctx, finish); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v", err)
	}
	p.filter(nil)
	ask(t, conn)
	until(t, "that it was dropped is counted", func() bool { return s.Counters().Dropped[traffic.DropUnknownCID] > 0 })
}

// A device that moved and then lost power takes the place of what it had before, also
// where it has moved to.
func TestDTLSMoveThenReboot(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	conn := Dial(t, p.addr(), offerCID)
	ask(t, conn)
	far := next(t, "request", s.requests)
	p.move()
	ask(t, conn)
	next(t, "request", s.requests)
	p.unplug()
	ask(t, Dial(t, p.addr(), offerCID))
	next(t, "end of the association before", far.Done())
}

// Where the NAT gave the port of a device to another, the association of the first goes
// on when it is heard of again.
func TestDTLSPortPassesOn(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	first := Dial(t, p.addr(), offerCID)
	ask(t, first)
	far := next(t, "request", s.requests)
	second := Dial(t, p.addr(), func(cfg *coap.DialConfig) { cfg.Identity = "known too" })
	ask(t, second)
	if got := next(t, "request", s.requests); got == far {
		t.Fatal("two devices have one association")
	}
	p.move()
	ask(t, first)
	if got := next(t, "request", s.requests); got != far {
		t.Error("it is another association")
	}
}

// A device whose port changes in the middle of its bootstrap, after the 2.04 and while
// it is written to, completes if it asked for a connection ID. The others show what
// happens else.
func TestBootstrapOnTheMove(t *testing.T) {
	key := lwm2m.NewSecret([]byte("0123456789abcdef"))
	// run returns how the session of a device ended for both sides.
	run := func(t *testing.T, timeout time.Duration, set func(*coap.DialConfig)) (cause store.Cause, device error) {
		server, addr, ended := serveBootstrap(t, key)
		p := newTap(t, addr)
		moved := false
		_, device = sim.Run(t.Context(), sim.Config{
			Endpoint:       "urn:dev:1",
			SessionTimeout: timeout,
			Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
				cfg := coap.DialConfig{Handler: h, Identity: "id-1", Key: key}
				set(&cfg)
				return coap.DialDTLS(ctx, p.addr(), cfg)
			},
			Observe: func(s sim.Step) {
				if !moved && s.Request.Method == bootstrap.PUT {
					moved = true
					p.move()
				}
			},
		})
		if device != nil {
			server.Close() // which ends the session, rather than many retransmissions
		}
		return next(t, "session", ended).Cause, device
	}
	t.Run("with", func(t *testing.T) {
		if cause, err := run(t, patience, offerCID); err != nil || cause != store.CauseDone {
			t.Errorf("device: %v, server: %v", err, cause)
		}
	})
	t.Run("without", func(t *testing.T) {
		cause, err := run(t, 300*time.Millisecond, func(*coap.DialConfig) {})
		if !errors.Is(err, sim.ErrNoFinish) || cause != store.CauseStopped {
			t.Errorf("device: %v, server: %v", err, cause)
		}
	})
}

// serveBootstrap runs a Bootstrap-Server that knows "urn:dev:1" with identity "id-1", and
// returns it with its address and the sessions that end.
func serveBootstrap(t *testing.T, key lwm2m.Secret) (*bootstrap.Server, netip.AddrPort, <-chan store.Session) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keyring, err := seal.NewKeyring()
	ok(err)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	ok(err)
	t.Cleanup(func() { db.Close() })
	_, err = db.PutProfile(t.Context(), store.Profile{Name: "p", Accounts: []store.Account{
		{Name: "main", URI: "coaps://127.0.0.1:5684", ShortServerID: 101, Lifetime: new(store.Duration(time.Hour))},
	}})
	ok(err)
	_, err = db.PutDevice(t.Context(), store.Device{Endpoint: "urn:dev:1", Profile: "p", Credentials: []store.Credential{
		{Kind: store.CredentialPSK, Identity: "id-1", Key: key},
	}})
	ok(err)
	ended := make(chan store.Session, 10)
	server, err := bootstrap.NewServer(bootstrap.Config{Store: db, Observe: func(e bootstrap.Event) {
		if e.Kind == bootstrap.EventEnded {
			ended <- e.Session
		}
	}})
	ok(err)
	l, err := coap.ListenDTLS("127.0.0.1:0", coap.Config{Handler: server, PSK: server.PSK})
	ok(err)
	t.Cleanup(func() { l.Close() })
	t.Cleanup(func() { server.Close() })
	return server, l.Addr(), ended
}
