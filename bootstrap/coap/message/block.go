package message

// A Block is the value of a Block1 or Block2 option (RFC 7959 §2.2).
type Block struct {
	Num  uint32 // in blocks of this size, 20 bits
	More bool
	SZX  uint8 // 0 to [MaxSZX]; 7 may be received, but means nothing over datagrams
}

const (
	// MaxSZX stands for blocks of 1024 bytes.
	MaxSZX = 6

	// MaxBody is the most that a payload may have over all its blocks, in bytes.
	MaxBody = 64 << 10
)

// BlockAt returns the block of a body of length bytes that begins at offset, a
// multiple of the block size.
func BlockAt(offset, length int, szx uint8) Block {
	b := Block{Num: uint32(offset >> (szx + 4)), SZX: szx}
	b.More = offset+b.Size() < length
	return b
}

// Size is the number of bytes in a block that is not the last.
func (b Block) Size() int { return BlockSize(b.SZX) }

// Offset is where the block begins.
func (b Block) Offset() int { return int(b.Num) << (b.SZX + 4) }

// Of returns the bytes of the block within body, which must reach beyond its offset
// unless both are zero.
func (b Block) Of(body []byte) []byte {
	return body[b.Offset():min(b.Offset()+b.Size(), len(body))]
}

func (b Block) value() uint32 {
	v := b.Num<<4 | uint32(b.SZX)
	if b.More {
		v |= 8
	}
	return v
}

func blockFrom(value uint32) *Block {
	return &Block{Num: value >> 4, More: value&8 != 0, SZX: uint8(value & 7)}
}

// BlockSize is the size that szx stands for.
func BlockSize(szx uint8) int { return 16 << szx }

// SizeExponent returns the szx of the largest block of at most size bytes; 0 where
// there is none, MaxSZX for zero and for anything beyond.
func SizeExponent(size int) uint8 {
	szx := uint8(MaxSZX)
	for size > 0 && szx > 0 && BlockSize(szx) > size {
		szx--
	}
	return szx
}
