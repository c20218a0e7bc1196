package exchange

import (
	"bytes"
	"context"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

// The next conn of a peer answers duplicates of what was answered on the one before, and handles anew
// what it cannot answer: a request whose answer was long, which the client may lack.
func TestMemoryOfConn(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload int // of the answer
		later   time.Duration
		handled int
	}{
		{"the same", 0, 0, 1},
		{"with the longest answer that is kept", maxKeptReply - 6, message.ExchangeLifetime / 2, 1},
		{"with a longer answer", maxKeptReply - 5, 0, 2},
		{"too late to be a duplicate", 0, message.ExchangeLifetime + time.Second, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			handled := 0
			answer := bootstrap.Response{Code: lwm2m.CodeChanged, Payload: bytes.Repeat([]byte("x"), tt.payload)}
			play(t, func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
				handled++
				return answer, nil
			}, func(t *testing.T, s *script) {
				first := bootstrapRequest(1, "a")
				s.deliver(first)
				want := message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: 1, Token: "a", Payload: answer.Payload}
				s.expect(want)
				before := s.conn
				before.Abandon()
				time.Sleep(tt.later)
				kept := before.Memory(time.Now())
				if len(kept) > MaxMemory {
					t.Errorf("%d bytes are kept, at most %d are said to be", len(kept), MaxMemory)
				}
				s.conn = s.hub.NewConn(s, auth.Peer{Remote: "192.0.2.1:5683", Transport: "coap"}, kept)
				s.deliver(first)
				s.expect(want)
				if handled != tt.handled {
					t.Errorf("handled %d times, want %d", handled, tt.handled)
				}
			})
		})
	}
}

// Whatever is read as a Memory, it is of few requests and says what it says.
func FuzzMemory(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("\x18\x8a\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01a\x05\x61\x44\x00\x01a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all := Memory(b).requests()
		if len(all) > keptRequests {
			t.Errorf("%d requests", len(all))
		}
		for _, r := range all {
			if !r.answered || len(r.reply) > maxKeptReply {
				t.Errorf("%+v", r)
			}
		}
	})
}
