package dtls

import "slices"

// maxPerPeer is the default of [Options.MaxPerPeer].
const maxPerPeer = 8

// joinPeer notes that a is active, beside those of the same peer. The caller holds mu.
func (m *mux) joinPeer(a *association) { m.peers[a.name] = append(m.peers[a.name], a) }

// leavePeer notes that a is active no more. The caller holds mu.
func (m *mux) leavePeer(a *association) {
	left := slices.DeleteFunc(m.peers[a.name], func(other *association) bool { return other == a })
	if len(left) == 0 {
		delete(m.peers, a.name)
		return
	}
	m.peers[a.name] = left
}

// makeRoomOf sees to it that one more association of the peer of a may be active: whoever has
// one key, or has stolen it, cannot take the places of all others. The one that made no request
// for longest rests, or ends where all of them have business. Do what it returns without mu. The
// caller holds mu.
func (m *mux) makeRoomOf(a *association) (after []func()) {
	for len(m.peers[a.name]) >= m.cfg.DTLS.MaxPerPeer {
		m.meter.Crowded.Add(1)
		all := slices.SortedFunc(slices.Values(m.peers[a.name]), func(a, b *association) int { return a.heard.Compare(b.heard) })
		i := slices.IndexFunc(all, func(o *association) bool { return o.conn == nil || o.conn.Retire() })
		if i < 0 {
			after = append(after, m.end(all[0], true)...)
			continue
		}
		if c := all[i].conn; c != nil {
			after = append(after, c.Finish)
		}
		after = append(after, m.hibernateLocked(all[i])...)
	}
	return after
}
