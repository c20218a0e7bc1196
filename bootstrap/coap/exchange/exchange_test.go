package exchange

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/lwm2m"
)

func TestRetransmission(t *testing.T) {
	tests := []struct {
		name        string
		tuned, want time.Duration
	}{
		{"default", 0, message.AckTimeout},
		{"tuned", 15 * time.Second, 15 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, coaptest.Changed, func(t *testing.T, s *script) {
				s.conn.Tune(bootstrap.Tuning{AckTimeout: tt.tuned})
				start := time.Now()
				done := s.do(t.Context(), finish)
				first := s.receive()
				wait := time.Duration(0)
				for i, last := 1, start; i <= message.MaxRetransmit; i++ {
					if again := s.receive(); again.ID != first.ID || again.Token != first.Token {
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
	low, high := 2*message.AckTimeout, time.Duration(0)
	for range 1000 {
		d := jitter(message.AckTimeout)
		low, high = min(low, d), max(high, d)
	}
	if low < message.AckTimeout || high > message.AckTimeout*3/2 || high-low < message.AckTimeout/4 {
		t.Errorf("first times to wait lie within %v and %v", low, high)
	}
}

func TestTimes(t *testing.T) {
	// RFC 7252 §4.8.2 prints these for the default parameters.
	for _, tt := range []struct {
		name      string
		got, want time.Duration
	}{
		{"MAX_TRANSMIT_SPAN", message.MaxTransmitSpan, 45 * time.Second},
		{"MAX_TRANSMIT_WAIT", message.TransmitWait(message.AckTimeout), 93 * time.Second},
		{"EXCHANGE_LIFETIME", message.ExchangeLifetime, 247 * time.Second},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestRetransmissionsAreCounted(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
		done := s.do(t.Context(), finish)
		s.receive()
		s.receive()
		m := s.receive()
		s.deliver(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: m.ID, Token: m.Token})
		if resp := s.succeeds(done, lwm2m.CodeChanged); resp.Transmissions != 3 || resp.Separate {
			t.Errorf("response %+v, want 3 transmissions, piggy-backed", resp)
		}
		if n := s.hub.Meter.Snapshot(); n.Retransmitted != 2 || n.Sent != 3 {
			t.Errorf("counters %+v, want 3 sent, 2 of them again", n)
		}
	})
}

func TestSeparateResponse(t *testing.T) {
	for _, kind := range []message.Kind{message.Confirmable, message.NonConfirmable} {
		play(t, coaptest.Changed, func(t *testing.T, s *script) {
			done := s.do(t.Context(), finish)
			m := s.receive()
			s.deliver(m.EmptyReply(message.Acknowledgement))
			time.Sleep(80 * time.Second) // within what a responder may take
			s.silent()                   // no retransmission any more
			r := message.Message{Kind: kind, Code: lwm2m.CodeChanged, ID: 0x7001, Token: m.Token}
			s.deliver(r)
			resp := s.succeeds(done, lwm2m.CodeChanged)
			if !resp.Separate || resp.Transmissions != 1 {
				t.Errorf("response %+v, want a separate one", resp)
			}
			for range 3 { // and whenever our acknowledgement was lost
				if kind == message.Confirmable {
					s.expect(r.EmptyReply(message.Acknowledgement))
				}
				s.silent()
				s.deliver(r)
			}
		})
	}
}

func TestAcknowledgedAndForgotten(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
		start := time.Now()
		done := s.do(t.Context(), finish)
		m := s.receive()
		s.deliver(m.EmptyReply(message.Acknowledgement))
		s.deliver(m.EmptyReply(message.Acknowledgement))
		s.fails(done, bootstrap.ErrSilent)
		if got := time.Since(start); got != 93*time.Second {
			t.Errorf("gave up after %v, want 93 s", got)
		}
		s.silent()
	})
}

// A response that outruns its acknowledgement, or comes without one, is both.
func TestResponseWithoutAcknowledgement(t *testing.T) {
	for _, kind := range []message.Kind{message.Confirmable, message.NonConfirmable} {
		play(t, coaptest.Changed, func(t *testing.T, s *script) {
			done := s.do(t.Context(), finish)
			m := s.receive()
			r := message.Message{Kind: kind, Code: lwm2m.CodeNotAcceptable, ID: 7, Token: m.Token}
			s.deliver(r)
			if resp := s.succeeds(done, lwm2m.CodeNotAcceptable); !resp.Separate {
				t.Errorf("response %+v, want a separate one", resp)
			}
			if kind == message.Confirmable {
				s.expect(r.EmptyReply(message.Acknowledgement))
			}
			time.Sleep(time.Minute)
			s.silent()                                       // the request is not repeated
			s.deliver(m.EmptyReply(message.Acknowledgement)) // the late one
			s.silent()
		})
	}
}

func TestReset(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
		done := s.do(t.Context(), finish)
		m := s.receive()
		start := time.Now()
		s.deliver(message.Message{Kind: message.Reset, ID: m.ID + 1}) // of something else
		s.deliver(message.Message{Kind: message.Reset, ID: m.ID})
		s.fails(done, bootstrap.ErrReset)
		if got := time.Since(start); got != 0 {
			t.Errorf("RST was heeded after %v, want at once", got)
		}
		s.silent()
	})
}

