package hello

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"lwbs/bootstrap/coap/dtls/record"
)

// Types of extensions of a ClientHello (IANA registry "TLS ExtensionType Values").
const (
	ExtensionGroups            = 10     // supported_groups, RFC 8422 §5.1.1
	extensionPoints            = 11     // ec_point_formats, RFC 8422 §5.1.2
	ExtensionSignatures        = 13     // signature_algorithms, RFC 5246 §7.4.1.4.1
	ExtensionExtendedMaster    = 23     // extended_master_secret, RFC 7627 §5.1
	ExtensionVersions          = 43     // supported_versions, RFC 8446 §4.2.1
	extensionSignaturesOfChain = 50     // signature_algorithms_cert, RFC 8446 §4.2.3
	ExtensionCID               = 54     // connection_id, RFC 9146 §3
	ExtensionRenegotiation     = 0xff01 // renegotiation_info, RFC 5746 §3.2
)

// emptyRenegotiation is a suite that says what an empty renegotiation_info says (RFC 5746 §3.3).
const emptyRenegotiation record.Suite = 0x00ff

// maxOffered is how many suites, groups or signature algorithms of a peer are looked at:
// more than any stack has.
const maxOffered = 256

// An Offer is what a client has in its ClientHello. A list that it has not sent is nil, one
// that it sent empty is not.
type Offer struct {
	Version         uint16 // of the client; DTLS 1.3 says 1.2 here
	Suites          []record.Suite
	Compressions    []byte
	versions        []uint16
	Groups          []Group
	points          []byte
	Signatures      []SignatureAlgorithm
	ChainSignatures []SignatureAlgorithm // for the certificates of the server
	CID             []byte               // connection ID that it wants to be sent; may be empty

	// ExtendedMaster: its master secret is to depend on the whole handshake (RFC 7627).
	ExtendedMaster bool

	// Renegotiation: it wants to be told that the server knows of RFC 5746, by a suite or by
	// renegotiation_info, of which this is the content; nil: it does not. It is empty in a
	// handshake that is no renegotiation.
	Renegotiation []byte
}

// ParseOffer reads the ClientHello that is all there is in a datagram; ok is false where it
// is none, or contradicts itself. Then what could be read is returned all the same.
func ParseOffer(datagram []byte) (o Offer, ok bool) {
	w, ok := ParseWhole(datagram)
	if !ok {
		return o, false
	}
	o.Version = binary.BigEndian.Uint16(w.opening)
	suites, rest, ok := record.CutLongVector(w.rest)
	if !ok {
		return o, false
	}
	if o.Suites, ok = numbers[record.Suite](suites); !ok {
		return o, false
	}
	if slices.Contains(o.Suites, emptyRenegotiation) {
		o.Renegotiation = []byte{}
	}
	compressions, rest, ok := record.CutVector(rest)
	o.Compressions = slices.Clone(compressions)
	if !ok || len(rest) == 0 { // extensions may be missing
		return o, ok
	}
	extensions, rest, ok := record.CutLongVector(rest)
	if !ok || len(rest) > 0 {
		return o, false
	}
	good := true
	for len(extensions) > 0 {
		if len(extensions) < 2 {
			return o, false
		}
		var content []byte
		kind := binary.BigEndian.Uint16(extensions)
		if content, extensions, ok = record.CutLongVector(extensions[2:]); !ok {
			return o, false
		}
		good = o.add(kind, content) && good
	}
	return o, good
}

// add reads an extension, and reports whether it is well-formed.
func (o *Offer) add(kind uint16, b []byte) (ok bool) {
	switch kind {
	case ExtensionGroups:
		o.Groups, ok = longList[Group](b)
	case ExtensionSignatures:
		o.Signatures, ok = longList[SignatureAlgorithm](b)
	case extensionSignaturesOfChain:
		o.ChainSignatures, ok = longList[SignatureAlgorithm](b)
	case extensionPoints:
		o.points, ok = shortList(b)
	case ExtensionCID:
		o.CID, ok = shortList(b)
	case ExtensionRenegotiation:
		o.Renegotiation, ok = shortList(b)
	case ExtensionExtendedMaster:
		o.ExtendedMaster, ok = true, len(b) == 0
	case ExtensionVersions:
		versions, fits := shortList(b)
		o.versions, ok = numbers[uint16](versions)
		ok = ok && fits
	default:
		ok = true
	}
	return ok
}

// shortList returns a copy of a vector of bytes that is all there is in b.
func shortList(b []byte) ([]byte, bool) {
	v, rest, ok := record.CutVector(b)
	if !ok || len(rest) > 0 {
		return nil, false
	}
	return slices.Clone(v), true
}

// longList reads a vector of numbers that is all there is in b.
func longList[T ~uint16](b []byte) ([]T, bool) {
	v, rest, ok := record.CutLongVector(b)
	if !ok || len(rest) > 0 {
		return nil, false
	}
	return numbers[T](v)
}

// numbers reads numbers of two bytes each, the first maxOffered of them.
func numbers[T ~uint16](b []byte) ([]T, bool) {
	list := make([]T, min(len(b)/2, maxOffered))
	for i := range list {
		list[i] = T(binary.BigEndian.Uint16(b[2*i:]))
	}
	return list, len(b)%2 == 0
}

// A Group is a curve for the key exchange and for ECDSA, by its number in the IANA
// registry "TLS Supported Groups".
type Group uint16

// The groups that a server has.
const (
	P256   Group = 23
	P384   Group = 24
	X25519 Group = 29
)

// P521 is none of them: a key of a certificate may be of it.
const P521 Group = 25

// Groups are those for the key exchange; the first is for a client that names none.
func Groups() []Group { return []Group{P256, P384, X25519} }

var groupNames = map[Group]string{
	19: "P-192", 21: "P-224", 22: "secp256k1", P256: "P-256", P384: "P-384", P521: "P-521",
	26: "brainpoolP256r1", 27: "brainpoolP384r1", 28: "brainpoolP512r1", X25519: "X25519", 30: "X448",
	256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192",
	4587: "SecP256r1MLKEM768", 4588: "X25519MLKEM768", 4589: "SecP384r1MLKEM1024",
}

// String is the common name, such as "P-256".
func (g Group) String() string {
	if name, ok := groupNames[g]; ok {
		return name
	}
	return fmt.Sprintf("group %d", uint16(g))
}

// Agreed reports whether a client that sent list may be met with one of ours: any where it
// sent none.
func Agreed[T comparable](list, ours []T) bool {
	return list == nil || slices.ContainsFunc(list, func(v T) bool { return slices.Contains(ours, v) })
}

// maxListed is how many suites, curves or algorithms of a peer a failure names.
const maxListed = 8

// Listed puts what a peer offers into words.
func Listed[T fmt.Stringer](offered []T) string {
	if len(offered) == 0 {
		return "none"
	}
	var parts []string
	for _, v := range offered[:min(len(offered), maxListed)] {
		parts = append(parts, v.String())
	}
	if rest := len(offered) - maxListed; rest > 0 {
		parts = append(parts, fmt.Sprintf("%d more", rest))
	}
	return strings.Join(parts, ", ")
}
