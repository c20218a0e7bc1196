package coap

import (
	"fmt"
	"net/netip"
	"time"

	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/dtls"
	"lwbs/bootstrap/coap/plain"
	"lwbs/bootstrap/coap/traffic"
)

// A Listener takes the requests of peers on one address, over UDP ([ListenUDP]) or
// DTLS ([ListenDTLS]).
type Listener struct {
	transport transport
	dtls      *dtls.Listener // nil over UDP
}

// A transport is a listener over UDP or DTLS.
type transport interface {
	Addr() netip.AddrPort
	Counters() traffic.Counters
	Associations() int
	SetNewPeerRates(limits admission.NewPeerLimits)
	Close() error
}

// ListenUDP listens for plain CoAP on addr, such as "127.0.0.1:5683"; port 0 lets the
// system choose.
//
// All peers share one socket, and are answered from the address that they sent to. A
// wildcard such as ":5683" can promise that on Linux only; elsewhere bind a Listener to
// each address.
func ListenUDP(addr string, cfg Config) (*Listener, error) {
	full, err := cfg.plain()
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	l, err := plain.Listen(addr, full, cfg.group(full.Exchange.Logger))
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return &Listener{transport: l}, nil
}

// ListenDTLS listens for CoAP over DTLS 1.2 with pre-shared keys and, where it has one for
// the server, certificates on addr, such as "127.0.0.1:5684"; port 0 lets the system
// choose. Whether a key or a certificate is asked for, the suites of the client decide.
//
// A peer whose identity is unknown sees what one with a wrong key sees: silence. One whose
// certificate is refused sees bad_certificate, whatever the reason. All peers share one
// socket, as with [ListenUDP].
func ListenDTLS(addr string, cfg Config) (*Listener, error) {
	full, err := cfg.secure()
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	l, err := dtls.Listen(addr, full, cfg.group(full.Exchange.Logger))
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return &Listener{transport: l, dtls: l}, nil
}

// Addr is the address that the Listener is bound to, with the port that the system
// chose where none was asked for.
func (l *Listener) Addr() netip.AddrPort { return l.transport.Addr() }

// Counters returns what the Listener has counted so far.
func (l *Listener) Counters() Counters { return l.transport.Counters() }

// Peers is how many associations are active now: neither in a handshake, nor hibernated.
func (l *Listener) Peers() int { return l.transport.Associations() }

// SetNewPeerRates changes [NewPeerLimits] while the Listener serves: how many new peers it accepts in a second, in all and
// from one network. Zero stands for the default.
func (l *Listener) SetNewPeerRates(global, perNet int) error {
	var limits NewPeerLimits
	limits.Global.PerSecond, limits.PerNet.PerSecond = global, perNet
	if err := limits.SetDefaults(0); err != nil {
		return err
	}
	l.transport.SetNewPeerRates(limits)
	return nil
}

// Hibernated is how many DTLS associations hibernate: they are kept for their peers, which
// may come back on them.
func (l *Listener) Hibernated() int {
	if l.dtls == nil {
		return 0
	}
	return l.dtls.Hibernated()
}

// Unwritten is how many DTLS associations wait for the [kept.Keeper] to keep them as they are now.
func (l *Listener) Unwritten() int {
	if l.dtls == nil {
		return 0
	}
	return l.dtls.Unwritten()
}

// Handshakes is how many DTLS handshakes are under way now.
func (l *Listener) Handshakes() int {
	if l.dtls == nil {
		return 0
	}
	return l.dtls.Handshakes()
}

// HandshakeAs returns from where and when the newest DTLS handshake began that is under way and whose
// peer has named this PSK identity, which proves nothing; ok is false for none.
func (l *Listener) HandshakeAs(identity string) (from netip.AddrPort, since time.Time, ok bool) {
	if l.dtls == nil {
		return from, since, false
	}
	return l.dtls.HandshakeAs(identity)
}

// Close ends all associations and waits for every goroutine, so that it must not be
// called from a handler. Requests under way fail with [bootstrap.ErrGone].
func (l *Listener) Close() error { return l.transport.Close() }
