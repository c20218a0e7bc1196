package coap

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

func TestRetransmission(t *testing.T) {
	tests := []struct {
		name        string
		tuned, want time.Duration
	}{
		{"default", 0, ackTimeout},
		{"tuned", 15 * time.Second, 15 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, changed, func(t *testing.T, s *script) {
				s.conn.Tune(bootstrap.Tuning{AckTimeout: tt.tuned})
				start := time.Now()
				done := s.do(t.Context(), finish)
				first := s.receive()
				wait := time.Duration(0)
				for i, last := 1, start; i <= maxRetransmit; i++ {
					if again := s.receive(); again.mid != first.mid || again.token != first.token {
						t.Fatalf("transmission %d is %+v, want %+v", i, again, first)
					}
					gap := time.Since(last)
					last = time.Now()
					if i == 1 && (gap < tt.want || gap > tt.want*3/2) {
						t.Fatalf("first repeated after %v, want %v times 1 to 1.5", gap, tt.want)
					}
					if i > 1 && gap != 2*wait {
						t.Fatalf("repeated after %v, then %v, want twice as much", wait, gap)
					}
					wait = gap
				}
				s.fails(done, bootstrap.ErrSilent)
				if got, want := time.Since(start), 31*wait/8; got != want {
					t.Errorf("gave up after %v, want %v", got, want)
				}
				s.silent()
			})
		})
	}
}

// The random factor must spread a fleet that begins at the same moment.
func TestJitter(t *testing.T) {
	low, high := 2*ackTimeout, time.Duration(0)
	for range 1000 {
		d := jitter(ackTimeout)
		low, high = min(low, d), max(high, d)
	}
	if low < ackTimeout || high > ackTimeout*3/2 || high-low < ackTimeout/4 {
		t.Errorf("first times to wait lie within %v and %v", low, high)
	}
}

