package coap

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

// bootstrapDiscover is the first request of a bootstrap, in 15 bytes.
var bootstrapDiscover = bootstrap.Request{Method: bootstrap.GET, Accept: lwm2m.FormatLink}

// A doubtfulScript is a [script] whose peer may have forged its address.
type doubtfulScript struct {
	*script
	came, proofs int // bytes; calls of proved
}

// proved implements [doubtful].
func (d *doubtfulScript) proved() { d.proofs++ }

// close implements [link]. The script has another conn, which closes it.
func (d *doubtfulScript) close() error { return nil }

// deliver sends m to the conn, and counts its bytes.
func (d *doubtfulScript) deliver(m message) {
	d.t.Helper()
	b, err := encode(m)
	if err != nil {
		d.t.Fatal(err)
	}
	d.came += len(b)
	d.conn.deliver(b)
	synctest.Wait()
}

// drain returns how many datagrams were sent, and their bytes.
func (d *doubtfulScript) drain() (datagrams, bytes int) {
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

// playDoubtful is [play] for such a script.
func playDoubtful(t *testing.T, h handlerFunc, test func(t *testing.T, d *doubtfulScript)) {
	t.Helper()
	play(t, h, func(t *testing.T, s *script) {
		d := &doubtfulScript{script: s}
		s.conn = s.hub.newConn(d, bootstrap.Peer{Remote: "192.0.2.1:5683", Transport: "coap"})
		test(t, d)
	})
}

// A source that never answers is sent three bytes for one at the most, retransmissions
// included. That is enough for 2.04 and all five Discovers from 29 bytes on, and for 2.04,
// Discover and a retransmission with the shortest request that there is.
func TestAmplification(t *testing.T) {
	tests := []struct {
		token    token
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
			playDoubtful(t, changed, func(t *testing.T, d *doubtfulScript) {
				request := bootstrapRequest(1, tt.token)
				request.queries = []string{"ep=" + tt.endpoint}
				if tt.query != "" {
					request.queries = append(request.queries, tt.query)
				}
				d.deliver(request)
				d.fails(d.do(t.Context(), bootstrapDiscover), bootstrap.ErrSilent)
				sent, bytes := d.drain()
				if d.came != tt.size || sent != tt.sent || bytes != tt.bytes || bytes > 3*d.came {
					t.Errorf("to %d bytes it sends %d datagrams with %d bytes, want %d bytes, %d, %d", d.came, sent, bytes, tt.size, tt.sent, tt.bytes)
				}
				if n := d.hub.counters.snapshot(); int(n.Withheld) != 6-tt.sent || int(n.Sent) != tt.sent || int(n.Retransmitted) != tt.sent-2 {
					t.Errorf("counters %+v", n)
				}
			})
		})
	}
}

// Whatever comes from the source besides the answer, it never gets more than three times
// that: duplicates, more requests, pings, garbage.
func TestAmplificationOfManyRequests(t *testing.T) {
	playDoubtful(t, changed, func(t *testing.T, d *doubtfulScript) {
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
			d.deliver(message{kind: confirmable, mid: 1000 + i})
			check()
			d.came += 2
			d.conn.deliver([]byte{1, 2})
			check()
		}
		d.fails(done, bootstrap.ErrSilent)
		check()
	})
}

// A large answer to a request that may be forged is not sent.
func TestAmplificationOfAnswers(t *testing.T) {
	playDoubtful(t, packed(1000, new(int)), func(t *testing.T, d *doubtfulScript) {
		d.deliver(pack(1, "t", nil))
		if n, _ := d.drain(); n != 0 {
			t.Errorf("%d datagrams were sent", n)
		}
	})
}

