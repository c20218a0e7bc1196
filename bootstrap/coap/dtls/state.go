package dtls

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unique"

	"golang.org/x/crypto/cryptobyte"

	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
)

// stateVersion is in front of the state of an association. Another one is of another release.
const stateVersion = 1

// maxState is the largest state that is written, in bytes: a device with more certificates has to
// shake hands anew after a restart.
const maxState = 32 << 10

// Errors of states that cannot be restored.
var (
	errStateVersion = errors.New("the state of the association is of another release")
	errState        = errors.New("the state of the association makes no sense")
)

// A state is what is written of an association. Numbers are those of records: the server has sent no
// record with a number from limit on, and the peer none with a number from taken on.
type state struct {
	at             netip.AddrPort // of the server, as the peer sees it
	remote         netip.AddrPort
	since          time.Time
	random         [record.RandomSize]byte
	keyFingerprint keyFingerprint
	credential     credential
	suite          record.Suite
	keys           []byte
	cid            connectionID
	peerCID        []byte
	limit, taken   uint64
}

// encode returns the bytes of the state.
func (s state) encode() ([]byte, error) {
	var b cryptobyte.Builder
	short := func(v []byte) { b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(v) }) }
	long := func(v string) { b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(v)) }) }
	address := func(a netip.AddrPort) {
		text, _ := a.MarshalBinary() // never fails
		short(text)
	}
	b.AddUint8(stateVersion)
	address(s.at)
	address(s.remote)
	b.AddUint64(uint64(s.since.UnixNano()))
	b.AddBytes(s.random[:])
	b.AddBytes(s.keyFingerprint[:])
	b.AddUint16(uint16(s.suite))
	short(s.keys)
	b.AddBytes(s.cid[:])
	short(s.peerCID)
	b.AddUint64(s.limit)
	b.AddUint64(s.taken)
	short([]byte(s.credential.identity))
	folded := s.credential.folded()
	long(folded.own)
	for _, ca := range folded.cas {
		long(ca.Value())
	}
	return b.Bytes()
}

// decodeState reads what encode wrote.
func decodeState(b []byte) (s state, err error) {
	in := cryptobyte.String(b)
	var version uint8
	if !in.ReadUint8(&version) || version != stateVersion {
		return s, errStateVersion
	}
	var at, remote, keys, peerCID, identity, own cryptobyte.String
	var since uint64
	var suite uint16
	if !in.ReadUint8LengthPrefixed(&at) || s.at.UnmarshalBinary(at) != nil ||
		!in.ReadUint8LengthPrefixed(&remote) || s.remote.UnmarshalBinary(remote) != nil ||
		!in.ReadUint64(&since) || !in.CopyBytes(s.random[:]) || !in.CopyBytes(s.keyFingerprint[:]) || !in.ReadUint16(&suite) ||
		!in.ReadUint8LengthPrefixed(&keys) || !in.CopyBytes(s.cid[:]) || !in.ReadUint8LengthPrefixed(&peerCID) ||
		!in.ReadUint64(&s.limit) || !in.ReadUint64(&s.taken) ||
		!in.ReadUint8LengthPrefixed(&identity) || !in.ReadUint24LengthPrefixed(&own) {
		return state{}, errState
	}
	s.since, s.suite, s.keys, s.peerCID = time.Unix(0, int64(since)), record.Suite(suite), keys, peerCID
	s.credential = credential{identity: string(identity), own: string(own)}
	for !in.Empty() {
		var ca cryptobyte.String
		if !in.ReadUint24LengthPrefixed(&ca) {
			return state{}, errState
		}
		s.credential.cas = append(s.credential.cas, unique.Make(string(ca)))
	}
	return s, s.check()
}

// check reports whether an association can be made of s.
func (s state) check() error {
	size, known := record.KeySize(s.suite)
	switch {
	case !known:
		return fmt.Errorf("%w: %v", errStateVersion, s.suite)
	case len(s.keys) != size, s.limit > record.MaxNumber+1, s.taken > record.MaxNumber+1,
		!s.remote.IsValid(), (s.credential.identity == "") == (s.credential.own == ""):
		return errState
	}
	return nil
}

// stateOf is the state of a, with numbers reserved up to limit. The caller holds mux.mu and
// mu.
func stateOf(a *association, limit uint64) state {
	return state{
		at:     a.mux.seenAt(a.peer),
		remote: a.peer.Remote, since: a.since, random: a.random, keyFingerprint: a.keyFingerprint, credential: a.credential,
		suite: a.layer.Suite, keys: a.layer.Keys, cid: a.cid, peerCID: a.layer.PeerCID,
		limit: limit, taken: a.layer.Taken.Next,
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
