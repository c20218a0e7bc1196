package exchange

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

// Whatever datagrams come, a conn sends at most one for each, only empty ones to
// anything that is not a request, and its own request ends as it would have.
func FuzzConn(f *testing.F) {
	for _, v := range coaptest.Messages(f) {
		f.Add(v.Datagram(f), byte(200))
	}
	f.Add(coaptest.Hex(f, "41 02 00 01 AA D1 0E 08 FF 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 41 02 00 02 AA D1 0E 10 FF 01"), byte(25))
	f.Add(coaptest.Hex(f, "41 01 00 01 AA D1 0A 0E 41 01 00 02 AA D1 0A 1E"), byte(8))
	f.Fuzz(func(t *testing.T, in []byte, size byte) {
		synctest.Test(t, func(t *testing.T) { fuzzConn(t, datagrams(in, int(size))) })
	})
}

// datagrams cuts in into datagrams of size bytes.
func datagrams(in []byte, size int) [][]byte {
	var out [][]byte
	for len(in) > 0 {
		n := min(max(size, 1), len(in))
		out, in = append(out, in[:n]), in[n:]
	}
	return out
}

func fuzzConn(t *testing.T, in [][]byte) {
	s := newScript(t, func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		return bootstrap.Response{Code: lwm2m.CodeContent, Payload: body(1500)}, nil
	})
	defer s.hub.Close(func() error { return nil })
	done := s.do(t.Context(), finish)
	own := s.receive()
	for _, b := range in {
		s.conn.Deliver(b)
		synctest.Wait()
		m, err := message.Decode(b)
		checkReactions(t, s, b, err == nil && m.MayOpen())
	}
	select {
	case got := <-done:
		if !errors.Is(got.err, bootstrap.ErrReset) { // that takes no more than the message ID
			t.Fatalf("the request was ended: %+v", got)
		}
		return
	default:
	}
	s.deliver(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: own.ID, Token: own.Token})
	s.succeeds(done, lwm2m.CodeChanged)
}

// checkReactions checks what the conn has sent upon b.
func checkReactions(t *testing.T, s *script, b []byte, isRequest bool) {
	t.Helper()
	for n := 0; ; n++ {
		select {
		case out := <-s.sent:
			m, err := message.Decode(out)
			switch {
			case err != nil:
				t.Fatalf("%x was answered with %x: %v", b, out, err)
			case n > 0:
				t.Fatalf("%x was answered more than once", b)
			case !isRequest && m.Code != message.CodeEmpty:
				t.Fatalf("%x, which is no request, was answered with %x", b, out)
			case m.IsRequest() || m.Kind == message.Confirmable:
				t.Fatalf("%x was answered with %x, which wants an answer", b, out)
			case len(out) > message.MaxDatagram:
				t.Fatalf("%x was answered with %d bytes", b, len(out))
			}
		default:
			return
		}
	}
}