// An answer with our token proves the address of a peer, in whatever message it comes and
// whatever it says.
func TestProof(t *testing.T) {
	for name, proof := range map[string]func(m message) message{
		"piggy-backed":       func(m message) message { return message{kind: acknowledgement, mid: m.mid} },
		"separate":           func(message) message { return message{kind: confirmable, mid: 7} },
		"Non-confirmable":    func(message) message { return message{kind: nonConfirmable, mid: 7} },
		"with an error code": func(m message) message { return message{kind: acknowledgement, mid: m.mid, code: lwm2m.CodeNotFound} },
	} {
		t.Run(name, func(t *testing.T) {
			playDoubtful(t, changed, func(t *testing.T, d *doubtfulScript) {
				d.deliver(bootstrapRequest(1, ""))
				d.receive()
				d.fails(d.do(t.Context(), write(1)), bootstrap.ErrUnproved)
				done := d.do(t.Context(), bootstrapDiscover)
				m := d.receive()
				reply := proof(m)
				if reply.token = m.token; reply.code == 0 {
					reply.code = lwm2m.CodeContent
				}
				d.deliver(reply)
				d.succeeds(done, reply.code)
				d.drain()
				d.deliver(reply) // once more
				d.drain()
				if d.proofs != 1 {
					t.Errorf("proved %d times, want once", d.proofs)
				}
				done = d.do(t.Context(), write(1000)) // far more than 3 times what came
				m = d.receive()
				d.deliver(message{kind: acknowledgement, code: lwm2m.CodeChanged, mid: m.mid, token: m.token})
				d.succeeds(done, lwm2m.CodeChanged)
			})
		})
	}
}

// What a forger can guess or has no need to know proves nothing.
func TestNoProof(t *testing.T) {
	for name, forged := range map[string]func(m message) message{
		"RST":                           func(m message) message { return m.emptyReply(reset) },
		"empty acknowledgement":         func(m message) message { return m.emptyReply(acknowledgement) },
		"acknowledgement with no token": func(m message) message { return message{kind: acknowledgement, code: lwm2m.CodeContent, mid: m.mid} },
		"acknowledgement with a token": func(m message) message {
			return message{kind: acknowledgement, code: lwm2m.CodeContent, mid: m.mid, token: "12345678"}
		},
		"token with another message ID": func(m message) message {
			return message{kind: acknowledgement, code: lwm2m.CodeContent, mid: m.mid + 1, token: m.token}
		},
		"response with a token": func(message) message {
			return message{kind: nonConfirmable, code: lwm2m.CodeContent, mid: 7, token: "12345678"}
		},
		"Confirmable response, empty token": func(message) message { return message{kind: confirmable, code: lwm2m.CodeContent, mid: 7} },
		"request":                           func(message) message { return bootstrapRequest(2, "") },
	} {
		t.Run(name, func(t *testing.T) {
			playDoubtful(t, changed, func(t *testing.T, d *doubtfulScript) {
				d.deliver(bootstrapRequest(1, ""))
				d.receive()
				done := d.do(t.Context(), bootstrapDiscover)
				d.deliver(forged(d.receive()))
				if got := <-done; got.err == nil {
					t.Errorf("Discover returned %+v", got)
				}
				d.fails(d.do(t.Context(), write(1)), bootstrap.ErrUnproved)
				if d.proofs != 0 {
					t.Error("the address counts as proved")
				}
			})
		})
	}
}

// Requests are withheld without a trace in what others see, but for the counter.
func TestWithheldIsNotLogged(t *testing.T) {
	playDoubtful(t, changed, func(t *testing.T, d *doubtfulScript) {
		d.fails(d.do(t.Context(), bootstrapDiscover), bootstrap.ErrSilent) // nothing came yet
		if n := d.hub.counters.snapshot(); n.Withheld != maxRetransmit+1 || n.Sent != 0 || n.Retransmitted != 0 {
			t.Errorf("counters %+v", n)
		}
		if strings.Contains(d.log.String(), "WARN") || strings.Contains(d.log.String(), "ERROR") {
			t.Errorf("logged %s", d.log.String())
		}
	})
}
