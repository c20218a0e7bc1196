package exchange

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/lwm2m"
)

// A counted handler answers with 2.04 and counts the requests it saw.
func counted(n *int) coaptest.HandlerFunc {
	return func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		*n++
		return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
	}
}

func TestDuplicateRequests(t *testing.T) {
	first := bootstrapRequest(1, "a")
	tests := []struct {
		name    string
		later   time.Duration
		second  message.Message
		handled int
	}{
		{"the same", 0, first, 1},
		{"the same, as late as may be", message.ExchangeLifetime, first, 1},
		{"the same, too late to be one", message.ExchangeLifetime + time.Second, first, 2},
		{"another token: a device that was restarted", 0, bootstrapRequest(1, "b"), 2},
		{"an empty token", 0, bootstrapRequest(1, ""), 2},
		{"another message ID", 0, bootstrapRequest(2, "a"), 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			handled := 0
			play(t, counted(&handled), func(t *testing.T, s *script) {
				for _, m := range []message.Message{first, tt.second} {
					s.deliver(m)
					s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: m.ID, Token: m.Token})
					time.Sleep(tt.later)
				}
				s.silent()
				if handled != tt.handled {
					t.Errorf("handled %d times, want %d", handled, tt.handled)
				}
			})
		})
	}
}

// A Non-confirmable request is answered in kind, with an ID of ours, and once.
func TestNonConfirmableRequest(t *testing.T) {
	handled := 0
	play(t, counted(&handled), func(t *testing.T, s *script) {
		m := bootstrapRequest(1, "a")
		m.Kind = message.NonConfirmable
		s.deliver(m)
		reply := s.receive()
		if reply.Kind != message.NonConfirmable || reply.Code != lwm2m.CodeChanged || reply.Token != "a" || reply.ID == 1 {
			t.Errorf("answered with %+v", reply)
		}
		s.deliver(m)
		s.deliver(reply.EmptyReply(message.Reset)) // it may reject the answer
		s.silent()
		if handled != 1 {
			t.Errorf("handled %d times, want once", handled)
		}
	})
}

// While the answer is being made its duplicates are not handled, nor acknowledged.
func TestDuplicateWhileHandled(t *testing.T) {
	play(t, func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		time.Sleep(3 * time.Second)
		return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
	}, func(t *testing.T, s *script) {
		for range 5 {
			s.deliver(bootstrapRequest(1, "a"))
		}
		s.silent()
		s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: 1, Token: "a"})
		s.silent()
		if n := s.hub.Meter.Snapshot().Duplicates; n != 4 {
			t.Errorf("%d duplicates, want 4", n)
		}
	})
}

func TestSilentAnswer(t *testing.T) {
	handled := 0
	play(t, func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		handled++
		return bootstrap.Response{}, nil
	}, func(t *testing.T, s *script) {
		for range 3 {
			s.deliver(bootstrapRequest(1, "a"))
			s.silent()
		}
		if handled != 1 {
			t.Errorf("handled %d times, want once", handled)
		}
	})
}

