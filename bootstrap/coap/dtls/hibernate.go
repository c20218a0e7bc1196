package dtls

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"sync"
	"time"
	"unique"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/dtls/certificate"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/traffic"
)

// maxSiblings is how many associations of one peer hibernate at a time: a device that lost
// its own makes a new one, and has no use for the one before.
const maxSiblings = 2

// Hibernate implements [exchange.Hibernator].
func (a *association) Hibernate(c *exchange.Conn) bool {
	m := a.mux
	var ok bool
	var after []func()
	holding(&m.mu, func() {
		if ok = c.Retire(); ok && a.conn == c {
			after = m.hibernateLocked(a)
		}
	})
	if ok {
		c.Finish()
	}
	do(after)
	return ok
}

// hibernateIfIdle lets an association hibernate that has no business.
func (m *mux) hibernateIfIdle(a *association) {
	var c *exchange.Conn
	var after []func()
	holding(&m.mu, func() {
		if c = a.conn; c == nil && !a.ended && !a.hibernates {
			after = m.hibernateLocked(a)
		}
	})
	do(after)
	if c != nil {
		c.EndIdle() // or it does so later, being idle
	}
}

// holding calls f with mu locked, and unlocks it also where f panics.
func holding(mu sync.Locker, f func()) {
	mu.Lock()
	defer mu.Unlock()
	f()
}

// hibernateLocked makes a one of those that hibernate, or ends it where none do. Others end where
// there are too many of them; do what it returns without mu. The conn of a has ended. The
// caller holds mu.
func (m *mux) hibernateLocked(a *association) (after []func()) {
	a.conn = nil
	if a.ended || m.cfg.DTLS.MaxHibernated < 0 {
		return m.end(a, true)
	}
	m.active.Remove(a.place)
	m.leavePeer(a)
	a.place = m.hibernating.PushFront(a)
	a.credential = a.credential.folded()
	a.mu.Lock()
	a.hibernates, a.flight = true, nil
	a.layer.Release()
	a.mu.Unlock()
	m.persister.persistSoon(a)

	a.sibling = m.hibernatingOf[a.name]
	m.hibernatingOf[a.name] = a
	oldest, n := a, 1
	for oldest.sibling != nil {
		oldest = oldest.sibling
		n++
	}
	if n > maxSiblings {
		after = m.evict(oldest)
	}
	if m.hibernating.Len() > m.cfg.DTLS.MaxHibernated {
		after = append(after, m.evict(m.hibernating.Back().Value.(*association))...)
	}
	return after
}

// evict ends a in favour of another, and tells nobody: devices that sleep would not hear
// it. The caller holds mu.
func (m *mux) evict(a *association) (after []func()) {
	m.meter.Evicted.Add(1)
	return m.end(a, false)
}

// removeSibling takes a out of those of the same peer that hibernate. The caller holds mu.
func (m *mux) removeSibling(a *association) {
	first := m.hibernatingOf[a.name]
	for at := &first; *at != nil; at = &(*at).sibling {
		if *at == a {
			*at, a.sibling = a.sibling, nil
			break
		}
	}
	if first == nil {
		delete(m.hibernatingOf, a.name)
		return
	}
	m.hibernatingOf[a.name] = first
}

// attach makes c the conn of a, which is active from then on, and returns it; or another that
// was begun in the meantime, or why there is none.
func (m *mux) attach(a *association, c *exchange.Conn) (*exchange.Conn, traffic.DropReason) {
	var after []func()
	var use *exchange.Conn
	why := traffic.NotDropped
	holding(&m.mu, func() {
		if use = a.conn; use != nil {
			return
		}
		if after, why = m.wake(a, time.Now()); why == traffic.NotDropped {
			a.conn, use = c, c
		}
	})
	do(after)
	if use != c {
		c.Abandon()
	}
	return use, why
}

