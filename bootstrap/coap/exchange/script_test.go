package exchange

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
)

// A script is a conn in a test that plays its peer, message by message. It lives in a
// bubble of [synctest], where time passes only when everybody waits.
type script struct {
	t    *testing.T
	hub  *Hub
	conn *Conn
	sent chan []byte // by the conn
	log  bytes.Buffer
	down chan struct{} // closed with the link
}

// Send implements [Link].
func (s *script) Send(b []byte) error {
	s.sent <- bytes.Clone(b)
	return nil
}

// Close implements [Link].
func (s *script) Close() error {
	close(s.down)
	return nil
}

// play runs test in a bubble with a new script, whose conn has the handler h.
func play(t *testing.T, h coaptest.HandlerFunc, test func(t *testing.T, s *script)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, h)
		defer s.hub.Close(func() error { return nil })
		test(t, s)
	})
}

// newTestHub returns a hub of its own group.
func newTestHub(cfg Config, s Scheduler) *Hub {
	return NewHub(cfg, tasks.NewGroup(panics.New(cfg.Logger)), new(traffic.Meter), s)
}

func newScript(t *testing.T, h coaptest.HandlerFunc) *script {
	s := &script{t: t, sent: make(chan []byte, 10_000), down: make(chan struct{})}
	cfg := Config{Handler: h, Logger: slog.New(slog.NewTextHandler(&s.log, nil)), IdleTimeout: defaultIdleTimeout, MaxPayload: defaultMaxPayload}
	s.hub = newTestHub(cfg, nil)
	s.conn = s.hub.NewConn(s, auth.Peer{Remote: "192.0.2.1:5683", Transport: "coap"}, "")
	return s
}

// deliver sends m to the conn.
func (s *script) deliver(m message.Message) {
	s.t.Helper()
	b, err := message.Encode(m)
	if err != nil {
		s.t.Fatal(err)
	}
	s.hub.Meter.Dropped.Add(s.conn.Deliver(b))
}

// receive returns the next message that the conn sends, however long it takes.
func (s *script) receive() message.Message {
	s.t.Helper()
	select {
	case b := <-s.sent:
		m, err := message.Decode(b)
		if err != nil {
			s.t.Fatalf("the conn sent %x: %v", b, err)
		}
		return m
	case <-time.After(24 * time.Hour):
		s.t.Fatal("the conn sends nothing")
		return message.Message{}
	}
}

// expect receives a message and compares what the others have in common with want.
func (s *script) expect(want message.Message) message.Message {
	s.t.Helper()
	m := s.receive()
	if m.Kind != want.Kind || m.Code != want.Code || m.ID != want.ID || m.Token != want.Token {
		s.t.Fatalf("the conn sent %+v, want %+v", m, want)
	}
	return m
}

// silent fails the test if the conn has sent anything, or is about to.
func (s *script) silent() {
	s.t.Helper()
	synctest.Wait()
	select {
	case b := <-s.sent:
		s.t.Fatalf("the conn sent %x", b)
	default:
	}
}

// A result is what Do returned.
type result struct {
	bootstrap.Response
	err error
}

// do lets the conn send r, and returns where its result will be.
func (s *script) do(ctx context.Context, r bootstrap.Request) <-chan result {
	done := make(chan result, 1)
	go func() {
		resp, err := s.conn.Do(ctx, r)
		done <- result{resp, err}
	}()
	return done
}

// fails checks that a Do ends with want.
func (s *script) fails(done <-chan result, want error) {
	s.t.Helper()
	if got := <-done; !errors.Is(got.err, want) {
		s.t.Errorf("Do returned %+v, want %v", got, want)
	}
}

// succeeds checks that a Do ends with code and returns its response.
func (s *script) succeeds(done <-chan result, code lwm2m.Code) bootstrap.Response {
	s.t.Helper()
	got := <-done
	if got.err != nil || got.Code != code {
		s.t.Fatalf("Do returned %+v, want %v", got, code)
	}
	return got.Response
}

// ended reports whether the conn is closed.
func (s *script) ended() bool {
	synctest.Wait()
	select {
	case <-s.conn.Done():
		<-s.down
		return true
	default:
		return false
	}
}

var finish = bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}}

// bootstrapRequest is what a device begins with.
func bootstrapRequest(mid uint16, t message.Token) message.Message {
	return message.Message{
		Kind: message.Confirmable, Code: lwm2m.Code(bootstrap.POST), ID: mid, Token: t,
		Path: []string{"bs"}, Queries: []string{"ep=dev"},
	}
}
