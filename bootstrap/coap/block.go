package coap

// A block is the value of a Block1 or Block2 option (RFC 7959 §2.2).
type block struct {
	num  uint32 // in blocks of this size, 20 bits
	more bool
	szx  uint8 // 0 to maxSZX; 7 may be received, but means nothing over datagrams
}

const (
	// maxSZX stands for blocks of 1024 bytes.
	maxSZX = 6

	// maxBody is the most that a payload may have over all its blocks, in bytes.
	maxBody = 64 << 10
)

// blockAt returns the block of a body of length bytes that begins at offset, a
// multiple of the block size.
func blockAt(offset, length int, szx uint8) block {
	b := block{num: uint32(offset >> (szx + 4)), szx: szx}
	b.more = offset+b.size() < length
	return b
}

// size is the number of bytes in a block that is not the last.
func (b block) size() int { return blockSize(b.szx) }

// offset is where the block begins.
func (b block) offset() int { return int(b.num) << (b.szx + 4) }

// of returns the bytes of the block within body, which must reach beyond its offset
// unless both are zero.
func (b block) of(body []byte) []byte {
	return body[b.offset():min(b.offset()+b.size(), len(body))]
}

func (b block) value() uint32 {
	v := b.num<<4 | uint32(b.szx)
	if b.more {
		v |= 8
	}
	return v
}

func blockFrom(value uint32) *block {
	return &block{num: value >> 4, more: value&8 != 0, szx: uint8(value & 7)}
}

// blockSize is the size that szx stands for.
func blockSize(szx uint8) int { return 16 << szx }

// sizeExponent returns the szx of the largest block of at most size bytes; 0 where
// there is none, maxSZX for zero and for anything beyond.
func sizeExponent(size int) uint8 {
	szx := uint8(maxSZX)
	for size > 0 && szx > 0 && blockSize(szx) > size {
		szx--
	}
	return szx
}
