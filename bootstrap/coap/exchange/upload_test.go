package exchange

import (
	"bytes"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

// body returns n bytes of which no two blocks are alike.
func body(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i/251)
	}
	return b
}

// write is a Bootstrap-Write of n bytes.
func write(n int) bootstrap.Request {
	return bootstrap.Request{
		Method: bootstrap.PUT, Path: []string{"0", "1"},
		ContentFormat: lwm2m.FormatTLV, Payload: body(n),
	}
}

// at writes the block of a Block option in tests: its number, whether more follow, and
// its size.
func at(num uint32, more bool, size int) *message.Block {
	return &message.Block{Num: num, More: more, SZX: message.SizeExponent(size)}
}

func TestUpload(t *testing.T) {
	// A step is a block that is expected and what the device answers.
	type step struct {
		block  *message.Block // Block1 of the request; nil: none
		code   lwm2m.Code
		answer *message.Block // Block1 of the answer
	}
	const (
		next     = lwm2m.CodeContinue
		ok       = lwm2m.CodeChanged
		tooLarge = lwm2m.CodeRequestTooLarge
		lost     = lwm2m.CodeRequestIncomplete
	)
	tests := []struct {
		name  string
		size  int
		tuned int
		steps []step
		want  lwm2m.Code
		quirk string
	}{
		{"nothing", 0, 0, []step{{nil, ok, nil}}, ok, ""},
		{"one block has no option", 1024, 0, []step{{nil, ok, nil}}, ok, ""},
		{"two blocks", 1025, 0, []step{
			{at(0, true, 1024), next, at(0, true, 1024)},
			{at(1, false, 1024), ok, at(1, false, 1024)},
		}, ok, ""},
		{"blocks of a tuned size", 40, 16, []step{
			{at(0, true, 16), next, at(0, true, 16)},
			{at(1, true, 16), next, at(1, true, 16)},
			{at(2, false, 16), ok, at(2, false, 16)},
		}, ok, ""},
		{"a tuned size that is none is rounded down", 100, 63, []step{
			{at(0, true, 32), next, nil},
			{at(1, true, 32), next, nil},
			{at(2, true, 32), next, nil},
			{at(3, false, 32), ok, nil},
		}, ok, ""},
		// RFC 7959 §3.2, Figure 8: the numbers go on at the same place in the body.
		{"the device asks for smaller blocks", 3000, 0, []step{
			{at(0, true, 1024), next, at(0, true, 256)},
			{at(4, true, 256), next, at(4, true, 256)},
			{at(5, true, 256), next, at(5, true, 256)},
			{at(6, true, 256), next, at(6, true, 256)},
			{at(7, true, 256), next, at(7, true, 256)},
			{at(8, true, 256), next, at(8, true, 256)},
			{at(9, true, 256), next, at(9, true, 256)},
			{at(10, true, 256), next, at(10, true, 256)},
			{at(11, false, 256), ok, at(11, false, 256)},
		}, ok, ""},
		{"and for still smaller ones in the middle", 300, 128, []step{
			{at(0, true, 128), next, at(0, true, 128)},
			{at(1, true, 128), next, at(1, true, 32)},
			{at(8, true, 32), next, at(8, true, 32)},
			{at(9, false, 32), ok, at(9, false, 32)},
		}, ok, ""},
		{"larger ones are not sent", 300, 128, []step{
			{at(0, true, 128), next, at(0, true, 1024)},
			{at(1, true, 128), next, at(1, true, 1024)},
			{at(2, false, 128), ok, nil},
		}, ok, ""},
		{"4.13 with a smaller size begins again", 3000, 0, []step{
			{at(0, true, 1024), tooLarge, at(0, true, 512)},
			{at(0, true, 512), next, at(0, true, 512)},
			{at(1, true, 512), tooLarge, at(1, true, 16)},
			{at(0, true, 16), ok, nil},
		}, ok, quirkEarlySuccess},
		{"4.13 to a whole message with a smaller size", 100, 0, []step{
			{nil, tooLarge, at(0, false, 64)},
			{at(0, true, 64), next, at(0, true, 64)},
			{at(1, false, 64), ok, at(1, false, 64)},
		}, ok, ""},
		{"4.13 that makes no difference", 100, 0, []step{{nil, tooLarge, at(0, false, 256)}}, tooLarge, ""},
		{"4.13 with the same size", 2000, 0, []step{{at(0, true, 1024), tooLarge, at(0, true, 1024)}}, tooLarge, ""},
		{"4.13 without a size", 2000, 0, []step{{at(0, true, 1024), tooLarge, nil}}, tooLarge, ""},
		{"4.08 begins again, once", 2000, 0, []step{
			{at(0, true, 1024), next, at(0, true, 1024)},
			{at(1, false, 1024), lost, nil},
			{at(0, true, 1024), next, at(0, true, 1024)},
			{at(1, false, 1024), lost, nil},
		}, lost, ""},
		{"4.08 to a whole message", 20, 0, []step{{nil, lost, nil}}, lost, ""},
		{"4.15 to the first block", 2000, 0, []step{
			{at(0, true, 1024), lwm2m.CodeUnsupportedFormat, at(0, true, 1024)},
		}, lwm2m.CodeUnsupportedFormat, ""},
		{"5.00 in the middle", 3000, 0, []step{
			{at(0, true, 1024), next, at(0, true, 1024)},
			{at(1, true, 1024), lwm2m.CodeInternalServerError, nil},
		}, lwm2m.CodeInternalServerError, ""},
		{"success before the last block", 3000, 0, []step{
			{at(0, true, 1024), ok, nil},
		}, ok, quirkEarlySuccess},
		// RFC 7959 §2.3: M is unset, so the device handled this block and wants the next.
		{"success for each block", 2000, 0, []step{
			{at(0, true, 1024), ok, at(0, false, 1024)},
			{at(1, false, 1024), ok, at(1, false, 1024)},
		}, ok, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, coaptest.Changed, func(t *testing.T, s *script) {
				s.conn.Tune(bootstrap.Tuning{BlockSize: tt.tuned})
				done := s.do(t.Context(), write(tt.size))
				var previous message.Message
				for i, step := range tt.steps {
					m := s.receive()
					checkUpload(t, m, step.block, body(tt.size))
					again := i == 0 || step.block == nil || step.block.Num == 0
					if again == (m.Token == previous.Token) {
						t.Errorf("block %d has token %x after %x", i, m.Token, previous.Token)
					}
					previous = m
					s.deliver(message.Message{Kind: message.Acknowledgement, Code: step.code, ID: m.ID, Token: m.Token, Block1: step.answer})
				}
				resp := s.succeeds(done, tt.want)
				if resp.Quirk != tt.quirk || resp.Transmissions != 1 {
					t.Errorf("response %+v, want quirk %q and nothing repeated", resp, tt.quirk)
				}
				s.silent()
			})
		})
	}
}

