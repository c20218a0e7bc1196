package dtls

import (
	"container/list"
	"sync"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/store"
)

// An association is a DTLS association of a listener whose handshake is complete. It is
// the [exchange.Link] of its conn, which begins when the peer sends something.
//
// It has no goroutine: a record is opened where it arrives, and sealed where it is sent. Without a
// conn it takes about a kilobyte.
type association struct {
	mux            *mux
	name           peerName
	since          time.Time               // when the handshake was complete
	random         [record.RandomSize]byte // of its ClientHello
	keyFingerprint keyFingerprint          // of the pre-shared key

	// What follows is guarded by mux.mu.
	credential   credential
	cid          connectionID    // zero where the peer did not ask for one
	ended        bool            // in no table any more
	recheckDue   bool            // has hibernated since its credential was checked
	conn         *exchange.Conn  // nil before the peer has sent something, and while it hibernates
	memory       exchange.Memory // of the conn before
	place        *list.Element   // among those active, or those that hibernate
	sibling      *association    // of the same peer, the next that hibernates
	heard        time.Time       // when the handshake was complete, or a request came
	requestTimer *time.Timer     // for the first request; nil once that has come

	// These are changed with mux.mu and mu held, and so may be read with either.
	peer       udp.Peer
	hibernates bool // hibernates

	muted   bool         // the peer has ended the association, or has another; guarded by mu
	repeats uint8        // of flight; guarded by mu
	mu      sync.Mutex   // taken after mux.mu, if with it
	layer   record.Layer // guarded by mu
	flight  []byte       // guarded by mu; see [association.repeatFlight]
	era     uint64       // guarded by mu; of the [persister] when it was kept last; 0: never

	persisted persisted // see there
}

// maxRepeats is how often the last flight of a handshake is retransmitted: more often than a client
// retransmits its own, which takes longer each time.
const maxRepeats = 16

// newAssociation returns the association that h leads to: with the record layer that goes on where h
// ended, and the last flight of the server.
func newAssociation(h *handshake, layer record.Layer, flight []byte) *association {
	now := time.Now()
	authenticated := credential{identity: h.claim.identity, chain: h.claim.chain}
	a := &association{
		mux:        h.mux,
		name:       authenticated.name(),
		credential: authenticated,
		since:      now,
		heard:      now,
		random:     h.random,
		peer:       h.peer,
		flight:     flight,
		layer:      layer,
	}
	h.mux.mu.Lock()
	defer h.mux.mu.Unlock()
	if a.cid = h.cid; a.cid != (connectionID{}) {
		a.layer.OwnCID = a.cid[:]
	}
	a.keyFingerprint = fingerprintOf(h.claim.key, a.layer.Keys)
	return a
}

// receive takes a datagram that may be of the peer, or returns why it is dropped.
func (a *association) receive(from udp.Peer, b []byte) traffic.DropReason {
	why := traffic.DropOutOfPlace
	for taken := false; len(b) > 0; {
		r, rest, ok := record.Next(b)
		if !ok {
			return why
		}
		if b = rest; r.Epoch() == record.PlainEpoch {
			continue // of a flight that the peer repeats
		}
		if reason := a.receiveRecord(from, r); !taken {
			why, taken = reason, reason == traffic.NotDropped
		}
	}
	return why
}

// receiveRecord takes one record, or returns why it is dropped.
func (a *association) receiveRecord(from udp.Peer, r record.Record) traffic.DropReason {
	out, again, why := a.openRecord(r)
	if again != nil {
		a.write(again)
	}
	if why != traffic.NotDropped {
		return why
	}
	return a.handle(from, out)
}

// handle takes what is in an authentic record, or returns why it is dropped.
func (a *association) handle(from udp.Peer, out record.Opened) traffic.DropReason {
	a.mux.noteRecord(a, from, out.Newest, out.ContentType == record.TypeApplicationData && message.IsRequest(out.Content))
	switch {
	case out.ContentType == record.TypeApplicationData:
		return a.deliver(out.Content)
	case out.ContentType == record.TypeAlert && len(out.Content) == 2:
		a.receiveAlert(out.Content[0], out.Content[1])
	}
	return traffic.NotDropped
}

