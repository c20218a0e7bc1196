package coap_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/lwm2m"
)

// Both ends are the same conn: requests, blocks and answers go either way.
func TestDialUDP(t *testing.T) {
	checkLeaks(t)
	result := make(chan string, 1)
	l := listenUDP(t, coap.Config{Handler: handlerFunc(
		func(_ context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			if r.Method == bootstrap.GET {
				return bootstrap.Response{Code: lwm2m.CodeContent, Payload: count(5000)}, nil
			}
			return bootstrap.Response{Code: lwm2m.CodeChanged}, func(ctx context.Context) {
				big := write
				big.Payload = count(5000)
				result <- carryOut(ctx, c, []bootstrap.Request{finish, big})
			}
		},
	)})
	payloads := make(chan []byte, 2)
	c, err := coap.DialUDP(t.Context(), l.Addr().String(), coap.DialConfig{Local: "127.0.0.1:0", Handler: handlerFunc(
		func(_ context.Context, _ bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			payloads <- r.Payload
			return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
		},
	)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if peer := c.Peer(); peer.Remote != l.Addr().String() || peer.Transport != "coap" {
		t.Errorf("peer is %+v", peer)
	}
	if resp, err := c.Do(t.Context(), finish); err != nil || resp.Code != lwm2m.CodeChanged {
		t.Fatalf("response %+v, error %v", resp, err)
	}
	if got := next(t, "result", result); got != "2.04 2.04" {
		t.Errorf("requests of the server ended with %s", got)
	}
	if got := next(t, "no payload", payloads); len(got) != 0 {
		t.Errorf("received %d bytes, want none", len(got))
	}
	if got := next(t, "payload", payloads); string(got) != string(count(5000)) {
		t.Errorf("received %d bytes", len(got))
	}
	resp, err := c.Do(t.Context(), bootstrap.Request{Method: bootstrap.GET, Path: []string{"bspack"}})
	if err != nil || string(resp.Payload) != string(count(5000)) {
		t.Fatalf("read %d bytes, error %v", len(resp.Payload), err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Do(t.Context(), finish); !errors.Is(err, bootstrap.ErrGone) {
		t.Errorf("Do returned %v, want %v", err, bootstrap.ErrGone)
	}
}

// A device without anything to serve answers so.
func TestDialUDPWithoutHandler(t *testing.T) {
	checkLeaks(t)
	result := make(chan string, 1)
	l := listenUDP(t, coap.Config{Handler: handlerFunc(
		func(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			return bootstrap.Response{Code: lwm2m.CodeChanged}, func(ctx context.Context) {
				result <- carryOut(ctx, c, []bootstrap.Request{finish})
			}
		},
	)})
	c, err := coap.DialUDP(t.Context(), l.Addr().String(), coap.DialConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Do(t.Context(), finish); err != nil {
		t.Fatal(err)
	}
	if got := next(t, "result", result); got != "4.04" {
		t.Errorf("request of the server ended with %s, want 4.04", got)
	}
}

// A server that is not there yet is no error; the request finds it when it comes.
func TestDialUDPBeforeListen(t *testing.T) {
	checkLeaks(t)
	report, _ := reporter()
	l, err := coap.ListenUDP("127.0.0.1:0", coap.Config{Handler: report})
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c, err := coap.DialUDP(t.Context(), addr, coap.DialConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Tune(bootstrap.Tuning{AckTimeout: 100 * time.Millisecond})
	done := make(chan error, 1)
	go func() {
		resp, err := c.Do(t.Context(), finish)
		if err == nil && resp.Transmissions < 2 {
			err = fmt.Errorf("response %+v came at once", resp)
		}
		done <- err
	}()
	time.AfterFunc(50*time.Millisecond, func() {
		late, err := coap.ListenUDP(addr, coap.Config{Handler: report})
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { late.Close() })
	})
	if err := next(t, "response", done); err != nil {
		t.Error(err)
	}
}

func TestDialUDPErrors(t *testing.T) {
	tests := []struct {
		name, addr string
		cfg        coap.DialConfig
	}{
		{"no port", "127.0.0.1", coap.DialConfig{}},
		{"bad local address", "127.0.0.1:5683", coap.DialConfig{Local: "nowhere"}},
		{"bad configuration", "127.0.0.1:5683", coap.DialConfig{MaxPayload: -1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := coap.DialUDP(t.Context(), tt.addr, tt.cfg)
			if err == nil {
				c.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.addr) {
				t.Errorf("error %v does not name %s", err, tt.addr)
			}
		})
	}
}
