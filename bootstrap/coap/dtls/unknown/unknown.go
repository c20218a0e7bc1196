// Package unknown gathers DTLS records that no association opens.
package unknown

import (
	"net/netip"
	"sync"
	"time"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/udp"
)

const (
	// ReportEvery is how often records that no association opens are reported.
	ReportEvery = 2 * time.Second

	// MinSpan is how far apart two records must be for that. A client that has lost
	// nothing may be heard for a moment after the end of its association, as datagrams
	// overtake each other; one whose association is gone repeats its request, after 2 s at
	// first (RFC 7252 §4.2).
	MinSpan = time.Second

	// ForgetAfter is when an address is forgotten that nothing more came from: longer than
	// the longest pause between two transmissions of a request, 48 s, with the usual times.
	ForgetAfter = time.Minute

	// MaxWatched is how many addresses are watched at a time, and MaxWatchedPerNet those of
	// one network.
	MaxWatched       = 4096
	MaxWatchedPerNet = 1024
)

// Records gathers records that no association opens, by the addresses that devices are
// known to have had: the client goes on with an association that the server does not have any
// more. None of them is authenticated, and what is kept is bounded. Its methods may be called
// concurrently.
type Records struct {
	tasks   *tasks.Group
	report  func(attempt.UnknownAssociation) // nil: nothing is gathered
	known   func(netip.AddrPort) bool        // whether a device had that address
	replica uint8

	mu   sync.Mutex
	seen map[netip.AddrPort]*source // guarded by mu
	nets map[netip.Prefix]int       // guarded by mu; how many of seen
}

// A source is what came from one address.
type source struct {
	first, last time.Time
	count       int // since the last report
	foreign     bool
}

// New returns empty Records. Report is called with what is to be reported, in a goroutine of g; where it is
// nil nothing is gathered. Known reports whether a device had an address. Replica is the first byte of the
// connection IDs of this server.
func New(g *tasks.Group, report func(attempt.UnknownAssociation), known func(netip.AddrPort) bool, replica uint8) *Records {
	return &Records{tasks: g, report: report, known: known, replica: replica, seen: make(map[netip.AddrPort]*source), nets: make(map[netip.Prefix]int)}
}

// Note gathers a datagram for which there is no association. What is visibly no application
// data, such as close_notify said once more, means nothing.
func (u *Records) Note(peer udp.Peer, d hello.Digest, b []byte) {
	if u.report == nil || b[0] != record.TypeApplicationData && b[0] != record.TypeCID {
		return
	}
	from, now := peer.Remote, time.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.seen[from]
	if s == nil {
		network := admission.NetworkOf(from.Addr())
		if len(u.seen) >= MaxWatched || u.nets[network] >= MaxWatchedPerNet || !u.known(from) {
			return // the drop is counted
		}
		if len(u.seen) == 0 {
			u.schedule()
		}
		u.nets[network]++
		s = &source{first: now}
		u.seen[from] = s
	}
	s.last = now
	s.count++
	s.foreign = d.CID != nil && d.CID[0] != u.replica
}

// schedule sets the timer for the next report.
func (u *Records) schedule() {
	time.AfterFunc(ReportEvery, func() { u.tasks.Go(u.flush) })
}

// flush reports what was gathered, and forgets addresses that have become silent.
func (u *Records) flush() {
	for _, one := range u.gathered(time.Now()) {
		u.report(one)
	}
}

// gathered returns what is to be reported now.
func (u *Records) gathered(now time.Time) (out []attempt.UnknownAssociation) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for from, s := range u.seen {
		if s.count > 0 && s.last.Sub(s.first) >= MinSpan {
			out = append(out, attempt.UnknownAssociation{Remote: from.String(), Started: s.first, Count: s.count, OtherReplica: s.foreign})
			s.count = 0
		}
		if now.Sub(s.last) >= ForgetAfter {
			u.forget(from)
		}
	}
	if len(u.seen) > 0 {
		u.schedule()
	}
	return out
}

// forget forgets an address. The caller holds mu.
func (u *Records) forget(from netip.AddrPort) {
	delete(u.seen, from)
	network := admission.NetworkOf(from.Addr())
	if u.nets[network]--; u.nets[network] == 0 {
		delete(u.nets, network)
	}
}

// Watched returns how many addresses are watched, and how many of the network with the most.
func (u *Records) Watched() (addresses, ofOneNet int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, n := range u.nets {
		ofOneNet = max(ofOneNet, n)
	}
	return len(u.seen), ofOneNet
}
