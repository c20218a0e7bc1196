package otherprotocol

import (
	"net/netip"
	"sync"
	"time"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/store"
)

const (
	// collectFor is how long datagrams of other protocols are gathered before a report.
	collectFor = time.Second

	// maxSources is how many of their sources are reported each time, and maxSourcesPerNet of one
	// network.
	maxSources       = 128
	maxSourcesPerNet = 8

	// sampleSize is how much of the last one of each is reported, in bytes.
	sampleSize = 12
)

// Collector gathers what came to a port that is for another protocol, so that a flood of it is
// reported in a few words. None of it is authenticated: what is kept is bounded, and for a second
// only. Its methods may be called concurrently.
type Collector struct {
	tasks     *tasks.Group
	report    func(attempt.OtherProtocol) // nil: nothing is gathered
	transport string                      // that the port is for

	mu   sync.Mutex
	seen map[source]*attempt.OtherProtocol // guarded by mu
	nets map[netip.Prefix]int              // guarded by mu; how many of seen
}

// A source is an address, and what came from it.
type source struct {
	addr     netip.Addr
	protocol attempt.Protocol
}

// NewCollector returns a Collector for a port of that transport. A nil report ignores everything.
func NewCollector(g *tasks.Group, report func(attempt.OtherProtocol), transport string) *Collector {
	return &Collector{tasks: g, report: report, transport: transport, seen: make(map[source]*attempt.OtherProtocol), nets: make(map[netip.Prefix]int)}
}

// Take gathers a datagram that the port is not for, and returns why it is dropped.
func (o *Collector) Take(peer udp.Peer, b []byte) traffic.DropReason {
	p, asked := recognise(b, o.transport == store.TransportPlain)
	o.Note(peer, p, asked, b)
	if p == attempt.ProtocolUnreadable {
		return traffic.DropMalformed
	}
	return traffic.DropOtherProtocol
}

// Note gathers a datagram. An empty one, as some keep a NAT open with, is no mistake.
func (o *Collector) Note(peer udp.Peer, p attempt.Protocol, asked attempt.Asked, b []byte) {
	if o.report == nil || len(b) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	source := source{peer.Remote.Addr(), p}
	s := o.seen[source]
	if s == nil {
		network := admission.NetworkOf(source.addr)
		if len(o.seen) >= maxSources || o.nets[network] >= maxSourcesPerNet {
			return // the drop is counted
		}
		if len(o.seen) == 0 {
			o.tasks.AfterFunc(collectFor, func() { o.tasks.Go(o.flush) })
		}
		o.nets[network]++
		s = &attempt.OtherProtocol{Transport: o.transport, Protocol: p, Started: time.Now()}
		o.seen[source] = s
	}
	s.Count++
	s.Remote, s.Asked, s.Sample = peer.Remote.String(), asked, append(s.Sample[:0], b[:min(len(b), sampleSize)]...)
}

// flush reports what was gathered.
func (o *Collector) flush() {
	o.mu.Lock()
	seen := o.seen
	o.seen, o.nets = make(map[source]*attempt.OtherProtocol), make(map[netip.Prefix]int)
	o.mu.Unlock()
	for _, s := range seen {
		o.report(*s)
	}
}
