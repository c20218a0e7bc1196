package dtls

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/dtls/kept"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/lwm2m"
)

// Options say how a listener treats handshakes and associations.
// Every field may be zero, which stands for its default.
type Options struct {
	// HandshakeTimeout is how long a handshake may go on, from when the peer has returned
	// its cookie until it is authenticated; default 90 s. A client in a constrained network
	// retransmits a flight after 9 s, 18 s and 36 s (RFC 7925 §11), which are 63 s together. A
	// handshake whose peer has sent all it has to, and is not authenticated by that, ends after
	// 10 s at the latest.
	HandshakeTimeout time.Duration

	// MaxHandshakes is how many handshakes may be under way at a time; default 2,000. Beyond
	// it the one whose peer is silent for longest is evicted, if that is for 10 s; else the new
	// one waits.
	MaxHandshakes int

	// MaxHandshakesPerNet is the same for one network, a /24 of IPv4 or a /48 of IPv6;
	// default 500.
	MaxHandshakesPerNet int

	// RequestTimeout is how long after its handshake a peer may take to make a
	// request; default 1 minute. Then NoRequest gets the association, which hibernates.
	RequestTimeout time.Duration

	// MaxHibernated is how many associations may hibernate; default 100,000, a negative
	// number for none. An association whose device is done hibernates: it is kept, in about a
	// kilobyte, for the device to come back on it, as many do days later. The one heard of
	// longest ago is evicted for another, and of one peer there are two at the most.
	MaxHibernated int

	// Keeper keeps those that hibernate over a restart; nil keeps none. What the listener was
	// given before comes back in the background, the one heard of last first, up to
	// MaxHibernated. The Keeper must outlive the listener. Unused where none hibernate.
	Keeper kept.Keeper

	// MaxPerPeer is how many associations of one PSK identity, or one certificate, may be active
	// at a time; default 8. The one that made no request for longest hibernates for another.
	MaxPerPeer int

	// Certificates returns those that the listener may show to clients, with their keys:
	// the server name that a client asks for (SNI) and the suites that it offers select,
	// the first is the default. It is called for every handshake, so that they can be
	// exchanged, and must be quick. Nil, or none: pre-shared keys only.
	Certificates func() []tls.Certificate

	// VerifyClient decides about the certificates that a client sent, its own first, of
	// with the key of which it has signed; none where it sent none. Required with
	// Certificates.
	VerifyClient func(chain []*x509.Certificate) error

	// UnknownAssociation gets the records that no association opens, those of some seconds from
	// one address together; nil ignores them. KnownAddress reports whether a device is known to
	// have had an address: others are not reported. It must be quick. They go together.
	UnknownAssociation func(attempt.UnknownAssociation)
	KnownAddress       func(netip.AddrPort) bool

	// PionForPSK has pion run the handshakes of clients with a pre-shared key too, as it runs those
	// with certificates; default false: package pskhandshake runs them.
	PionForPSK bool

	// ReplicaID is the first byte of the connection IDs (RFC 9146) that clients get which
	// ask for one, so that a balancer in front of several servers finds the one that has
	// the association; default 0.
	ReplicaID uint8

	// NoRequest gets every association on which the peer has made no request in time, or
	// before it ended, with the time of its handshake; nil ignores them.
	NoRequest func(peer auth.Peer, since time.Time, end attempt.UnusedEnd)
}

const (
	defaultHandshakeTimeout    = 90 * time.Second
	defaultMaxHandshakes       = 2000
	defaultMaxHandshakesPerNet = 500
	defaultRequestTimeout      = time.Minute
	defaultMaxHibernated       = 100_000
)

