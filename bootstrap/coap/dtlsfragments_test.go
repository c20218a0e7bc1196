package coap_test

import (
	"bytes"
	"slices"
	"sync/atomic"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/traffic"
)

// A piece is a part of a handshake message: from an offset up to another.
type piece struct{ from, to int }

// fragment returns the record of one part of the handshake message in record, which has it
// whole; number is of the new record.
func fragment(record []byte, p piece, number byte) []byte {
	head, body := record[13:25], record[25:]
	b := slices.Concat(head[:6], []byte{0, 0, byte(p.from), 0, 0, byte(p.to - p.from)}, body[p.from:p.to])
	r := plainRecord(22, b...)
	copy(r[1:3], record[1:3])
	r[10] = number
	return r
}

// isHello reports whether a datagram of a client begins with a ClientHello of this message
// number.
func isHello(b []byte, message byte) bool {
	return b[0] == 22 && b[4] == 0 && b[13] == 1 && b[18] == message
}

// A ClientHello whose second flight is in fragments completes at once, however they are cut
// and in whatever order they come, and whatever is forged beside them by an attacker who does
// not see the cookie.
func TestDTLSSecondHelloInFragments(t *testing.T) {
	tests := []struct {
		name string
		// cut makes the datagrams of a record with the whole message of n bytes.
		cut func(record []byte, n int) [][]byte
	}{
		{"in two", func(r []byte, n int) [][]byte {
			return [][]byte{fragment(r, piece{0, n - 10}, 2), fragment(r, piece{n - 10, n}, 3)}
		}},
		{"last one first", func(r []byte, n int) [][]byte {
			return [][]byte{fragment(r, piece{n - 10, n}, 3), fragment(r, piece{0, n - 10}, 2)}
		}},
		{"in five, from the end", func(r []byte, n int) [][]byte {
			return [][]byte{fragment(r, piece{n - 10, n}, 6), fragment(r, piece{85, n - 10}, 5), fragment(r, piece{80, 85}, 4),
				fragment(r, piece{70, 80}, 3), fragment(r, piece{0, 70}, 2)}
		}},
		{"each one twice", func(r []byte, n int) [][]byte {
			a, b := fragment(r, piece{0, n - 10}, 2), fragment(r, piece{n - 10, n}, 3)
			return [][]byte{a, a, b, b}
		}},
		{"overlapping", func(r []byte, n int) [][]byte {
			return [][]byte{fragment(r, piece{0, 75}, 2), fragment(r, piece{60, n - 5}, 3), fragment(r, piece{70, n}, 4)}
		}},
		{"in one datagram", func(r []byte, n int) [][]byte {
			return [][]byte{slices.Concat(fragment(r, piece{0, n - 10}, 2), fragment(r, piece{n - 10, n}, 3))}
		}},
		{"in one record", func(r []byte, n int) [][]byte {
			a, b := fragment(r, piece{0, n - 10}, 2), fragment(r, piece{n - 10, n}, 3)
			both := plainRecord(22, slices.Concat(a[13:], b[13:])...)
			both[10] = 2
			return [][]byte{both}
		}},
		{"beside a forged one of another length", func(r []byte, n int) [][]byte {
			forged := fragment(r, piece{n - 10, n}, 9)
			forged[13+3]++
			return [][]byte{forged, fragment(r, piece{0, n - 10}, 2), forged, fragment(r, piece{n - 10, n}, 3)}
		}},
		{"beside one that goes beyond the end", func(r []byte, n int) [][]byte {
			forged := fragment(r, piece{n - 10, n}, 9)
			forged[13+8]++
			return [][]byte{forged, fragment(r, piece{0, n - 10}, 2), forged, fragment(r, piece{n - 10, n}, 3)}
		}},
		{"beside empty ones and a forged first one", func(r []byte, n int) [][]byte {
			empty, forged := fragment(r, piece{n - 10, n - 10}, 8), fragment(r, piece{0, n - 10}, 9)
			forged[13+12+2]++ // of its random, so that the cookie is not for it
			return [][]byte{empty, fragment(r, piece{0, n - 10}, 2), forged, empty, fragment(r, piece{n - 10, n}, 3)}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Listen(t, nil, nil)
			p := newTap(t, s.Addr())
			first := firsts()
			p.filter(func(up bool, b []byte) bool {
				if !up || !isHello(b, 1) {
					return first(up, b)
				}
				if !first(up, b) {
					return false
				}
				for _, d := range tt.cut(bytes.Clone(b), len(b)-25) {
					p.forge(d)
				}
				return false
			})
			ask(t, Dial(t, p.addr(), nil))
			none(t, "failed handshake", s.failed)
		})
	}
}

// A client whose first ClientHello is in fragments already is sent its cookie for the first
// of them, and nothing is remembered of it.
func TestDTLSFirstHelloInFragments(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	var held atomic.Int32
	first := firsts()
	p.filter(func(up bool, b []byte) bool {
		if !first(up, b) {
			return false
		}
		if !up || b[0] != 22 || b[4] != 0 || b[13] != 1 {
			return true
		}
		record, n := bytes.Clone(b), len(b)-25
		for i, at := range []piece{{0, 70}, {70, n}} {
			p.forge(fragment(record, at, 2*b[10]+byte(i)))
		}
		if isHello(b, 0) {
			held.Store(int32(s.Handshakes()))
		}
		return false
	})
	ask(t, Dial(t, p.addr(), nil))
	if held.Load() != 0 {
		t.Errorf("%d handshakes were under way before the cookie was back", held.Load())
	}
}

// A client that repeats its second flight, as the answer was lost, goes on with the
// handshake that there is; one that was restarted on the same port begins another.
func TestDTLSFragmentsComeAgain(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	var answers atomic.Int32
	fragmented := func(up bool, b []byte) bool {
		if up && isHello(b, 1) {
			record, n := bytes.Clone(b), len(b)-25
			p.forge(fragment(record, piece{0, n - 10}, 2*b[10]))
			p.forge(fragment(record, piece{n - 10, n}, 2*b[10]+1))
			return false
		}
		return true
	}
	p.filter(func(up bool, b []byte) bool {
		if !up && b[13] == 2 && answers.Add(1) == 1 {
			return false // the first ServerHello
		}
		return fragmented(up, b)
	})
	first := Dial(t, p.addr(), nil)
	ask(t, first)
	far := next(t, "request", s.requests)
	p.filter(fragmented)
	p.unplug()
	ask(t, Dial(t, p.addr(), nil))
	next(t, "end of the association before", far.Done())
	var again bootstrap.Conn = next(t, "request", s.requests)
	if again == far {
		t.Error("the device that was restarted is on the association before")
	}
	none(t, "failed handshake", s.failed)
	if n := s.Counters().Dropped[traffic.DropTableFull]; n != 0 {
		t.Errorf("%d were turned away", n)
	}
}
