package plain

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// A Config says how a [Listener] behaves. Exchange.Handler is required; every other
// field may be zero, which stands for its default.
type Config struct {
	// Exchange says how each association is treated.
	Exchange exchange.Config

	// NewPeers limits the rate of new peers.
	NewPeers admission.NewPeerLimits

	// MaxPeers is how many associations may exist at a time; default 10,000. The one idle for
	// longest makes room for a new one.
	MaxPeers int

	// OtherProtocol gets the datagrams that are not CoAP; nil ignores them.
	OtherProtocol func(attempt.OtherProtocol)
}

// WithDefaults returns cfg with its zero fields filled in, or every mistake in it.
func (cfg Config) WithDefaults() (Config, error) {
	var errs []error
	var err error
	cfg.MaxPeers = cmp.Or(cfg.MaxPeers, admission.DefaultMaxPeers)
	if cfg.MaxPeers < 0 {
		errs = append(errs, fmt.Errorf("MaxPeers %d is negative", cfg.MaxPeers))
	}
	cfg.Exchange, err = cfg.Exchange.WithDefaults()
	return cfg, errors.Join(append(errs, err, cfg.NewPeers.SetDefaults(cfg.MaxPeers))...)
}

// A Listener takes the requests of peers on one address.
type Listener struct {
	hub   *exchange.Hub
	table *table
}

// Listen listens on addr, such as "127.0.0.1:5683"; port 0 lets the system choose. The
// goroutines are of g, and cfg has its defaults.
func Listen(addr string, cfg Config, g *tasks.Group) (*Listener, error) {
	meter := new(traffic.Meter)
	s, err := udp.Listen(addr, g, meter, cfg.Exchange.Logger)
	if err != nil {
		return nil, err
	}
	h := exchange.NewHub(cfg.Exchange, g, meter, admission.NewRequestQueue(g.Go))
	t := newTable(h, cfg, s)
	g.Go(func() { s.Read(t.take) })
	return &Listener{h, t}, nil
}

// Addr is the address that the listener is bound to.
func (l *Listener) Addr() netip.AddrPort { return l.table.socket.Addr() }

// Counters are its totals.
func (l *Listener) Counters() traffic.Counters { return l.table.meter.Snapshot() }

// Associations is how many associations there are.
func (l *Listener) Associations() int { return l.hub.Count() }

// SetNewPeerRates changes the rates of new peers, all of which limits must have.
func (l *Listener) SetNewPeerRates(limits admission.NewPeerLimits) { l.table.sources.SetRates(limits) }

// Close ends every association and waits for every goroutine.
func (l *Listener) Close() error { return l.hub.Close(l.table.socket.Close) }
