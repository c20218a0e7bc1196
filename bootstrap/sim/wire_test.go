package sim_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"lwbs/bootstrap/sim"
)

// message is a datagram of CoAP, in hexadecimal with spaces.
func message(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What a tap does to single datagrams (RFC 7252 §3, RFC 7959 §2.2).
func TestTap(t *testing.T) {
	const (
		put       = "42 03 0102 aabb b1 30 01 31 12 2d16 ff"  // CON PUT /0/1, Content-Format 11542
		blockwise = "42 03 0102 aabb b1 30 01 31 d1 03 08 ff" // the same with Block1 0/1/16
		longPath  = "40 03 0103 bd 02 " + "616161616161616161616161616161 ff 00"
	)
	payload := strings.Repeat("00", 64)
	tests := []struct {
		name   string
		wire   sim.Wire
		secure bool
		in     string // from the server
		pass   bool
		answer string
		out    string // of the client; empty: nothing
		want   []string
	}{
		{name: "nothing", in: put + "00", pass: true, out: "62 44 0102 aabb", want: []string{"62 44 0102 aabb"}},
		{name: "not CoAP", wire: sim.Wire{MaxBlock: 16}, in: "ff", pass: true, out: "00", want: []string{"00"}},
		{name: "cut off within its options", wire: sim.Wire{MaxBlock: 16}, in: "42 03 0102 aabb b5 30", pass: true},
		{name: "cut off within its token", wire: sim.Wire{MaxBlock: 16}, in: "48 03 0102 aabb", pass: true},
		{name: "large", wire: sim.Wire{MaxDatagram: 30}, in: put + payload},
		{name: "just small enough", wire: sim.Wire{MaxDatagram: 15}, in: put + "00", pass: true},
		{name: "blocks wanted", wire: sim.Wire{MaxBlock: 32}, in: put + payload, answer: "62 8d 0102 aabb d1 0e 01"},
		{name: "large blocks wanted", wire: sim.Wire{MaxBlock: 1024}, in: put + strings.Repeat("00", 1025), answer: "62 8d 0102 aabb d1 0e 06"},
		{name: "blocks not needed", wire: sim.Wire{MaxBlock: 64}, in: put + payload, pass: true},
		{name: "blocks", wire: sim.Wire{MaxBlock: 32}, in: blockwise + payload, pass: true},
		{name: "a long option before", wire: sim.Wire{MaxBlock: 16}, in: longPath, pass: true},
		{name: "an answer is no request", wire: sim.Wire{MaxBlock: 16}, in: "60 45 0102 ff" + payload, pass: true},
		{name: "Finish apart", wire: sim.Wire{Separate: true}, in: "42 02 0102 aabb b2 6273", pass: true,
			out: "62 44 0102 aabb", want: []string{"60 00 0102", "42 44 8102 aabb"}},
		{name: "no Finish", wire: sim.Wire{Separate: true}, in: put + "00", pass: true, out: "62 44 0102 aabb", want: []string{"62 44 0102 aabb"}},
		{name: "no Finish yet", wire: sim.Wire{Separate: true}, in: "40 03 0000", pass: true, out: "60 44 0000", want: []string{"60 44 0000"}},
		{name: "stray", wire: sim.Wire{StrayAck: true}, in: put + "00", pass: true,
			out: "62 44 0102 aabb", want: []string{"62 44 0102 aabb", "60 a0 0102"}},
		{name: "none over DTLS", wire: sim.Wire{StrayAck: true}, secure: true, in: put + "00", pass: true, out: "62 44 0102 aabb", want: []string{"62 44 0102 aabb"}},
		{name: "none after what acknowledges only", wire: sim.Wire{StrayAck: true}, in: put + "00", pass: true, out: "60 00 0102", want: []string{"60 00 0102"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tap := tt.wire.Tap(tt.secure)
			pass, answer := tap.In(message(t, tt.in))
			if pass != tt.pass || !bytes.Equal(answer, message(t, tt.answer)) {
				t.Errorf("passes %v, answers %x; want %v, %s", pass, answer, tt.pass, tt.answer)
			}
			if tt.out == "" {
				return
			}
			out := tap.Out(message(t, tt.out))
			if len(out) != len(tt.want) {
				t.Fatalf("sends %x, want %q", out, tt.want)
			}
			for i := range out {
				if !bytes.Equal(out[i], message(t, tt.want[i])) {
					t.Errorf("sends %x, want %s", out[i], tt.want[i])
				}
			}
		})
	}
}
