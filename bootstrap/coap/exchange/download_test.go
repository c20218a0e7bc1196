package exchange

import (
	"bytes"
	"errors"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

var discover = bootstrap.Request{Method: bootstrap.GET, Path: []string{"0"}, Accept: lwm2m.FormatLink}

func TestDownload(t *testing.T) {
	const content = lwm2m.CodeContent
	// A step is a block that is asked for and what the device answers.
	type step struct {
		block  *message.Block // Block2 of the request; nil: none
		code   lwm2m.Code
		answer *message.Block // Block2 of the answer
		etag   string
		body   []byte // nil: what belongs into the block
	}
	b := body(200)
	tests := []struct {
		name  string
		steps []step
		want  lwm2m.Code // 0: an error
		body  []byte
	}{
		{"whole", []step{{nil, content, nil, "", b}}, content, b},
		{"one block that says so", []step{{nil, content, at(0, false, 256), "", b}}, content, b},
		{"blocks", []step{
			{nil, content, at(0, true, 64), "x", nil},
			{at(1, false, 64), content, at(1, true, 64), "x", nil},
			{at(2, false, 64), content, at(2, true, 64), "x", nil},
			{at(3, false, 64), content, at(3, false, 64), "x", nil},
		}, content, b},
		{"smaller ones from the second on", []step{
			{nil, content, at(0, true, 128), "", nil},
			{at(1, false, 128), content, at(4, true, 32), "", nil},
			{at(5, false, 32), content, at(5, true, 32), "", nil},
			{at(6, false, 32), content, at(6, false, 32), "", nil},
		}, content, b},
		{"refused in the middle", []step{
			{nil, content, at(0, true, 64), "", nil},
			{at(1, false, 64), lwm2m.CodeRequestIncomplete, nil, "", []byte("gone")},
		}, lwm2m.CodeRequestIncomplete, []byte("gone")},
		{"the wrong block", []step{
			{nil, content, at(0, true, 64), "", nil},
			{at(1, false, 64), content, at(0, true, 64), "", nil},
		}, 0, nil},
		{"no block", []step{
			{nil, content, at(0, true, 64), "", nil},
			{at(1, false, 64), content, nil, "", b},
		}, 0, nil},
		{"not from the beginning", []step{{nil, content, at(1, true, 64), "", nil}}, 0, nil},
		{"a block that is too short", []step{{nil, content, at(0, true, 64), "", b[:63]}}, 0, nil},
		{"a last block that is too long", []step{{nil, content, at(0, true, 64), "", nil},
			{at(1, false, 64), content, at(1, false, 64), "", b[:65]}}, 0, nil},
		{"a reserved size", []step{{nil, content, &message.Block{More: true, SZX: 7}, "", b}}, 0, nil},
		{"another version of it", []step{
			{nil, content, at(0, true, 64), "x", nil},
			{at(1, false, 64), content, at(1, true, 64), "y", nil},
		}, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, coaptest.Changed, func(t *testing.T, s *script) {
				done := s.do(t.Context(), discover)
				for _, step := range tt.steps {
					m := s.receive()
					if (m.Block2 == nil) != (step.block == nil) || m.Block2 != nil && *m.Block2 != *step.block {
						t.Fatalf("asked for block %+v, want %+v", m.Block2, step.block)
					}
					if len(m.Path) != 1 || m.Accept != lwm2m.FormatLink || len(m.Payload) != 0 {
						t.Errorf("asked with %+v", m)
					}
					payload := step.body
					if payload == nil {
						payload = step.answer.Of(b)
					}
					s.deliver(message.Message{
						Kind: message.Acknowledgement, Code: step.code, ID: m.ID, Token: m.Token,
						ContentFormat: lwm2m.FormatLink, Block2: step.answer, ETag: step.etag, Payload: payload,
					})
				}
				if tt.want == 0 {
					s.fails(done, bootstrap.ErrBlockWise)
					return
				}
				resp := s.succeeds(done, tt.want)
				if !bytes.Equal(resp.Payload, tt.body) || resp.ContentFormat != lwm2m.FormatLink {
					t.Errorf("response %+v, want %d bytes %x", resp, len(tt.body), tt.body)
				}
			})
		})
	}
}

// A device cannot make us collect without end: what is beyond the limit is not fetched.
func TestDownloadIsBounded(t *testing.T) {
	limited := discover
	limited.MaxAnswer = 16 << 10
	for _, tt := range []struct {
		name    string
		request bootstrap.Request
		length  int // of the answer
		blocks  int // that are fetched
		whole   bool
	}{
		{"without end", discover, 1 << 30, message.MaxBody / 1024, false},
		{"without end, to a request with a limit", limited, 1 << 30, 16, false},
		{"as long as the limit", limited, 16 << 10, 16, true},
		{"a byte longer", limited, 16<<10 + 1, 16, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			play(t, coaptest.Changed, func(t *testing.T, s *script) {
				done := s.do(t.Context(), tt.request)
				blocks := 0
				for {
					select {
					case got := <-done:
						if whole := got.err == nil; whole != tt.whole || !whole && !errors.Is(got.err, bootstrap.ErrAnswerTooLarge) || blocks != tt.blocks {
							t.Errorf("after %d blocks Do returned %d bytes and %v", blocks, len(got.Payload), got.err)
						}
						return
					case b := <-s.sent:
						m, err := message.Decode(b)
						if err != nil {
							t.Fatal(err)
						}
						left := tt.length - blocks*1024
						s.deliver(message.Message{
							Kind: message.Acknowledgement, Code: lwm2m.CodeContent, ID: m.ID, Token: m.Token,
							Block2: at(uint32(blocks), left > 1024, 1024), Payload: body(min(left, 1024)),
						})
						blocks++
					}
				}
			})
		})
	}
}
