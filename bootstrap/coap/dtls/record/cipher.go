package record

import (
	"crypto/cipher"
	"encoding/binary"
)

// A recordCipher protects or opens the records of one direction. It has no state: that no
// number comes twice is the business of the [Layer].
type recordCipher interface {
	// seal appends the protected form of plaintext to dst.
	seal(dst []byte, h protectedHeader, plaintext []byte) []byte

	// open returns what payload protects; ok is false where it is not authentic. It
	// neither changes payload nor returns a part of it.
	open(h protectedHeader, payload []byte) (plaintext []byte, ok bool)
}

// A protectedHeader is what the header of a record has that its protection covers.
type protectedHeader struct {
	number      uint64 // the epoch in the upper 16 bits, the sequence number in the others
	contentType byte   // as in the header: TypeCID where there is a connection ID
	version     uint16
	cid         []byte // of the receiver; nil without one
}

// additional is what is authenticated beside a plaintext of n bytes: RFC 5246 §6.2.3.3,
// with a connection ID RFC 9146 §5. A MAC begins with the same.
func (h protectedHeader) additional(n int) []byte {
	b := make([]byte, 0, 48)
	if h.contentType != TypeCID {
		b = binary.BigEndian.AppendUint64(b, h.number)
		b = append(b, h.contentType)
		b = binary.BigEndian.AppendUint16(b, h.version)
		return binary.BigEndian.AppendUint16(b, uint16(n))
	}
	b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, TypeCID, byte(len(h.cid)), TypeCID)
	b = binary.BigEndian.AppendUint16(b, h.version)
	b = binary.BigEndian.AppendUint64(b, h.number)
	b = append(b, h.cid...)
	return binary.BigEndian.AppendUint16(b, uint16(n))
}

// Parts of a nonce with an explicit part, in bytes (RFC 5288 §3, RFC 6655 §3).
const (
	saltSize     = 4
	explicitSize = 8
)

// An explicitAEAD has nonces of a fixed salt and of a part that each record carries: the
// number of the record, which is never used twice (RFC 9325 §7.2.1).
type explicitAEAD struct {
	cipher.AEAD
	salt []byte
}

func (a explicitAEAD) seal(dst []byte, h protectedHeader, plaintext []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, h.number)
	return a.Seal(dst, a.nonce(dst[len(dst)-explicitSize:]), plaintext, h.additional(len(plaintext)))
}

func (a explicitAEAD) open(h protectedHeader, payload []byte) ([]byte, bool) {
	if len(payload) < explicitSize+a.Overhead() {
		return nil, false
	}
	explicit, sealed := payload[:explicitSize], payload[explicitSize:]
	return openAEAD(a.AEAD, a.nonce(explicit), h, sealed)
}

func (a explicitAEAD) nonce(explicit []byte) []byte {
	return append(append(make([]byte, 0, saltSize+explicitSize), a.salt...), explicit...)
}

// An implicitAEAD has nonces made of a fixed part and the number of the record, which
// the record does not carry again.
type implicitAEAD struct {
	cipher.AEAD
	iv []byte
}

func (a implicitAEAD) seal(dst []byte, h protectedHeader, plaintext []byte) []byte {
	return a.Seal(dst, a.nonce(h.number), plaintext, h.additional(len(plaintext)))
}

func (a implicitAEAD) open(h protectedHeader, payload []byte) ([]byte, bool) {
	if len(payload) < a.Overhead() {
		return nil, false
	}
	return openAEAD(a.AEAD, a.nonce(h.number), h, payload)
}

func (a implicitAEAD) nonce(number uint64) []byte {
	nonce := append(make([]byte, 0, len(a.iv)), a.iv...)
	last := nonce[len(nonce)-8:]
	binary.BigEndian.PutUint64(last, binary.BigEndian.Uint64(last)^number)
	return nonce
}

// openAEAD opens sealed, which is at least as long as a tag.
func openAEAD(a cipher.AEAD, nonce []byte, h protectedHeader, sealed []byte) ([]byte, bool) {
	n := len(sealed) - a.Overhead()
	plaintext, err := a.Open(make([]byte, 0, n), nonce, sealed, h.additional(n))
	return plaintext, err == nil
}