// What the message layer answers itself never reaches the handler.
func TestAnsweredByTheMessageLayer(t *testing.T) {
	const never = lwm2m.Code(0)
	tests := []struct {
		name, hex string
		kind      message.Kind
		code      lwm2m.Code // never: no answer at all
	}{
		{"unknown critical option", "41 02 00 01 AA 91 00", message.Acknowledgement, lwm2m.CodeBadOption},
		{"unknown critical option, large number", "41 02 00 01 AA E0 FC DC", message.Acknowledgement, lwm2m.CodeBadOption},
		{"unknown critical option, not confirmable", "51 02 00 01 AA 91 00", 0, never},
		{"If-Match", "41 03 00 01 AA 10", message.Acknowledgement, lwm2m.CodeBadOption},
		{"Proxy-Uri", "41 01 00 01 AA D1 16 61", message.Acknowledgement, message.CodeProxyingNotSupported},
		{"FETCH", "41 05 00 01 AA", message.Acknowledgement, lwm2m.CodeMethodNotAllowed},
		{"method 0.31", "41 1F 00 01 AA", message.Acknowledgement, lwm2m.CodeMethodNotAllowed},
		{"FETCH, not confirmable", "51 05 00 01 AA", message.NonConfirmable, lwm2m.CodeMethodNotAllowed},
		{"Block1 with reserved size", "41 02 00 01 AA D1 0E 07 FF 01", message.Acknowledgement, lwm2m.CodeBadRequest},
		{"Block2 with reserved size", "41 01 00 01 AA D1 0A 07", message.Acknowledgement, lwm2m.CodeBadRequest},
		{"ping", "40 00 00 01", message.Reset, message.CodeEmpty},
		{"empty, not confirmable", "50 00 00 01", 0, never},
		{"acknowledgement of nothing", "60 00 00 01", 0, never},
		{"reset of nothing", "70 00 00 01", 0, never},
		{"request in an acknowledgement", "61 02 00 01 AA B2 62 73", 0, never},
		{"request in a reset", "71 02 00 01 AA B2 62 73", 0, never},
		{"response that no exchange waits for", "41 45 00 01 AA", message.Reset, message.CodeEmpty},
		{"response that no exchange waits for, not confirmable", "51 45 00 01 AA", 0, never},
		{"response in an acknowledgement", "61 45 00 01 AA", 0, never},
		{"class 1", "41 20 00 01 AA", message.Reset, message.CodeEmpty},
		{"class 3", "41 61 00 01 AA", message.Reset, message.CodeEmpty},
		{"class 6", "41 C0 00 01 AA", message.Reset, message.CodeEmpty},
		{"class 7", "41 E1 00 01 AA", message.Reset, message.CodeEmpty},
		{"class 7, not confirmable", "51 E1 00 01 AA", 0, never},
		{"token of nine bytes", "49 02 00 01 01 02 03 04 05 06 07 08 09", message.Reset, message.CodeEmpty},
		{"another version", "81 02 00 01 AA", 0, never},
		{"cut off", "41 02 00", 0, never},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			handled := 0
			play(t, counted(&handled), func(t *testing.T, s *script) {
				s.conn.Deliver(coaptest.Hex(t, tt.hex))
				if tt.kind != 0 {
					m := s.receive()
					wantToken := message.Token("\xaa")
					if tt.kind == message.Reset {
						wantToken = ""
					}
					if m.Kind != tt.kind || m.Code != tt.code || m.Token != wantToken ||
						m.Kind != message.NonConfirmable && m.ID != 1 {
						t.Errorf("answered with %+v, want %v %v", m, tt.kind, tt.code)
					}
				}
				s.silent()
				if handled != 0 {
					t.Errorf("the handler saw it")
				}
				// And the association goes on.
				s.deliver(bootstrapRequest(0x1234, "b"))
				s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: 0x1234, Token: "b"})
			})
		})
	}
}

func TestRequestIsPassedUpWhole(t *testing.T) {
	var got bootstrap.Request
	play(t, func(_ context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		got = r
		return bootstrap.Response{Code: lwm2m.CodeContent, ContentFormat: lwm2m.FormatLink, Payload: []byte("</>")}, nil
	}, func(t *testing.T, s *script) {
		// GET /bspack?ep=dev with Accept 112, Content-Format 42 and a payload.
		s.conn.Deliver(coaptest.Hex(t, "41 01 00 01 AA B6 62 73 70 61 63 6B 11 2A 36 65 70 3D 64 65 76 21 70 FF 01 02"))
		reply := s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeContent, ID: 1, Token: "\xaa"})
		if reply.ContentFormat != lwm2m.FormatLink || string(reply.Payload) != "</>" || reply.Block2 != nil {
			t.Errorf("answered with %+v", reply)
		}
		if got.Method != bootstrap.GET || strings.Join(got.Path, "/") != "bspack" ||
			strings.Join(got.Queries, "&") != "ep=dev" || got.Accept != lwm2m.FormatSenMLCBOR ||
			got.ContentFormat != lwm2m.FormatOpaque || string(got.Payload) != "\x01\x02" {
			t.Errorf("the handler saw %+v", got)
		}
	})
}

func TestPanics(t *testing.T) {
	play(t, func(_ context.Context, _ bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		if r.Method == bootstrap.GET {
			panic("in the handler")
		}
		return bootstrap.Response{Code: lwm2m.CodeChanged}, func(context.Context) { panic("after the answer") }
	}, func(t *testing.T, s *script) {
		s.deliver(message.Message{Kind: message.Confirmable, Code: lwm2m.Code(bootstrap.GET), ID: 1, Token: "a"})
		s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeInternalServerError, ID: 1, Token: "a"})
		s.deliver(bootstrapRequest(2, "b"))
		s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: 2, Token: "b"})
		s.silent()
		for _, want := range []string{"in the handler", "after the answer", "level=ERROR", "serve_test.go"} {
			if !strings.Contains(s.log.String(), want) {
				t.Errorf("the log lacks %q", want)
			}
		}
	})
}

