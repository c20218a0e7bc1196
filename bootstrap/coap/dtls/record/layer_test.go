package record

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/pion/dtls/v3/pkg/crypto/ciphersuite"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"github.com/pion/dtls/v3/pkg/protocol"
	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/traffic"
)

// Secrets of a handshake.
var (
	testMaster       = bytes.Repeat([]byte{0x4d}, 48)
	testClientRandom = bytes.Repeat([]byte{0xc1}, RandomSize)
	testServerRandom = bytes.Repeat([]byte{0x5e}, RandomSize)
)

// everySuite are all that a server has.
func everySuite() []Suite { return append(Suites(), CertificateSuites()...) }

// cidPairs are the connection IDs that a server and its client may have.
var cidPairs = []struct {
	name      string
	own, peer []byte
}{
	{"no CID", nil, nil},
	{"one CID", []byte{0, 1, 2, 3, 4, 5, 6, 7}, []byte{}},
	{"two CIDs", []byte{0, 1, 2, 3, 4, 5, 6, 7}, []byte{9}},
	{"a long CID", []byte{0, 1, 2, 3, 4, 5, 6, 7}, bytes.Repeat([]byte{8}, 255)},
}

// forEverySuite runs test for all suites with all connection IDs.
func forEverySuite(t *testing.T, test func(t *testing.T, server *Layer)) {
	for _, suite := range everySuite() {
		for _, pair := range cidPairs {
			t.Run(fmt.Sprintf("%v/%s", suite, pair.name), func(t *testing.T) {
				test(t, layerOf(suite, pair.own, pair.peer, 1))
			})
		}
	}
}

// layerOf returns the server's side of an association with the secrets above.
func layerOf(suite Suite, own, peer []byte, next uint64) *Layer {
	l := NewLayer(suite, testMaster, testClientRandom, testServerRandom, own, peer, next)
	return &l
}