// What does not belong to the request must not end it, nor be answered.
func TestStrayReplies(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
		done := s.do(t.Context(), finish)
		m := s.receive()
		ack := message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeInternalServerError, ID: m.ID}
		s.deliver(ack) // empty token
		ack.Token = "another"
		s.deliver(ack)
		ack.Token, ack.ID = m.Token, m.ID+1
		s.deliver(ack)
		ack.ID, ack.Code = m.ID, lwm2m.Code(bootstrap.POST)
		s.deliver(ack) // a request in an acknowledgement
		ack.Code = 3<<5 | 1
		s.deliver(ack) // class 3 is nothing
		s.conn.Deliver([]byte{0x68, 0x44, byte(m.ID >> 8), byte(m.ID),
			m.Token[0], m.Token[1], m.Token[2], m.Token[3], m.Token[4], m.Token[5], m.Token[6], m.Token[7],
			0x91, 0}) // an unknown critical option
		s.deliver(message.Message{Kind: message.NonConfirmable, Code: lwm2m.CodeChanged, ID: 9, Token: "another"})
		s.silent()
		if n := s.hub.Meter.Snapshot().Dropped[traffic.DropStray]; n != 7 {
			t.Errorf("%d strays, want 7", n)
		}
		s.deliver(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: m.ID, Token: m.Token})
		s.succeeds(done, lwm2m.CodeChanged)
	})
}

// Old Wakaama acknowledges again, with an error and without the token, after each of
// its answers.
func TestSecondAcknowledgement(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
		for i := range 3 {
			done := s.do(t.Context(), finish)
			m := s.receive()
			s.deliver(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: m.ID, Token: m.Token})
			resp := s.succeeds(done, lwm2m.CodeChanged)
			if (resp.Quirk == quirkForeignToken) != (i > 0) {
				t.Errorf("quirk of answer %d is %q", i, resp.Quirk)
			}
			s.deliver(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeInternalServerError, ID: m.ID})
			s.silent()
		}
	})
}

// The separate response to a request that was given up is still acknowledged, but does
// not count for the next one; one to a request that never was is rejected.
func TestLateResponse(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		done := s.do(ctx, finish)
		old := s.receive()
		s.fails(done, context.DeadlineExceeded)

		done = s.do(t.Context(), finish)
		m := s.receive()
		late := message.Message{Kind: message.Confirmable, Code: lwm2m.CodeBadRequest, ID: 5, Token: old.Token}
		s.deliver(late)
		s.expect(late.EmptyReply(message.Acknowledgement))
		unknown := message.Message{Kind: message.Confirmable, Code: lwm2m.CodeBadRequest, ID: 6, Token: "unknown"}
		s.deliver(unknown)
		s.expect(unknown.EmptyReply(message.Reset))
		s.deliver(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: m.ID, Token: m.Token})
		s.succeeds(done, lwm2m.CodeChanged)
	})
}

// A critical option that is unknown makes a response unusable (RFC 7252 §5.4.1).
func TestResponseWithCriticalOption(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
		done := s.do(t.Context(), finish)
		m := s.receive()
		s.conn.Deliver(append(append([]byte{0x48, 0x44, 0, 1}, m.Token...), 0x91, 0))
		s.expect(message.Message{Kind: message.Reset, ID: 1})
		s.receive() // the request again
		s.deliver(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: m.ID, Token: m.Token})
		s.succeeds(done, lwm2m.CodeChanged)
	})
}

func TestOneRequestAtATime(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
		first := s.do(t.Context(), finish)
		m := s.receive()
		second := s.do(t.Context(), bootstrap.Request{Method: bootstrap.DELETE})
		ctx, cancel := context.WithCancel(t.Context())
		third := s.do(ctx, finish)
		s.silent()
		cancel()
		s.fails(third, context.Canceled)
		s.deliver(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: m.ID, Token: m.Token})
		s.succeeds(first, lwm2m.CodeChanged)
		d := s.receive()
		if d.Code != lwm2m.Code(bootstrap.DELETE) || len(d.Path) != 0 || d.ID != m.ID+1 || d.Token == m.Token {
			t.Errorf("second request is %+v after %+v", d, m)
		}
		if len(d.Token) != 8 {
			t.Errorf("token has %d bytes, want 8", len(d.Token))
		}
		s.deliver(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeDeleted, ID: d.ID, Token: d.Token})
		s.succeeds(second, lwm2m.CodeDeleted)
	})
}

func TestDoAndClose(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
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
			s := newScript(t, coaptest.Changed)
			done := s.do(t.Context(), finish)
			m := s.receive()
			s.deliver(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: m.ID, Token: m.Token})
			s.conn.HangUp()
			s.succeeds(done, lwm2m.CodeChanged)
			s.fails(s.do(t.Context(), finish), bootstrap.ErrGone)
			if !s.ended() {
				t.Fatal("the conn goes on after its peer has hung up")
			}
			s.hub.Close(func() error { return nil })
		}
	})
}
