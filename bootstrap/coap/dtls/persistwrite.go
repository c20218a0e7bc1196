package dtls

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"slices"
	"time"

	"lwbs/bootstrap/coap/dtls/kept"
	"lwbs/bootstrap/coap/udp"
	"lwbs/lwm2m"
)

// A snapshot is what is about to be written of an association.
type snapshot struct {
	a     *association
	key   kept.Key
	state kept.State
}

// errPanicked: the Keeper, or what is on disk, caused a panic, which is in the log.
var errPanicked = errors.New("a panic")

// contained calls f. A panic in it is an error, as f may or may not have written.
func (k *persister) contained(f func() error) (err error) {
	if !k.mux.tasks.Run(func() { err = f() }) {
		return errPanicked
	}
	return err
}

// take takes out the associations to be written next: the urgent ones, and those that are due, or
// all.
func (k *persister) take(now time.Time, all bool) (batch []*association, gone []kept.Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.urgent) > 0 && len(batch) < persistBatch {
		batch = append(batch, k.urgent[0])
		k.urgent = k.urgent[1:]
	}
	for len(k.due) > 0 && len(batch) < persistBatch && (all || !k.due[0].at.After(now)) {
		if a := k.due[0].a; !a.persisted.rushed && a.persisted.queued { // else it is, or was, in urgent
			batch = append(batch, a)
		}
		k.due = k.due[1:]
	}
	for len(k.slow) > 0 && len(batch) < persistBatch && !k.slow[0].at.After(now) {
		if a := k.slow[0].a; a.persisted.id == [16]byte{} && !a.persisted.queued && !a.persisted.over {
			a.persisted.queued = true
			k.unwritten.Add(1)
			batch = append(batch, a)
		}
		k.slow = k.slow[1:]
	}
	for _, a := range batch {
		a.persisted.queued, a.persisted.rushed = false, false
		if a.persisted.id == [16]byte{} {
			rand.Read(a.persisted.id[:]) // never fails
		}
	}
	n := min(len(k.removals), 2*persistBatch)
	gone, k.removals = slices.Clone(k.removals[:n]), k.removals[n:]
	return batch, gone
}

// flush writes some associations. Its error is that of the Keeper.
func (k *persister) flush(all bool) error {
	batch, gone := k.take(time.Now(), all)
	err := k.contained(func() error { return k.write(batch, gone) })
	k.unwritten.Add(-int64(len(batch)))
	if err != nil {
		k.mux.meter.Unkept.Add(uint64(len(batch)))
		k.mu.Lock()
		defer k.mu.Unlock()
		k.urgent = append(k.urgent, batch...) // drop wakes those who wait for them
	}
	return err
}

// write writes the associations of batch over what is on disk of them, and removes gone.
func (k *persister) write(batch []*association, gone []kept.Key) error {
	var shots []snapshot
	var put []kept.Association
	for _, a := range batch {
		s, encoded, ok := k.snapshot(a)
		if !ok {
			continue
		}
		shots = append(shots, s)
		put = append(put, kept.Association{Key: s.key, State: lwm2m.NewSecret(encoded)})
		if old := k.keyOf(a); old != (kept.Key{}) && old != s.key {
			gone = append(gone, old)
		}
	}
	if len(put)+len(gone) > 0 {
		if err := k.keeper.Keep(context.Background(), put, gone); err != nil {
			return err
		}
	}
	for _, s := range shots {
		k.written(s)
	}
	return nil
}

// keyOf is the key under which a is on disk in this era.
func (k *persister) keyOf(a *association) kept.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a.persisted.era != k.era.Load() {
		return kept.Key{}
	}
	return a.persisted.key
}

// snapshot returns what is to be written of a. From now on a is bound by it, as it may be on disk
// before that is known.
func (k *persister) snapshot(a *association) (s snapshot, encoded []byte, ok bool) {
	m := a.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.ended {
		return s, nil, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s = snapshot{a, kept.Key{Heard: a.heard.UTC(), ID: a.persisted.id}, stateOf(a, a.layer.Reservation(k.reserve))}
	encoded, err := s.state.Encode()
	era := k.era.Load()
	if err != nil || len(encoded) > kept.MaxSize && a.era != era {
		m.meter.Unkept.Add(1)
		return s, nil, false
	}
	if a.era != era {
		a.era, a.layer.Limit = era, s.state.Limit
	}
	return s, encoded, true
}

// written notes that a snapshot is on disk.
func (k *persister) written(s snapshot) {
	a := s.a
	holding(&a.mu, func() { a.layer.Limit = s.state.Limit })
	k.mu.Lock()
	defer k.mu.Unlock()
	a.persisted.era, a.persisted.key, a.persisted.recorded = k.era.Load(), s.key, s.state.Taken
	if a.persisted.over {
		k.remove(a)
	}
	k.answer(a)
}

// stateOf is the state of a, with numbers reserved up to limit. The caller holds mux.mu and
// mu.
func stateOf(a *association, limit uint64) kept.State {
	c := a.credential.folded()
	return kept.State{
		At:     a.mux.seenAt(a.peer),
		Remote: a.peer.Remote, Since: a.since, Random: a.random, KeyFingerprint: a.keyFingerprint,
		Identity: c.identity, Own: c.own, CAs: c.cas,
		Suite: a.layer.Suite, Keys: a.layer.Keys, CID: a.cid, PeerCID: a.layer.PeerCID,
		Limit: limit, Taken: a.layer.Taken.Next, Memory: string(a.memory),
	}
}

// seenAt is where peer sees the server.
func (m *mux) seenAt(peer udp.Peer) netip.AddrPort {
	bound := m.socket.Addr()
	if peer.Local.IsValid() {
		return netip.AddrPortFrom(peer.Local, bound.Port())
	}
	return bound
}