func TestTimes(t *testing.T) {
	// RFC 7252 §4.8.2 prints these for the default parameters.
	for _, tt := range []struct {
		name      string
		got, want time.Duration
	}{
		{"MAX_TRANSMIT_SPAN", maxTransmitSpan, 45 * time.Second},
		{"MAX_TRANSMIT_WAIT", transmitWait(ackTimeout), 93 * time.Second},
		{"EXCHANGE_LIFETIME", exchangeLifetime, 247 * time.Second},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestRetransmissionsAreCounted(t *testing.T) {
	play(t, changed, func(t *testing.T, s *script) {
		done := s.do(t.Context(), finish)
		s.receive()
		s.receive()
		m := s.receive()
		s.deliver(message{kind: acknowledgement, code: lwm2m.CodeChanged, mid: m.mid, token: m.token})
		if resp := s.succeeds(done, lwm2m.CodeChanged); resp.Transmissions != 3 || resp.Separate {
			t.Errorf("response %+v, want 3 transmissions, piggy-backed", resp)
		}
		if n := s.hub.counters.snapshot(); n.Retransmitted != 2 || n.Sent != 3 {
			t.Errorf("counters %+v, want 3 sent, 2 of them again", n)
		}
	})
}

func TestSeparateResponse(t *testing.T) {
	for _, kind := range []kind{confirmable, nonConfirmable} {
		play(t, changed, func(t *testing.T, s *script) {
			done := s.do(t.Context(), finish)
			m := s.receive()
			s.deliver(m.emptyReply(acknowledgement))
			time.Sleep(80 * time.Second) // within what a responder may take
			s.silent()                   // no retransmission any more
			r := message{kind: kind, code: lwm2m.CodeChanged, mid: 0x7001, token: m.token}
			s.deliver(r)
			resp := s.succeeds(done, lwm2m.CodeChanged)
			if !resp.Separate || resp.Transmissions != 1 {
				t.Errorf("response %+v, want a separate one", resp)
			}
			for range 3 { // and whenever our acknowledgement was lost
				if kind == confirmable {
					s.expect(r.emptyReply(acknowledgement))
				}
				s.silent()
				s.deliver(r)
			}
		})
	}
}

func TestAcknowledgedAndForgotten(t *testing.T) {
	play(t, changed, func(t *testing.T, s *script) {
		start := time.Now()
		done := s.do(t.Context(), finish)
		m := s.receive()
		s.deliver(m.emptyReply(acknowledgement))
		s.deliver(m.emptyReply(acknowledgement))
		s.fails(done, bootstrap.ErrSilent)
		if got := time.Since(start); got != 93*time.Second {
			t.Errorf("gave up after %v, want 93 s", got)
		}
		s.silent()
	})
}

// A response that outruns its acknowledgement, or comes without one, is both.
func TestResponseWithoutAcknowledgement(t *testing.T) {
	for _, kind := range []kind{confirmable, nonConfirmable} {
		play(t, changed, func(t *testing.T, s *script) {
			done := s.do(t.Context(), finish)
			m := s.receive()
			r := message{kind: kind, code: lwm2m.CodeNotAcceptable, mid: 7, token: m.token}
			s.deliver(r)
			if resp := s.succeeds(done, lwm2m.CodeNotAcceptable); !resp.Separate {
				t.Errorf("response %+v, want a separate one", resp)
			}
			if kind == confirmable {
				s.expect(r.emptyReply(acknowledgement))
			}
			time.Sleep(time.Minute)
			s.silent()                               // the request is not repeated
			s.deliver(m.emptyReply(acknowledgement)) // the late one
			s.silent()
		})
	}
}

func TestReset(t *testing.T) {
	play(t, changed, func(t *testing.T, s *script) {
		done := s.do(t.Context(), finish)
		m := s.receive()
		start := time.Now()
		s.deliver(message{kind: reset, mid: m.mid + 1}) // of something else
		s.deliver(message{kind: reset, mid: m.mid})
		s.fails(done, bootstrap.ErrReset)
		if got := time.Since(start); got != 0 {
			t.Errorf("RST was heeded after %v, want at once", got)
		}
		s.silent()
	})
}

// What does not belong to the request must not end it, nor be answered.
func TestStrayReplies(t *testing.T) {
	play(t, changed, func(t *testing.T, s *script) {
		done := s.do(t.Context(), finish)
		m := s.receive()
		ack := message{kind: acknowledgement, code: lwm2m.CodeInternalServerError, mid: m.mid}
		s.deliver(ack) // empty token
		ack.token = "another"
		s.deliver(ack)
		ack.token, ack.mid = m.token, m.mid+1
		s.deliver(ack)
		ack.mid, ack.code = m.mid, lwm2m.Code(bootstrap.POST)
		s.deliver(ack) // a request in an acknowledgement
		ack.code = 3<<5 | 1
		s.deliver(ack) // class 3 is nothing
		s.conn.deliver([]byte{0x68, 0x44, byte(m.mid >> 8), byte(m.mid),
			m.token[0], m.token[1], m.token[2], m.token[3], m.token[4], m.token[5], m.token[6], m.token[7],
			0x91, 0}) // an unknown critical option
		s.deliver(message{kind: nonConfirmable, code: lwm2m.CodeChanged, mid: 9, token: "another"})
		s.silent()
		if n := s.hub.counters.snapshot().Dropped[DropStray]; n != 7 {
			t.Errorf("%d strays, want 7", n)
		}
		s.deliver(message{kind: acknowledgement, code: lwm2m.CodeChanged, mid: m.mid, token: m.token})
		s.succeeds(done, lwm2m.CodeChanged)
	})
}

// Old Wakaama acknowledges again, with an error and without the token, after each of
// its answers.
func TestSecondAcknowledgement(t *testing.T) {
	play(t, changed, func(t *testing.T, s *script) {
		for i := range 3 {
			done := s.do(t.Context(), finish)
			m := s.receive()
			s.deliver(message{kind: acknowledgement, code: lwm2m.CodeChanged, mid: m.mid, token: m.token})
			resp := s.succeeds(done, lwm2m.CodeChanged)
			if (resp.Quirk == quirkForeignToken) != (i > 0) {
				t.Errorf("quirk of answer %d is %q", i, resp.Quirk)
			}
			s.deliver(message{kind: acknowledgement, code: lwm2m.CodeInternalServerError, mid: m.mid})
			s.silent()
		}
	})
}

// The separate response to a request that was given up is still acknowledged, but does
// not count for the next one; one to a request that never was is rejected.
func TestLateResponse(t *testing.T) {
	play(t, changed, func(t *testing.T, s *script) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		done := s.do(ctx, finish)
		old := s.receive()
		s.fails(done, context.DeadlineExceeded)

		done = s.do(t.Context(), finish)
		m := s.receive()
		late := message{kind: confirmable, code: lwm2m.CodeBadRequest, mid: 5, token: old.token}
		s.deliver(late)
		s.expect(late.emptyReply(acknowledgement))
		unknown := message{kind: confirmable, code: lwm2m.CodeBadRequest, mid: 6, token: "unknown"}
		s.deliver(unknown)
		s.expect(unknown.emptyReply(reset))
		s.deliver(message{kind: acknowledgement, code: lwm2m.CodeChanged, mid: m.mid, token: m.token})
		s.succeeds(done, lwm2m.CodeChanged)
	})
}

// A critical option that is unknown makes a response unusable (RFC 7252 §5.4.1).
func TestResponseWithCriticalOption(t *testing.T) {
	play(t, changed, func(t *testing.T, s *script) {
		done := s.do(t.Context(), finish)
		m := s.receive()
		s.conn.deliver(append(append([]byte{0x48, 0x44, 0, 1}, m.token...), 0x91, 0))
		s.expect(message{kind: reset, mid: 1})
		s.receive() // the request again
		s.deliver(message{kind: acknowledgement, code: lwm2m.CodeChanged, mid: m.mid, token: m.token})
		s.succeeds(done, lwm2m.CodeChanged)
	})
}

func TestOneRequestAtATime(t *testing.T) {
	play(t, changed, func(t *testing.T, s *script) {
		first := s.do(t.Context(), finish)
		m := s.receive()
		second := s.do(t.Context(), bootstrap.Request{Method: bootstrap.DELETE})
		ctx, cancel := context.WithCancel(t.Context())
		third := s.do(ctx, finish)
		s.silent()
		cancel()
		s.fails(third, context.Canceled)
		s.deliver(message{kind: acknowledgement, code: lwm2m.CodeChanged, mid: m.mid, token: m.token})
		s.succeeds(first, lwm2m.CodeChanged)
		d := s.receive()
		if d.code != lwm2m.Code(bootstrap.DELETE) || len(d.path) != 0 || d.mid != m.mid+1 || d.token == m.token {
			t.Errorf("second request is %+v after %+v", d, m)
		}
		if len(d.token) != 8 {
			t.Errorf("token has %d bytes, want 8", len(d.token))
		}
		s.deliver(message{kind: acknowledgement, code: lwm2m.CodeDeleted, mid: d.mid, token: d.token})
		s.succeeds(second, lwm2m.CodeDeleted)
	})
}

func TestDoAndClose(t *testing.T) {
	play(t, changed, func(t *testing.T, s *script) {
		running := s.do(t.Context(), finish)
		s.receive()
		waiting := s.do(t.Context(), finish)
		inherited := s.do(s.conn.ctx, finish) // as a handler would
		synctest.Wait()
		if err := s.conn.Close(); err != nil {
			t.Error(err)
		}
		for _, done := range []<-chan result{running, waiting, inherited, s.do(t.Context(), finish)} {
			s.fails(done, bootstrap.ErrGone)
		}
		if err := s.conn.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		s.silent()
	})
}

// A peer that closes right after its last answer has answered.
func TestHangUpAfterAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 300 {
			s := newScript(t, changed)
			done := s.do(t.Context(), finish)
			m := s.receive()
			s.deliver(message{kind: acknowledgement, code: lwm2m.CodeChanged, mid: m.mid, token: m.token})
			s.conn.hangUp()
			s.succeeds(done, lwm2m.CodeChanged)
			s.fails(s.do(t.Context(), finish), bootstrap.ErrGone)
			if !s.ended() {
				t.Fatal("the conn goes on after its peer has hung up")
			}
			s.hub.close(func() error { return nil })
		}
	})
}
