package fleet

import (
	"context"
	"net"
	"sync"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
)

// handshakeTime is after what time a device breaks a handshake off, to begin anew if it comes back: the
// longest that a client waits for a retransmission (RFC 6347 §4.2.4.1).
const handshakeTime = time.Minute

// A player is one device under way.
type player struct {
	run     *run
	index   int // in Config.Devices
	client  int // in Config.Clients
	seed    uint64
	due     time.Time
	started time.Time
	served  func() // once: the device was told Finish, or has failed

	mu       sync.Mutex
	attempts int       // guarded by mu
	at       stage     // of the last attempt; guarded by mu
	finished time.Time // guarded by mu
}

// play bootstraps, and notes how that ended.
func (p *player) play(parent context.Context) {
	cfg := &p.run.cfg
	ctx, cancel := context.WithDeadline(parent, p.due.Add(cfg.Patience))
	defer cancel()
	_, err := sim.Run(ctx, p.device())
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil && parent.Err() != nil:
		p.run.interrupted()
	case err == nil && p.finished.IsZero(): // in a Bootstrap-Pack
		p.run.ends(p, time.Now(), nil)
	default:
		p.run.ends(p, p.finished, err)
	}
}

// device is what is played.
func (p *player) device() sim.Config {
	cfg, own := &p.run.cfg, p.run.cfg.Devices[p.index]
	d := cfg.Clients[p.client].Config
	d.Endpoint, d.Attempts = own.Endpoint, cfg.Attempts
	d.BootstrapServer.ServerURI = cfg.URI
	d.BootstrapServer.PublicKeyOrIdentity, d.BootstrapServer.SecretKey = []byte(own.Identity), own.Key
	d.Stack.Asks.Path, d.Stack.Asks.Queries = cfg.Path, cfg.Queries
	d.Dial, d.Observe = p.dial, p.observe
	return d
}

// dial begins an attempt.
func (p *player) dial(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
	cfg, own := &p.run.cfg, p.run.cfg.Devices[p.index]
	p.mu.Lock()
	p.attempts++
	p.at = stage{shaken: !cfg.Secure}
	seed := p.seed + uint64(p.attempts)
	p.mu.Unlock()
	dial := coap.DialConfig{
		Handler: h, Tap: cfg.Clients[p.client].Config.Stack.Wire.Tap(cfg.Secure),
		Socket: func(nc net.Conn) net.Conn {
			return cfg.Network.over(watched{nc, p.refused}, seed, p.run.meter)
		},
	}
	if cfg.LocalAddress != nil {
		dial.Local = net.JoinHostPort(cfg.LocalAddress(p.index), "0")
	}
	if !cfg.Secure {
		return coap.DialUDP(ctx, cfg.Address, dial)
	}
	dial.Identity, dial.Key, dial.Certificate = own.Identity, own.Key, own.Certificate
	if own.Certificate != nil {
		dial.ServerCertificates, dial.ServerName = cfg.ServerCertificates, cfg.ServerName
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	conn, err := coap.DialDTLS(ctx, cfg.Address, dial)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at.shaken = err == nil
	return conn, err
}

// observe notes that the server asked the device for something.
func (p *player) observe(s sim.Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at.served = true
	if s.Request.Method == bootstrap.POST && s.Response.Code.Success() {
		p.finished = time.Now()
		p.served() // its place is not for its wait for a lost answer
	}
}

// refused notes that no one listens at the address of the server.
func (p *player) refused() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at.refused = true
}
