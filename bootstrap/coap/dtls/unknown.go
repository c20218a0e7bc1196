package dtls

import (
	"net/netip"
	"sync"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/udp"
)

const (
	// reportEvery is how often records that no association opens are reported.
	reportEvery = 2 * time.Second

	// minSpan is how far apart two records must be for that. A client that has lost
	// nothing may be heard for a moment after the end of its association, as datagrams
	// overtake each other; one whose association is gone repeats its request, after 2 s at
	// first (RFC 7252 §4.2).
	minSpan = time.Second

	// forgetAfter is when an address is forgotten that nothing more came from: longer than
	// the longest pause between two transmissions of a request, 48 s, with the usual times.
	forgetAfter = time.Minute

	// maxUnknown is how many addresses are watched at a time, and maxUnknownPerNet those of
	// one network.
	maxUnknown       = 4096
	maxUnknownPerNet = 1024
)

// unknownRecords gathers records that no association opens, by the addresses that devices are
// known to have had: the client goes on with an association that the server does not have any
// more. None of them is authenticated, and what is kept is bounded. Its methods may be called
// concurrently.
type unknownRecords struct {
	tasks   *tasks.Group
	report  func(bootstrap.UnknownAssociation) // nil: nothing is gathered
	known   func(netip.AddrPort) bool          // whether a device had that address
	replica uint8

	mu   sync.Mutex
	seen map[netip.AddrPort]*unknownPeer // guarded by mu
	nets map[netip.Prefix]int            // guarded by mu; how many of seen
}

// An unknownPeer is what came from one address.
type unknownPeer struct {
	first, last time.Time
	count       int // since the last report
	foreign     bool
}

func newUnknownRecords(g *tasks.Group, cfg Config) *unknownRecords {
	return &unknownRecords{tasks: g, report: cfg.DTLS.UnknownAssociation, known: cfg.DTLS.KnownAddress, replica: cfg.DTLS.ReplicaID, seen: make(map[netip.AddrPort]*unknownPeer), nets: make(map[netip.Prefix]int)}
}

// note gathers a datagram for which there is no association. What is visibly no application
// data, such as close_notify said once more, means nothing.
func (u *unknownRecords) note(peer udp.Peer, d hello.Digest, b []byte) {
	if u.report == nil || b[0] != record.TypeApplicationData && b[0] != record.TypeCID {
		return
	}
	from, now := peer.Remote, time.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.seen[from]
	if s == nil {
		network := admission.NetworkOf(from.Addr())
		if len(u.seen) >= maxUnknown || u.nets[network] >= maxUnknownPerNet || !u.known(from) {
			return // the drop is counted
		}
		if len(u.seen) == 0 {
			u.schedule()
		}
		u.nets[network]++
		s = &unknownPeer{first: now}
		u.seen[from] = s
	}
	s.last = now
	s.count++
	s.foreign = d.CID != nil && d.CID[0] != u.replica
}

// schedule sets the timer for the next report.
func (u *unknownRecords) schedule() {
	time.AfterFunc(reportEvery, func() { u.tasks.Go(u.flush) })
}

// flush reports what was gathered, and forgets addresses that have become silent.
func (u *unknownRecords) flush() {
	for _, one := range u.gathered(time.Now()) {
		u.report(one)
	}
}

// gathered returns what is to be reported now.
func (u *unknownRecords) gathered(now time.Time) (out []bootstrap.UnknownAssociation) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for from, s := range u.seen {
		if s.count > 0 && s.last.Sub(s.first) >= minSpan {
			out = append(out, bootstrap.UnknownAssociation{Remote: from.String(), Started: s.first, Count: s.count, OtherReplica: s.foreign})
			s.count = 0
		}
		if now.Sub(s.last) >= forgetAfter {
			u.forget(from)
		}
	}
	if len(u.seen) > 0 {
		u.schedule()
	}
	return out
}

// forget forgets an address. The caller holds mu.
func (u *unknownRecords) forget(from netip.AddrPort) {
	delete(u.seen, from)
	network := admission.NetworkOf(from.Addr())
	if u.nets[network]--; u.nets[network] == 0 {
		delete(u.nets, network)
	}
}
