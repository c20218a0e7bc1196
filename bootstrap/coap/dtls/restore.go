package dtls

import (
	"errors"
	"math/rand/v2"
	"net/netip"

	"lwbs/bootstrap/coap/dtls/kept"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/exchange"
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
	var before kept.Key
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
		before = page[len(page)-1].Key
	}
}

// errSuperfluous: there is no place for an association on disk.
var errSuperfluous = errors.New("its place is taken, or there are too many")

// restoreOne restores one association as hibernating, or returns why not. One for which there is no
// place is removed from the disk; one of another listener, or of another release, is left.
func (k *persister) restoreOne(in kept.Association) error {
	s, err := kept.Decode(in.State.Reveal())
	if err != nil {
		return err
	}
	peer, ours := k.mux.peerOf(s.At, s.Remote)
	if !ours {
		return nil
	}
	a := k.mux.restored(s, peer)
	a.heard = in.Heard
	a.era = k.era.Load()
	a.persisted = persisted{id: in.ID, era: a.era, key: in.Key, recorded: s.Taken}
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
func (m *mux) restored(s kept.State, peer udp.Peer) *association {
	c := credential{identity: s.Identity, own: s.Own, cas: s.CAs}
	a := &association{
		mux: m, name: c.name(), since: s.Since, random: s.Random, keyFingerprint: s.KeyFingerprint,
		credential: c, cid: s.CID, peer: peer, hibernates: true, memory: exchange.Memory(s.Memory),
	}
	a.layer = record.Layer{Suite: s.Suite, Keys: s.Keys, PeerCID: s.PeerCID}
	if a.cid != (connectionID{}) {
		a.layer.OwnCID = a.cid[:]
	}
	a.layer.Next = min(s.Limit+rand.Uint64N(m.persister.skip), record.MaxNumber+1)
	a.layer.Limit = a.layer.Next
	a.layer.Taken.Next = s.Taken
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

// peerOf is the peer at remote that sees a server at at, and whether this is that one.
func (m *mux) peerOf(at, remote netip.AddrPort) (peer udp.Peer, ok bool) {
	bound := m.socket.Addr()
	peer.Remote = remote
	if at.Port() != bound.Port() {
		return peer, false
	}
	if !m.socket.IsWildcard() {
		return peer, at.Addr() == bound.Addr() || at.Addr().IsUnspecified()
	}
	if !at.Addr().IsUnspecified() {
		peer.Local = at.Addr()
	}
	return peer, true
}