// setDefaults fills in the zero fields, and reports every mistake in the others.
func (cfg *Options) setDefaults() error {
	cfg.HandshakeTimeout = cmp.Or(cfg.HandshakeTimeout, defaultHandshakeTimeout)
	cfg.MaxHandshakes = cmp.Or(cfg.MaxHandshakes, defaultMaxHandshakes)
	cfg.MaxHandshakesPerNet = cmp.Or(cfg.MaxHandshakesPerNet, defaultMaxHandshakesPerNet)
	cfg.RequestTimeout = cmp.Or(cfg.RequestTimeout, defaultRequestTimeout)
	cfg.MaxHibernated = cmp.Or(cfg.MaxHibernated, defaultMaxHibernated)
	cfg.MaxPerPeer = cmp.Or(cfg.MaxPerPeer, maxPerPeer)

	var errs []error
	if (cfg.Certificates == nil) != (cfg.VerifyClient == nil) {
		errs = append(errs, errors.New("DTLS.Certificates and DTLS.VerifyClient go together"))
	}
	if (cfg.UnknownAssociation == nil) != (cfg.KnownAddress == nil) {
		errs = append(errs, errors.New("DTLS.UnknownAssociation and DTLS.KnownAddress go together"))
	}
	if cfg.Certificates == nil {
		cfg.Certificates = func() []tls.Certificate { return nil }
	}
	negative := func(field string, is bool, value any) {
		if is {
			errs = append(errs, fmt.Errorf("DTLS.%s %v is negative", field, value))
		}
	}
	negative("HandshakeTimeout", cfg.HandshakeTimeout < 0, cfg.HandshakeTimeout)
	negative("MaxHandshakes", cfg.MaxHandshakes < 0, cfg.MaxHandshakes)
	negative("MaxHandshakesPerNet", cfg.MaxHandshakesPerNet < 0, cfg.MaxHandshakesPerNet)
	negative("MaxPerPeer", cfg.MaxPerPeer < 0, cfg.MaxPerPeer)
	negative("RequestTimeout", cfg.RequestTimeout < 0, cfg.RequestTimeout)
	return errors.Join(errs...)
}

// A Config says how a [Listener] behaves. Exchange.Handler and PSK are required; every
// other field may be zero, which stands for its default.
type Config struct {
	// Exchange says how each association is treated.
	Exchange exchange.Config

	// NewPeers limits the rate of new peers.
	NewPeers admission.NewPeerLimits

	// MaxPeers is how many associations may be active at a time; default 10,000. The one idle
	// for longest hibernates for a new one, if it was silent for 2 s; else the new one waits.
	MaxPeers int

	// PSK finds the key of an identity, the zero Secret for an unknown one. It runs within the handshake and must be quick.
	// Where its error is [auth.ErrLookUp] it is asked again each second, until the handshake ends. Required.
	PSK func(identity string) (key lwm2m.Secret, err error)

	// OtherPSK finds the second key that an identity may have, while a key is changed; nil finds
	// none. It is asked after PSK, for every identity.
	OtherPSK func(identity string) (lwm2m.Secret, bool)

	// HandshakeFailed gets every handshake that did not complete; nil ignores them.
	HandshakeFailed func(auth.Handshake)

	// HandshakeDone gets how long each completed handshake took, from its admission on; nil
	// ignores them. It must be quick.
	HandshakeDone func(took time.Duration)

	// OtherProtocol gets the datagrams that are not DTLS 1.2; nil ignores them.
	OtherProtocol func(attempt.OtherProtocol)

	// DTLS has the rest, with defaults.
	DTLS Options
}

// WithDefaults returns cfg with its zero fields filled in, or every mistake in it.
func (cfg Config) WithDefaults() (Config, error) {
	var errs []error
	var err error
	cfg.MaxPeers = cmp.Or(cfg.MaxPeers, admission.DefaultMaxPeers)
	if cfg.MaxPeers < 0 {
		errs = append(errs, fmt.Errorf("MaxPeers %d is negative", cfg.MaxPeers))
	}
	if cfg.PSK == nil {
		errs = append(errs, errors.New("PSK is missing"))
	}
	cfg.Exchange, err = cfg.Exchange.WithDefaults()
	return cfg, errors.Join(append(errs, err, cfg.NewPeers.SetDefaults(cfg.MaxPeers), cfg.DTLS.setDefaults())...)
}
