package exchange

import (
	"bytes"
	"context"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

// pack is a Bootstrap-Pack-Request, or one for a block of the answer.
func pack(mid uint16, t message.Token, b *message.Block) message.Message {
	return message.Message{
		Kind: message.Confirmable, Code: lwm2m.Code(bootstrap.GET), ID: mid, Token: t,
		Path: []string{"bspack"}, Queries: []string{"ep=dev"}, Accept: lwm2m.FormatSenMLCBOR, Block2: b,
	}
}

// packed is a handler that answers with n bytes and counts the requests it saw.
func packed(n int, handled *int) coaptest.HandlerFunc {
	return func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		*handled++
		return bootstrap.Response{Code: lwm2m.CodeContent, ContentFormat: lwm2m.FormatSenMLCBOR, Payload: body(n)}, nil
	}
}

// Devices fetch the blocks of one answer with the token of the first, with new ones, or
// without any.
func TestServeBlocks(t *testing.T) {
	tokens := map[string][3]message.Token{
		"same token": {"a", "a", "a"},
		"new tokens": {"a", "b", "c"},
		"no token":   {"", "", ""},
	}
	for name, tokens := range tokens {
		t.Run(name, func(t *testing.T) {
			handled := 0
			play(t, packed(2500, &handled), func(t *testing.T, s *script) {
				var got []byte
				for i := range uint32(3) {
					var wanted *message.Block
					if i > 0 {
						wanted = at(i, false, 1024)
					}
					m := pack(uint16(i), tokens[i], wanted)
					s.deliver(m)
					reply := s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeContent, ID: m.ID, Token: m.Token})
					if reply.Block2 == nil || *reply.Block2 != *at(i, i < 2, 1024) || reply.ContentFormat != lwm2m.FormatSenMLCBOR {
						t.Fatalf("block %d is %+v", i, reply)
					}
					got = append(got, reply.Payload...)
					s.deliver(m) // lost: the same again
					if again := s.receive(); !bytes.Equal(again.Payload, reply.Payload) {
						t.Errorf("block %d repeated is %+v", i, again)
					}
				}
				if !bytes.Equal(got, body(2500)) || handled != 1 {
					t.Errorf("got %d bytes, handled %d times", len(got), handled)
				}
			})
		})
	}
}

// The rest of an answer is refused once the handler does not permit it any more.
func TestServeBlocksWhilePermitted(t *testing.T) {
	permitted := true
	play(t, func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		return bootstrap.Response{Code: lwm2m.CodeContent, Payload: body(3500), Permitted: func() bool { return permitted }}, nil
	}, func(t *testing.T, s *script) {
		for i, want := range []lwm2m.Code{lwm2m.CodeContent, lwm2m.CodeContent, lwm2m.CodeRequestIncomplete, lwm2m.CodeRequestIncomplete} {
			var wanted *message.Block
			if i > 0 {
				wanted = at(uint32(i), false, 1024)
			}
			permitted = i < 2
			m := pack(uint16(i), "a", wanted)
			s.deliver(m)
			s.expect(message.Message{Kind: message.Acknowledgement, Code: want, ID: m.ID, Token: m.Token})
		}
	})
}

func TestServeBlocksOfAnotherSize(t *testing.T) {
	tests := []struct {
		name         string
		length       int
		tuned        int
		wanted, want *message.Block // want nil: no option
	}{
		{"small, not asked for", 1024, 0, nil, nil},
		{"small, asked for", 100, 0, at(0, false, 1024), at(0, false, 1024)},
		{"smaller asked for", 100, 0, at(0, false, 64), at(0, true, 64)},
		{"larger asked for than tuned", 100, 32, at(0, false, 1024), at(0, true, 32)},
		{"tuned", 100, 64, nil, at(0, true, 64)},
		{"empty", 0, 0, at(0, false, 64), nil},
		{"from the middle, smaller", 2500, 0, at(40, false, 32), at(40, true, 32)},
		{"the last, smaller", 2500, 0, at(78, false, 32), at(78, false, 32)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			handled := 0
			play(t, packed(tt.length, &handled), func(t *testing.T, s *script) {
				s.conn.Tune(bootstrap.Tuning{BlockSize: tt.tuned})
				s.deliver(pack(1, "a", tt.wanted))
				reply := s.receive()
				if (reply.Block2 == nil) != (tt.want == nil) || tt.want != nil && *reply.Block2 != *tt.want {
					t.Fatalf("got block %+v, want %+v", reply.Block2, tt.want)
				}
				want := body(tt.length)
				if tt.want != nil {
					want = tt.want.Of(want)
				}
				if !bytes.Equal(reply.Payload, want) {
					t.Errorf("got %d bytes, want %d", len(reply.Payload), len(want))
				}
			})
		})
	}
}

