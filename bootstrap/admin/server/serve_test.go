package server

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// counted counts the connections that it accepts.
type counted struct {
	net.Listener
	n atomic.Int32
}

func (c *counted) Accept() (net.Conn, error) {
	nc, err := c.Listener.Accept()
	if err == nil {
		c.n.Add(1)
	}
	return nc, err
}

// One connection of HTTP/2 has so many requests at a time: more need another connection, and these are limited.
func TestRequestsOfOneConnection(t *testing.T) {
	lent := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer lent.Close()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := &counted{Listener: raw}
	var waiting sync.WaitGroup
	waiting.Add(MaxStreams + 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			waiting.Done()
			waiting.Wait() // until all are under way
		}
		_, _ = io.WriteString(w, r.Proto)
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	l := tls.NewListener(conns, &tls.Config{Certificates: lent.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}})
	go func() { ended <- Serve(ctx, l, handler, 0, slog.New(slog.DiscardHandler)) }()
	transport := lent.Client().Transport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = true
	client := &http.Client{Transport: transport}
	ask := func(path string) {
		resp, err := client.Get("https://" + raw.Addr().String() + path)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "HTTP/2.0" {
			t.Errorf("%q, %v", body, err)
		}
	}
	ask("/") // the one connection that there is
	var asked sync.WaitGroup
	for range MaxStreams + 1 {
		asked.Go(func() { ask("/wait") })
	}
	asked.Wait()
	if n := conns.n.Load(); n < 2 {
		t.Errorf("%d requests were under way over %d connections", MaxStreams+1, n)
	}
	transport.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
