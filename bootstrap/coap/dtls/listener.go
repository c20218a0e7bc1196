package dtls

import (
	"net/netip"
	"time"

	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// A Listener takes the handshakes and requests of peers on one address.
type Listener struct{ mux *mux }

// Listen listens on addr, such as "127.0.0.1:5684"; port 0 lets the system choose. The
// goroutines are of g, and cfg has its defaults.
func Listen(addr string, cfg Config, g *tasks.Group) (*Listener, error) {
	meter := new(traffic.Meter)
	s, err := udp.Listen(addr, g, meter, cfg.Exchange.Logger)
	if err != nil {
		return nil, err
	}
	m := newMux(cfg, s, g, meter)
	m.start()
	return &Listener{m}, nil
}

// Addr is the address that the listener is bound to.
func (l *Listener) Addr() netip.AddrPort { return l.mux.socket.Addr() }

// Counters are its totals.
func (l *Listener) Counters() traffic.Counters { return l.mux.meter.Snapshot() }

// Associations is how many associations are active.
func (l *Listener) Associations() int { return l.mux.associations() }

// SetNewPeerRates changes the rates of new peers, all of which limits must have.
func (l *Listener) SetNewPeerRates(limits admission.NewPeerLimits) { l.mux.sources.SetRates(limits) }

// Hibernated is how many associations hibernate.
func (l *Listener) Hibernated() int { return l.mux.hibernated() }

// Unwritten is how many associations wait for the [kept.Keeper].
func (l *Listener) Unwritten() int { return l.mux.persister.backlog() }

// Handshakes is how many handshakes are under way.
func (l *Listener) Handshakes() int { return l.mux.handshakes() }

// HandshakeAs returns from where and when the newest handshake began that is under way and whose
// peer has named this PSK identity, which proves nothing; ok is false for none.
func (l *Listener) HandshakeAs(identity string) (from netip.AddrPort, since time.Time, ok bool) {
	return l.mux.handshakeAs(identity)
}

// Close ends every association, or keeps it where there is a [kept.Keeper], and waits for every
// goroutine.
func (l *Listener) Close() error { return l.mux.hub.Close(l.mux.close) }
