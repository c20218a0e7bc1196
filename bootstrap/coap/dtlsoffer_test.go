package coap

import (
	"encoding/binary"
	"reflect"
	"slices"
	"testing"
)

// vector16 is a vector with a length of two bytes.
func vector16(b ...byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// list16 are numbers of two bytes each.
func list16[T ~uint16](list ...T) (b []byte) {
	for _, v := range list {
		b = binary.BigEndian.AppendUint16(b, uint16(v))
	}
	return b
}

// extensionOf is one extension of a ClientHello.
func extensionOf(kind uint16, content ...byte) []byte {
	return append(list16(kind), vector16(content...)...)
}

// helloOffering is a first ClientHello with these suites and extensions.
func helloOffering(suites []Suite, extensions ...[]byte) []byte {
	body := append([]byte{0xfe, 0xfd}, make([]byte, clientRandom+2)...) // no session, no cookie
	body = slices.Concat(body, vector16(list16(suites...)...), []byte{1, 0})
	if len(extensions) > 0 {
		body = append(body, vector16(slices.Concat(extensions...)...)...)
	}
	n := len(body)
	b := []byte{handshakeRecord, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, byte((n + handshakeHeader) >> 8), byte(n + handshakeHeader),
		clientHello, 0, byte(n >> 8), byte(n), 0, 0, 0, 0, 0, 0, byte(n >> 8), byte(n)}
	return append(b, body...)
}

func TestParseOffer(t *testing.T) {
	suites := []Suite{ECDSAWithAES128CCM8, 0x1234}
	signatures := extensionOf(extensionSignatures, vector16(list16(ECDSAWithSHA384, 0x0807)...)...)
	tests := []struct {
		name string
		in   []byte
		want offer
		ok   bool
	}{
		{"no extensions", helloOffering(suites), offer{version: version12, suites: suites}, true},
		{"an unknown one", helloOffering(suites, extensionOf(0xfff0, 1, 2, 3)), offer{version: version12, suites: suites}, true},
		{"all of them", helloOffering(suites, signatures,
			extensionOf(extensionGroups, vector16(list16(P256, X25519)...)...),
			extensionOf(extensionPoints, 2, 0, 1),
			extensionOf(extensionVersions, 4, 0xfe, 0xfc, 0xfe, 0xfd),
			extensionOf(extensionSignaturesOfChain, vector16(list16(RSAWithSHA256)...)...),
			extensionOf(extensionCID, 0)),
			offer{version12, suites, []uint16{0xfefc, 0xfefd}, []Group{P256, X25519}, []byte{0, 1},
				[]SignatureAlgorithm{ECDSAWithSHA384, Ed25519}, []SignatureAlgorithm{RSAWithSHA256}, []byte{}}, true},
		{"an empty list is not none", helloOffering(suites, extensionOf(extensionGroups, 0, 0)),
			offer{version: version12, suites: suites, groups: []Group{}}, true},
		{"odd list", helloOffering(suites, extensionOf(extensionGroups, 0, 3, 0, 23, 0)), offer{}, false},
		{"list that goes beyond its extension", helloOffering(suites, extensionOf(extensionSignatures, 0, 4, 4, 3)), offer{}, false},
		{"list that ends before", helloOffering(suites, extensionOf(extensionSignatures, 0, 2, 4, 3, 4, 1)), offer{}, false},
		{"half an extension", helloOffering(suites, []byte{0, 10, 0}), offer{}, false},
		{"not a ClientHello", helloOffering(suites)[1:], offer{}, false},
	}
	for _, tt := range tests {
		got, ok := parseOffer(tt.in)
		if ok != tt.ok || ok && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %t", tt.name, got, ok)
		}
	}
}

// What real clients offer.
func TestParseOfferRecordings(t *testing.T) {
	for name, all := range recordings(t) {
		for _, r := range all {
			if _, is := parseWholeHello(r.b); !is {
				continue
			}
			o, ok := parseOffer(r.b)
			if !ok || o.version != version12 || len(o.suites) == 0 {
				t.Errorf("%s: %+v, %t", name, o, ok)
			}
			if name != "gnutls-3.7.9.txt" && (!agreed(o.groups, groups()) || o.groups == nil ||
				!slices.Contains(o.signatures, ECDSAWithSHA256) || !slices.Contains(o.points, 0)) {
				t.Errorf("%s: %+v", name, o)
			}
		}
	}
}

// Whatever comes, lists have an end, and of what is read nothing is beyond the datagram.
func FuzzParseOffer(f *testing.F) {
	for _, all := range recordings(f) {
		for _, r := range all {
			f.Add(r.b)
		}
	}
	f.Add(helloOffering([]Suite{ECDSAWithAES128CCM8}, extensionOf(extensionVersions, 2, 0xfe, 0xfc), extensionOf(extensionGroups, 0, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, ok := parseOffer(b)
		n := len(o.suites) + len(o.versions) + len(o.groups) + len(o.signatures) + len(o.ofChain)
		if 2*n+len(o.points)+len(o.cid) > len(b) || len(o.suites) > maxOffered || len(o.signatures) > maxOffered {
			t.Fatalf("%d numbers of %d bytes", n, len(b))
		}
		if _, longer := parseOffer(append(slices.Clone(b), 0)); ok && longer {
			t.Fatalf("%x with a byte more is as good", b)
		}
	})
}
