package coap

import (
	"container/list"
	"sync"
	"time"

	"lwbs/bootstrap"
	"lwbs/store"
)

// An association is a DTLS association of a listener whose handshake is complete. It is
// the [link] of its conn, which there is once the peer has sent something.
//
// It has no goroutine: a record is opened where it arrives, and sealed where it is sent.
// Without a conn it is about a kilobyte, and hibernates.
type association struct {
	mux    *mux
	name   peerName
	since  time.Time          // when the handshake was complete
	random [clientRandom]byte // of its ClientHello
	proof  keyProof           // of the pre-shared key

	// What follows is guarded by mux.mu.
	credential credential
	over       bool          // found nowhere any more
	cid        connectionID  // zero where the peer did not ask for one
	conn       *conn         // nil before the peer has sent something, and while it hibernates
	place      *list.Element // among those active, or those that hibernate
	sibling    *association  // of the same peer, the next that hibernates
	heard      time.Time     // when the handshake was complete, or a request came
	await      *time.Timer   // for the first request; nil once that has come
	unreviewed bool          // has hibernated since it was last known that its peer may come

	// These are changed with mux.mu and mu held, and so may be read with either.
	peer    udpPeer
	dormant bool // hibernates

	mu      sync.Mutex  // taken after mux.mu, if with it
	layer   recordLayer // guarded by mu
	flight  []byte      // guarded by mu; see [association.repeatFlight]
	repeats int         // guarded by mu; of flight
	muted   bool        // guarded by mu; the peer has ended the association, or has another
	era     uint64      // guarded by mu; of the [keeping] when it was kept last; 0: never

	kept kept // see there
}

// maxRepeats is how often the last flight of a handshake is sent again: more often than a
// client repeats its own, which takes longer each time.
const maxRepeats = 16

// newAssociation returns what h has agreed upon.
func newAssociation(h *handshake, agreed agreement) *association {
	now := time.Now()
	proved := credential{identity: h.claim.identity, chain: h.claim.chain}
	a := &association{
		mux:        h.mux,
		name:       proved.name(),
		credential: proved,
		since:      now,
		heard:      now,
		random:     h.random,
		peer:       h.peer,
		flight:     agreed.flight,
	}
	h.mux.mu.Lock()
	defer h.mux.mu.Unlock()
	var own, peer []byte
	if a.cid = h.cid; a.cid != (connectionID{}) {
		own, peer = a.cid[:], h.offer.cid
	}
	a.layer = newRecordLayer(agreed.suite, agreed.master, h.random[:], agreed.serverRandom, own, peer, agreed.next)
	a.proof = proofOf(h.claim.key, a.layer.keys)
	return a
}

// receive takes a datagram that may be of the peer, and returns why not.
func (a *association) receive(from udpPeer, b []byte) DropReason {
	why := DropOutOfPlace
	for taken := false; len(b) > 0; {
		r, rest, ok := nextRecord(b)
		if !ok {
			return why
		}
		if b = rest; r.epoch() == plainEpoch {
			continue // of a flight that the peer repeats
		}
		if reason := a.receiveRecord(from, r); !taken {
			why, taken = reason, reason == notDropped
		}
	}
	return why
}

// receiveRecord takes one record, and returns why not.
func (a *association) receiveRecord(from udpPeer, r record) DropReason {
	out, again, why := a.openRecord(r)
	if again != nil {
		a.write(again)
	}
	if why != notDropped {
		return why
	}
	a.mux.hear(a, from, out.newest, out.contentType == applicationData && isRequest(out.content))
	switch {
	case out.contentType == applicationData:
		return a.deliver(out.content)
	case out.contentType == alertRecord && len(out.content) == 2:
		a.receiveAlert(out.content[0], out.content[1])
	}
	return notDropped
}

// openRecord returns what is in r, or why it is dropped, and what is to be sent again for it.
func (a *association) openRecord(r record) (out openedRecord, again []byte, why DropReason) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out, why = a.layer.open(r)
	again = a.repeatFlight(r, out, why)
	if a.dormant {
		a.layer.rest()
	}
	return out, again, why
}

