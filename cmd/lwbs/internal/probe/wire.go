package probe

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"lwbs/bootstrap/coap/dtls/record"
)

// A wire notes what passes through the socket: also what came before there was an association.
type wire struct {
	heardAgain func()      // is called with each datagram that came
	failed     func(error) // is called with an error that ends the attempt

	mu   sync.Mutex
	seen traffic // guarded by mu
}

// traffic is what passed through a socket.
type traffic struct {
	sent, received int       // datagrams
	first          time.Time // the first that came; zero for none
	cookie         bool      // a HelloVerifyRequest came
	hello          bool      // a ServerHello came
	keys           bool      // the client has sent what only the right credential makes
	alert          int       // the description of a fatal alert that came in the clear; -1 for none
}

func newWire(heard func(), failed func(error)) *wire {
	return &wire{heardAgain: heard, failed: failed, seen: traffic{alert: -1}}
}

func (w *wire) traffic() traffic {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// socket returns nc with the wire on it.
func (w *wire) socket(nc net.Conn) net.Conn { return watched{nc, w} }

type watched struct {
	net.Conn
	wire *wire
}

// Read implements [net.Conn].
func (c watched) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	switch {
	case err == nil:
		c.wire.in(b[:n])
	case isAnswerOfNetwork(err):
		c.wire.failed(err)
	}
	return n, err
}

// Write implements [net.Conn].
func (c watched) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil {
		if isAnswerOfNetwork(err) {
			c.wire.failed(err)
		}
		return n, err
	}
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	c.wire.seen.sent++
	if len(b) > 0 && b[0] == record.TypeChangeCipherSpec || contentAt(b, record.TypeChangeCipherSpec) {
		c.wire.seen.keys = true
	}
	return n, nil
}

// isAnswerOfNetwork reports whether an error says that the network refuses datagrams for the server.
func isAnswerOfNetwork(err error) bool {
	for _, no := range []error{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EACCES, syscall.EPERM} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// in notes a datagram that came.
func (w *wire) in(b []byte) {
	w.mu.Lock()
	w.seen.received++
	if w.seen.first.IsZero() {
		w.seen.first = time.Now()
	}
	for typ, content := range cleartext(b) {
		switch {
		case typ == record.TypeHandshake && len(content) > 0 && content[0] == handshakeHelloVerifyRequest:
			w.seen.cookie = true
		case typ == record.TypeHandshake && len(content) > 0 && content[0] == handshakeServerHello:
			w.seen.hello = true
		case typ == record.TypeAlert && len(content) == 2 && content[0] == alertFatal:
			w.seen.alert = int(content[1])
		}
	}
	w.mu.Unlock()
	w.heardAgain()
}

// What a client hears of a handshake (RFC 6347 §4.3.2, RFC 5246 §7.2).
const (
	handshakeServerHello        = 2
	handshakeHelloVerifyRequest = 3
	alertFatal                  = 2
)

const recordHeader = 13 // bytes: type, version, epoch, number, length

// cleartext ranges over the records of epoch 0 in a datagram.
func cleartext(b []byte) func(yield func(typ byte, content []byte) bool) {
	return func(yield func(byte, []byte) bool) {
		for len(b) >= recordHeader {
			size := int(b[11])<<8 | int(b[12])
			if len(b) < recordHeader+size || b[3] != 0 || b[4] != 0 || !yield(b[0], b[recordHeader:recordHeader+size]) {
				return
			}
			b = b[recordHeader+size:]
		}
	}
}

// contentAt reports whether a datagram has a record of epoch 0 with this type.
func contentAt(b []byte, want byte) bool {
	for typ := range cleartext(b) {
		if typ == want {
			return true
		}
	}
	return false
}
