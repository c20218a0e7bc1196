package exchange

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

// endsAfter checks that the conn ends in d, not before.
func (s *script) endsAfter(d time.Duration) {
	s.t.Helper()
	time.Sleep(d - time.Nanosecond)
	if s.ended() {
		s.t.Fatalf("the conn has ended %v too early or more", time.Nanosecond)
	}
	time.Sleep(time.Nanosecond)
	if !s.ended() {
		s.t.Fatalf("the conn goes on after %v", d)
	}
}

func TestIdle(t *testing.T) {
	tests := []struct {
		name string
		busy func(t *testing.T, s *script) // takes less than defaultIdleTimeout between any two events
	}{
		{"from the beginning", func(*testing.T, *script) {}},
		{"after a request of the peer", func(t *testing.T, s *script) {
			time.Sleep(3 * time.Minute)
			s.deliver(bootstrapRequest(1, "a"))
			s.receive()
		}},
		{"after a request without answer", func(t *testing.T, s *script) {
			s.conn.Tune(bootstrap.Tuning{AckTimeout: time.Minute})
			<-s.do(t.Context(), finish) // takes half an hour
		}},
		{"after what followed an answer", func(t *testing.T, s *script) {
			s.deliver(message.Message{Kind: message.Confirmable, Code: lwm2m.Code(bootstrap.GET), ID: 1})
			time.Sleep(7 * time.Minute)
		}},
	}
	handler := func(_ context.Context, _ bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		var after func(context.Context)
		if r.Method == bootstrap.GET {
			after = func(context.Context) { time.Sleep(7 * time.Minute) }
		}
		return bootstrap.Response{Code: lwm2m.CodeChanged}, after
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, handler, func(t *testing.T, s *script) {
				tt.busy(t, s)
				synctest.Wait()
				// The timer may have been set again at any moment of the business.
				before := time.Now()
				<-s.conn.Done()
				if rest := time.Since(before); rest < defaultIdleTimeout || rest > 2*defaultIdleTimeout {
					t.Errorf("ended %v after the last event, want %v or little more", rest, defaultIdleTimeout)
				}
			})
		})
	}
}

// A peer without requests is idle: a ping, which it can send for ever, changes nothing.
func TestPingsDoNotKeepAPeer(t *testing.T) {
	play(t, nil, func(t *testing.T, s *script) {
		time.Sleep(3 * time.Minute)
		s.deliver(message.Message{Kind: message.Confirmable, ID: 1})
		s.receive()
		s.endsAfter(defaultIdleTimeout - 3*time.Minute)
	})
}

func TestLinger(t *testing.T) {
	const d = time.Minute
	tests := []struct {
		name string
		test func(t *testing.T, s *script)
	}{
		{"nothing happens", func(t *testing.T, s *script) {
			s.conn.Linger(d)
			s.endsAfter(d)
		}},
		{"the last of two counts", func(t *testing.T, s *script) {
			s.conn.Linger(d)
			time.Sleep(d / 2)
			s.conn.Linger(d)
			s.endsAfter(d)
		}},
		{"nothing is due", func(t *testing.T, s *script) {
			s.conn.Release()
			s.endsAfter(ReleaseDelay)
		}},
		{"nothing is due, and there is overload", func(t *testing.T, s *script) {
			s.hub.scheduler = hurriedScheduler{immediate{s.hub.Tasks}}
			s.conn.Release()
			s.endsAfter(releaseDelayHurried)
		}},
		{"at once", func(t *testing.T, s *script) {
			s.conn.Linger(0)
			if !s.ended() {
				t.Error("the conn goes on")
			}
		}},
		{"the peer hangs up", func(t *testing.T, s *script) {
			s.conn.Linger(d)
			s.conn.HangUp()
			if !s.ended() {
				t.Error("the conn goes on after its peer has hung up")
			}
		}},
		{"a duplicate is answered and changes nothing", func(t *testing.T, s *script) {
			s.deliver(bootstrapRequest(1, "a"))
			s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: 1, Token: "a"})
			s.conn.Linger(d)
			time.Sleep(d / 2)
			s.deliver(bootstrapRequest(1, "a"))
			s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: 1, Token: "a"})
			s.endsAfter(d / 2)
		}},
		{"a response again is acknowledged and changes nothing", func(t *testing.T, s *script) {
			done := s.do(t.Context(), finish)
			m := s.receive()
			r := message.Message{Kind: message.Confirmable, Code: lwm2m.CodeChanged, ID: 77, Token: m.Token}
			s.deliver(r)
			s.succeeds(done, lwm2m.CodeChanged)
			s.expect(r.EmptyReply(message.Acknowledgement))
			s.conn.Linger(d)
			time.Sleep(d / 2)
			s.deliver(r)
			s.expect(r.EmptyReply(message.Acknowledgement))
			s.endsAfter(d / 2)
		}},
		{"a new request is answered and ends it", func(t *testing.T, s *script) {
			s.conn.Linger(d)
			time.Sleep(d / 2)
			s.deliver(bootstrapRequest(2, "b"))
			s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: 2, Token: "b"})
			time.Sleep(2 * d)
			if s.ended() {
				t.Error("the conn has ended in spite of a new request")
			}
		}},
		{"after the end", func(t *testing.T, s *script) {
			s.conn.Close()
			s.conn.Linger(d)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { play(t, coaptest.Changed, tt.test) })
	}
}

// The end of the hub ends its conns, what runs on them, and what is asked of it later.
func TestHubClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		s := newScript(t, func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			return bootstrap.Response{Code: lwm2m.CodeChanged}, func(ctx context.Context) {
				<-ctx.Done()
				time.Sleep(time.Second) // cleaning up
				ended <- ctx.Err()
			}
		})
		s.deliver(bootstrapRequest(1, "a"))
		s.receive()
		done := s.do(t.Context(), finish)
		s.receive()
		go s.hub.Close(func() error { return nil }) // a second one waits as well
		if err := s.hub.Close(func() error { return nil }); err != nil {
			t.Error(err)
		}
		select {
		case <-ended:
		default:
			t.Error("close did not wait for what followed an answer")
		}
		s.fails(done, bootstrap.ErrGone)
		if !s.ended() {
			t.Error("the conn goes on")
		}
		if s.hub.Tasks.Go(func() {}) {
			t.Error("a goroutine was started after the end")
		}
		late := &script{t: t, down: make(chan struct{})}
		if c := s.hub.NewConn(late, auth.Peer{}, ""); c != nil {
			t.Error("a conn was made after the end")
		}
		<-late.down
	})
}

// A hurriedScheduler scheduler lets conns without business end at once.
type hurriedScheduler struct{ immediate }

func (hurriedScheduler) Hurries() bool { return true }