// wake makes a active, if it is not, and returns why not; do what it returns without mu.
// The caller holds mu.
func (m *mux) wake(a *association, now time.Time) (after []func(), why traffic.DropReason) {
	switch {
	case a.ended:
		return nil, traffic.DropEnding
	case !a.hibernates:
		return nil, traffic.NotDropped
	}
	m.hibernating.Remove(a.place) // at once: who makes room for it hibernates, and must not push it out
	m.removeSibling(a)
	after = m.makeRoomOf(a)
	more, ok := m.makeRoom(now)
	if after = append(after, more...); !ok {
		a.place = m.hibernating.PushFront(a)
		a.sibling, m.hibernatingOf[a.name] = m.hibernatingOf[a.name], a
		return after, traffic.DropTableFull
	}
	a.place = m.active.PushFront(a)
	m.joinPeer(a)
	a.recheckDue = true
	a.mu.Lock()
	a.hibernates = false
	a.mu.Unlock()
	m.meter.Woken.Add(1)
	return after, traffic.NotDropped
}

// Recheck implements [exchange.Hibernator].
func (a *association) Recheck() error {
	m := a.mux
	m.mu.Lock()
	due, credential := a.recheckDue, a.credential
	m.mu.Unlock()
	if !due {
		return nil
	}
	if err := a.check(credential); err != nil {
		m.meter.Stale.Add(1)
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a.recheckDue = false
	return nil
}

// check returns why a peer with this credential would not be let in today.
func (a *association) check(c credential) error {
	if chain := c.certificates(); len(chain) > 0 {
		return a.mux.cfg.DTLS.VerifyClient(chain)
	}
	secret, known := a.mux.keys.ask(a.mux.tasks.Context(), c.identity)
	a.mu.Lock()
	now := fingerprintOf(secret.Reveal(), a.layer.Keys)
	a.mu.Unlock()
	switch since := a.since.UTC().Format(time.DateTime + " UTC"); {
	case !known:
		return fmt.Errorf("%w of the association from %s", auth.ErrKeyUnknown, since)
	case subtle.ConstantTimeCompare(now[:], a.keyFingerprint[:]) != 1:
		return fmt.Errorf("%w since the association from %s", auth.ErrKeyChanged, since)
	}
	return nil
}

// A keyFingerprint tells whether a pre-shared key is still the one that an association was made
// with, and nothing else about it.
type keyFingerprint [16]byte

// fingerprintOf is the keyProof of a pre-shared key, under the keys of its association.
func fingerprintOf(key, keys []byte) (p keyFingerprint) {
	h := hmac.New(sha256.New, keys)
	h.Write([]byte("lwbs pre-shared key"))
	h.Write(key)
	copy(p[:], h.Sum(nil))
	return p
}

// A credential is what a peer authenticated with.
type credential struct {
	identity string              // of PSK
	chain    []*x509.Certificate // its own first; nil while folded

	// Folded: the same, each in DER. Those of CAs many peers have in common.
	own string
	cas []unique.Handle[string]
}

// folded returns c in little memory.
func (c credential) folded() credential {
	if c.chain == nil {
		return c
	}
	for i, cert := range c.chain {
		if i == 0 {
			c.own = string(cert.Raw)
			continue
		}
		c.cas = append(c.cas, unique.Make(string(cert.Raw)))
	}
	c.chain = nil
	return c
}

// certificates are those of the peer, its own first.
func (c credential) certificates() []*x509.Certificate {
	if c.chain != nil || c.own == "" {
		return c.chain
	}
	chain, _ := certificate.ParseChain(c.raw()) // which could be parsed before
	return chain
}

// raw are the certificates of a folded credential in DER; none without.
func (c credential) raw() (raw [][]byte) {
	if c.own == "" {
		return nil
	}
	raw = [][]byte{[]byte(c.own)}
	for _, ca := range c.cas {
		raw = append(raw, []byte(ca.Value()))
	}
	return raw
}

// name tells the peer from others.
func (c credential) name() peerName {
	own := []byte(c.own)
	if len(c.chain) > 0 {
		own = c.chain[0].Raw
	}
	if len(own) > 0 {
		sum := sha256.Sum256(own)
		return peerName{string(sum[:]), true}
	}
	return peerName{c.identity, false}
}
