package sim_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"lwbs/bootstrap/sim"
)

// A vector is a datagram of testdata/coap, whose README says where it comes from.
type vector struct {
	Name, Hex, Code, Block1, Payload string

	Fill int // bytes of payload after those
}

func (v vector) datagram(tb testing.TB) []byte {
	return append(message(tb, v.Hex), make([]byte, v.Fill)...)
}

func vectors(tb testing.TB, name string) (out []vector) {
	tb.Helper()
	b, err := os.ReadFile("../../testdata/coap/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil || len(out) == 0 {
		tb.Fatalf("%s: %d vectors, error %v", name, len(out), err)
	}
	return out
}

// A tap that wants small blocks stops the requests whose payload is larger, and nothing
// else.
func TestTapOnVectors(t *testing.T) {
	stopped := 0
	for _, v := range vectors(t, "messages.json") {
		for _, more := range []int{0, 16} { // bytes of payload, where there is one
			v.Fill += more
			size := len(message(t, v.Payload)) + v.Fill
			if size == more {
				continue
			}
			large := v.Code[0] == '0' && v.Block1 == "" && size > 16
			pass, answer := sim.Wire{MaxBlock: 16}.Tap(false).In(v.datagram(t))
			if pass == large || (answer != nil) != large {
				t.Errorf("%s with %d bytes: passes %v, answers %x", v.Name, size, pass, answer)
			}
			if large {
				stopped++
			}
		}
	}
	if stopped == 0 {
		t.Error("no vector is large")
	}
}

// Whatever comes, a tap passes it or answers the very message, and what it sends begins
// with what was to be sent, or with its acknowledgement.
func FuzzTap(f *testing.F) {
	for _, name := range []string{"messages.json", "malformed.json"} {
		for _, v := range vectors(f, name) {
			f.Add(v.datagram(f))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		tap := sim.Wire{MaxDatagram: 200, MaxBlock: 16, Separate: true, StrayAck: len(in)%2 == 0}.Tap(false)
		given := bytes.Clone(in)
		pass, answer := tap.In(in)
		if pass && answer != nil || answer != nil && (len(answer) < 6 || !bytes.Equal(answer[2:4], in[2:4])) {
			t.Errorf("%x: passes %v, answers %x", in, pass, answer)
		}
		out := tap.Out(in)
		if len(out) == 0 || len(out) > 2 || !bytes.Equal(out[0], in) && (len(out[0]) != 4 || !bytes.Equal(out[0][2:], in[2:4])) {
			t.Errorf("%x: sends %x", in, out)
		}
		if !bytes.Equal(in, given) {
			t.Errorf("%x has become %x", given, in)
		}
	})
}
