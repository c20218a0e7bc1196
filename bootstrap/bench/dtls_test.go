//go:build linux

package bench_test

import (
	"bytes"
	"crypto/aes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"

	"github.com/pion/dtls/v3/pkg/crypto/ccm"
)

// Content types of records, and types of handshake messages (RFC 5246 §6.2.1, §7.4).
const (
	changeCipherSpec = 20
	alertRecord      = 21
	handshakeRecord  = 22
	applicationData  = 23

	clientHello        = 1
	serverHello        = 2
	helloVerifyRequest = 3
	serverHelloDone    = 14
	clientKeyExchange  = 16
	finished           = 20
)

const (
	version12       = 0xfefd
	suite           = 0xc0a8 // TLS_PSK_WITH_AES_128_CCM_8 (RFC 6655)
	recordHeader    = 13
	handshakeHeader = 12
	tagSize         = 8
	saltSize        = 4
	explicitNonce   = 8
)

// A dtlsState is which flight of the client was sent last (RFC 6347 §4.2.4).
type dtlsState int

const (
	unmet       dtlsState = iota
	greeted               // ClientHello
	verified              // ClientHello with the cookie
	proved                // ClientKeyExchange, ChangeCipherSpec, Finished
	established           // none since the server's Finished
	closed                // by an alert of the server
)

// A dtlsClient is the client of one DTLS 1.2 association with a pre-shared key
// (RFC 6347, RFC 4279), without timers: whoever has it repeats its flight.
type dtlsClient struct {
	identity string
	key      []byte

	state      dtlsState
	random     [32]byte
	cookie     []byte
	expected   uint16 // message_seq of the server's next message
	transcript []byte // of the messages that Finished covers
	peerRandom []byte
	master     hash.Hash // HMAC with the master secret
	finished   []byte    // the client's message
	out, in    sealer
	number     [2]uint64 // of the next record, by epoch
}

// A sealer protects the records of one direction.
type sealer struct {
	aead ccm.CCM
	iv   [saltSize + explicitNonce]byte
	data [8 + 3 + 2]byte
}

// begin forgets what was, and is to be followed by flight.
func (c *dtlsClient) begin() {
	*c = dtlsClient{identity: c.identity, key: c.key, state: greeted}
	rand.Read(c.random[:]) // never fails
}

// flight returns the datagram of the last flight, in new records.
func (c *dtlsClient) flight() []byte {
	switch c.state {
	case greeted:
		return c.plain(nil, handshakeRecord, message(clientHello, 0, c.hello()))
	case verified:
		return c.plain(nil, handshakeRecord, message(clientHello, 1, c.hello()))
	case proved:
		b := c.plain(nil, handshakeRecord, c.keyExchange())
		b = c.plain(b, changeCipherSpec, []byte{1})
		return c.seal(b, handshakeRecord, c.finished)
	}
	return nil
}

// hello is the body of a ClientHello.
func (c *dtlsClient) hello() []byte {
	b := binary.BigEndian.AppendUint16(nil, version12)
	b = append(b, c.random[:]...)
	b = append(b, 0, byte(len(c.cookie)))
	b = append(b, c.cookie...)
	b = append(b, 0, 4, suite>>8, suite&0xff, 0x00, 0xff) // and RFC 5746 §3.3
	return append(b, 1, 0)                                // no compression
}

func (c *dtlsClient) keyExchange() []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(c.identity)))
	return message(clientKeyExchange, 2, append(b, c.identity...))
}

func (c *dtlsClient) verifyData(label string) []byte {
	sum := sha256.Sum256(c.transcript)
	return expand(c.master, label, sum[:], 12)
}

// message puts the header before the body of a handshake message (RFC 6347 §4.2.2).
func message(kind byte, seq uint16, body []byte) []byte {
	n := len(body)
	b := []byte{kind, 0, byte(n >> 8), byte(n), byte(seq >> 8), byte(seq), 0, 0, 0, 0, byte(n >> 8), byte(n)}
	return append(b, body...)
}

// header appends the header of the next record of an epoch.
func (c *dtlsClient) header(b []byte, kind byte, epoch uint64, n int) []byte {
	b = append(b, kind, version12>>8, version12&0xff)
	b = binary.BigEndian.AppendUint64(b, epoch<<48|c.number[epoch])
	c.number[epoch]++
	return binary.BigEndian.AppendUint16(b, uint16(n))
}

// plain appends a record in the clear.
func (c *dtlsClient) plain(b []byte, kind byte, content []byte) []byte {
	return append(c.header(b, kind, 0, len(content)), content...)
}

// seal appends a protected record (RFC 6655 §3).
func (c *dtlsClient) seal(b []byte, kind byte, content []byte) []byte {
	b = slices.Grow(b, recordHeader+explicitNonce+len(content)+tagSize)
	b = c.header(b, kind, 1, explicitNonce+len(content)+tagSize)
	head := b[len(b)-recordHeader:]
	b = append(b, head[3:11]...)
	return c.out.aead.Seal(b, c.out.nonce(head[3:11]), content, c.out.additional(head, len(content)))
}

// open returns the content of a protected record.
func (c *dtlsClient) open(head, sealed []byte) ([]byte, error) {
	if c.in.aead == nil || len(sealed) < explicitNonce+tagSize {
		return nil, errors.New("a protected record before there are keys")
	}
	data := c.in.additional(head, len(sealed)-explicitNonce-tagSize)
	return c.in.aead.Open(nil, c.in.nonce(sealed[:explicitNonce]), sealed[explicitNonce:], data)
}

