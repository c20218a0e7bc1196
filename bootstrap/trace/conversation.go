package trace

import (
	"net/netip"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// A packet is one datagram of a conversation.
type packet struct {
	at      time.Time
	out     bool
	bytes   []byte // a copy
	payload int    // how many bytes at its end are the payload
	comment string
	ready   bool // its secrets are blanked
}

// A transfer is a payload that goes in blocks; its packets are held back.
type transfer struct {
	out    bool
	path   lwm2m.Path
	format lwm2m.Format
	whole  []byte
	parts  []part
}

type part struct {
	packet *packet
	offset int
}

// maxHeld is the largest payload in blocks that is put together, in bytes, and maxRequests how many
// requests without an answer are remembered.
const (
	maxHeld     = 64 << 10
	maxRequests = 64
)

// A conversation are the messages of one peer, in their order.
type conversation struct {
	objects      *object.Registry
	reveal       bool
	peer, server netip.AddrPort
	held         []*packet
	transfer     *transfer
	requests     map[requestKey]lwm2m.Path // the paths of what is not answered
	asked        uint16                    // the message ID of the last request to bootstrap
	sessions     int                       // requests to bootstrap whose end is not known
	heard        time.Time                 // the last message
	endsAt       time.Time                 // zero while its session runs
}

type requestKey struct {
	token message.Token
	out   bool // of the server
}

func newConversation(peer auth.Peer, objects *object.Registry, reveal bool) *conversation {
	c := &conversation{objects: objects, reveal: reveal, requests: make(map[requestKey]lwm2m.Path)}
	c.peer, _ = netip.ParseAddrPort(peer.Remote)
	local := peer.Local
	if !local.IsValid() || local.IsUnspecified() {
		local = netip.IPv4Unspecified()
		if c.peer.Addr().Unmap().Is6() {
			local = netip.IPv6Unspecified()
		}
	}
	c.server = netip.AddrPortFrom(local, coapPort)
	return c
}

// begins notes a request to bootstrap, once for all its retransmissions.
func (c *conversation) begins(m message.Message) {
	if c.sessions == 0 && c.asked == 0 || c.asked != m.ID {
		c.asked = m.ID
		c.sessions++
	}
}

// over notes the end of a session, after which the conversation closes, and reports whether it was one that is recorded. Another of the
// peer may have begun: then the conversation goes on.
func (c *conversation) over(closes time.Time) bool {
	if c.sessions == 0 {
		return false
	}
	if c.sessions--; c.sessions == 0 {
		c.endsAt = closes
	}
	return true
}

// add takes a datagram, and returns the packets that can be written.
func (c *conversation) add(at time.Time, out bool, b []byte) []*packet {
	p := &packet{at: at, out: out, bytes: b}
	c.held = append(c.held, p)
	if c.reveal {
		p.ready = true
		return c.flush()
	}
	m, err := message.Decode(b)
	switch {
	case err != nil:
		p.bytes, p.comment, p.ready = b[:min(len(b), 4)], "malformed; all but the header is left out", true
	default:
		p.payload = len(m.Payload)
		c.examine(p, m)
	}
	return c.flush()
}

// examine blanks a message, or holds it until its transfer is complete.
func (c *conversation) examine(p *packet, m message.Message) {
	path, known := c.subject(p.out, m)
	block := m.Block1
	if m.IsResponse() {
		block = m.Block2
	}
	switch {
	case p.payload == 0, m.ContentFormat == lwm2m.FormatLink, m.IsResponse() && m.Code.Class() != 2:
		p.ready = true
	case block != nil && (block.More || block.Num > 0):
		c.part(p, m, path, known, *block)
	case !known:
		p.blankAll("payload blanked: what it is for is not known")
	default:
		c.settle(p, m.ContentFormat, path)
	}
}

// settle blanks a message that has its whole payload.
func (c *conversation) settle(p *packet, f lwm2m.Format, path lwm2m.Path) {
	at := len(p.bytes) - p.payload
	out, any := blanked(c.objects, f, path, p.bytes[at:])
	copy(p.bytes[at:], out)
	if any {
		p.comment = "secret values blanked"
	}
	p.ready = true
}

// subject is the path that the payload of a message is for, if that is known. It remembers that of
// a request for the answer.
func (c *conversation) subject(out bool, m message.Message) (path lwm2m.Path, known bool) {
	switch {
	case m.IsRequest():
		path, known = requestPath(out, m)
		if known && len(c.requests) < maxRequests {
			c.requests[requestKey{m.Token, out}] = path
		}
		return path, known && m.Code != lwm2m.Code(bootstrap.POST)
	case m.IsResponse():
		key := requestKey{m.Token, !out}
		path, known = c.requests[key]
		delete(c.requests, key)
	}
	return path, known
}

// requestPath is what a request is about: of the server an Instance, of the device the pack.
func requestPath(out bool, m message.Message) (path lwm2m.Path, known bool) {
	if !out {
		return lwm2m.Root, m.Code == lwm2m.Code(bootstrap.GET) && len(m.Path) > 0 && m.Path[len(m.Path)-1] == "bspack"
	}
	text := ""
	for _, segment := range m.Path {
		text += "/" + segment
	}
	if text == "" {
		return lwm2m.Root, true
	}
	path, err := lwm2m.ParsePath(text)
	return path, err == nil
}

// part takes one block of a payload.
func (c *conversation) part(p *packet, m message.Message, path lwm2m.Path, known bool, b message.Block) {
	offset := int(b.Num) << (b.SZX + 4)
	payload := p.bytes[len(p.bytes)-p.payload:]
	t := c.transfer
	if offset == 0 {
		if t != nil && (t.out != p.out || t.path != path || len(t.whole) < len(payload) || string(t.whole[:len(payload)]) != string(payload)) {
			c.abandon()
			t = nil
		}
		if t == nil && known {
			t = &transfer{out: p.out, path: path, format: m.ContentFormat}
			c.transfer = t
		}
	}
	if t == nil || t.out != p.out || offset > len(t.whole) || offset+len(payload) > maxHeld {
		p.blankAll("block blanked: it belongs to no payload that is known")
		return
	}
	t.parts = append(t.parts, part{p, offset})
	if grown := offset + len(payload) - len(t.whole); grown > 0 {
		t.whole = append(t.whole, make([]byte, grown)...)
	}
	copy(t.whole[offset:], payload)
	if !b.More {
		c.complete()
	}
}

// complete blanks a payload whose last block has come, and distributes it over its packets.
func (c *conversation) complete() {
	t := c.transfer
	c.transfer = nil
	out, any := blanked(c.objects, t.format, t.path, t.whole)
	for _, part := range t.parts {
		p := part.packet
		at := len(p.bytes) - p.payload
		if part.offset+p.payload > len(out) {
			p.blankAll("block blanked: it belongs to no payload that is known")
			continue
		}
		copy(p.bytes[at:], out[part.offset:part.offset+p.payload])
		if any {
			p.comment = "secret values blanked"
		}
		p.ready = true
	}
}

// abandon blanks the blocks of a transfer that has no end.
func (c *conversation) abandon() {
	if c.transfer == nil {
		return
	}
	for _, part := range c.transfer.parts {
		part.packet.blankAll("block blanked: not all of its payload came")
	}
	c.transfer = nil
}

// end returns what is left.
func (c *conversation) end() []*packet {
	c.abandon()
	return c.flush()
}

// flush returns the packets before the first that is held.
func (c *conversation) flush() (ready []*packet) {
	for len(c.held) > 0 && c.held[0].ready {
		ready = append(ready, c.held[0])
		c.held = c.held[1:]
	}
	return ready
}

// blankAll blanks the whole payload.
func (p *packet) blankAll(comment string) {
	clear(p.bytes[len(p.bytes)-p.payload:])
	p.comment, p.ready = comment, true
}

// datagram is a packet with its headers.
func (c *conversation) datagram(p *packet) []byte {
	if p.out {
		return appendUDP(nil, c.server, c.peer, p.bytes)
	}
	return appendUDP(nil, c.peer, c.server, p.bytes)
}
