package coap

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"time"
	"unique"

	"lwbs/bootstrap"
)

// maxSiblings is how many associations of one peer hibernate at a time: a device that lost
// its own makes a new one, and has no use for the one before.
const maxSiblings = 2

// hibernate implements [hibernator].
func (a *association) hibernate(c *conn) bool {
	m := a.mux
	var ok bool
	var after []func()
	holding(&m.mu, func() {
		if ok = c.retire(); ok && a.conn == c {
			after = m.layDown(a)
		}
	})
	if ok {
		c.finish()
	}
	do(after)
	return ok
}

// rest lets an association hibernate that has no business.
func (m *mux) rest(a *association) {
	var c *conn
	var after []func()
	holding(&m.mu, func() {
		if c = a.conn; c == nil && !a.over && !a.dormant {
			after = m.layDown(a)
		}
	})
	do(after)
	if c != nil {
		c.rest() // or it does so later, being idle
	}
}

// layDown makes a one of those that hibernate, or ends it where none do. Others end where
// there are too many of them; do what it returns without mu. The conn of a has ended. The
// caller holds mu.
func (m *mux) layDown(a *association) (after []func()) {
	a.conn = nil
	if a.over || m.hub.cfg.DTLS.MaxHibernated < 0 {
		return m.dismiss(a, true)
	}
	m.active.Remove(a.place)
	m.leavePeer(a)
	a.place = m.dormant.PushFront(a)
	a.credential = a.credential.folded()
	a.mu.Lock()
	a.dormant, a.flight = true, nil
	a.layer.rest()
	a.mu.Unlock()
	m.keep.soon(a)

	a.sibling = m.sleepers[a.name]
	m.sleepers[a.name] = a
	oldest, n := a, 1
	for oldest.sibling != nil {
		oldest = oldest.sibling
		n++
	}
	if n > maxSiblings {
		after = m.evict(oldest)
	}
	if m.dormant.Len() > m.hub.cfg.DTLS.MaxHibernated {
		after = append(after, m.evict(m.dormant.Back().Value.(*association))...)
	}
	return after
}

// evict ends a in favour of another, and tells nobody: devices that sleep would not hear
// it. The caller holds mu.
func (m *mux) evict(a *association) (after []func()) {
	m.hub.counters.evicted.Add(1)
	return m.dismiss(a, false)
}

// separate takes a out of those of the same peer that hibernate. The caller holds mu.
func (m *mux) separate(a *association) {
	first := m.sleepers[a.name]
	for at := &first; *at != nil; at = &(*at).sibling {
		if *at == a {
			*at, a.sibling = a.sibling, nil
			break
		}
	}
	if first == nil {
		delete(m.sleepers, a.name)
		return
	}
	m.sleepers[a.name] = first
}

// attach makes c the conn of a, which is active from then on, and returns it; or another that
// was begun in the meantime, or why there is none.
func (m *mux) attach(a *association, c *conn) (*conn, DropReason) {
	var after []func()
	var use *conn
	why := notDropped
	holding(&m.mu, func() {
		if use = a.conn; use != nil {
			return
		}
		if after, why = m.wake(a, time.Now()); why == notDropped {
			a.conn, use = c, c
		}
	})
	do(after)
	if use != c {
		c.abandon()
	}
	return use, why
}

// wake makes a active, if it is not, and returns why not; do what it returns without mu.
// The caller holds mu.
func (m *mux) wake(a *association, now time.Time) (after []func(), why DropReason) {
	switch {
	case a.over:
		return nil, DropEnding
	case !a.dormant:
		return nil, notDropped
	}
	m.dormant.Remove(a.place) // at once: who makes room for it hibernates, and must not push it out
	m.separate(a)
	after = m.makeRoomOf(a)
	more, ok := m.makeRoom(now)
	if after = append(after, more...); !ok {
		a.place = m.dormant.PushFront(a)
		a.sibling, m.sleepers[a.name] = m.sleepers[a.name], a
		return after, DropTableFull
	}
	a.place = m.active.PushFront(a)
	m.join(a)
	a.unreviewed = true
	a.mu.Lock()
	a.dormant = false
	a.mu.Unlock()
	m.hub.counters.woken.Add(1)
	return after, notDropped
}

// review implements [hibernator].
func (a *association) review() error {
	m := a.mux
	m.mu.Lock()
	due, credential := a.unreviewed, a.credential
	m.mu.Unlock()
	if !due {
		return nil
	}
	if err := a.check(credential); err != nil {
		m.hub.counters.stale.Add(1)
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a.unreviewed = false
	return nil
}

// check returns why a peer with this credential would not be let in today.
func (a *association) check(c credential) error {
	if chain := c.certificates(); len(chain) > 0 {
		return a.mux.hub.cfg.DTLS.VerifyClient(chain)
	}
	secret, known := a.mux.keys.ask(a.mux.hub.ctx, c.identity)
	a.mu.Lock()
	now := proofOf(secret.Reveal(), a.layer.keys)
	a.mu.Unlock()
	switch since := a.since.UTC().Format(time.DateTime + " UTC"); {
	case !known:
		return fmt.Errorf("%w of the association from %s", bootstrap.ErrKeyUnknown, since)
	case subtle.ConstantTimeCompare(now[:], a.proof[:]) != 1:
		return fmt.Errorf("%w since the association from %s", bootstrap.ErrKeyChanged, since)
	}
	return nil
}

// A keyProof tells whether a pre-shared key is still the one that an association was made
// with, and nothing else about it.
type keyProof [16]byte

// proofOf is the keyProof of a pre-shared key, under the keys of its association.
func proofOf(key, keys []byte) (p keyProof) {
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
	chain, _ := parseChain(c.raw()) // which could be parsed before
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