func TestServeBlocksThatAreNotThere(t *testing.T) {
	post := bootstrapRequest(3, "c")
	post.Block2 = at(1, false, 1024)
	other := pack(4, "d", at(1, false, 1024))
	other.Queries = []string{"ep=another"}
	tests := []struct {
		name    string
		m       message.Message
		wait    time.Duration
		code    lwm2m.Code
		handled int // in all
	}{
		{"beyond the end", pack(2, "b", at(3, false, 1024)), 0, lwm2m.CodeBadRequest, 1},
		{"far beyond the end", pack(2, "b", at(1<<20-1, false, 1024)), 0, lwm2m.CodeBadRequest, 1},
		{"of a POST", post, 0, lwm2m.CodeRequestIncomplete, 1},
		{"of another GET, which is handled", other, 0, lwm2m.CodeContent, 2},
		{"of an answer long forgotten, which is made again", pack(5, "e", at(2, false, 1024)), message.ExchangeLifetime + 1, lwm2m.CodeContent, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			handled := 0
			play(t, packed(2500, &handled), func(t *testing.T, s *script) {
				s.deliver(pack(1, "a", nil))
				s.receive()
				time.Sleep(tt.wait)
				s.deliver(tt.m)
				s.expect(message.Message{Kind: message.Acknowledgement, Code: tt.code, ID: tt.m.ID, Token: tt.m.Token})
				if handled != tt.handled {
					t.Errorf("handled %d times, want %d", handled, tt.handled)
				}
			})
		})
	}
}

// An error comes whole, and is no answer to keep for blocks.
func TestErrorIsNotCut(t *testing.T) {
	play(t, func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		return bootstrap.Response{Code: lwm2m.CodeBadRequest, Payload: []byte("unknown endpoint")}, nil
	}, func(t *testing.T, s *script) {
		s.deliver(pack(1, "a", at(2, false, 16)))
		reply := s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeBadRequest, ID: 1, Token: "a"})
		if reply.Block2 != nil || string(reply.Payload) != "unknown endpoint" {
			t.Errorf("answered with %+v", reply)
		}
	})
}

