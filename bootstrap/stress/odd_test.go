package stress_test

import (
	"encoding/binary"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/store"
)

// Types and codes of CoAP messages (RFC 7252 §3, §12.1).
const (
	con, non, ack, rst     = 0, 1, 2, 3
	get, post, put, remove = 1, 2, 3, 4
)

// A message is a CoAP message, made and read without any of our own code.
type message struct {
	kind, code byte
	mid        uint16
	token      string
	rest       []byte // options and payload
}

func (m message) bytes() []byte {
	b := []byte{1<<6 | m.kind<<4 | byte(len(m.token)), m.code}
	b = binary.BigEndian.AppendUint16(b, m.mid)
	return append(append(b, m.token...), m.rest...)
}

// bootstrapRequest is POST /bs of the device that an odd peer plays.
func bootstrapRequest(kind byte, mid uint16, token string) message {
	ep := string("ep=" + endpoint(0))
	rest := append([]byte{0xb2, 'b', 's', 0x4d, byte(len(ep) - 13)}, ep...)
	return message{kind, post, mid, token, rest}
}

// block1 is a Block1 option that is the first of its message (RFC 7959 §2.2).
func block1(num byte, more bool, szx byte) []byte {
	v := num<<4 | szx
	if more {
		v |= 8
	}
	return []byte{0xd1, 27 - 13, v}
}

// An odd peer plays a device that does one thing in its own way.
type odd struct {
	*server
	conn *net.UDPConn
	seen map[string]bool // datagrams

}

// hear returns the next message of the server that has not come before; ok is false where
// none comes.
func (p *odd) hear(wait time.Duration) (m message, ok bool) {
	p.Helper()
	buf := make([]byte, 2048)
	p.conn.SetReadDeadline(time.Now().Add(wait))
	for {
		n, err := p.conn.Read(buf)
		if err != nil {
			return message{}, false
		}
		if b := string(buf[:n]); !p.seen[b] {
			p.seen[b] = true
			end := 4 + int(b[0]&15)
			return message{b[0] >> 4 & 3, b[1], binary.BigEndian.Uint16(buf[2:]), b[4:end], []byte(b[end:])}, true
		}
	}
}

// repeated waits until the server repeats m.
func (p *odd) repeated(m message) {
	p.Helper()
	delete(p.seen, string(m.bytes()))
	if again, ok := p.hear(patience); !ok || string(again.bytes()) != string(m.bytes()) {
		p.Fatalf("%x comes in place of %x again", again.bytes(), m.bytes())
	}
}

func (p *odd) send(m message) {
	p.Helper()
	if _, err := p.conn.Write(m.bytes()); err != nil {
		p.Fatal(err)
	}
}

// reply is the usual answer to a request, in the acknowledgement.
func (p *odd) reply(m message) message {
	answer := message{kind: ack, mid: m.mid, token: m.token}
	switch m.code {
	case get:
		answer.code, answer.rest = 2<<5|5, append([]byte{0xc1, 40, 0xff}, "</0/0>"...)
	case remove:
		answer.code = 2<<5 | 2
	default:
		answer.code = 2<<5 | 4
	}
	if b, ok := m.block(); ok {
		answer.rest = []byte{0xd1, 27 - 13, b}
		if b&8 != 0 {
			answer.code = 2<<5 | 31
		}
	}
	return answer
}

// block returns the Block1 option of a Write of ours, which has one byte.
func (m message) block() (b byte, ok bool) {
	if m.code != put {
		return 0, false
	}
	options, _, _ := strings.Cut(string(m.rest), "\xff")
	i := strings.Index(options, "\xd1\x02") // delta 15 from Content-Format
	if i < 0 || i+2 >= len(options) {
		return 0, false
	}
	return options[i+2], true
}

// firstBlock reports whether m is the first of a Write in blocks of the size that the server
// prefers.
func (m message) firstBlock() bool {
	b, ok := m.block()
	return ok && b>>4 == 0 && b&7 == 2
}

// play makes the request and answers those of the server: by react where that is not nil and
// says so, else as usual. It returns the causes of the sessions, when n have ended.
func (p *odd) play(first message, n int, react func(*odd, message) bool) (causes []store.Cause) {
	p.Helper()
	p.send(first)
	deadline := time.Now().Add(patience)
	for len(causes) < n {
		select {
		case s := <-p.ended:
			causes = append(causes, s.Cause)
			continue
		default:
		}
		if time.Now().After(deadline) {
			p.Fatalf("only %v have ended", causes)
		}
		m, ok := p.hear(20 * time.Millisecond)
		switch {
		case !ok || m.code == 0 || m.code>>5 != 0:
		case react != nil && react(p, m):
		default:
			p.send(p.reply(m))
		}
	}
	return causes
}

// once makes a reaction take effect for the first request that is as it should be.
func once(is func(message) bool, do func(*odd, message)) func(*odd, message) bool {
	done := false
	return func(p *odd, m message) bool {
		if done || !is(m) {
			return false
		}
		done = true
		do(p, m)
		return true
	}
}

func isMethod(code byte) func(message) bool { return func(m message) bool { return m.code == code } }

// blocked answers a block with code and, where not nil, an option.
func blocked(code byte, option []byte) func(*odd, message) {
	return func(p *odd, m message) { p.send(message{ack, code, m.mid, m.token, option}) }
}

