package dtls

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/pskhandshake"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
)

// maxQueued is how many datagrams of a handshake may wait for a [stepEngine].
const maxQueued = 16

// A stepEngine carries a handshake with a pre-shared key on, step by step. It has a goroutine only
// while there is something to do: the read loop must not wait until a key is looked up, and handshakes
// are to use all CPUs.
type stepEngine struct {
	h       *handshake
	cid     []byte                  // for the client; nil for none
	shaking *pskhandshake.Handshake // of the goroutine alone; nil before the ClientHello was taken

	// What follows is guarded by mux.mu.
	queue []pion.Packet
	due   bool  // it is time to retransmit
	runs  bool  // there is a goroutine, or there was a last one
	over  bool  // the handshake has ended
	cause error // why it has failed; nil if it has not
}

// beginInSteps gives h a stepEngine; the caller holds mux.mu. It reports whether the listener goes on.
func (h *handshake) beginInSteps() bool {
	e := &stepEngine{h: h}
	h.engine, h.claim.accepted = e, record.Suites()
	if h.offer.CID != nil && h.mayHaveCID() {
		e.cid = h.mux.assign(h)
	}
	return !h.mux.tasks.Ending()
}

// put implements [engine].
func (e *stepEngine) put(b []byte, from udp.Peer) bool {
	if e.over || len(e.queue) == maxQueued {
		return false
	}
	e.queue = append(e.queue, pion.Packet{Data: bytes.Clone(b), From: from})
	e.wake()
	return true
}

// retransmit implements [engine].
func (e *stepEngine) retransmit() {
	e.due = true
	e.wake()
}

// cancel implements [engine]. What follows from it is reported by the goroutine.
func (e *stepEngine) cancel(cause error) {
	if e.over {
		return
	}
	if e.over, e.cause = true, cause; cause != nil {
		e.wake()
	}
}

// canceled implements [engine].
func (e *stepEngine) canceled() bool { return e.over }

// drain implements [engine].
func (e *stepEngine) drain() []pion.Packet {
	out := e.queue
	e.queue = nil
	return out
}

// wake begins the goroutine, if there is none. The caller holds mux.mu.
func (e *stepEngine) wake() {
	if !e.runs {
		e.runs = e.h.mux.tasks.Go(e.run)
	}
}

// run does what there is to do.
func (e *stepEngine) run() {
	h := e.h
	defer h.contain(func() { h.failed(h.panicked()) })
	for {
		in, due, cause, ok := e.nextStep()
		switch {
		case cause != nil:
			h.failed(cause)
			return
		case !ok:
			return
		case due:
			e.send(e.shaking.Due(time.Now()))
		default:
			e.take(in)
		}
		switch e.shaking.Status() {
		case pskhandshake.Complete:
			agreed := e.shaking.Result()
			h.complete(agreed.Layer, agreed.Flight, agreed.After)
			return
		case pskhandshake.Failed:
			h.failed(e.shaking.Err())
			return
		}
	}
}

// nextStep returns what is to be done: with a datagram, or because it is due, or because the handshake
// has failed for a cause. If there is nothing, the goroutine ends.
func (e *stepEngine) nextStep() (in pion.Packet, due bool, cause error, ok bool) {
	m := e.h.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.shaking != nil && e.h.next != e.shaking.Next() && !e.over {
		e.h.next = e.shaking.Next()
		e.h.schedule()
	}
	switch {
	case e.over:
		return in, false, e.cause, false
	case len(e.queue) > 0:
		in = e.queue[0]
		e.queue = slices.Delete(e.queue, 0, 1)
		return in, false, nil, true
	case e.due && e.shaking != nil:
		e.due = false
		return in, true, nil, true
	}
	e.queue, e.runs = nil, false
	return in, false, nil, false
}

// take takes a datagram: the ClientHello first, and then record by record.
func (e *stepEngine) take(in pion.Packet) {
	if e.shaking == nil {
		o := pskhandshake.Opening{Hello: in.Data, Offer: e.h.offer, CID: e.cid}
		rand.Read(o.Random[:]) // never fails
		var out []byte
		e.shaking, out = pskhandshake.Begin(o, time.Now())
		e.send(out)
		return
	}
	for b := in.Data; len(b) > 0; {
		r, rest, ok := record.Next(b)
		if !ok {
			return
		}
		b = rest
		e.send(e.shaking.Take(r, time.Now()))
		if e.shaking.Status() == pskhandshake.NeedsKey {
			switch key, err := e.h.Key(e.shaking.Identity()); {
			case err == nil:
				e.send(e.shaking.Key(key))
			case errors.Is(err, auth.ErrLookUp): // until the handshake ended: its peer may have begun anew
				return
			default:
				e.send(e.shaking.Abort(err))
			}
		}
	}
}

// send sends a datagram to the client, if there is one. An error has the effect of a lost datagram.
func (e *stepEngine) send(b []byte) {
	if b != nil {
		_ = e.h.mux.socket.Write(b, udp.SourceControl(e.h.peer.Local), e.h.peer.Remote)
	}
}
