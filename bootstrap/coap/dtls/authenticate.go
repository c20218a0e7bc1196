package dtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/dtls/certificate"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
)

// A claim is what a peer says that it is, and what is known about that.
type claim struct {
	identity string              // of PSK
	key      []byte              // that of the identity, or a made-up one
	chain    []*x509.Certificate // its own first
	sent     [][]byte            // certificates of a handshake that failed; not verified
	choice   bool                // the identity has two keys
	second   bool                // key is the second of them
	valid    bool                // the identity has a key, or the chain was accepted
	err      error               // what was wrong with the one or the other, or with what it offers
	accepted []record.Suite      // by us
	shown    *x509.Certificate   // our own that it was shown; nil for none
}

// A pionEngine has pion carry a handshake on, in goroutines of its own.
type pionEngine struct {
	h    *handshake
	pipe *pion.Pipe
	ctx  context.Context // of the handshake
	end  context.CancelCauseFunc
}

// beginWithPion gives h a pionEngine, and reports whether that runs.
func (h *handshake) beginWithPion() bool {
	ctx, end := context.WithCancelCause(h.mux.tasks.Context())
	e := &pionEngine{h, pion.NewPipe(h.mux.socket, h.peer), ctx, end}
	h.engine = e
	return h.mux.tasks.Go(e.run)
}

func (e *pionEngine) put(b []byte, from udp.Peer) bool { return e.pipe.Put(b, from) }
func (e *pionEngine) retransmit()                      {} // pion has timers of its own
func (e *pionEngine) cancel(cause error)               { e.end(cause) }
func (e *pionEngine) canceled() bool                   { return e.ctx.Err() != nil }
func (e *pionEngine) drain() []pion.Packet             { return e.pipe.Drain() }

// run is the life of the handshake.
func (e *pionEngine) run() {
	h, ctx := e.h, e.ctx
	defer h.contain(func() { h.failed(h.panicked()) })
	agreed, err := h.shake(ctx, e.pipe)
	switch cause := context.Cause(ctx); {
	case err == nil:
		h.complete(h.layerOf(agreed), agreed.Flight, nil)
	case cause != nil:
		h.failed(cause)
	default:
		h.failed(err)
	}
}

// shake runs the handshake; after it succeeds, claim is verified.
func (h *handshake) shake(ctx context.Context, p *pion.Pipe) (pion.Agreement, error) {
	h.certificates = h.mux.cfg.DTLS.Certificates()
	h.claim.accepted = certificate.AcceptedSuites(h.certificates)
	agreed, err := pion.Accept(ctx, p, h.peer, pion.Opening{
		Cookie:     h.returned,
		Signatures: certificate.PreferredSignatures(h.offer),
		WithCID:    h.mayHaveCID(),
	}, h)
	if err == nil && agreed.Identity != h.claim.identity {
		err = ErrUnknownIdentity
	}
	return agreed, err
}

// layerOf is the record layer that goes on where pion ended.
func (h *handshake) layerOf(agreed pion.Agreement) record.Layer {
	h.mux.mu.Lock()
	defer h.mux.mu.Unlock()
	var own, peer []byte
	if h.cid != (connectionID{}) {
		own, peer = h.cid[:], h.offer.CID
	}
	return record.NewLayer(agreed.Suite, agreed.Master, h.random[:], agreed.ServerRandom, own, peer, agreed.Next)
}

// mayHaveCID reports whether the client gets a connection ID if it asks for one. With CBC it does
// not: pion's MAC then has the content twice, against RFC 9146 §5.1, so that no other stack would
// understand it.
func (h *handshake) mayHaveCID() bool {
	for _, s := range h.offer.Suites {
		if slices.Contains(record.Suites(), s) { // which pion chooses then; see choose
			return s != record.PSKWithAES128CBCSHA256
		}
	}
	return true
}

// ConnectionID implements [pion.Authenticator].
func (h *handshake) ConnectionID() []byte {
	h.mux.mu.Lock()
	defer h.mux.mu.Unlock()
	return h.mux.assign(h)
}

// Certificate implements [pion.Authenticator]. It remembers what the client is shown, or why there is
// nothing for it.
func (h *handshake) Certificate(serverName string) (c *tls.Certificate, err error) {
	defer h.contain(func() { c, err = nil, h.panicked() })
	if c, err = certificate.Choose(h.certificates, serverName, h.offer); err != nil {
		h.claim.err = err
		return nil, err
	}
	h.claim.shown = c.Leaf
	return c, nil
}

// Unverified implements [pion.Authenticator].
func (h *handshake) Unverified(chain [][]byte) { h.claim.sent = chain }

// Key implements [pion.Authenticator].
func (h *handshake) Key(identity string) (key []byte, err error) {
	defer h.contain(func() { key, err = nil, h.panicked() })
	key, known, err := h.find(identity)
	if errors.Is(err, auth.ErrLookUp) { // to ask for a second key would wait for the store once more
		h.claim.valid, h.claim.err = false, err
		return nil, err
	}
	other, both := h.mux.keys.second(identity) // in any case, so that each takes the same time
	if h.claim.choice = both && known && err == nil; h.claim.choice {
		if h.claim.second = h.mux.otherKeys.second(identity, h.peer.Remote.Addr()); h.claim.second {
			key = other.Reveal()
		}
	}
	if err == nil {
		h.claim.key = key
	}
	h.claim.valid, h.claim.err = known, err
	h.mux.mu.Lock()
	defer h.mux.mu.Unlock()
	h.claimed = true
	h.noteSentAll()
	return key, err
}

// askAgain is how long after a look-up that failed the next one is.
const askAgain = time.Second

// find returns the key to go on with for a claimed identity: see [keyFinder.find]. While the store fails it asks again: the
// device has done its part, and would come again in a minute only, or for some stacks never.
func (h *handshake) find(identity string) (key []byte, known bool, err error) {
	for {
		key, known, err = h.mux.keys.find(identity)
		if !errors.Is(err, ErrIdentity) {
			h.claim.identity = identity
		}
		if !errors.Is(err, auth.ErrLookUp) || !h.goesOn() {
			return key, known, err
		}
		h.mux.tasks.Pause(askAgain)
	}
}

// goesOn reports whether the handshake may still become complete.
func (h *handshake) goesOn() bool {
	h.mux.mu.Lock()
	defer h.mux.mu.Unlock()
	return !h.ended && !h.engine.canceled() && !h.mux.tasks.Ending()
}

// Verify implements [pion.Authenticator].
func (h *handshake) Verify(raw [][]byte) (err error) {
	defer h.contain(func() { err = h.panicked() })
	chain, err := certificate.ParseChain(raw)
	if err == nil {
		h.claim.chain = chain
		err = h.mux.cfg.DTLS.VerifyClient(chain)
	}
	h.claim.valid, h.claim.err = err == nil, err
	return err
}

// contain contains a panic of the handshake, also in a goroutine of pion, and calls then
// after one. Only a deferred call has an effect.
func (h *handshake) contain(then func()) {
	if p := recover(); p != nil {
		h.mux.tasks.Panics.Note(panics.Handshake, p)
		then()
	}
}

// panicked notes that our side is why the handshake ends, and returns that.
func (h *handshake) panicked() error {
	h.claim.valid, h.claim.err = false, outcome.ErrPanicked
	return h.claim.err
}
