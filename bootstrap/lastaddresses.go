package bootstrap

import (
	"container/list"
	"context"
	"net/netip"
	"sync"

	"lwbs/lwm2m"
	"lwbs/store"
)

const (
	// maxLastAddresses is how many addresses are remembered; the one unused for longest goes.
	maxLastAddresses = 100_000

	// readLastAddresses is how many sessions are read for that when the server starts, the
	// newest, so many at a time.
	readLastAddresses     = 10_000
	readLastAddressesOnce = 1000
)

// lastAddresses remembers which device last had a DTLS association from an address and
// port. Only those are in it that have proved who they are. Its methods may be called
// concurrently.
type lastAddresses struct {
	limit int

	mu    sync.Mutex
	byUse *list.List                       // of lastUse, the latest first; guarded by mu
	where map[netip.AddrPort]*list.Element // guarded by mu
}

// A lastUse is the device that last used an address.
type lastUse struct {
	address  netip.AddrPort
	endpoint lwm2m.EndpointName
	identity string // of a pre-shared key, raw; empty for others and where it is not known
}

func newLastAddresses(limit int) *lastAddresses {
	return &lastAddresses{limit: limit, byUse: list.New(), where: make(map[netip.AddrPort]*list.Element)}
}

// use notes that a peer that proved to be a device has come.
func (l *lastAddresses) use(peer Peer, ep lwm2m.EndpointName) {
	address, err := netip.ParseAddrPort(peer.Remote)
	if err != nil || !peer.Secure() {
		return
	}
	u := lastUse{address, ep, peer.Identity}
	if u.identity == string(ep) {
		u.identity = string(ep) // one text in memory
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.where[address]; e != nil {
		e.Value = u
		l.byUse.MoveToFront(e)
		return
	}
	l.where[address] = l.byUse.PushFront(u)
	if l.byUse.Len() > l.limit {
		l.forget(l.byUse.Back())
	}
}

// add notes an earlier use, if nothing is known of its address, and reports whether there is
// room for more.
func (l *lastAddresses) add(u lastUse) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byUse.Len() >= l.limit {
		return false
	}
	if l.where[u.address] == nil {
		l.where[u.address] = l.byUse.PushBack(u)
	}
	return true
}

// forget forgets an address. The caller holds mu.
func (l *lastAddresses) forget(e *list.Element) {
	delete(l.where, l.byUse.Remove(e).(lastUse).address)
}

// drop forgets an address.
func (l *lastAddresses) drop(address netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.where[address]; e != nil {
		l.forget(e)
	}
}

// at returns the device that last used an address; ok is false where none is known.
func (l *lastAddresses) at(address netip.AddrPort) (u lastUse, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.where[address]
	if e == nil {
		return u, false
	}
	return e.Value.(lastUse), true
}

// read fills l from the newest sessions, until ctx ends. What it cannot read it leaves out.
func (l *lastAddresses) read(ctx context.Context, from store.Store) error {
	before := ""
	for range readLastAddresses / readLastAddressesOnce {
		page, err := from.Sessions(ctx, store.SessionQuery{Before: before, Limit: readLastAddressesOnce})
		if err != nil {
			return err
		}
		for _, s := range page {
			if !l.learn(s) {
				return nil
			}
		}
		if len(page) < readLastAddressesOnce {
			return nil
		}
		before = page[len(page)-1].ID
	}
	return nil
}

// learn notes where a session came from, if that had a DTLS association, and reports whether
// there is room for more.
func (l *lastAddresses) learn(s store.Session) bool {
	unused := s.Cause == store.CauseNoRequest || s.Cause == store.CauseIdle || s.Cause == store.CauseClosedUnused
	if s.Transport != store.TransportDTLS || s.Proof != store.ProofIdentity || s.Stage == store.StageHandshake && !unused {
		return true
	}
	address, err := netip.ParseAddrPort(s.Remote)
	return err != nil || l.add(lastUse{address: address, endpoint: s.Endpoint})
}