func TestAssemble(t *testing.T) {
	// A step is a block that the device sends and what it is answered.
	type step struct {
		m      message.Message
		code   lwm2m.Code
		answer *message.Block
	}
	whole := body(150)
	send := func(b *message.Block, payload []byte) message.Message {
		return message.Message{
			Kind: message.Confirmable, Code: lwm2m.Code(bootstrap.POST), Path: []string{"rd"}, Queries: []string{"ep=dev"},
			ContentFormat: lwm2m.FormatLink, Block1: b, Payload: payload,
		}
	}
	part := func(num uint32, more bool) message.Message {
		b := at(num, more, 64)
		return send(b, b.Of(whole))
	}
	elsewhere, announced := part(1, true), part(0, true)
	elsewhere.Path = []string{"bs"}
	announced.Size1 = defaultMaxPayload + 1
	const next, ok, lost = lwm2m.CodeContinue, lwm2m.CodeChanged, lwm2m.CodeRequestIncomplete
	tests := []struct {
		name  string
		steps []step
		want  []byte // what the handler saw; nil: nothing
	}{
		{"whole", []step{{send(nil, whole), ok, nil}}, whole},
		{"three blocks", []step{
			{part(0, true), next, at(0, true, 64)},
			{part(1, true), next, at(1, true, 64)},
			{part(2, false), ok, at(2, false, 64)},
		}, whole},
		{"one block", []step{{send(at(0, false, 64), whole[:10]), ok, at(0, false, 64)}}, whole[:10]},
		{"begun again", []step{
			{part(0, true), next, at(0, true, 64)},
			{part(0, true), next, at(0, true, 64)},
			{part(1, true), next, at(1, true, 64)},
			{part(2, false), ok, at(2, false, 64)},
		}, whole},
		{"smaller blocks in the middle", []step{
			{part(0, true), next, at(0, true, 64)},
			{send(at(4, true, 16), whole[64:80]), next, at(4, true, 16)},
			{send(at(5, false, 16), whole[80:90]), ok, at(5, false, 16)},
		}, whole[:90]},
		{"no beginning", []step{{part(1, true), lost, nil}}, nil},
		{"a gap, filled", []step{
			{part(0, true), next, at(0, true, 64)},
			{part(2, false), lost, nil},
			{part(1, true), next, at(1, true, 64)},
			{part(2, false), ok, at(2, false, 64)},
		}, whole},
		{"another resource", []step{{part(0, true), next, at(0, true, 64)}, {elsewhere, lost, nil}}, nil},
		{"too short a block", []step{{send(at(0, true, 64), whole[:63]), lwm2m.CodeBadRequest, nil}, {part(1, true), lost, nil}}, nil},
		{"too long a block", []step{{send(at(0, false, 64), whole[:65]), lwm2m.CodeBadRequest, nil}}, nil},
		{"too much announced", []step{{announced, lwm2m.CodeRequestTooLarge, nil}, {part(1, true), lost, nil}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []byte
			handler := func(_ context.Context, _ bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
				got = append(got, r.Payload...)
				if r.ContentFormat != lwm2m.FormatLink {
					t.Errorf("the handler saw %+v", r)
				}
				return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
			}
			play(t, handler, func(t *testing.T, s *script) {
				for i, step := range tt.steps {
					step.m.ID = uint16(i)
					s.deliver(step.m)
					reply := s.expect(message.Message{Kind: message.Acknowledgement, Code: step.code, ID: step.m.ID})
					if (reply.Block1 == nil) != (step.answer == nil) || step.answer != nil && *reply.Block1 != *step.answer {
						t.Fatalf("step %d: answered with block %+v, want %+v", i, reply.Block1, step.answer)
					}
					if tooLarge := step.code == lwm2m.CodeRequestTooLarge; tooLarge && reply.Size1 != defaultMaxPayload {
						t.Errorf("limit told is %d", reply.Size1)
					}
				}
				if !bytes.Equal(got, tt.want) {
					t.Errorf("the handler saw %x, want %x", got, tt.want)
				}
			})
		})
	}
}

// What is collected of a request is bounded, whatever the device announced, and does
// not wait for the rest for ever.
func TestAssemblyIsBounded(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
		m := bootstrapRequest(0, "a")
		m.Payload = body(1024)
		for i := range uint32(defaultMaxPayload / 1024) {
			m.ID, m.Block1 = uint16(i), at(i, true, 1024)
			s.deliver(m)
			s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeContinue, ID: m.ID, Token: "a"})
		}
		m.ID, m.Block1 = 100, at(defaultMaxPayload/1024, false, 1024)
		s.deliver(m)
		if reply := s.receive(); reply.Code != lwm2m.CodeRequestTooLarge || reply.Size1 != defaultMaxPayload {
			t.Errorf("answered with %+v", reply)
		}
		if s.conn.assembly != nil {
			t.Error("the blocks are kept")
		}

		m.ID, m.Block1 = 101, at(0, true, 1024)
		s.deliver(m)
		s.receive()
		time.Sleep(message.ExchangeLifetime + time.Second)
		m.ID, m.Block1 = 102, at(1, false, 1024)
		s.deliver(m)
		s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeRequestIncomplete, ID: 102, Token: "a"})
	})
}

func TestLargePayloadInOneMessage(t *testing.T) {
	handled := 0
	play(t, counted(&handled), func(t *testing.T, s *script) {
		s.hub.cfg.MaxPayload = 100
		m := bootstrapRequest(1, "a")
		m.Payload = body(101)
		s.deliver(m)
		if reply := s.receive(); reply.Code != lwm2m.CodeRequestTooLarge || reply.Size1 != 100 || handled != 0 {
			t.Errorf("answered with %+v, handled %d times", reply, handled)
		}
	})
}
