package coap_test

import (
	"context"
	"errors"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/lwm2m"
)

// A rudeTap sends everything twice, and answers each request with RST in place of
// passing it on.
type rudeTap struct{}

func (rudeTap) Out(b []byte) [][]byte { return [][]byte{b, b} }

func (rudeTap) In(b []byte) (pass bool, answer []byte) {
	if isRequest := b[1] != 0 && b[1]>>5 == 0; isRequest {
		return false, []byte{0x70, 0, b[2], b[3]}
	}
	return true, nil
}

// What a tap does is what the peer sees, over either transport.
func TestTap(t *testing.T) {
	ended, noticed := make(chan error, 1), make(chan struct{})
	after := func(ctx context.Context, c bootstrap.Conn) {
		_, err := c.Do(ctx, finish)
		ended <- err
		select { // or the association might be over before anything came twice
		case <-noticed:
		case <-ctx.Done():
		}
	}
	check := func(t *testing.T, c bootstrap.Conn, counters func() traffic.Counters) {
		for range 2 { // pion may lose what comes while it completes a handshake
			if resp, err := c.Do(t.Context(), finish); err != nil || resp.Code != lwm2m.CodeChanged {
				t.Fatalf("%+v, error %v", resp, err)
			}
			if err := next(t, "end", ended); !errors.Is(err, bootstrap.ErrReset) {
				t.Errorf("the server's request ends with %v", err)
			}
		}
		until(t, "something comes twice", func() bool { return counters().Duplicates > 0 })
		for range 2 {
			noticed <- struct{}{}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Run("coap", func(t *testing.T) {
		checkLeaks(t)
		l := listenUDP(t, coap.Config{Handler: handlerFunc(
			func(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
				return bootstrap.Response{Code: lwm2m.CodeChanged}, func(ctx context.Context) { after(ctx, c) }
			},
		)})
		c, err := coap.DialUDP(t.Context(), l.Addr().String(), coap.DialConfig{Tap: rudeTap{}})
		if err != nil {
			t.Fatal(err)
		}
		check(t, c, l.Counters)
	})
	t.Run("coaps", func(t *testing.T) {
		s := Listen(t, nil, after)
		c := Dial(t, s.Addr().String(), func(cfg *coap.DialConfig) { cfg.Tap = rudeTap{} })
		check(t, c, s.Counters)
	})
}
