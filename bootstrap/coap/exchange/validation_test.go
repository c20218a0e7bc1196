package exchange

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

// bootstrapDiscover is the first request of a bootstrap, in 15 bytes.
var bootstrapDiscover = bootstrap.Request{Method: bootstrap.GET, Accept: lwm2m.FormatLink}

// An unvalidatedScript is a [script] whose peer may have forged its address.
type unvalidatedScript struct {
	*script
	came, validations int // bytes; calls of Validated
}

// Validated implements [UnvalidatedLink].
func (d *unvalidatedScript) Validated() { d.validations++ }

// Close implements [Link]. The script has another conn, which closes it.
func (d *unvalidatedScript) Close() error { return nil }

// deliver sends m to the conn, and counts its bytes.
func (d *unvalidatedScript) deliver(m message.Message) {
	d.t.Helper()
	b, err := message.Encode(m)
	if err != nil {
		d.t.Fatal(err)
	}
	d.came += len(b)
	d.conn.Deliver(b)
	synctest.Wait()
}

// drain returns how many datagrams were sent, and their bytes.
func (d *unvalidatedScript) drain() (datagrams, bytes int) {
	synctest.Wait()
	for {
		select {
		case b := <-d.sent:
			datagrams++
			bytes += len(b)
		default:
			return datagrams, bytes
		}
	}
}

// playUnvalidated is [play] for such a script.
func playUnvalidated(t *testing.T, h coaptest.HandlerFunc, test func(t *testing.T, d *unvalidatedScript)) {
	t.Helper()
	play(t, h, func(t *testing.T, s *script) {
		d := &unvalidatedScript{script: s}
		s.conn = s.hub.NewConn(d, auth.Peer{Remote: "192.0.2.1:5683", Transport: "coap"}, "")
		test(t, d)
	})
}

// A source that never answers is sent three bytes for one at the most, retransmissions
// included. That is enough for 2.04 and all five Discovers from 29 bytes on, and for 2.04,
// Discover and a retransmission with the shortest request that there is.
func TestAmplification(t *testing.T) {
	tests := []struct {
		token    message.Token
		endpoint string
		query    string
		size     int // of the request
		sent     int // datagrams: 2.04 and Discovers
		bytes    int
	}{
		{"", "d", "", 12, 3, 34},
		{"tk", "d1", "", 15, 3, 36},
		{"12345678", "d1", "", 21, 4, 57},
		{"1234567", "device-001", "", 29, 6, 86},
		{"1234", "urn:imei:356789012345678", "", 40, 6, 83},
		{"1234", "urn:imei:356789012345678", "pct=112", 48, 6, 83},
		{"12345678", "urn:dev:ops:32473-gateway-0001", "pct=11544", 60, 6, 87},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.size), func(t *testing.T) {
			playUnvalidated(t, coaptest.Changed, func(t *testing.T, d *unvalidatedScript) {
				request := bootstrapRequest(1, tt.token)
				request.Queries = []string{"ep=" + tt.endpoint}
				if tt.query != "" {
					request.Queries = append(request.Queries, tt.query)
				}
				d.deliver(request)
				d.fails(d.do(t.Context(), bootstrapDiscover), bootstrap.ErrSilent)
				sent, bytes := d.drain()
				if d.came != tt.size || sent != tt.sent || bytes != tt.bytes || bytes > 3*d.came {
					t.Errorf("to %d bytes it sends %d datagrams with %d bytes, want %d bytes, %d, %d", d.came, sent, bytes, tt.size, tt.sent, tt.bytes)
				}
				if n := d.hub.Meter.Snapshot(); int(n.Withheld) != 6-tt.sent || int(n.Sent) != tt.sent || int(n.Retransmitted) != tt.sent-2 {
					t.Errorf("counters %+v", n)
				}
			})
		})
	}
}

// Whatever comes from the source besides the answer, it never gets more than three times
// that: duplicates, more requests, pings, garbage.
func TestAmplificationOfManyRequests(t *testing.T) {
	playUnvalidated(t, coaptest.Changed, func(t *testing.T, d *unvalidatedScript) {
		total := 0
		check := func() {
			_, n := d.drain()
			if total += n; total > 3*d.came {
				t.Fatalf("%d bytes came, %d were sent", d.came, total)
			}
		}
		d.deliver(bootstrapRequest(1, ""))
		done := d.do(t.Context(), bootstrapDiscover)
		check()
		for i := range uint16(50) {
			d.deliver(bootstrapRequest(1, ""))
			check()
			d.deliver(bootstrapRequest(100+i, ""))
			check()
			d.deliver(message.Message{Kind: message.Confirmable, ID: 1000 + i})
			check()
			d.came += 2
			d.conn.Deliver([]byte{1, 2})
			check()
		}
		d.fails(done, bootstrap.ErrSilent)
		check()
	})
}

// A large answer to a request that may be forged is not sent.
func TestAmplificationOfAnswers(t *testing.T) {
	playUnvalidated(t, packed(1000, new(int)), func(t *testing.T, d *unvalidatedScript) {
		d.deliver(pack(1, "t", nil))
		if n, _ := d.drain(); n != 0 {
			t.Errorf("%d datagrams were sent", n)
		}
	})
}

