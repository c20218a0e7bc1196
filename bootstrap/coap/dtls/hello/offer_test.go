package hello

import (
	"reflect"
	"slices"
	"testing"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/record"
)

func TestParseOffer(t *testing.T) {
	suites := []record.Suite{record.ECDSAWithAES128CCM8, 0x1234}
	null := []byte{0}
	signatures := coaptest.Extension(ExtensionSignatures, coaptest.Vector16(coaptest.List16(ECDSAWithSHA384, 0x0807)...)...)
	tests := []struct {
		name string
		in   []byte
		want Offer
		ok   bool
	}{
		{"no extensions", coaptest.HelloOffering(suites), Offer{Version: record.Version12, Suites: suites, Compressions: null}, true},
		{"an unknown one", coaptest.HelloOffering(suites, coaptest.Extension(0xfff0, 1, 2, 3)), Offer{Version: record.Version12, Suites: suites, Compressions: null}, true},
		{"all of them", coaptest.HelloOffering(suites, signatures,
			coaptest.Extension(ExtensionGroups, coaptest.Vector16(coaptest.List16(P256, X25519)...)...),
			coaptest.Extension(extensionPoints, 2, 0, 1),
			coaptest.Extension(ExtensionVersions, 4, 0xfe, 0xfc, 0xfe, 0xfd),
			coaptest.Extension(extensionSignaturesOfChain, coaptest.Vector16(coaptest.List16(RSAWithSHA256)...)...),
			coaptest.Extension(ExtensionCID, 0), coaptest.Extension(ExtensionExtendedMaster), coaptest.Extension(ExtensionRenegotiation, 0)),
			Offer{record.Version12, suites, null, []uint16{0xfefc, 0xfefd}, []Group{P256, X25519}, []byte{0, 1},
				[]SignatureAlgorithm{ECDSAWithSHA384, Ed25519}, []SignatureAlgorithm{RSAWithSHA256}, []byte{}, true, []byte{}}, true},
		{"a suite that asks for renegotiation_info", coaptest.HelloOffering([]record.Suite{0x00ff}),
			Offer{Version: record.Version12, Suites: []record.Suite{0x00ff}, Compressions: null, Renegotiation: []byte{}}, true},
		{"a renegotiation", coaptest.HelloOffering(suites, coaptest.Extension(ExtensionRenegotiation, 2, 7, 7)),
			Offer{Version: record.Version12, Suites: suites, Compressions: null, Renegotiation: []byte{7, 7}}, true},
		{"a renegotiation without its length", coaptest.HelloOffering(suites, coaptest.Extension(ExtensionRenegotiation)), Offer{}, false},
		{"an extended master secret of a byte", coaptest.HelloOffering(suites, coaptest.Extension(ExtensionExtendedMaster, 1)), Offer{}, false},
		{"an empty list is not none", coaptest.HelloOffering(suites, coaptest.Extension(ExtensionGroups, 0, 0)),
			Offer{Version: record.Version12, Suites: suites, Compressions: null, Groups: []Group{}}, true},
		{"odd list", coaptest.HelloOffering(suites, coaptest.Extension(ExtensionGroups, 0, 3, 0, 23, 0)), Offer{}, false},
		{"list that goes beyond its extension", coaptest.HelloOffering(suites, coaptest.Extension(ExtensionSignatures, 0, 4, 4, 3)), Offer{}, false},
		{"list that ends before", coaptest.HelloOffering(suites, coaptest.Extension(ExtensionSignatures, 0, 2, 4, 3, 4, 1)), Offer{}, false},
		{"half an extension", coaptest.HelloOffering(suites, []byte{0, 10, 0}), Offer{}, false},
		{"not a ClientHello", coaptest.HelloOffering(suites)[1:], Offer{}, false},
	}
	for _, tt := range tests {
		got, ok := ParseOffer(tt.in)
		if ok != tt.ok || ok && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %t", tt.name, got, ok)
		}
	}
}

// What real clients offer.
func TestParseOfferRecordings(t *testing.T) {
	for name, all := range coaptest.Recordings(t) {
		for _, r := range all {
			if _, is := ParseWhole(r.B); !is {
				continue
			}
			o, ok := ParseOffer(r.B)
			if !ok || o.Version != record.Version12 || len(o.Suites) == 0 {
				t.Errorf("%s: %+v, %t", name, o, ok)
			}
			if name != "gnutls-3.7.9.txt" && (!Agreed(o.Groups, Groups()) || o.Groups == nil ||
				!slices.Contains(o.Signatures, ECDSAWithSHA256) || !slices.Contains(o.points, 0)) {
				t.Errorf("%s: %+v", name, o)
			}
		}
	}
}

// Whatever comes, lists have an end, and of what is read nothing is beyond the datagram.
func FuzzParseOffer(f *testing.F) {
	for _, all := range coaptest.Recordings(f) {
		for _, r := range all {
			f.Add(r.B)
		}
	}
	f.Add(coaptest.HelloOffering([]record.Suite{record.ECDSAWithAES128CCM8}, coaptest.Extension(ExtensionVersions, 2, 0xfe, 0xfc), coaptest.Extension(ExtensionGroups, 0, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, ok := ParseOffer(b)
		n := len(o.Suites) + len(o.versions) + len(o.Groups) + len(o.Signatures) + len(o.ChainSignatures)
		if 2*n+len(o.points)+len(o.CID)+len(o.Compressions)+len(o.Renegotiation) > len(b) || len(o.Suites) > maxOffered || len(o.Signatures) > maxOffered {
			t.Fatalf("%d numbers of %d bytes", n, len(b))
		}
		if _, longer := ParseOffer(append(slices.Clone(b), 0)); ok && longer {
			t.Fatalf("%x with a byte more is as good", b)
		}
	})
}
