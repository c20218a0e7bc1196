package exchange

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/lwm2m"
)

// An lossyLink is a link that loses, repeats and reorders datagrams, by seed. It never loses
// the same datagram often enough to make a retransmission vain.
type lossyLink struct {
	mu   sync.Mutex
	rand *rand.Rand
	lost map[string]int // times, by datagram
	to   *Conn
}

func newLossyLink(seed uint64) *lossyLink {
	return &lossyLink{rand: rand.New(rand.NewPCG(seed, 0)), lost: make(map[string]int)}
}

// Send implements [Link].
func (a *lossyLink) Send(b []byte) error {
	b = bytes.Clone(b)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rand.Float64() < 0.3 && a.lost[string(b)] < message.MaxRetransmit/2 {
		a.lost[string(b)]++
		return nil
	}
	for again := true; again; again = a.rand.Float64() < 0.2 {
		delay := time.Duration(a.rand.Int64N(int64(time.Second)))
		time.AfterFunc(delay, func() { a.to.Deliver(b) })
	}
	return nil
}

// Close implements [Link].
func (a *lossyLink) Close() error { return nil }

// A lossyDevice answers what a Bootstrap-Server sends, and notes it.
type lossyDevice struct {
	mu   sync.Mutex
	seen []string
}

func (d *lossyDevice) ServeRequest(_ context.Context, _ bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen = append(d.seen, fmt.Sprintf("%v /%s %d", r.Method, strings.Join(r.Path, "/"), len(r.Payload)))
	switch r.Method {
	case bootstrap.GET:
		return bootstrap.Response{Code: lwm2m.CodeContent, ContentFormat: lwm2m.FormatLink, Payload: body(3000)}, nil
	case bootstrap.DELETE:
		return bootstrap.Response{Code: lwm2m.CodeDeleted}, nil
	case bootstrap.PUT:
		if !bytes.Equal(r.Payload, body(len(r.Payload))) {
			return bootstrap.Response{Code: lwm2m.CodeBadRequest}, nil
		}
	}
	return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
}

// Over a link that loses a third, repeats a fifth and keeps no order, a bootstrap with
// blocks in both directions comes through, and everything is done exactly once.
func TestLossyLink(t *testing.T) {
	var total traffic.Counters
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testLossyLink(t, seed, &total) })
		})
	}
	if total.Retransmitted < 60 || total.Duplicates < 60 || total.Dropped[traffic.DropStray] < 60 {
		t.Errorf("the link was too good: %+v", total)
	}
}

func testLossyLink(t *testing.T, seed uint64, total *traffic.Counters) {
	plan := []bootstrap.Request{
		{Method: bootstrap.GET, Accept: lwm2m.FormatLink},
		{Method: bootstrap.DELETE, Path: []string{"0"}},
		write(2500),
		write(40),
		finish,
	}
	requests := 0
	ended := make(chan error, 1)
	server := coaptest.HandlerFunc(func(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		requests++
		return bootstrap.Response{Code: lwm2m.CodeChanged}, func(ctx context.Context) { ended <- carryOut(ctx, c, plan) }
	})
	device := new(lossyDevice)
	var hubs [2]*Hub
	var conns [2]*Conn
	airs := [2]*lossyLink{newLossyLink(2 * seed), newLossyLink(2*seed + 1)}
	for i, h := range []bootstrap.Handler{server, device} {
		hubs[i] = newTestHub(Config{Handler: h, Logger: slog.New(slog.DiscardHandler), IdleTimeout: defaultIdleTimeout, MaxPayload: defaultMaxPayload}, nil)
		conns[i] = hubs[i].NewConn(airs[i], auth.Peer{Remote: "192.0.2.1:5683"}, "")
	}
	airs[0].to, airs[1].to = conns[1], conns[0]

	resp, err := conns[1].Do(t.Context(), bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=dev"}})
	if err != nil || resp.Code != lwm2m.CodeChanged {
		t.Errorf("Bootstrap-Request: %+v, error %v", resp, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, c := range conns {
		c.Linger(message.ExchangeLifetime)
	}
	for _, c := range conns {
		<-c.Done()
	}
	want := []string{"GET / 0", "DELETE /0 0", "PUT /0/1 2500", "PUT /0/1 40", "POST /bs 0"}
	if requests != 1 || !slices.Equal(device.seen, want) {
		t.Errorf("server saw %d requests, device %q, want 1 and %q", requests, device.seen, want)
	}
	for _, h := range hubs {
		n := h.Meter.Snapshot()
		total.Retransmitted += n.Retransmitted
		total.Duplicates += n.Duplicates
		total.Dropped[traffic.DropStray] += n.Dropped[traffic.DropStray]
		h.Close(func() error { return nil })
	}
}

// carryOut sends the requests of plan and returns the first thing that is not as it
// should be.
func carryOut(ctx context.Context, c bootstrap.Conn, plan []bootstrap.Request) error {
	for _, r := range plan {
		resp, err := c.Do(ctx, r)
		if err != nil {
			return err
		}
		if !resp.Code.Success() || resp.Quirk != "" {
			return fmt.Errorf("%v %v: %+v", r.Method, r.Path, resp)
		}
		if r.Method == bootstrap.GET && !bytes.Equal(resp.Payload, body(3000)) {
			return fmt.Errorf("read %d bytes that are not those of the device", len(resp.Payload))
		}
	}
	return nil
}
