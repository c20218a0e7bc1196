package exchange

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/lwm2m"
)

// A stuckLink is a way that takes nothing, until it is opened.
type stuckLink struct{ open chan struct{} }

// Send implements [Link].
func (l stuckLink) Send([]byte) error {
	<-l.open
	return nil
}

// Close implements [Link].
func (l stuckLink) Close() error { return nil }

// In the inboxes of all conns together 16 MiB wait, and not a byte more; once they were handled there is
// room again.
func TestBytesOfAllInboxes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
		})
		const documented = 16 << 20
		link := stuckLink{make(chan struct{})}
		ping, err := message.Encode(message.Message{Kind: message.Confirmable, ID: 1})
		if err != nil {
			t.Fatal(err)
		}
		large := make([]byte, message.MaxDatagram)
		var waiting int64
		refused := traffic.NotDropped
		for i := 0; refused == traffic.NotDropped; i++ {
			c := s.hub.NewConn(link, auth.Peer{Remote: fmt.Sprintf("192.0.2.1:%d", i), Transport: "coap"}, "")
			c.Deliver(ping) // whose answer is not taken
			synctest.Wait()
			for range maxInbox {
				if refused = c.Deliver(large); refused != traffic.NotDropped {
					break
				}
				waiting += int64(len(large))
			}
			if waiting > 2*documented {
				t.Fatal("there is no limit")
			}
		}
		if waiting != documented || refused != traffic.DropQueueFull {
			t.Errorf("%d bytes wait, then %v; want %d", waiting, refused, documented)
		}
		close(link.open)
		synctest.Wait()
		if n := s.hub.inboxBytes.Load(); n != 0 {
			t.Errorf("%d bytes are still counted", n)
		}
		if why := s.conn.Deliver(ping); why != traffic.NotDropped {
			t.Errorf("there is no room again: %v", why)
		}
		s.hub.Close(func() error { return nil })
	})
}

// Of a peer over plain CoAP two requests are under way before it has answered something.
func TestRequestsBeforeTheFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newScript(t, func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			<-release
			return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
		})
		d := &unvalidatedScript{script: s}
		s.conn = s.hub.NewConn(d, auth.Peer{Remote: "192.0.2.1:5683", Transport: "coap"}, "")
		for i := range uint16(5) {
			d.deliver(bootstrapRequest(i, "a"))
		}
		if n := d.hub.Meter.Snapshot().Dropped[traffic.DropBusy]; n != 5-2 {
			t.Errorf("%d of 5 requests are dropped, want 3", n)
		}
		close(release)
		if sent, _ := d.drain(); sent != 2 {
			t.Errorf("%d are answered, want 2", sent)
		}
		s.hub.Close(func() error { return nil })
	})
}
