package coap

import (
	"errors"
	"fmt"
)

// ListenDTLS listens for CoAP over DTLS 1.2 with pre-shared keys and, where it has one for
// the server, certificates on addr, such as "127.0.0.1:5684"; port 0 lets the system
// choose. Whether a key or a certificate is asked for, the suites of the client decide.
//
// A peer whose identity is unknown sees what one with a wrong key sees: silence. One whose
// certificate is refused sees bad_certificate, whatever the reason. All peers share one
// socket, as with [ListenUDP].
func ListenDTLS(addr string, cfg Config) (*Listener, error) {
	cfg, err := cfg.withDefaults()
	if cfg.PSK == nil {
		err = errors.Join(err, fmt.Errorf("%w: PSK is missing", ErrConfig))
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	h := newHub(cfg)
	s, err := openSocket(addr, h)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	m := newMux(h, s)
	m.start()
	l := newListener(h, s.addr(), m.close)
	l.handshakes, l.associations, l.hibernated, l.unwritten = m.handshakes, m.associations, m.hibernated, m.keep.backlog
	return l, nil
}
