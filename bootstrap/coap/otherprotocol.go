package coap

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"time"

	"lwbs/bootstrap"
	"lwbs/store"
)

// recognise tells of what protocol a datagram is that is not of the one that its port is for.
// It names one only where that is beyond doubt.
func recognise(b []byte, plain bool) (p bootstrap.Protocol, asked bootstrap.Request) {
	switch {
	case plain && isDTLS(b):
		return bootstrap.ProtocolDTLS, asked
	case isTLS(b):
		return bootstrap.ProtocolTLS, asked
	case isHTTP(b):
		return bootstrap.ProtocolHTTP, asked
	case isCoAPOverTCP(b):
		return bootstrap.ProtocolCoAPTCP, asked
	case plain:
		return bootstrap.ProtocolUnreadable, asked
	}
	if m, err := decode(b); err == nil && m.opens() && m.badOption == 0 && len(m.path)+len(m.queries) > 0 {
		return bootstrap.ProtocolCoAP, bootstrap.Request{Method: bootstrap.Method(m.code), Path: m.path, Queries: m.queries}
	}
	return bootstrap.ProtocolUnreadable, asked
}

// isDTLS reports whether b begins with a record of DTLS 1.0 to 1.3 (RFC 6347 §4.1).
func isDTLS(b []byte) bool {
	r, _, ok := nextRecord(b)
	if !ok || len(r.content) == 0 {
		return false
	}
	v := r.version()
	return r.contentType() >= changeCipherSpec && r.contentType() <= cidRecord &&
		(v == version10 || v == version12 || v == versionMbed)
}

// isTLS reports whether b begins with a ClientHello of TLS (RFC 5246 §6.2.1, §7.4.1.2; in
// RFC 8446 the same). In DTLS the second byte is 0xfe.
func isTLS(b []byte) bool {
	const header = 5
	if len(b) < header+4 || b[0] != handshakeRecord || b[1] != 3 || b[2] > 4 || b[header] != clientHello {
		return false
	}
	n := int(binary.BigEndian.Uint16(b[3:]))
	return n <= maxFragment && uint24(b[header+1:])+4 == n
}

// isHTTP reports whether the first line of b is that of a request or a response of HTTP.
func isHTTP(b []byte) bool {
	if len(b) < 4 || !isUpper(b[:3]) { // which no request of CoAP begins with
		return false
	}
	line, _, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok {
		return false
	}
	words := bytes.Split(line, []byte(" "))
	version := words[len(words)-1] // of a request
	if bytes.HasPrefix(line, []byte("HTTP/")) {
		version = words[0]
	} else if len(words) != 3 || len(words[0]) < 3 || !isUpper(words[0]) {
		return false
	}
	return slices.ContainsFunc([]string{"HTTP/1.0", "HTTP/1.1", "HTTP/2.0"}, func(v string) bool { return string(version) == v })
}

func isUpper(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r < 'A' || r > 'Z' })
}

// isCoAPOverTCP reports whether b begins as every connection of CoAP over TCP does, with a
// Capabilities and Settings Message (RFC 8323 §3.2, §5.3). No message over UDP has its code.
func isCoAPOverTCP(b []byte) bool {
	const csm = 7<<5 | 1
	if len(b) < 2 {
		return false
	}
	length, token := int(b[0]>>4), int(b[0]&15)
	rest := b[1:]
	if length == 13 {
		length, rest = 13+int(rest[0]), rest[1:]
	}
	return length <= 13+255 && int(b[0]>>4) <= 13 && token <= 8 && len(rest) > 0 && rest[0] == csm && len(rest)-1 >= token+length
}

const (
	// othersPause is how long datagrams of other protocols are gathered until they are told
	// of.
	othersPause = time.Second

	// maxOthers is how many of their sources are told of each time, and maxOthersPerNet of one
	// network.
	maxOthers       = 128
	maxOthersPerNet = 8

	// sampleSize is how much of the last one of each is told, in bytes.
	sampleSize = 12
)

// others gathers what came to a port that is for another protocol, so that a flood of it is
// told of in a few words. Nothing of it is proved: what is kept is bounded, and for a second
// only. Its methods may be called concurrently.
type others struct {
	hub       *hub
	transport string // that the port is for

	mu   sync.Mutex
	seen map[otherSource]*bootstrap.OtherProtocol // guarded by mu
	nets map[netip.Prefix]int                     // guarded by mu; how many of seen
}

// An otherSource is an address, and what came from it.
type otherSource struct {
	addr     netip.Addr
	protocol bootstrap.Protocol
}

func newOthers(h *hub, transport string) *others {
	return &others{hub: h, transport: transport, seen: make(map[otherSource]*bootstrap.OtherProtocol), nets: make(map[netip.Prefix]int)}
}

// take notes a datagram that the port is not for, and returns why it is dropped.
func (o *others) take(peer udpPeer, b []byte) DropReason {
	p, asked := recognise(b, o.transport == store.TransportPlain)
	o.note(peer, p, asked, b)
	if p == bootstrap.ProtocolUnreadable {
		return DropMalformed
	}
	return DropOtherProtocol
}

// note gathers a datagram. An empty one, as some keep a NAT open with, is nobody's mistake.
func (o *others) note(peer udpPeer, p bootstrap.Protocol, asked bootstrap.Request, b []byte) {
	if o.hub.cfg.OtherProtocol == nil || len(b) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	source := otherSource{peer.remote.Addr(), p}
	s := o.seen[source]
	if s == nil {
		network := networkOf(source.addr)
		if len(o.seen) >= maxOthers || o.nets[network] >= maxOthersPerNet {
			return // the drop is counted
		}
		if len(o.seen) == 0 {
			o.hub.afterFunc(othersPause, func() { o.hub.spawn(o.tell) })
		}
		o.nets[network]++
		s = &bootstrap.OtherProtocol{Transport: o.transport, Protocol: p, Started: time.Now()}
		o.seen[source] = s
	}
	s.Count++
	s.Remote, s.Request, s.Sample = peer.remote.String(), asked, append(s.Sample[:0], b[:min(len(b), sampleSize)]...)
}

// tell tells of what was gathered.
func (o *others) tell() {
	o.mu.Lock()
	seen := o.seen
	o.seen, o.nets = make(map[otherSource]*bootstrap.OtherProtocol), make(map[netip.Prefix]int)
	o.mu.Unlock()
	for _, s := range seen {
		o.hub.cfg.OtherProtocol(*s)
	}
}

// versionOnly is the version of DTLS that a client offers and the server has not; empty
// where it can do with DTLS 1.2, or that cannot be told. datagram begins with its
// ClientHello.
func versionOnly(datagram []byte) bootstrap.Protocol {
	r, _, ok := nextRecord(datagram)
	if !ok || len(r.content) < handshakeHeader+2 {
		return bootstrap.ProtocolUnreadable
	}
	if binary.BigEndian.Uint16(r.content[handshakeHeader:]) == version10 {
		return bootstrap.ProtocolDTLS10
	}
	o, _ := parseOffer(datagram)
	if slices.Contains(o.versions, version13) && !slices.Contains(o.versions, version12) {
		return bootstrap.ProtocolDTLS13
	}
	return bootstrap.ProtocolUnreadable
}

// wrongVersion is the alert for a client that offers no version of the server: fatal,
// protocol_version (RFC 5246 §7.2.2). It is smaller than any ClientHello. The version is that
// of the client's record.
func wrongVersion(datagram []byte) []byte {
	const fatal, protocolVersion = 2, 70
	return []byte{alertRecord, datagram[1], datagram[2], 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, fatal, protocolVersion}
}