// An answer with our token proves the address of a peer, in whatever message it comes and
// whatever it says.
func TestAddressValidation(t *testing.T) {
	for name, replyTo := range map[string]func(m message.Message) message.Message{
		"piggy-backed": func(m message.Message) message.Message {
			return message.Message{Kind: message.Acknowledgement, ID: m.ID}
		},
		"separate":        func(message.Message) message.Message { return message.Message{Kind: message.Confirmable, ID: 7} },
		"Non-confirmable": func(message.Message) message.Message { return message.Message{Kind: message.NonConfirmable, ID: 7} },
		"with an error code": func(m message.Message) message.Message {
			return message.Message{Kind: message.Acknowledgement, ID: m.ID, Code: lwm2m.CodeNotFound}
		},
	} {
		t.Run(name, func(t *testing.T) {
			playUnvalidated(t, coaptest.Changed, func(t *testing.T, d *unvalidatedScript) {
				d.deliver(bootstrapRequest(1, ""))
				d.receive()
				d.fails(d.do(t.Context(), write(1)), bootstrap.ErrUnvalidated)
				done := d.do(t.Context(), bootstrapDiscover)
				m := d.receive()
				reply := replyTo(m)
				if reply.Token = m.Token; reply.Code == 0 {
					reply.Code = lwm2m.CodeContent
				}
				d.deliver(reply)
				d.succeeds(done, reply.Code)
				d.drain()
				d.deliver(reply) // once more
				d.drain()
				if d.validations != 1 {
					t.Errorf("validated %d times, want once", d.validations)
				}
				done = d.do(t.Context(), write(1000)) // far more than 3 times what came
				m = d.receive()
				d.deliver(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: m.ID, Token: m.Token})
				d.succeeds(done, lwm2m.CodeChanged)
			})
		})
	}
}

// What a forger can guess or has no need to know proves nothing.
func TestNoValidation(t *testing.T) {
	for name, forged := range map[string]func(m message.Message) message.Message{
		"RST":                   func(m message.Message) message.Message { return m.EmptyReply(message.Reset) },
		"empty acknowledgement": func(m message.Message) message.Message { return m.EmptyReply(message.Acknowledgement) },
		"acknowledgement with no token": func(m message.Message) message.Message {
			return message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeContent, ID: m.ID}
		},
		"acknowledgement with a token": func(m message.Message) message.Message {
			return message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeContent, ID: m.ID, Token: "12345678"}
		},
		"token with another message ID": func(m message.Message) message.Message {
			return message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeContent, ID: m.ID + 1, Token: m.Token}
		},
		"response with a token": func(message.Message) message.Message {
			return message.Message{Kind: message.NonConfirmable, Code: lwm2m.CodeContent, ID: 7, Token: "12345678"}
		},
		"Confirmable response, empty token": func(message.Message) message.Message {
			return message.Message{Kind: message.Confirmable, Code: lwm2m.CodeContent, ID: 7}
		},
		"request": func(message.Message) message.Message { return bootstrapRequest(2, "") },
	} {
		t.Run(name, func(t *testing.T) {
			playUnvalidated(t, coaptest.Changed, func(t *testing.T, d *unvalidatedScript) {
				d.deliver(bootstrapRequest(1, ""))
				d.receive()
				done := d.do(t.Context(), bootstrapDiscover)
				d.deliver(forged(d.receive()))
				if got := <-done; got.err == nil {
					t.Errorf("Discover returned %+v", got)
				}
				d.fails(d.do(t.Context(), write(1)), bootstrap.ErrUnvalidated)
				if d.validations != 0 {
					t.Error("the address counts as validated")
				}
			})
		})
	}
}

// Requests are withheld without a trace in what others see, but for the counter.
func TestWithheldIsNotLogged(t *testing.T) {
	playUnvalidated(t, coaptest.Changed, func(t *testing.T, d *unvalidatedScript) {
		d.fails(d.do(t.Context(), bootstrapDiscover), bootstrap.ErrSilent) // nothing came yet
		if n := d.hub.Meter.Snapshot(); n.Withheld != message.MaxRetransmit+1 || n.Sent != 0 || n.Retransmitted != 0 {
			t.Errorf("counters %+v", n)
		}
		if strings.Contains(d.log.String(), "WARN") || strings.Contains(d.log.String(), "ERROR") {
			t.Errorf("logged %s", d.log.String())
		}
	})
}

// A heldScheduler scheduler keeps each handler until the test lets it run.
type heldScheduler struct {
	immediate
	handlers chan func()
}

func (h heldScheduler) Schedule(handle func()) bool {
	h.handlers <- handle
	return true
}

// The time in which a request waited for its handler does not count against its peer.
func TestQueueingIsNoSilence(t *testing.T) {
	handler := func(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		return bootstrap.Response{Code: lwm2m.CodeChanged}, func(ctx context.Context) { _, _ = c.Do(ctx, bootstrapDiscover) }
	}
	playUnvalidated(t, handler, func(t *testing.T, d *unvalidatedScript) {
		h := heldScheduler{immediate{d.hub.Tasks}, make(chan func(), 1)}
		d.hub.scheduler = h
		d.deliver(bootstrapRequest(1, "12345678"))
		time.Sleep(10 * admission.AnswerPatience)
		if d.conn.Evictable(time.Now()) {
			t.Error("it may be evicted while its request waits for the handler")
		}
		go (<-h.handlers)()
		synctest.Wait()
		if d.conn.Evictable(time.Now().Add(admission.AnswerPatience - time.Nanosecond)) {
			t.Error("it may be evicted before it had AnswerPatience to answer")
		}
		if !d.conn.Evictable(time.Now().Add(admission.AnswerPatience)) {
			t.Error("it is never evictable")
		}
	})
}