// checkUpload checks one block of whole.
func checkUpload(t *testing.T, m message.Message, want *message.Block, whole []byte) {
	t.Helper()
	if m.ContentFormat != lwm2m.FormatTLV || len(m.Path) != 2 {
		t.Errorf("block without format or path: %+v", m)
	}
	if want == nil {
		if m.Block1 != nil || m.Size1 != 0 || !bytes.Equal(m.Payload, whole) {
			t.Fatalf("got block %+v of %d bytes, want the whole", m.Block1, len(m.Payload))
		}
		return
	}
	if m.Block1 == nil || *m.Block1 != *want {
		t.Fatalf("got block %+v, want %+v", m.Block1, *want)
	}
	if !bytes.Equal(m.Payload, want.Of(whole)) {
		t.Errorf("block %+v carries %x", *want, m.Payload)
	}
	if size := uint32(len(whole)); want.Num == 0 && m.Size1 != size || want.Num > 0 && m.Size1 != 0 {
		t.Errorf("block %d says Size1 %d of %d", want.Num, m.Size1, size)
	}
}

// Any block, and any answer to one, may be lost.
func TestUploadRepeatsEachBlock(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
		done := s.do(t.Context(), write(3000))
		for i := range uint32(3) {
			first := s.receive()
			again := s.receive()
			if first.ID != again.ID || *first.Block1 != *again.Block1 {
				t.Fatalf("block %+v was followed by %+v", first, again)
			}
			code := lwm2m.CodeContinue
			if i == 2 {
				code = lwm2m.CodeChanged
			}
			s.deliver(message.Message{Kind: message.Acknowledgement, Code: code, ID: again.ID, Token: again.Token, Block1: again.Block1})
		}
		if resp := s.succeeds(done, lwm2m.CodeChanged); resp.Transmissions != 4 {
			t.Errorf("%d transmissions, want 4: three repeated", resp.Transmissions)
		}
	})
}

// The blocks of a transfer share a token, so that a separate response that comes again
// must not be taken for the answer to the next block.
func TestUploadWithSeparateResponses(t *testing.T) {
	play(t, coaptest.Changed, func(t *testing.T, s *script) {
		done := s.do(t.Context(), write(2000))
		m := s.receive()
		s.deliver(m.EmptyReply(message.Acknowledgement))
		first := message.Message{Kind: message.Confirmable, Code: lwm2m.CodeContinue, ID: 1, Token: m.Token, Block1: m.Block1}
		s.deliver(first)
		s.expect(first.EmptyReply(message.Acknowledgement))
		m = s.receive()
		s.deliver(first) // our acknowledgement was lost
		s.expect(first.EmptyReply(message.Acknowledgement))
		time.Sleep(time.Second)
		s.silent()
		s.deliver(message.Message{Kind: message.Confirmable, Code: lwm2m.CodeChanged, ID: 2, Token: m.Token, Block1: m.Block1})
		if resp := s.succeeds(done, lwm2m.CodeChanged); !resp.Separate || resp.Quirk != "" {
			t.Errorf("response %+v, want a separate one without quirk", resp)
		}
	})
}
