package kept

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unique"

	"golang.org/x/crypto/cryptobyte"

	"lwbs/bootstrap/coap/dtls/record"
)

// version is in front of the state of an association. Another one is of another release.
const version = 2

// versionWithoutMemory is the one before, which is read too: it has no Memory.
const versionWithoutMemory = 1

// MaxSize is the largest state that is written, in bytes: a device with more certificates has to
// shake hands anew after a restart.
const MaxSize = 32 << 10

// Errors of states that cannot be restored.
var (
	errVersion = errors.New("the state of the association is of another release")
	errState   = errors.New("the state of the association makes no sense")
)

// A State is what is written of an association. Numbers are those of records: the server has sent no
// record with a number from Limit on, and the peer none with a number from Taken on.
type State struct {
	At             netip.AddrPort // of the server, as the peer sees it
	Remote         netip.AddrPort
	Since          time.Time
	Random         [record.RandomSize]byte // of the client
	KeyFingerprint [16]byte                // of the pre-shared key
	Suite          record.Suite
	Keys           []byte
	CID            [record.CIDSize]byte // that the server gave out; zero for none
	PeerCID        []byte               // that the peer gave out
	Limit, Taken   uint64
	Memory         string // of the requests of the peer

	// What the peer authenticated with: its PSK identity, or its own certificate in DER with those behind
	// it in the chain, which many peers have in common.
	Identity string
	Own      string
	CAs      []unique.Handle[string]
}

// Encode returns the bytes of the state.
func (s State) Encode() ([]byte, error) {
	var b cryptobyte.Builder
	short := func(v []byte) { b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(v) }) }
	long := func(v string) { b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(v)) }) }
	address := func(a netip.AddrPort) {
		text, _ := a.MarshalBinary() // never fails
		short(text)
	}
	b.AddUint8(version)
	address(s.At)
	address(s.Remote)
	b.AddUint64(uint64(s.Since.UnixNano()))
	b.AddBytes(s.Random[:])
	b.AddBytes(s.KeyFingerprint[:])
	b.AddUint16(uint16(s.Suite))
	short(s.Keys)
	b.AddBytes(s.CID[:])
	short(s.PeerCID)
	b.AddUint64(s.Limit)
	b.AddUint64(s.Taken)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(s.Memory)) })
	short([]byte(s.Identity))
	long(s.Own)
	for _, ca := range s.CAs {
		long(ca.Value())
	}
	return b.Bytes()
}

// Decode reads what [State.Encode] wrote.
func Decode(b []byte) (s State, err error) {
	in := cryptobyte.String(b)
	var is uint8
	if !in.ReadUint8(&is) || is != version && is != versionWithoutMemory {
		return s, errVersion
	}
	var at, remote, keys, peerCID, memory, identity, own cryptobyte.String
	var since uint64
	var suite uint16
	if !in.ReadUint8LengthPrefixed(&at) || s.At.UnmarshalBinary(at) != nil ||
		!in.ReadUint8LengthPrefixed(&remote) || s.Remote.UnmarshalBinary(remote) != nil ||
		!in.ReadUint64(&since) || !in.CopyBytes(s.Random[:]) || !in.CopyBytes(s.KeyFingerprint[:]) || !in.ReadUint16(&suite) ||
		!in.ReadUint8LengthPrefixed(&keys) || !in.CopyBytes(s.CID[:]) || !in.ReadUint8LengthPrefixed(&peerCID) ||
		!in.ReadUint64(&s.Limit) || !in.ReadUint64(&s.Taken) ||
		is >= version && !in.ReadUint16LengthPrefixed(&memory) ||
		!in.ReadUint8LengthPrefixed(&identity) || !in.ReadUint24LengthPrefixed(&own) {
		return State{}, errState
	}
	s.Since, s.Suite, s.Keys, s.PeerCID = time.Unix(0, int64(since)), record.Suite(suite), keys, peerCID
	s.Memory, s.Identity, s.Own = string(memory), string(identity), string(own)
	for !in.Empty() {
		var ca cryptobyte.String
		if !in.ReadUint24LengthPrefixed(&ca) {
			return State{}, errState
		}
		s.CAs = append(s.CAs, unique.Make(string(ca)))
	}
	return s, s.check()
}

// check reports whether an association can be made of s.
func (s State) check() error {
	size, known := record.KeySize(s.Suite)
	switch {
	case !known:
		return fmt.Errorf("%w: %v", errVersion, s.Suite)
	case len(s.Keys) != size, s.Limit > record.MaxNumber+1, s.Taken > record.MaxNumber+1,
		!s.Remote.IsValid(), (s.Identity == "") == (s.Own == ""):
		return errState
	}
	return nil
}