// openRecord returns what is in r, or why it is dropped, and what is to be retransmitted for it.
func (a *association) openRecord(r record.Record) (out record.Opened, again []byte, why traffic.DropReason) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out, why = a.layer.Open(r)
	again = a.repeatFlight(r, out, why)
	if a.hibernates {
		a.layer.Release()
	}
	return out, again, why
}

// repeatFlight returns the last flight of the server, for retransmission, where r shows that the peer
// has not received it, as it retransmits its own Finished (RFC 6347 §4.2.4). The bytes are the same,
// as if they had been delayed. Some clients send the very same record again. After something else
// has come, the peer has received it. The caller holds mu.
func (a *association) repeatFlight(r record.Record, out record.Opened, why traffic.DropReason) []byte {
	if a.flight == nil {
		return nil
	}
	if why == traffic.DropReplayed {
		var ok bool
		if out, ok = a.layer.Decrypt(r); ok {
			why = traffic.NotDropped
		}
	}
	switch {
	case why != traffic.NotDropped:
		return nil
	case out.ContentType != record.TypeHandshake, a.repeats == maxRepeats:
		a.flight = nil
		return nil
	}
	a.repeats++
	return a.flight
}

// deliver passes a datagram to the conn, or returns why it is dropped.
func (a *association) deliver(b []byte) traffic.DropReason {
	why := traffic.DropEnding
	for range 2 { // the first conn may end just now, as it is idle
		var c *exchange.Conn
		if c, why = a.open(); c == nil {
			return why
		}
		if message.IsRequest(b) {
			a.mux.noteRequest(a)
		}
		if why = c.Deliver(b); why != traffic.DropEnding {
			return why
		}
	}
	return why
}

// open returns the conn of the association, a new one where it has none, or why it has none.
func (a *association) open() (*exchange.Conn, traffic.DropReason) {
	a.mux.mu.Lock()
	c, over, memory := a.conn, a.ended, a.memory
	a.mux.mu.Unlock()
	switch {
	case c != nil:
		return c, traffic.NotDropped
	case over:
		return nil, traffic.DropEnding
	}
	if c = a.mux.hub.NewConn(a, a.peerInfo(), memory); c == nil {
		return nil, traffic.DropEnding
	}
	return a.mux.attach(a, c)
}

// peerInfo is the peer as handlers see it.
func (a *association) peerInfo() auth.Peer {
	a.mux.mu.Lock()
	peer, credential := a.peer, a.credential
	a.mux.mu.Unlock()
	return auth.Peer{
		Remote: peer.Remote.String(), Local: a.mux.socket.LocalOf(peer), Transport: store.TransportDTLS,
		Identity: credential.identity, HasKey: a.hasKey, Chain: credential.certificates(),
	}
}

// Send implements [exchange.Link].
func (a *association) Send(b []byte) error {
	a.mu.Lock()
	if a.muted {
		a.mu.Unlock()
		return bootstrap.ErrGone
	}
	sealed, err := a.seal(record.TypeApplicationData, b)
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.write(sealed)
}

// seal returns a record of the server. Its error, where no number is reserved for it, has the effect of a
// lost datagram. The caller holds mu.
func (a *association) seal(contentType byte, content []byte) ([]byte, error) {
	a.mux.persister.reserveNumbers(a)
	return a.layer.Seal(contentType, content)
}

// write sends a datagram to where the peer is.
func (a *association) write(b []byte) error {
	a.mu.Lock()
	to := a.peer
	a.mu.Unlock()
	return a.mux.socket.Write(b, udp.SourceControl(to.Local), to.Remote)
}

// Close implements [exchange.Link]. As the listener ends, an association on disk goes on after a
// restart.
func (a *association) Close() error {
	if a.mux.outlives() {
		return nil
	}
	err := a.closeNotifyLast()
	a.mux.closed(a)
	return err
}
