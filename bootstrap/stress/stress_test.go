package stress_test

import (
	"context"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

// stormy is the weather of the tests: 30 % lost, 20 % twice, out of order.
func (s *server) stormy() weather {
	return weather{loss: 0.3, duplication: 0.2, delay: s.ackTimeout / 5}
}

// newStorm returns a server for n devices at a time, with timeouts that fit the machine: a
// device alone, over a good link, is done within half of one.
func newStorm(t *testing.T, n int) *server {
	t.Helper()
	s := newServer(t, n)
	s.putDevice(n)
	began := time.Now()
	cfg := s.device(n, func(ctx context.Context, cfg coap.DialConfig) (bootstrap.Conn, error) {
		return coap.DialDTLS(ctx, s.dtls.Addr().String(), cfg)
	})
	cfg.Stack.Finishes.Stays = time.Nanosecond
	_, err := sim.Run(t.Context(), cfg)
	s.ok(err)
	s.ackTimeout = max(ackTimeout, 2*time.Since(began))
	s.putProfile()
	<-s.ended
	return s
}

// fleet is how many devices a test has.
func fleet(t *testing.T, usual int) int {
	t.Helper()
	s := os.Getenv("LWBS_STRESS_DEVICES")
	if s == "" {
		return usual
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("LWBS_STRESS_DEVICES is %q", s)
	}
	return n
}

// atOnce is how many devices are under way at a time: a storm is another test.
const atOnce = 100

// device is the one with number i, which reaches the server through dial.
func (s *server) device(i int, dial func(context.Context, coap.DialConfig) (bootstrap.Conn, error)) sim.Config {
	return sim.Config{
		Endpoint: endpoint(i), SessionTimeout: 200 * s.ackTimeout,
		// Until the server has heard that it is done, whatever is lost.
		Stack: sim.Stack{Finishes: sim.Finishing{Stays: 30 * s.ackTimeout}},
		Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
			conn, err := dial(ctx, coap.DialConfig{Handler: h, Identity: string(endpoint(i)), Key: key(i)})
			if err == nil {
				conn.Tune(bootstrap.Tuning{AckTimeout: s.ackTimeout})
			}
			return conn, err
		},
	}
}

// run lets n devices bootstrap over dial, with so many attempts each, and returns what became
// of them.
func (s *server) run(n, attempts int, dial func(context.Context, coap.DialConfig) (bootstrap.Conn, error)) []sim.Result {
	s.Helper()
	results := make([]sim.Result, n)
	places := make(chan struct{}, atOnce)
	var devices sync.WaitGroup
	for i := range n {
		places <- struct{}{}
		devices.Go(func() {
			defer func() { <-places }()
			cfg := s.device(i, dial)
			cfg.Attempts, cfg.Stack.Returns = attempts, sim.Returning{AfterFailure: true, Pause: s.ackTimeout}
			var err error
			if results[i], err = sim.Run(s.Context(), cfg); err != nil {
				s.Errorf("device %d: %v", i, err)
			}
		})
	}
	devices.Wait()
	return results
}

// sessions waits for those that run, and returns all that there were by their device, the
// oldest first.
func (s *server) sessions() map[lwm2m.EndpointName][]store.Session {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	s.ok(s.core.Drain(ctx))
	all := make(map[lwm2m.EndpointName][]store.Session)
	for len(s.ended) > 0 {
		session := <-s.ended
		all[session.Endpoint] = append(all[session.Endpoint], session)
	}
	for _, of := range all {
		slices.SortFunc(of, func(a, b store.Session) int { return a.Started.Compare(b.Started) })
	}
	return all
}

// endsWell checks that both sides say the same in the end: each device has the account of
// its record, and its last session is done, or ended with one of the causes besides. It
// returns how many sessions there were.
func (s *server) endsWell(results []sim.Result, besides ...store.Cause) (sessions int) {
	s.Helper()
	all := s.sessions()
	retransmissions := 0
	for i, r := range results {
		of := all[endpoint(i)]
		if sessions += len(of); len(of) == 0 {
			s.Errorf("device %d had no session", i)
			continue
		}
		for _, o := range of[len(of)-1].Operations {
			retransmissions += o.Transmissions - 1
		}
		last := of[len(of)-1]
		if last.Cause != store.CauseDone && !slices.Contains(besides, last.Cause) {
			s.Errorf("device %d: the last of %d sessions ended with %s: %s", i, len(of), last.Cause, last.Detail)
		}
		d, err := s.db.Device(s.Context(), endpoint(i))
		s.ok(err)
		given := d.Accounts["main"]
		if len(r.Accounts) != 1 || !r.Accounts[0].Security.SecretKey.Equal(given.Key) || given.Key.IsZero() || given.Delivered.IsZero() != (last.Cause != store.CauseDone) {
			s.Errorf("device %d has %d accounts, the record says delivered %v", i, len(r.Accounts), given.Delivered)
		}
	}
	if retransmissions < len(results)/2 {
		s.Errorf("%d operations had to be repeated with %d devices: the link is too good", retransmissions, len(results))
	}
	return sessions
}

// stormed checks that the link was no better than it should be.
func (l *link) stormed(t *testing.T, devices int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost < devices {
		t.Errorf("%d datagrams were lost with %d devices", l.lost, devices)
	}
}

func TestStormUDP(t *testing.T) {
	t.Parallel()
	n := fleet(t, 40)
	s := newStorm(t, n)
	l := newLink(t, s.udp.Addr(), s.stormy(), 1)
	results := s.run(n, 1, func(ctx context.Context, cfg coap.DialConfig) (bootstrap.Conn, error) {
		return coap.DialUDP(ctx, l.addr(), cfg)
	})
	if sessions := s.endsWell(results); sessions != n {
		t.Errorf("%d sessions, want one for each of %d devices", sessions, n)
	}
	l.stormed(t, n)
	if c := s.udp.Counters(); c.Duplicates == 0 || c.Withheld != 0 {
		t.Errorf("counters %+v", c)
	}
}

// A handshake over such a link takes several seconds, as each lost flight is repeated after
// one second. A device tries until it succeeds: no record is like another, so that a link
// cannot tell which it has lost how often, and some requests are in vain. Where that befell
// Finish, the server says that it does not know; the device has everything all the same.
func TestStormDTLS(t *testing.T) {
	t.Parallel()
	n := fleet(t, 10)
	s := newStorm(t, n)
	l := newLink(t, s.dtls.Addr(), s.stormy(), 2)
	results := s.run(n, 4, func(ctx context.Context, cfg coap.DialConfig) (bootstrap.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return coap.DialDTLS(ctx, l.addr(), cfg)
	})
	s.endsWell(results, store.CauseFinishUnknown)
	l.stormed(t, n)
}