// nonce is that of the record with an explicit part (RFC 6655 §3), until the next one.
func (s *sealer) nonce(explicit []byte) []byte {
	copy(s.iv[saltSize:], explicit)
	return s.iv[:]
}

// additional is the data that a record protects beside its content (RFC 5246 §6.2.3.3),
// until the next one.
func (s *sealer) additional(head []byte, n int) []byte {
	copy(s.data[:], head[3:11])
	copy(s.data[8:], head[:3])
	binary.BigEndian.PutUint16(s.data[11:], uint16(n))
	return s.data[:]
}

// receive takes a datagram of the server and returns the application data in it. The
// state tells what came of the rest. An error is a server that does what it must not.
func (c *dtlsClient) receive(b []byte) (data [][]byte, err error) {
	for len(b) >= recordHeader {
		n := int(binary.BigEndian.Uint16(b[11:]))
		if n > len(b)-recordHeader {
			return data, errors.New("a record is cut off")
		}
		head, content := b[:recordHeader], b[recordHeader:recordHeader+n]
		b = b[recordHeader+n:]
		if binary.BigEndian.Uint16(head[3:]) == 0 {
			err = c.receivePlain(head[0], content)
		} else if content, err = c.open(head, content); err == nil {
			if head[0] == applicationData {
				data = append(data, content)
			} else {
				err = c.receiveSealed(head[0], content)
			}
		}
		if err != nil {
			return data, err
		}
	}
	return data, nil
}

func (c *dtlsClient) receivePlain(kind byte, content []byte) error {
	switch kind {
	case alertRecord:
		return fmt.Errorf("alert %v in the handshake", content)
	case handshakeRecord:
	default:
		return nil
	}
	for len(content) >= handshakeHeader {
		n := int(binary.BigEndian.Uint16(content[2:]))
		if n > len(content)-handshakeHeader {
			return errors.New("a handshake message is in fragments")
		}
		c.receiveMessage(content[0], binary.BigEndian.Uint16(content[4:]), content[:handshakeHeader+n])
		content = content[handshakeHeader+n:]
	}
	return nil
}

// receiveMessage takes one message of the server's flights in the clear. One that is
// not the next waits for the server to repeat itself.
func (c *dtlsClient) receiveMessage(kind byte, seq uint16, m []byte) {
	body := m[handshakeHeader:]
	if kind == helloVerifyRequest && c.state == greeted && len(body) > 3 {
		c.cookie = bytes.Clone(body[3:])
		c.state, c.expected = verified, 1
		c.transcript = append(make([]byte, 0, 512), message(clientHello, 1, c.hello())...)
		return
	}
	if c.state != verified || seq != c.expected {
		return
	}
	c.expected++
	c.transcript = append(c.transcript, m...)
	switch kind {
	case serverHello:
		c.peerRandom = bytes.Clone(body[2:34])
	case serverHelloDone:
		c.transcript = append(c.transcript, c.keyExchange()...)
		c.agree()
		c.state = proved
	}
}

// agree derives the keys (RFC 4279 §2, RFC 5246 §6.3).
func (c *dtlsClient) agree() {
	n := len(c.key)
	premaster := append([]byte{byte(n >> 8), byte(n)}, make([]byte, n)...)
	premaster = append(premaster, byte(n>>8), byte(n))
	premaster = append(premaster, c.key...)
	master := prf(premaster, "master secret", append(c.random[:], c.peerRandom...), 48)
	c.master = hmac.New(sha256.New, master)
	block := expand(c.master, "key expansion", append(bytes.Clone(c.peerRandom), c.random[:]...), 40)
	c.out, c.in = newSealer(block[:16], block[32:36]), newSealer(block[16:32], block[36:40])
	c.finished = message(finished, 3, c.verifyData("client finished"))
}

func newSealer(key, salt []byte) sealer {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has 16 bytes
	}
	aead, err := ccm.NewCCM(block, tagSize, len(salt)+explicitNonce)
	if err != nil {
		panic(err) // the sizes are those of the suite
	}
	s := sealer{aead: aead}
	copy(s.iv[:], salt)
	return s
}

func (c *dtlsClient) receiveSealed(kind byte, content []byte) error {
	switch {
	case kind == alertRecord:
		c.state = closed
	case kind == handshakeRecord && c.state == proved && len(content) > handshakeHeader:
		c.transcript = append(c.transcript, c.finished...)
		if !hmac.Equal(content[handshakeHeader:], c.verifyData("server finished")) {
			return errors.New("the server's Finished does not fit")
		}
		c.state, c.transcript, c.master = established, nil, nil
	}
	return nil
}

// prf is the pseudo-random function of TLS 1.2 (RFC 5246 §5).
func prf(secret []byte, label string, seed []byte, n int) []byte {
	return expand(hmac.New(sha256.New, secret), label, seed, n)
}

// expand is prf with a MAC that has the secret.
func expand(mac hash.Hash, label string, seed []byte, n int) []byte {
	var room [128]byte
	seed = append(append(room[:0], label...), seed...)
	var a [sha256.Size]byte
	out := make([]byte, 0, n+sha256.Size)
	for next := seed; len(out) < n; next = a[:] {
		mac.Reset()
		mac.Write(next)
		mac.Sum(a[:0])
		mac.Reset()
		mac.Write(a[:])
		mac.Write(seed)
		out = mac.Sum(out)
	}
	return out[:n]
}
