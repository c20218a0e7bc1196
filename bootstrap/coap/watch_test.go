package coap_test

import (
	"context"
	"sync"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap"
	"lwbs/lwm2m"
)

// A watcher is shown what passes in either direction, decrypted, until it is taken away.
func TestWatch(t *testing.T) {
	var mu sync.Mutex
	var seen []byte
	watcher := func(peer auth.Peer, out bool, b []byte) {
		mu.Lock()
		defer mu.Unlock()
		if peer.Local.String() != "127.0.0.1" || len(b) < 4 || b[0]>>6 != 1 {
			t.Errorf("%+v, %x is no CoAP message to or from 127.0.0.1", peer, b)
		}
		direction := byte('<')
		if out {
			direction = '>'
		}
		seen = append(seen, direction)
	}
	check := func(t *testing.T, w *coap.Watch, c bootstrap.Conn) {
		defer c.Close()
		for _, step := range []struct {
			watcher func(auth.Peer, bool, []byte)
			want    string
		}{{nil, ""}, {watcher, "<>"}, {nil, ""}} {
			w.Set(step.watcher)
			mu.Lock()
			seen = nil
			mu.Unlock()
			if resp, err := c.Do(t.Context(), finish); err != nil || resp.Code != lwm2m.CodeChanged {
				t.Fatalf("%+v, error %v", resp, err)
			}
			w.Set(nil)
			mu.Lock()
			if got := string(seen); step.want == "" && got != "" || step.want != "" && (len(got) < 2 || got[:2] != step.want) {
				t.Errorf("the watcher saw %q, want %q", got, step.want)
			}
			mu.Unlock()
		}
	}
	handler := handlerFunc(func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
	})
	t.Run("coap", func(t *testing.T) {
		checkLeaks(t)
		w := new(coap.Watch)
		l := listenUDP(t, coap.Config{Handler: handler, Watch: w})
		c, err := coap.DialUDP(t.Context(), l.Addr().String(), coap.DialConfig{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, w, c)
	})
	t.Run("coaps", func(t *testing.T) {
		w := new(coap.Watch)
		s := Listen(t, func(cfg *coap.Config) { cfg.Watch = w }, nil)
		check(t, w, Dial(t, s.Addr().String(), nil))
	})
}
