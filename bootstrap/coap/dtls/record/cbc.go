package record

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
	"hash"
)

// A cbc encrypts with a block cipher in CBC mode what has a MAC before its padding (RFC 5246 §6.2.3.2).
// Padding and MAC are checked together, in a time that does not depend on them: an attacker who can tell one
// fault from the other can decrypt records.
type cbc struct {
	block cipher.Block
	hash  func() hash.Hash
	key   []byte // of the MAC
}

func (c cbc) seal(dst []byte, h protectedHeader, plaintext []byte) []byte {
	size := c.block.BlockSize()
	start := len(dst)
	dst = append(dst, make([]byte, size)...)
	iv := dst[start:]
	rand.Read(iv) // never fails
	dst = append(append(dst, plaintext...), c.mac(h, plaintext, nil)...)
	padding := size - (len(dst)-start)%size // 1 to size bytes
	for range padding {
		dst = append(dst, byte(padding-1))
	}
	sealed := dst[start+size:]
	cipher.NewCBCEncrypter(c.block, iv).CryptBlocks(sealed, sealed)
	return dst
}

func (c cbc) open(h protectedHeader, payload []byte) ([]byte, bool) {
	size, tag := c.block.BlockSize(), c.hash().Size()
	n := len(payload) - size
	if n < tag+1 || n%size != 0 {
		return nil, false
	}
	b := make([]byte, n)
	cipher.NewCBCDecrypter(c.block, payload[:size]).CryptBlocks(b, payload[size:])
	padding, good := cbcPadding(b, tag)
	end := n - padding - tag
	want := c.mac(h, b[:end], b[end:])
	good &= subtle.ConstantTimeCompare(want, b[end:end+tag])
	return b[:end:end], good == 1
}

// mac is the MAC of content. What follows it in the record is hashed too, to no effect, so
// that the time depends on the length of the record only, but for one block of the hash.
func (c cbc) mac(h protectedHeader, content, rest []byte) []byte {
	m := hmac.New(c.hash, c.key)
	m.Write(h.additional(len(content)))
	m.Write(content)
	mac := m.Sum(nil)
	m.Write(rest)
	return mac
}

// cbcPadding returns how many bytes at the end of b are padding, with good 1 where they
// all tell so and leave room for a tag of that size; else one byte is taken for padding
// and good is 0. Its time depends on the length of b only, which is larger than tag.
func cbcPadding(b []byte, tag int) (padding, good int) {
	last := b[len(b)-1]
	padding = int(last) + 1
	good = subtle.ConstantTimeLessOrEq(padding, len(b)-tag)
	for i := range min(256, len(b)) {
		isPadding := subtle.ConstantTimeLessOrEq(i+1, padding)
		same := subtle.ConstantTimeByteEq(b[len(b)-1-i], last)
		good &= subtle.ConstantTimeSelect(isPadding, same, 1)
	}
	return subtle.ConstantTimeSelect(good, padding, 1), good
}
