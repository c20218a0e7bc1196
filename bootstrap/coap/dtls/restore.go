package dtls

import (
	"errors"
	"math/rand/v2"

	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
)

// numbersSkipped is how many numbers at most an association skips after a restart, at random: if a
// machine is reset to an older state, which no program on it can detect, numbers that were used
// before are hardly used again.
const numbersSkipped = 1 << 24

// restore restores the associations on disk, the one heard of last first, up to the limit.
func (k *persister) restore() error {
	defer k.restoring.Store(false)
	log := k.mux.cfg.Exchange.Logger
	var before KeptKey
	for {
		page, err := k.keeper.Kept(k.mux.tasks.Context(), before, persistBatch)
		switch {
		case k.mux.tasks.Ending():
			return k.mux.tasks.Context().Err()
		case err != nil:
			log.Warn("not all associations from before the restart go on", "err", err)
			return err
		case len(page) == 0:
			log.Debug("associations from before the restart", "listener", k.mux.socket.Addr(), "restored", k.mux.meter.Restored.Load())
			return nil
		}
		for _, in := range page {
			if err := k.restoreOne(in); err != nil {
				log.Debug("an association from before the restart does not go on", "err", err)
			}
		}
		before = page[len(page)-1].KeptKey
	}
}

// errSuperfluous: there is no place for an association on disk.
var errSuperfluous = errors.New("its place is taken, or there are too many")

// restoreOne restores one association as hibernating, or returns why not. One for which there is no
// place is removed from the disk; one of another listener, or of another release, is left.
func (k *persister) restoreOne(in KeptAssociation) error {
	s, err := decodeState(in.State.Reveal())
	if err != nil {
		return err
	}
	peer, ours := k.mux.peerOf(s.at, s.remote)
	if !ours {
		return nil
	}
	a := k.mux.restored(s, peer)
	a.heard = in.Heard
	a.era = k.era.Load()
	a.persisted = persisted{id: in.ID, era: a.era, key: in.KeptKey, recorded: s.taken}
	if !k.mux.restoreHibernating(a) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if !k.mux.tasks.Ending() {
			k.remove(a)
		}
		return errSuperfluous
	}
	k.mux.meter.Restored.Add(1)
	return nil
}

// restored returns the association of a state. It must not send before numbers are reserved for it.
func (m *mux) restored(s state, peer udp.Peer) *association {
	a := &association{
		mux: m, name: s.credential.name(), since: s.since, random: s.random, keyFingerprint: s.keyFingerprint,
		credential: s.credential, cid: s.cid, peer: peer, hibernates: true,
	}
	a.layer = record.Layer{Suite: s.suite, Keys: s.keys, PeerCID: s.peerCID}
	if a.cid != (connectionID{}) {
		a.layer.OwnCID = a.cid[:]
	}
	a.layer.Next = min(s.limit+rand.Uint64N(m.persister.skip), record.MaxNumber+1)
	a.layer.Limit = a.layer.Next
	a.layer.Taken.Next = s.taken
	a.layer.Taken.Close()
	return a
}

// restoreHibernating enters a behind all other hibernating associations, and reports whether there is
// a place for it: associations since the restart take precedence.
func (m *mux) restoreHibernating(a *association) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := a.cid != (connectionID{})
	siblings, last := 0, (*association)(nil)
	for s := m.hibernatingOf[a.name]; s != nil; s = s.sibling {
		siblings, last = siblings+1, s
	}
	switch {
	case m.tasks.Ending(), m.hibernating.Len() >= m.cfg.DTLS.MaxHibernated, siblings >= maxSiblings,
		found && m.cids[a.cid] != (slot{}), !found && m.slots[a.peer].association != nil:
		return false
	}
	m.index(a)
	a.place = m.hibernating.PushBack(a)
	if last == nil {
		m.hibernatingOf[a.name] = a
	} else {
		last.sibling = a
	}
	return true
}