// clientOf returns the other side of server.
func clientOf(tb testing.TB, server *Layer) *Layer {
	tb.Helper()
	c, err := server.ClientSide()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// single is the one record of a datagram.
func single(tb testing.TB, b []byte) Record {
	tb.Helper()
	r, rest, ok := Next(b)
	if !ok || len(rest) > 0 {
		tb.Fatalf("%x is not one record", b)
	}
	return r
}

// must seals.
func must(tb testing.TB, l *Layer, contentType byte, content []byte) []byte {
	tb.Helper()
	b, err := l.Seal(contentType, content)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Every suite has its protection, and it is the one that its name tells.
func TestProtections(t *testing.T) {
	if len(protections) != len(everySuite()) {
		t.Errorf("%d protections for %d suites", len(protections), len(everySuite()))
	}
	sizes := make(map[Suite]int)
	for _, s := range everySuite() {
		sizes[s] = protections[s].size()
	}
	for s, want := range map[Suite]int{
		PSKWithAES128CCM8:         2 * (16 + 4),
		PSKWithAES128CBCSHA256:    2 * (32 + 16),
		ECDSAWithAES256GCMSHA384:  2 * (32 + 4),
		ECDSAWithChaCha20Poly1305: 2 * (32 + 12),
	} {
		if sizes[s] != want {
			t.Errorf("the keys of %v have %d bytes, want %d", s, sizes[s], want)
		}
	}
}

// pionClient is the client's side of a suite as pion has it.
func pionClient(t *testing.T, suite Suite) interface {
	Encrypt(*recordlayer.RecordLayer, []byte) ([]byte, error)
	Decrypt(recordlayer.Header, []byte) ([]byte, error)
} {
	t.Helper()
	p := protections[suite]
	k, err := prf.GenerateEncryptionKeys(testMaster, testClientRandom, testServerRandom, p.mac, p.key, p.iv, prf.HashFunc(p.prf))
	if err != nil {
		t.Fatal(err)
	}
	switch suite {
	case PSKWithAES128CBCSHA256:
		c, err := ciphersuite.NewCBC(k.ClientWriteKey, make([]byte, 16), k.ClientMACKey, k.ServerWriteKey, make([]byte, 16), k.ServerMACKey, prf.HashFunc(p.prf))
		if err != nil {
			t.Fatal(err)
		}
		return c
	case PSKWithAES128CCM8, ECDSAWithAES128CCM8, PSKWithAES128CCM, ECDSAWithAES128CCM:
		tag := ciphersuite.CCMTagLength
		if suite == PSKWithAES128CCM8 || suite == ECDSAWithAES128CCM8 {
			tag = ciphersuite.CCMTagLength8
		}
		c, err := ciphersuite.NewCCM(tag, k.ClientWriteKey, k.ClientWriteIV, k.ServerWriteKey, k.ServerWriteIV)
		if err != nil {
			t.Fatal(err)
		}
		return c
	case ECDSAWithChaCha20Poly1305, RSAWithChaCha20Poly1305:
		c, err := ciphersuite.NewChaCha20Poly1305(k.ClientWriteKey, k.ClientWriteIV, k.ServerWriteKey, k.ServerWriteIV)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, err := ciphersuite.NewGCM(k.ClientWriteKey, k.ClientWriteIV, k.ServerWriteKey, k.ServerWriteIV)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What pion seals we open, and the other way round. With CBC and a connection ID pion's MAC
// has the content twice, against RFC 9146 §5.1: such an association is never agreed upon.
func TestRecordLayerAgreesWithPion(t *testing.T) {
	forEverySuite(t, func(t *testing.T, l *Layer) {
		if l.Suite == PSKWithAES128CBCSHA256 && l.OwnCID != nil {
			return
		}
		client := pionClient(t, l.Suite)
		for n, size := range []int{0, 1, 15, 16, 17, 400, 2048} {
			content := bytes.Repeat([]byte{byte(n)}, size)
			h := recordlayer.Header{ContentType: TypeApplicationData, Version: protocol.Version1_2, Epoch: 1, SequenceNumber: uint64(n) << 40}
			plain := content
			if l.OwnCID != nil {
				h.ContentType, h.ConnectionID = protocol.ContentTypeConnectionID, l.OwnCID
				plain = slices.Concat(content, []byte{TypeApplicationData}, make([]byte, n)) // padded with zeros
			}
			head, err := h.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			sealed, err := client.Encrypt(&recordlayer.RecordLayer{Header: h}, append(head, plain...))
			if err != nil {
				t.Fatal(err)
			}
			out, why := l.Open(single(t, sealed))
			if why != traffic.NotDropped || out.ContentType != TypeApplicationData || !bytes.Equal(out.Content, content) || !out.Newest {
				t.Errorf("opened type %d, %d bytes, newest %t (%v); want %d bytes", out.ContentType, len(out.Content), out.Newest, why, size)
			}

			b := must(t, l, TypeApplicationData, content)
			back := recordlayer.Header{ConnectionID: l.PeerCID}
			opened, err := client.Decrypt(back, bytes.Clone(b))
			if err != nil {
				t.Fatalf("pion does not open %d bytes: %v", size, err)
			}
			opened = opened[HeaderSize+len(l.PeerCID):]
			if len(l.PeerCID) > 0 {
				content = append(bytes.Clone(content), TypeApplicationData)
			}
			if !bytes.Equal(opened, content) {
				t.Errorf("pion opens %x of %x", opened, content)
			}
		}
	})
}

// What OpenSSL, GnuTLS and Mbed TLS have sealed, and what they were sent, can be opened with
// the pre-shared key of testdata/dtls.
func TestRecordLayerRecordings(t *testing.T) {
	for name, datagrams := range coaptest.Recordings(t) {
		t.Run(name, func(t *testing.T) {
			server := recordedLayer(t, datagrams)
			client := clientOf(t, server)
			var up []byte
			down := 0
			for _, d := range datagrams {
				for b := d.B; len(b) > 0; {
					r, rest, ok := Next(b)
					if b = rest; !ok || r.Epoch() == PlainEpoch {
						continue
					}
					l := server
					if !d.Up {
						l, down = client, down+1
					}
					out, why := l.Open(r)
					if why != traffic.NotDropped {
						t.Fatalf("%x: %v", r, why)
					}
					if d.Up {
						up = append(up, out.ContentType)
					}
				}
			}
			if len(up) < 2 || up[0] != TypeHandshake || up[1] != TypeApplicationData || down < 2 {
				t.Errorf("records of types %d from the client, %d from the server", up, down)
			}
		})
	}
}

// recordedLayer derives the keys of a recorded handshake, with an extended master secret
// (RFC 7627) where it had that.
func recordedLayer(t *testing.T, datagrams []coaptest.Recorded) *Layer {
	t.Helper()
	var clientHelloBody, serverHelloBody, transcript []byte
	for _, d := range datagrams {
		for b := d.B; len(b) > 0; {
			r, rest, ok := Next(b)
			if b = rest; !ok || r.Epoch() != PlainEpoch || r.ContentType() != TypeHandshake {
				continue
			}
			switch body := r.Content[HandshakeHeader:]; r.Content[0] {
			case ClientHello:
				clientHelloBody, transcript = body, bytes.Clone(r.Content) // the one with the cookie counts
				continue
			case HelloVerifyRequest:
				continue
			case ServerHello:
				serverHelloBody = body
			}
			transcript = append(transcript, r.Content...)
		}
	}
	key := []byte("0123456789abcdef")
	pre := slices.Concat([]byte{0, byte(len(key))}, make([]byte, len(key)), []byte{0, byte(len(key))}, key)
	random := func(hello []byte) []byte { return hello[2 : 2+RandomSize] }
	_, behind, _ := CutVector(serverHelloBody[2+RandomSize:])
	suite := Suite(behind[0])<<8 | Suite(behind[1])
	master, err := prf.MasterSecret(pre, random(clientHelloBody), random(serverHelloBody), sha256.New)
	if bytes.Contains(behind, []byte{0, 0x17, 0, 0}) {
		hash := sha256.Sum256(transcript)
		master, err = prf.ExtendedMasterSecret(pre, hash[:], sha256.New)
	}
	if err != nil {
		t.Fatal(err)
	}
	l := NewLayer(suite, master, random(clientHelloBody), random(serverHelloBody), nil, nil, 0)
	return &l
}

// Each record of ours has a number of its own, and there are no more than there may be.
func TestRecordLayerNumbers(t *testing.T) {
	l := layerOf(PSKWithAES128CCM8, nil, nil, 7)
	l.Limit = 10
	for want := uint64(7); want < 10; want++ {
		b := must(t, l, TypeApplicationData, []byte("x"))
		r := single(t, b)
		if r.Number() != want || r.Epoch() != SealedEpoch || r.Version() != Version12 || !bytes.Equal(b[3:11], r.Content[:explicitSize]) {
			t.Errorf("record %x, want number %d, in the nonce too", b, want)
		}
	}
	for range 2 {
		if _, err := l.Seal(TypeApplicationData, []byte("x")); !errors.Is(err, errNumbers) {
			t.Errorf("beyond the limit: error %v, want %v", err, errNumbers)
		}
	}
	l.Limit = MaxNumber + 1
	if _, err := l.Seal(TypeApplicationData, make([]byte, maxContent+1)); !errors.Is(err, errContent) {
		t.Errorf("too much: error %v, want %v", err, errContent)
	}
	if r := single(t, must(t, l, TypeAlert, []byte{1, 0})); r.Number() != 10 {
		t.Errorf("number %d after errors, want 10", r.Number())
	}
	l.Next = MaxNumber
	must(t, l, TypeApplicationData, nil)
	if _, err := l.Seal(TypeApplicationData, nil); !errors.Is(err, errNumbers) {
		t.Errorf("beyond 48 bits: error %v, want %v", err, errNumbers)
	}
}

// A record is taken once, and only as it was made.
func TestRecordLayerRefuses(t *testing.T) {
	forEverySuite(t, func(t *testing.T, l *Layer) {
		client := clientOf(t, l)
		b := must(t, client, TypeApplicationData, []byte("POST /bs"))
		before := *l
		for i := range b {
			forged := bytes.Clone(b)
			forged[i] ^= 0x20
			r, _, ok := Next(forged)
			if !ok {
				continue // its length, or a type with another header
			}
			if _, why := l.Open(r); why == traffic.NotDropped {
				t.Errorf("taken with byte %d altered", i)
			}
		}
		for n := range b {
			cut := bytes.Clone(b[:n])
			if r, _, ok := Next(cut); ok {
				t.Errorf("%x is a record", r)
			}
			if head := len(b) - len(single(t, b).Content); n > head { // with a length that fits
				cut[head-1], cut[head-2] = byte(n-head), byte((n-head)>>8)
				if _, why := l.Open(single(t, cut)); why != traffic.DropNotAuthentic {
					t.Errorf("cut to %d of %d bytes: %v", n-head, len(b)-head, why)
				}
			}
		}
		l.reads, l.writes = nil, nil
		if !reflect.DeepEqual(*l, before) {
			t.Errorf("forged records changed %+v to %+v", before, *l)
		}
		if out, why := l.Open(single(t, b)); why != traffic.NotDropped || string(out.Content) != "POST /bs" {
			t.Errorf("opened %q (%v)", out.Content, why)
		}
		if _, why := l.Open(single(t, b)); why != traffic.DropReplayed {
			t.Errorf("a second time: %v, want %v", why, traffic.DropReplayed)
		}
		l.Release() // makes no difference
		if _, why := l.Open(single(t, must(t, client, TypeApplicationData, nil))); why != traffic.NotDropped {
			t.Errorf("after a rest: %v", why)
		}
	})
}

// A record that says it has no type, or is for another association, is not taken.
func TestRecordLayerConnectionIDs(t *testing.T) {
	own := []byte{0, 1, 2, 3, 4, 5, 6, 7}
	with := layerOf(PSKWithAES128GCMSHA256, own, nil, 1)
	without := layerOf(PSKWithAES128GCMSHA256, nil, nil, 1)
	other := layerOf(PSKWithAES128GCMSHA256, bytes.Repeat([]byte{5}, CIDSize), nil, 1)
	client := clientOf(t, with)
	b := must(t, client, TypeApplicationData, []byte("x"))
	for name, l := range map[string]*Layer{"none": without, "another": other} {
		if _, why := l.Open(single(t, b)); why != traffic.DropOutOfPlace {
			t.Errorf("a record with a connection ID, where there is %s: %v", name, why)
		}
	}
	if _, why := with.Open(single(t, must(t, clientOf(t, without), TypeApplicationData, []byte("x")))); why != traffic.DropOutOfPlace {
		t.Errorf("a record without its connection ID: %v", why)
	}
	for _, content := range [][]byte{nil, make([]byte, 20)} {
		if _, why := with.Open(single(t, must(t, client, 0, content))); why != traffic.DropNotAuthentic {
			t.Errorf("a record without a type: %v", why)
		}
	}
}

// The window takes what a model takes that remembers every number.
func TestReplayWindow(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var w ReplayWindow
		taken, highest, closed := make(map[uint64]bool), int64(-1), int64(-1)
		around := func() uint64 {
			n := highest + r.Int64N(200) - 150
			if r.IntN(50) == 0 {
				n = highest + r.Int64N(1<<20)
			}
			return uint64(max(n, 0))
		}
		for range 500 {
			n := around()
			want := !taken[n] && int64(n) > closed && int64(n) > highest-windowSize
			if got := w.fresh(n); got != want {
				t.Fatalf("seed %d: number %d after %d is fresh: %t, want %t", seed, n, highest, got, want)
			}
			if !want || r.IntN(3) == 0 { // as if it was not authentic
				continue
			}
			if newest := w.take(n); newest != (int64(n) > highest) {
				t.Fatalf("seed %d: number %d after %d is the newest: %t", seed, n, highest, newest)
			}
			taken[n], highest = true, max(highest, int64(n))
			if r.IntN(100) == 0 {
				w.Close()
				closed = highest
			}
		}
	}
}

// Only padding whose every byte tells how much there is counts, and that of any length.
func TestCBCPadding(t *testing.T) {
	const tag = 32
	for size := tag + 1; size <= 512; size++ {
		for padding := 1; padding <= 256; padding++ {
			b := make([]byte, size)
			for i := range min(padding, size) {
				b[size-1-i] = byte(padding - 1)
			}
			if got, good := cbcPadding(b, tag); (good == 1) != (padding <= size-tag) || good == 1 && got != padding {
				t.Fatalf("%d bytes of padding in %d: got %d, %d", padding, size, got, good)
			}
			if padding == 1 || padding > size {
				continue
			}
			for _, i := range []int{1, padding / 2, padding - 1} {
				b[size-1-i] ^= 0x80
				if got, good := cbcPadding(b, tag); i > 0 && good == 1 || good == 0 && got != 1 {
					t.Fatalf("%d bytes of padding in %d, one of them wrong: got %d, %d", padding, size, got, good)
				}
				b[size-1-i] ^= 0x80
			}
		}
	}
}

// What one side seals the other opens, whatever it is; what was altered on the way it does
// not, and goes on as if nothing had come.
func FuzzRecordLayer(f *testing.F) {
	for i := range everySuite() {
		f.Add(uint8(i), uint8(i), []byte("POST /bs?ep=a"), uint16(3), uint8(1))
		f.Add(uint8(i), uint8(0), []byte{}, uint16(30), uint8(0x80))
	}
	f.Fuzz(func(t *testing.T, suite, cids uint8, content []byte, at uint16, change uint8) {
		pair := cidPairs[int(cids)%len(cidPairs)]
		server := layerOf(everySuite()[int(suite)%len(everySuite())], pair.own, pair.peer, 1)
		client := clientOf(t, server)
		b, err := client.Seal(TypeApplicationData, content)
		if err != nil {
			return
		}
		forged := bytes.Clone(b)
		forged[int(at)%len(b)] ^= change
		if r, rest, ok := Next(forged); ok && len(rest) == 0 && change != 0 {
			before := *server
			if _, why := server.Open(r); why == traffic.NotDropped {
				t.Errorf("%v: %x is taken for %x", server.Suite, forged, b)
			}
			server.Release()
			if !reflect.DeepEqual(before, *server) {
				t.Errorf("%v: %x leaves %+v", server.Suite, forged, *server)
			}
		}
		if out, why := server.Open(single(t, b)); why != traffic.NotDropped || out.ContentType != TypeApplicationData || !bytes.Equal(out.Content, content) {
			t.Errorf("%v: %x opens as %x (%v)", server.Suite, b, out.Content, why)
		}
	})
}

func BenchmarkRecordLayer(b *testing.B) {
	for _, suite := range []Suite{PSKWithAES128CCM8, PSKWithAES128GCMSHA256, PSKWithAES128CBCSHA256, ECDSAWithChaCha20Poly1305} {
		server := layerOf(suite, nil, nil, 1)
		sealed := must(b, clientOf(b, server), TypeApplicationData, make([]byte, 100))
		r := single(b, sealed)
		b.Run("seal/"+suite.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(b, server, TypeApplicationData, sealed)
			}
		})
		b.Run("open/"+suite.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				server.Decrypt(r)
			}
		})
		b.Run("open-at-rest/"+suite.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				server.Release()
				server.Decrypt(r)
			}
		})
	}
}
