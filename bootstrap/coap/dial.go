package coap

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/udp"
	"lwbs/bootstrap/panics"
	"lwbs/store"
)

// DialUDP opens an association with the server at addr, such as "192.0.2.1:5683". It
// succeeds whether or not a server is there. Close ends it; its goroutine is gone
// shortly after.
func DialUDP(ctx context.Context, addr string, cfg DialConfig) (bootstrap.Conn, error) {
	x, err := cfg.exchange()
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	nc, err := udp.Dial(ctx, addr, cfg.Local)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	var socket net.Conn = nc
	if cfg.Socket != nil {
		socket = cfg.Socket(nc)
	}
	peer := auth.Peer{Remote: nc.RemoteAddr().String(), Transport: store.TransportPlain}
	return exchange.Dial(socket, udp.MaxDatagram, peer, x, tasks.NewGroup(panics.New(x.Logger)), cfg.Tap), nil
}

// DialDTLS opens an association with the server at addr, such as "192.0.2.1:5684". It
// returns after the handshake; with a wrong key no server answers, so that the error is
// that of ctx. Close ends the association; its goroutines are gone shortly after.
func DialDTLS(ctx context.Context, addr string, cfg DialConfig) (bootstrap.Conn, error) {
	x, err := cfg.exchange()
	if cfg.Certificate == nil && (cfg.Identity == "" || cfg.Key.IsZero()) {
		err = errors.Join(err, fmt.Errorf("%w: Identity or Key is missing, and there is no Certificate", ErrConfig))
	}
	if cfg.OwnCID < 0 || cfg.OwnCID > math.MaxUint8 {
		err = errors.Join(err, fmt.Errorf("%w: OwnCID %d is not within 0 to 255", ErrConfig, cfg.OwnCID))
	}
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	secure, err := pion.Dial(ctx, addr, cfg.Local, pion.Client{
		Identity: cfg.Identity, Key: cfg.Key,
		Certificate: cfg.Certificate, ServerCertificates: cfg.ServerCertificates, ServerName: cfg.ServerName,
		Suites: cfg.Suites, OfferCID: cfg.OfferCID, OwnCID: cfg.OwnCID,
		Socket: cfg.Socket,
	})
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	peer := auth.Peer{Remote: secure.RemoteAddr().String(), Transport: store.TransportDTLS, Identity: cfg.Identity}
	return exchange.Dial(secure, record.MaxDatagram, peer, x, tasks.NewGroup(panics.New(x.Logger)), cfg.Tap), nil
}
