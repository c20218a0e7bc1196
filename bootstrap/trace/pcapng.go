package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// Block types, options and the link type of pcapng (draft-ietf-opsawg-pcapng).
const (
	blockSection    = 0x0A0D0D0A
	blockInterface  = 1
	blockStatistics = 5
	blockPacket     = 6

	optionEnd        = 0
	optionComment    = 1
	optionResolution = 9 // of an interface: if_tsresol

	linkRaw = 101 // an IPv4 or IPv6 header comes first
)

// coapPort is the port that the server has in a trace, whatever it has: Wireshark knows CoAP by it.
const coapPort = 5683

// An option is one of a block.
type option struct {
	code uint16
	text string
}

// appendBlock appends a block.
func appendBlock(dst []byte, typ uint32, body []byte, options ...option) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	for _, o := range options {
		body = binary.LittleEndian.AppendUint16(body, o.code)
		body = binary.LittleEndian.AppendUint16(body, uint16(len(o.text)))
		body = append(body, o.text...)
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
	}
	if len(options) > 0 {
		body = append(body, 0, 0, 0, 0)
	}
	size := uint32(12 + len(body))
	dst = binary.LittleEndian.AppendUint32(dst, typ)
	dst = binary.LittleEndian.AppendUint32(dst, size)
	dst = append(dst, body...)
	return binary.LittleEndian.AppendUint32(dst, size)
}

// appendHeader appends what a file begins with.
func appendHeader(dst []byte, comment string) []byte {
	section := binary.LittleEndian.AppendUint32(nil, 0x1A2B3C4D)
	section = append(section, 1, 0, 0, 0)                                      // version 1.0
	section = binary.LittleEndian.AppendUint64(section, 0xFFFF_FFFF_FFFF_FFFF) // of unknown length
	dst = appendBlock(dst, blockSection, section, option{optionComment, comment})
	return appendBlock(dst, blockInterface, []byte{linkRaw, 0, 0, 0, 0, 0, 0, 0}, option{optionResolution, "\x09"})
}

// appendPacket appends a packet; comment may be empty.
func appendPacket(dst []byte, at time.Time, packet []byte, comment string) []byte {
	ns := uint64(at.UnixNano())
	body := binary.LittleEndian.AppendUint32(nil, 0) // the interface
	body = binary.LittleEndian.AppendUint32(body, uint32(ns>>32))
	body = binary.LittleEndian.AppendUint32(body, uint32(ns))
	body = binary.LittleEndian.AppendUint32(body, uint32(len(packet)))
	body = binary.LittleEndian.AppendUint32(body, uint32(len(packet)))
	body = append(body, packet...)
	if comment == "" {
		return appendBlock(dst, blockPacket, body)
	}
	return appendBlock(dst, blockPacket, body, option{optionComment, comment})
}

// appendStatistics appends what a file ends with.
func appendStatistics(dst []byte, at time.Time, comment string) []byte {
	ns := uint64(at.UnixNano())
	body := binary.LittleEndian.AppendUint32(nil, 0)
	body = binary.LittleEndian.AppendUint32(body, uint32(ns>>32))
	body = binary.LittleEndian.AppendUint32(body, uint32(ns))
	return appendBlock(dst, blockStatistics, body, option{optionComment, comment})
}

// appendUDP appends a datagram with headers of IP and UDP. Addresses of two kinds become IPv6.
func appendUDP(dst []byte, from, to netip.AddrPort, payload []byte) []byte {
	src, dest := from.Addr().Unmap(), to.Addr().Unmap()
	udp := binary.BigEndian.AppendUint16(nil, from.Port())
	udp = binary.BigEndian.AppendUint16(udp, to.Port())
	udp = binary.BigEndian.AppendUint16(udp, uint16(8+len(payload)))
	udp = append(udp, 0, 0)
	udp = append(udp, payload...)
	var pseudo []byte
	if src.Is4() && dest.Is4() {
		s, d := src.As4(), dest.As4()
		head := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0}
		binary.BigEndian.PutUint16(head[2:], uint16(20+len(udp)))
		head = append(append(head, s[:]...), d[:]...)
		binary.BigEndian.PutUint16(head[10:], checksum(head))
		dst = append(dst, head...)
		pseudo = append(append(append(pseudo, s[:]...), d[:]...), 0, 17, byte(len(udp)>>8), byte(len(udp)))
	} else {
		s, d := src.As16(), dest.As16()
		head := []byte{0x60, 0, 0, 0, byte(len(udp) >> 8), byte(len(udp)), 17, 64}
		dst = append(append(append(dst, head...), s[:]...), d[:]...)
		pseudo = append(append(append(pseudo, s[:]...), d[:]...), 0, 0, byte(len(udp)>>8), byte(len(udp)), 0, 0, 0, 17)
	}
	sum := checksum(append(pseudo, udp...))
	if sum == 0 { // stands for none (RFC 768)
		sum = 0xFFFF
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
	return append(dst, udp...)
}

// checksum is that of the Internet (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for i, v := range b {
		if i%2 == 0 {
			sum += uint32(v) << 8
		} else {
			sum += uint32(v)
		}
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xFFFF
	}
	return ^uint16(sum)
}

// maxBlock is the largest block that [Copy] takes, in bytes.
const maxBlock = 1 << 20

// Copy copies a trace block by block, so that what is written is a whole file at any time. It returns
// how many packets it copied, and the comment that the trace ended with; empty where it was cut off.
func Copy(dst io.Writer, src io.Reader) (packets int, end string, err error) {
	head := make([]byte, 8)
	for {
		if _, err := io.ReadFull(src, head); errors.Is(err, io.EOF) {
			return packets, end, nil
		} else if err != nil {
			return packets, end, err
		}
		typ, size := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
		if size < 12 || size%4 != 0 || size > maxBlock {
			return packets, end, fmt.Errorf("a block of %d bytes is none of a trace", size)
		}
		block := make([]byte, size)
		copy(block, head)
		if _, err := io.ReadFull(src, block[8:]); err != nil {
			return packets, end, err
		}
		if _, err := dst.Write(block); err != nil {
			return packets, end, err
		}
		switch typ {
		case blockPacket:
			packets++
		case blockStatistics:
			end = commentOf(block)
		}
	}
}

// commentOf is the comment of a statistics block, its first option.
func commentOf(block []byte) string {
	const at = 8 + 12
	if len(block) < at+4 || binary.LittleEndian.Uint16(block[at:]) != optionComment {
		return ""
	}
	size := int(binary.LittleEndian.Uint16(block[at+2:]))
	if at+4+size > len(block) {
		return ""
	}
	return string(block[at+4 : at+4+size])
}