// Every oddity of a peer ends as it should, in a whole bootstrap over plain CoAP.
func TestOddities(t *testing.T) {
	ordinary := bootstrapRequest(con, 1, "tk")
	done := []store.Cause{store.CauseDone}
	tests := []struct {
		name   string
		first  message
		react  func(*odd, message) bool
		causes []store.Cause // sorted
	}{
		{"ordinary", ordinary, nil, done},
		{"smaller SZX", ordinary, once(message.firstBlock, blocked(2<<5|31, block1(0, true, 0))), done},
		{"4.13 with a hint", ordinary, once(message.firstBlock, blocked(4<<5|13, block1(0, true, 1))), done},
		{"4.13 without a hint", ordinary, once(isMethod(put), blocked(4<<5|13, nil)), []store.Cause{store.CauseDone}},
		{"4.08 in the middle", ordinary, once(func(m message) bool { b, ok := m.block(); return ok && b>>4 == 1 }, blocked(4<<5|8, nil)), done},
		{"RST to Discover", ordinary, once(isMethod(get), func(p *odd, m message) { p.send(message{kind: rst, mid: m.mid}) }), []store.Cause{store.CauseReset}},
		{"RST to a Write", ordinary, once(isMethod(put), func(p *odd, m message) { p.send(message{kind: rst, mid: m.mid}) }), []store.Cause{store.CauseReset}},
		{"RST to Finish", ordinary, once(isMethod(post), func(p *odd, m message) { p.send(message{kind: rst, mid: m.mid}) }), []store.Cause{store.CauseFinishUnknown}},
		{"stray acknowledgements", ordinary, func(p *odd, m message) bool {
			p.send(message{kind: ack, mid: m.mid + 1})
			p.send(message{kind: ack, code: 4 << 5, mid: m.mid + 2, token: m.token})
			p.send(message{kind: ack, code: 5 << 5, mid: m.mid, token: "other"})
			p.send(p.reply(m))
			p.send(message{kind: ack, code: 5 << 5, mid: m.mid})
			return true
		}, done},
		{"empty token", bootstrapRequest(con, 1, ""), nil, done},
		{"Non-confirmable request", bootstrapRequest(non, 1, "tk"), nil, done},
		{"Non-confirmable answers", ordinary, func(p *odd, m message) bool {
			answer := p.reply(m)
			answer.kind, answer.mid = non, m.mid+1000
			p.send(answer)
			return true
		}, done},
		{"late separate responses", ordinary, func(p *odd, m message) bool {
			answer := p.reply(m)
			answer.kind, answer.mid = con, m.mid+1000
			p.send(message{kind: ack, mid: m.mid})
			p.send(message{kind: con, mid: m.mid + 2000}) // a ping in between
			p.send(answer)
			return true
		}, done},
		{"separate response to the second transmission, no acknowledgement", ordinary, once(isMethod(put), func(p *odd, m message) {
			p.repeated(m)
			answer := p.reply(m)
			answer.kind, answer.mid = con, m.mid+1000
			p.send(answer)
		}), done},
		{"acknowledgement lost", ordinary, once(isMethod(put), func(p *odd, m message) {
			p.repeated(m)
			p.send(p.reply(m))
		}), done},
		{"gone right after the last acknowledgement", ordinary, once(isMethod(post), func(p *odd, m message) {
			p.send(p.reply(m))
			p.conn.Close()
		}), done},
		{"the same request again in the middle", ordinary, once(isMethod(put), func(p *odd, m message) {
			p.send(ordinary)
			p.send(p.reply(m))
		}), done},
		{"same message ID with another token", ordinary, once(isMethod(put), func(p *odd, m message) {
			p.send(bootstrapRequest(con, 1, "kt"))
		}), []store.Cause{store.CauseDone, store.CauseSuperseded}},
		{"new message ID during a session", ordinary, once(isMethod(put), func(p *odd, m message) {
			p.send(bootstrapRequest(con, 2, "tk"))
		}), []store.Cause{store.CauseDone, store.CauseSuperseded}},
		{"silent after Discover", ordinary, func(p *odd, m message) bool { return m.code != get }, []store.Cause{store.CauseSilent}},
		{"silent from the start", ordinary, func(*odd, message) bool { return true }, []store.Cause{store.CauseSilent}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, 1)
			conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.udp.Addr()))
			s.ok(err)
			defer conn.Close()
			p := &odd{server: s, conn: conn, seen: make(map[string]bool)}
			causes := p.play(tt.first, len(tt.causes), tt.react)
			slices.Sort(causes)
			if !slices.Equal(causes, tt.causes) {
				t.Errorf("sessions ended with %v, want %v", causes, tt.causes)
			}
		})
	}
}

// Whoever has the address in a forged Bootstrap-Request gets at most three times its bytes,
// and nothing but Discover; the device's record stays as it was.
func TestForgedRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	before, err := s.db.Device(t.Context(), endpoint(0))
	s.ok(err)
	victim, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.udp.Addr()))
	s.ok(err)
	defer victim.Close()
	request := bootstrapRequest(con, 1, "tk").bytes()
	_, err = victim.Write(request)
	s.ok(err)
	received, discovers := 0, 0
	buf := make([]byte, 2048)
	for deadline := time.Now().Add(patience); len(s.ended) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the session does not end")
		}
		victim.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := victim.Read(buf)
		if err != nil {
			continue
		}
		received += n
		switch buf[1] {
		case get:
			discovers++
		case 2<<5 | 4:
		default:
			t.Errorf("the victim gets %x", buf[:n])
		}
	}
	if received > 3*len(request) || discovers != 5 {
		t.Errorf("%d bytes for %d, %d Discovers; want five, and three times the bytes at most", received, len(request), discovers)
	}
	if session := <-s.ended; session.Cause != store.CauseSilent || len(session.Operations) != 1 {
		t.Errorf("session %s after %d operations: %s", session.Cause, len(session.Operations), session.Detail)
	}
	after, err := s.db.Device(t.Context(), endpoint(0))
	s.ok(err)
	if !after.Accounts["main"].Delivered.Equal(before.Accounts["main"].Delivered) {
		t.Error("the record says that the account was delivered")
	}
}
