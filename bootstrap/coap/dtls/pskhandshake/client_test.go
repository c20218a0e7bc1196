package pskhandshake

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
)

// now is when the handshakes of tests begin.
var now = time.Unix(1_700_000_000, 0)

const testIdentity = "device"

var testKey, otherKey = []byte("0123456789abcdef"), []byte("fedcba9876543210")

// A client is one whose messages follow from what it offers and a key, as all that is random is
// given. So a test has every record that it may send before it sends any.
type client struct {
	hello []byte // the datagram with the cookie
	offer hello.Offer
	suite record.Suite
	own   []byte // connection ID of the server; nil for none
	layer *record.Layer

	transcript []byte // up to its Finished
	master     []byte
}

var testCookie = bytes.Repeat([]byte{0xc0}, 20)

// secondHello is a ClientHello with testCookie.
func secondHello(suites []record.Suite, extensions ...[]byte) []byte {
	first := coaptest.HelloOffering(suites, extensions...)
	const cookieAt = record.HeaderSize + record.HandshakeHeader + 2 + record.RandomSize + 1
	b := slices.Concat(first[:cookieAt], []byte{byte(len(testCookie))}, testCookie, first[cookieAt+1:])
	n := len(b) - record.HeaderSize - record.HandshakeHeader
	b[10], b[18] = 1, 1 // numbers of record and message
	binary.BigEndian.PutUint16(b[11:], uint16(n+record.HandshakeHeader))
	for _, at := range []int{14, 22} {
		b[at], b[at+1], b[at+2] = byte(n>>16), byte(n>>8), byte(n)
	}
	return b
}

// serverRandom is that of the servers of tests.
var serverRandom = coaptest.Random(0x5e)

// newClient returns a client, and the server that has taken its ClientHello.
func newClient(t testing.TB, suite record.Suite, key []byte, own []byte, extensions ...[]byte) (*client, *Handshake, []byte) {
	t.Helper()
	c := &client{hello: secondHello([]record.Suite{suite}, extensions...), suite: suite, own: own}
	var ok bool
	if c.offer, ok = hello.ParseOffer(c.hello); !ok {
		t.Fatalf("a bad ClientHello: %x", c.hello)
	}
	h, out := Begin(Opening{Hello: c.hello, Offer: c.offer, Random: serverRandom, CID: own}, now)
	if h.Status() != Waiting {
		t.Fatalf("a handshake begins with status %d, error %v", h.Status(), h.Err())
	}
	c.transcript = append(c.transcript, c.hello[record.HeaderSize:]...)
	for rest := out; len(rest) > 0; {
		r, behind, ok := record.Next(rest)
		if !ok {
			t.Fatalf("the server sends %x", out)
		}
		c.transcript, rest = append(c.transcript, r.Content...), behind
	}
	c.transcript = append(c.transcript, c.keyExchange(testIdentity)[record.HeaderSize:]...)
	c.derive(t, key)
	return c, h, out
}

// derive makes the keys of the client, as RFC 4279 and RFC 7627 have them.
func (c *client) derive(t testing.TB, key []byte) {
	n := binary.BigEndian.AppendUint16(nil, uint16(len(key)))
	premaster := slices.Concat(n, make([]byte, len(key)), n, key)
	random := make([]byte, record.RandomSize)
	if hash := sha256.Sum256(c.transcript); c.offer.ExtendedMaster {
		c.master = record.Pseudorandom(c.suite, 48, premaster, "extended master secret", hash[:])
	} else {
		c.master = record.Pseudorandom(c.suite, 48, premaster, "master secret", random, serverRandom[:])
	}
	var own, peer []byte
	if c.offer.CID != nil && c.own != nil {
		own, peer = c.own, c.offer.CID
	}
	server := record.NewLayer(c.suite, c.master, random, serverRandom[:], own, peer, 0)
	var err error
	if c.layer, err = server.ClientSide(); err != nil {
		t.Fatal(err)
	}
}

// plain is a record in the clear.
func plain(contentType byte, content ...byte) []byte {
	b := []byte{contentType, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(content))), content...)
}

// keyExchange is the record of the ClientKeyExchange.
func (c *client) keyExchange(identity string) []byte {
	body := append(binary.BigEndian.AppendUint16(nil, uint16(len(identity))), identity...)
	return plain(record.TypeHandshake, message(clientKeyExchange, keyExchangeNumber, body)...)
}

// finished is the Finished of the client in the clear.
func (c *client) finished() []byte {
	hash := sha256.Sum256(c.transcript)
	return message(finished, clientFinishedNumber, record.Pseudorandom(c.suite, verifyDataSize, c.master, "client finished", hash[:]))
}

// sealed is a record under the keys of the client, with this number.
func (c *client) sealed(t testing.TB, number uint64, contentType byte, content ...byte) []byte {
	t.Helper()
	c.layer.Next = number
	b, err := c.layer.Seal(contentType, content)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fragmentsOf cuts the handshake message of a record in the clear into fragments of n bytes, each in a
// record of its own.
func fragmentsOf(b []byte, n int) (out [][]byte) {
	header, body := b[record.HeaderSize:record.HeaderSize+record.HandshakeHeader], b[record.HeaderSize+record.HandshakeHeader:]
	for at := 0; at < len(body); at += n {
		part := body[at:min(at+n, len(body))]
		f := bytes.Clone(header)
		f[8], f[11] = byte(at), byte(len(part))
		f[9], f[10] = 0, 0
		out = append(out, plain(record.TypeHandshake, append(f, part...)...))
	}
	return out
}

// feed passes the records of datagrams to a server, which is given its key as soon as it needs one, and
// returns what it sends. The buffer of a datagram is used again after it, as that of a socket is.
func feed(t testing.TB, h *Handshake, key []byte, datagrams ...[]byte) (sent [][]byte) {
	t.Helper()
	add := func(b []byte) {
		if b != nil {
			sent = append(sent, b)
		}
	}
	for _, datagram := range datagrams {
		buffer := bytes.Clone(datagram)
		for b := buffer; len(b) > 0; {
			r, rest, ok := record.Next(b)
			if !ok {
				t.Fatalf("%x is no record", b)
			}
			add(h.Take(r, now))
			if h.Status() == NeedsKey && key != nil {
				add(h.Key(key))
			}
			b = rest
		}
		clear(buffer)
	}
	return sent
}

// opensFlight reports whether the client accepts the last flight of the server: its Finished is over
// what both have sent.
func (c *client) opensFlight(flight []byte) bool {
	ccs, rest, ok := record.Next(flight)
	if !ok || ccs.ContentType() != record.TypeChangeCipherSpec || !bytes.Equal(ccs.Content, []byte{1}) {
		return false
	}
	if len(c.layer.OwnCID) > 0 { // whose length record.Next does not know
		rest = append(rest[:0:0], rest...)
	}
	r, ok := nextOfServer(rest, len(c.layer.OwnCID))
	if !ok {
		return false
	}
	opened, ok := c.layer.Decrypt(r)
	hash := sha256.Sum256(slices.Concat(c.transcript, c.finished()))
	want := message(finished, serverFinishedNumber, record.Pseudorandom(c.suite, verifyDataSize, c.master, "server finished", hash[:]))
	return ok && opened.ContentType == record.TypeHandshake && bytes.Equal(opened.Content, want)
}

// nextOfServer is the record in b, with a connection ID of the client of n bytes.
func nextOfServer(b []byte, n int) (r record.Record, ok bool) {
	at := record.HeaderSize + n
	if len(b) < at {
		return r, false
	}
	return record.Record{Header: b[:at:at], Content: b[at:]}, true
}