// A response that cannot be sent must not leave the peer without an answer.
func TestImpossibleAnswers(t *testing.T) {
	tests := []struct {
		name string
		resp bootstrap.Response
	}{
		{"too large", bootstrap.Response{Code: lwm2m.CodeContent, Payload: make([]byte, message.MaxBody+1)}},
		{"error with too long a text", bootstrap.Response{Code: lwm2m.CodeBadRequest, Payload: make([]byte, message.MaxDatagram)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
				return tt.resp, nil
			}, func(t *testing.T, s *script) {
				s.deliver(bootstrapRequest(1, "a"))
				s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeInternalServerError, ID: 1, Token: "a"})
				if !strings.Contains(s.log.String(), "level=ERROR") {
					t.Error("nothing is logged")
				}
			})
		})
	}
}

// A handler that hangs takes a bounded number of requests with it, and nothing else.
func TestHungHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newScript(t, func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			<-release
			return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
		})
		for i := range 20 {
			s.deliver(bootstrapRequest(uint16(i), "a"))
		}
		s.silent()
		if n := s.hub.Meter.Snapshot().Dropped[traffic.DropBusy]; n != 20-maxHandling {
			t.Errorf("%d requests dropped, want %d", n, 20-maxHandling)
		}
		s.deliver(message.Message{Kind: message.Confirmable, ID: 0xaaaa})
		s.expect(message.Message{Kind: message.Reset, ID: 0xaaaa})
		done := s.do(t.Context(), finish)
		m := s.receive()
		s.deliver(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: m.ID, Token: m.Token})
		s.succeeds(done, lwm2m.CodeChanged)
		close(release)
		for range maxHandling {
			if m := s.receive(); m.Code != lwm2m.CodeChanged {
				t.Errorf("answered with %+v", m)
			}
		}
		s.deliver(bootstrapRequest(19, "a")) // dropped before, so not a duplicate
		s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: 19, Token: "a"})
		s.hub.Close(func() error { return nil })
	})
}

// deliver never blocks, not even when the network does, and what waits is bounded.
func TestInboxIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, coaptest.Changed)
		s.sent = make(chan []byte) // the network takes nothing
		for i := range 100 {
			s.deliver(message.Message{Kind: message.Confirmable, ID: uint16(i)})
		}
		synctest.Wait()
		s.conn.mu.Lock()
		waiting := len(s.conn.inbox)
		s.conn.mu.Unlock()
		if waiting > maxInbox {
			t.Errorf("%d datagrams wait, want at most %d", waiting, maxInbox)
		}
		if n := s.hub.Meter.Snapshot(); n.Dropped[traffic.DropQueueFull] < 100-maxInbox-2 {
			t.Errorf("counters %+v, want most of 100 dropped", n)
		}
		go func() {
			for range s.sent {
			}
		}()
		synctest.Wait()
		s.hub.Close(func() error { return nil })
		close(s.sent)
	})
}

// Nor does the memory for duplicates grow with what a peer sends.
func TestRequestsAreForgotten(t *testing.T) {
	handled := 0
	play(t, counted(&handled), func(t *testing.T, s *script) {
		for i := range 500 {
			s.deliver(bootstrapRequest(uint16(i), "a"))
			s.receive()
		}
		if n := len(s.conn.remembered); n != maxRemembered {
			t.Errorf("%d requests are remembered, want %d", n, maxRemembered)
		}
		s.deliver(bootstrapRequest(499, "a")) // the last one still is
		s.receive()
		if handled != 500 {
			t.Errorf("handled %d times, want 500", handled)
		}
		time.Sleep(message.ExchangeLifetime + time.Second)
		s.deliver(bootstrapRequest(500, "a"))
		s.receive()
		if n := len(s.conn.remembered); n != 1 {
			t.Errorf("%d requests are remembered after their time, want 1", n)
		}
	})
}

// deliver must not keep the buffer of who read the socket.
func TestDeliverCopies(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
		b, _ := message.Encode(bootstrapRequest(1, "a"))
		s.conn.Deliver(b)
		clear(b)
		s.expect(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: 1, Token: "a"})
	})
}