// repeatFlight returns the last flight of the server where r shows that the peer has not
// got it, as it repeats its own Finished: the same bytes, as if they were under way for long
// (RFC 6347 §4.2.4). Some clients repeat the very record that they sent before. After
// something else has come, the peer has got it. The caller holds mu.
func (a *association) repeatFlight(r record, out openedRecord, why DropReason) []byte {
	if a.flight == nil {
		return nil
	}
	if why == DropReplayed {
		var ok bool
		if out, ok = a.layer.decrypt(r); ok {
			why = notDropped
		}
	}
	switch {
	case why != notDropped:
		return nil
	case out.contentType != handshakeRecord, a.repeats == maxRepeats:
		a.flight = nil
		return nil
	}
	a.repeats++
	return a.flight
}

// Alerts (RFC 5246 §7.2).
const (
	alertWarning     = 1
	alertFatal       = 2
	alertCloseNotify = 0
)

// deliver passes what came on to the conn, and returns why not.
func (a *association) deliver(b []byte) DropReason {
	why := DropEnding
	for range 2 { // the first may end just now, as it is idle
		var c *conn
		if c, why = a.open(); c == nil {
			return why
		}
		if isRequest(b) {
			a.mux.asked(a)
		}
		if why = c.deliver(b); why != DropEnding {
			return why
		}
	}
	return why
}

// open returns the conn of the association, which begins where there is none, or why there
// is none.
func (a *association) open() (*conn, DropReason) {
	a.mux.mu.Lock()
	c, over := a.conn, a.over
	a.mux.mu.Unlock()
	switch {
	case c != nil:
		return c, notDropped
	case over:
		return nil, DropEnding
	}
	if c = a.mux.hub.newConn(a, a.who()); c == nil {
		return nil, DropEnding
	}
	return a.mux.attach(a, c)
}

// who is the peer as others see it.
func (a *association) who() bootstrap.Peer {
	a.mux.mu.Lock()
	remote, credential := a.peer.remote.String(), a.credential
	a.mux.mu.Unlock()
	return bootstrap.Peer{Remote: remote, Transport: store.TransportDTLS, Identity: credential.identity, Chain: credential.certificates()}
}

// receiveAlert ends the association with a fatal alert and with close_notify, which is
// answered; others change nothing (RFC 5246 §7.2).
func (a *association) receiveAlert(level, description byte) {
	switch {
	case description == alertCloseNotify:
		_ = a.goodbye() // an error is as good as a lost datagram
	case level == alertFatal:
		a.mute()
	default:
		return
	}
	a.mux.forget(a)
}

// mute lets nothing more be sent.
func (a *association) mute() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.muted = true
}

// send implements [link].
func (a *association) send(b []byte) error {
	a.mu.Lock()
	if a.muted {
		a.mu.Unlock()
		return bootstrap.ErrGone
	}
	sealed, err := a.seal(applicationData, b)
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.write(sealed)
}

// seal returns a record of the server. Where it needs numbers that are not reserved yet, what
// it carries is as good as lost. The caller holds mu.
func (a *association) seal(contentType byte, content []byte) ([]byte, error) {
	a.mux.keep.renew(a)
	return a.layer.seal(contentType, content)
}

// write sends a datagram to where the peer is.
func (a *association) write(b []byte) error {
	a.mu.Lock()
	to := a.peer
	a.mu.Unlock()
	return a.mux.socket.write(b, sourceControl(to.local), to.remote)
}

// goodbye sends close_notify, unless the peer has ended the association or has a newer one,
// and nothing more after that.
func (a *association) goodbye() error { return a.notifyClose(true) }

// farewell implements [hibernator]. A peer that listens ends the association and may make a
// new one at once. Many do not, and come back on this one, where they are served all the
// same.
func (a *association) farewell() { _ = a.notifyClose(false) } // an error is as good as a lost datagram

// notifyClose sends close_notify, the last datagram of all or not.
func (a *association) notifyClose(last bool) error {
	a.mu.Lock()
	if a.muted {
		a.mu.Unlock()
		return nil
	}
	a.muted = last
	sealed, err := a.seal(alertRecord, []byte{alertWarning, alertCloseNotify})
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.write(sealed)
}

// close implements [link]. As the listener ends, an association that is kept goes on after
// that.
func (a *association) close() error {
	if a.mux.outlives() {
		return nil
	}
	err := a.goodbye()
	a.mux.forget(a)
	return err
}
