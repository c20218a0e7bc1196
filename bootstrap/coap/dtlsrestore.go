package coap

import (
	"errors"
	"math/rand/v2"
)

// numbersSkipped is up to how many numbers an association leaves out after a restart, at
// random: should a machine be set back to an older state, which no program on it can tell,
// then it hardly uses numbers that it has used already.
const numbersSkipped = 1 << 24

// restore brings the associations back that are kept, the one heard of last first, up to the
// limit.
func (k *keeping) restore() error {
	defer k.loading.Store(false)
	log := k.mux.hub.cfg.Logger
	var before KeptKey
	for {
		page, err := k.keeper.Kept(k.mux.hub.ctx, before, keepBatch)
		switch {
		case k.mux.hub.ctx.Err() != nil:
			return k.mux.hub.ctx.Err()
		case err != nil:
			log.Warn("not all associations from before the restart go on", "err", err)
			return err
		case len(page) == 0:
			log.Debug("associations from before the restart", "listener", k.mux.socket.addr(), "restored", k.mux.hub.counters.restored.Load())
			return nil
		}
		for _, in := range page {
			if err := k.bring(in); err != nil {
				log.Debug("an association from before the restart does not go on", "err", err)
			}
		}
		before = page[len(page)-1].KeptKey
	}
}

// errSuperfluous: there is no place for an association that was kept.
var errSuperfluous = errors.New("its place is taken, or there are too many")

// bring lets one association hibernate that was kept, and returns why not. One for which
// there is no place is removed; one that is of another listener, or of another release, is
// left.
func (k *keeping) bring(in KeptAssociation) error {
	s, err := decodeState(in.State.Reveal())
	if err != nil {
		return err
	}
	peer, ours := k.mux.peerOf(s.at, s.remote)
	if !ours {
		return nil
	}
	a := k.mux.revived(s, peer)
	a.heard = in.Heard
	a.era = k.era.Load()
	a.kept = kept{id: in.ID, era: a.era, key: in.KeptKey, recorded: s.taken}
	if !k.mux.bedDown(a) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.mux.hub.ctx.Err() == nil {
			k.remove(a)
		}
		return errSuperfluous
	}
	k.mux.hub.counters.restored.Add(1)
	return nil
}

// revived returns the association of a state. It must not send before numbers are reserved
// for it.
func (m *mux) revived(s state, peer udpPeer) *association {
	a := &association{
		mux: m, name: s.credential.name(), since: s.since, random: s.random, proof: s.proof,
		credential: s.credential, cid: s.cid, peer: peer, dormant: true,
	}
	a.layer = recordLayer{suite: s.suite, keys: s.keys, peerCID: s.peerCID}
	if a.cid != (connectionID{}) {
		a.layer.ownCID = a.cid[:]
	}
	a.layer.next = min(s.limit+rand.Uint64N(m.keep.skip), maxNumber+1)
	a.layer.limit = a.layer.next
	a.layer.taken.next = s.taken
	a.layer.taken.close()
	return a
}

// bedDown makes a one of those that hibernate, behind all others, and reports whether there
// is a place for it: who has come since the restart counts more.
func (m *mux) bedDown(a *association) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := a.cid != (connectionID{})
	siblings, last := 0, (*association)(nil)
	for s := m.sleepers[a.name]; s != nil; s = s.sibling {
		siblings, last = siblings+1, s
	}
	switch {
	case m.hub.ctx.Err() != nil, m.dormant.Len() >= m.hub.cfg.DTLS.MaxHibernated, siblings >= maxSiblings,
		found && m.cids[a.cid] != (seat{}), !found && m.slots[a.peer].association != nil:
		return false
	}
	m.seat(a)
	a.place = m.dormant.PushBack(a)
	if last == nil {
		m.sleepers[a.name] = a
	} else {
		last.sibling = a
	}
	return true
}

// outlives reports whether associations go on after the end of the listener, which has begun.
func (m *mux) outlives() bool { return m.keep != nil && m.hub.ctx.Err() != nil }

// layAllDown lets all associations hibernate as the listener ends, whatever the limits: what
// is kept of them is what counts.
func (m *mux) layAllDown() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.active.Len() > 0 {
		a := m.active.Remove(m.active.Front()).(*association)
		a.conn = nil
		if a.await != nil {
			a.await.Stop()
			a.await = nil
		}
		a.place = m.dormant.PushFront(a)
		a.mu.Lock()
		a.dormant, a.muted = true, true
		a.mu.Unlock()
		m.keep.soon(a)
	}
}
