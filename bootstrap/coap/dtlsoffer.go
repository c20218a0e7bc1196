package coap

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Types of extensions of a ClientHello (IANA registry "TLS ExtensionType Values").
const (
	extensionGroups            = 10 // supported_groups, RFC 8422 §5.1.1
	extensionPoints            = 11 // ec_point_formats, RFC 8422 §5.1.2
	extensionSignatures        = 13 // signature_algorithms, RFC 5246 §7.4.1.4.1
	extensionVersions          = 43 // supported_versions, RFC 8446 §4.2.1
	extensionSignaturesOfChain = 50 // signature_algorithms_cert, RFC 8446 §4.2.3
	extensionCID               = 54 // connection_id, RFC 9146 §3
)

// maxOffered is how many suites, groups or signature algorithms of a peer are looked at:
// more than any stack has.
const maxOffered = 256

// An offer is what a client has in its ClientHello. A list that it has not sent is nil, one
// that it sent empty is not.
type offer struct {
	version    uint16
	suites     []Suite
	versions   []uint16
	groups     []Group
	points     []byte
	signatures []SignatureAlgorithm
	ofChain    []SignatureAlgorithm // for the certificates of the server
	cid        []byte               // connection ID that it wants to be sent; may be empty
}

// parseOffer reads the ClientHello that is all there is in a datagram; ok is false where it
// is none, or contradicts itself. Then what could be read is returned all the same.
func parseOffer(datagram []byte) (o offer, ok bool) {
	w, ok := parseWholeHello(datagram)
	if !ok {
		return o, false
	}
	o.version = binary.BigEndian.Uint16(w.opening)
	suites, rest, ok := cutLongVector(w.rest)
	if !ok {
		return o, false
	}
	if o.suites, ok = numbers[Suite](suites); !ok {
		return o, false
	}
	_, rest, ok = cutVector(rest) // compression methods
	if !ok || len(rest) == 0 {    // extensions may be missing
		return o, ok
	}
	extensions, rest, ok := cutLongVector(rest)
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
		if content, extensions, ok = cutLongVector(extensions[2:]); !ok {
			return o, false
		}
		good = o.add(kind, content) && good
	}
	return o, good
}

// add reads an extension, and reports whether it is well-formed.
func (o *offer) add(kind uint16, b []byte) (ok bool) {
	switch kind {
	case extensionGroups:
		o.groups, ok = longList[Group](b)
	case extensionSignatures:
		o.signatures, ok = longList[SignatureAlgorithm](b)
	case extensionSignaturesOfChain:
		o.ofChain, ok = longList[SignatureAlgorithm](b)
	case extensionPoints:
		o.points, ok = shortList(b)
	case extensionCID:
		o.cid, ok = shortList(b)
	case extensionVersions:
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
	v, rest, ok := cutVector(b)
	if !ok || len(rest) > 0 {
		return nil, false
	}
	return slices.Clone(v), true
}

// longList reads a vector of numbers that is all there is in b.
func longList[T ~uint16](b []byte) ([]T, bool) {
	v, rest, ok := cutLongVector(b)
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

// The groups of [ListenDTLS].
const (
	P256   Group = 23
	P384   Group = 24
	X25519 Group = 29
)

// p521 is none of them: a key of a certificate may be of it.
const p521 Group = 25

// groups are those for the key exchange; the first is for a client that names none.
func groups() []Group { return []Group{P256, P384, X25519} }

var groupNames = map[Group]string{
	19: "P-192", 21: "P-224", 22: "secp256k1", P256: "P-256", P384: "P-384", p521: "P-521",
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

// agreed reports whether a client that sent list may be met with one of ours: any where it
// sent none.
func agreed[T comparable](list, ours []T) bool {
	return list == nil || slices.ContainsFunc(list, func(v T) bool { return slices.Contains(ours, v) })
}
