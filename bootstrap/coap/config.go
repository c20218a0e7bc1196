package coap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/dtls"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/plain"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
)

// A Config says how a [Listener] is to behave. Handler is required; every other field
// may be zero, which stands for its default.
type Config struct {
	// Handler answers the requests of peers. A response without a Code is not sent:
	// the peer and its duplicates hear nothing.
	Handler bootstrap.Handler

	// PSK finds the key of an identity, the zero Secret for an unknown one, as [ListenDTLS] needs it; required
	// there and unused by [ListenUDP]. It runs within the handshake and must be quick. Where its error is
	// [auth.ErrLookUp] it is asked again each second, until the handshake ends.
	PSK func(identity string) (key lwm2m.Secret, err error)

	// OtherPSK finds the second key that an identity may have, while a key is changed; nil finds
	// none. A client that has it needs two handshakes at the most. Unused by [ListenUDP].
	OtherPSK func(identity string) (lwm2m.Secret, bool)

	// HandshakeFailed gets every handshake that did not complete; nil ignores them. Unused by
	// [ListenUDP].
	HandshakeFailed func(auth.Handshake)

	// HandshakeDone gets how long each completed handshake took, from its admission on; nil
	// ignores them. It must be quick. Unused by [ListenUDP].
	HandshakeDone func(took time.Duration)

	// OtherProtocol gets the datagrams of other protocols than the port is for, those of a second
	// from one address together; nil ignores them. They may be forged.
	OtherProtocol func(attempt.OtherProtocol)

	// DTLS is what only [ListenDTLS] looks at.
	DTLS DTLSConfig

	// NewPeers limits the rate of new peers.
	NewPeers NewPeerLimits

	// Watch shows the CoAP datagrams of all associations to a watcher, decrypted; nil shows none.
	Watch *Watch

	// Logger takes what an operator may want to know; nil discards it.
	Logger *slog.Logger

	// Panics contains panics: each ends the datagram, the request, the handshake or the timer that it
	// came from. Default: one of its own, which logs to Logger.
	Panics *panics.Guard

	// MaxPeers is how many associations may be active at a time; default 10,000. The one idle
	// for longest makes room for a new one; over DTLS once the new one is authenticated, and if
	// the other was silent for 2 s. Handshakes under way are counted apart. Where no
	// association is idle a new peer has to try again.
	MaxPeers int

	// IdleTimeout ends an association on which nothing has come or gone and nothing
	// is under way; default 5 minutes.
	IdleTimeout time.Duration

	// MaxPayload is the largest request payload taken from a peer, in bytes, whether
	// in one message or in blocks; default 8 KiB, at most 64 KiB.
	MaxPayload int
}

// A DialConfig says how a dialled association is to behave. Every field may be zero.
type DialConfig struct {
	// Handler answers the requests of the server; nil answers all with 4.04.
	Handler bootstrap.Handler

	// Identity and Key are the PSK credentials for [DialDTLS], which requires them or a
	// Certificate; unused by [DialUDP].
	Identity string
	Key      lwm2m.Secret

	// Certificate is what [DialDTLS] authenticates with in place of a pre-shared key, an
	// empty one with nothing at all. Then ServerCertificates are those that it trusts, of
	// CAs or of the server itself, and ServerName is sent to the server (SNI) and must be
	// in its certificate; empty leaves out both.
	Certificate        *tls.Certificate
	ServerCertificates []*x509.Certificate
	ServerName         string

	// Suites are what [DialDTLS] offers, the best first; default [record.Suites], or
	// [record.CertificateSuites] with a Certificate.
	Suites []record.Suite

	// OfferCID makes [DialDTLS] ask for a connection ID (RFC 9146), so that the
	// association survives a change of address or port. Then OwnCID is how many bytes
	// the one has that the server is to send, 0 to 255; zero, as devices have it, is
	// none.
	OfferCID bool
	OwnCID   int

	// Local is the address to dial from, such as "127.0.0.1:0"; empty lets the system
	// choose.
	Local string

	// Socket is given the connected UDP socket, and returns the one to use in its place, such as
	// one that notes what passes before there is an association; nil uses the socket itself.
	Socket func(net.Conn) net.Conn

	// Tap sees every datagram of the association and may change it; nil leaves all as
	// it is.
	Tap Tap

	// Logger takes what an operator may want to know; nil discards it.
	Logger *slog.Logger

	// IdleTimeout and MaxPayload are as in [Config].
	IdleTimeout time.Duration
	MaxPayload  int
}

// ErrConfig is wrapped by every error about a [Config] or a [DialConfig].
var ErrConfig = errors.New("bad transport configuration")

// mistaken returns err, if any, as an error about a configuration.
func mistaken(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrConfig, err)
}

// plain is cfg for plain CoAP, with its defaults, or every mistake in it.
func (cfg Config) plain() (plain.Config, error) {
	full, err := plain.Config{
		Exchange:      cfg.exchange(),
		NewPeers:      cfg.NewPeers,
		MaxPeers:      cfg.MaxPeers,
		OtherProtocol: cfg.OtherProtocol,
	}.WithDefaults()
	return full, mistaken(err)
}

// secure is cfg for DTLS, with its defaults, or every mistake in it.
func (cfg Config) secure() (dtls.Config, error) {
	full, err := dtls.Config{
		Exchange:        cfg.exchange(),
		NewPeers:        cfg.NewPeers,
		MaxPeers:        cfg.MaxPeers,
		PSK:             cfg.PSK,
		OtherPSK:        cfg.OtherPSK,
		HandshakeFailed: cfg.HandshakeFailed,
		HandshakeDone:   cfg.HandshakeDone,
		OtherProtocol:   cfg.OtherProtocol,
		DTLS:            cfg.DTLS,
	}.WithDefaults()
	return full, mistaken(err)
}

// group returns the group for a listener that logs to log.
func (cfg Config) group(log *slog.Logger) *tasks.Group {
	if cfg.Panics == nil {
		return tasks.NewGroup(panics.New(log))
	}
	return tasks.NewGroup(cfg.Panics)
}

// exchange is the part of cfg that is for each association.
func (cfg Config) exchange() exchange.Config {
	return exchange.Config{Handler: cfg.Handler, Watch: cfg.Watch, Logger: cfg.Logger, IdleTimeout: cfg.IdleTimeout, MaxPayload: cfg.MaxPayload}
}

// exchange is the part of cfg that a dialled association shares with those of a [Listener], with
// its defaults.
func (cfg DialConfig) exchange() (exchange.Config, error) {
	x := exchange.Config{Handler: cfg.Handler, Logger: cfg.Logger, IdleTimeout: cfg.IdleTimeout, MaxPayload: cfg.MaxPayload}
	if x.Handler == nil {
		x.Handler = notFound{}
	}
	x, err := x.WithDefaults()
	return x, mistaken(err)
}

// notFound is the handler of a dialled association that was given none.
type notFound struct{}

// ServeRequest answers 4.04.
func (notFound) ServeRequest(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	return bootstrap.Response{Code: lwm2m.CodeNotFound}, nil
}
