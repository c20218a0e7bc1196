package history

import (
	"container/list"
	"context"
	"net/netip"
	"sync"

	"lwbs/lwm2m"
	"lwbs/store"
)

const (
	// maxAddresses is how many addresses are remembered; the one unused for longest goes.
	maxAddresses = 100_000

	// maxRead is how many sessions are read for that when the server starts, the newest first;
	// maxReadOnce is how many of them at a time.
	maxRead     = 10_000
	maxReadOnce = 1000
)

// Addresses remembers which device last had a DTLS association from an address and port. It holds
// authenticated devices only. Its methods may be called concurrently.
type Addresses struct {
	limit int

	mu    sync.Mutex
	byUse *list.List                       // of lastUse, the latest first; guarded by mu
	where map[netip.AddrPort]*list.Element // guarded by mu
}

// A LastUse is the device that last used an address.
type LastUse struct {
	address  netip.AddrPort
	Endpoint lwm2m.EndpointName
	Identity string // of a pre-shared key, raw; empty for others and where it is not known
}

// NewAddresses returns Addresses that are empty.
func NewAddresses() *Addresses { return newAddresses(maxAddresses) }

func newAddresses(limit int) *Addresses {
	return &Addresses{limit: limit, byUse: list.New(), where: make(map[netip.AddrPort]*list.Element)}
}

// Use notes that a peer has come over DTLS from remote, an IP:port, and proved to be a device.
// Identity is that of its pre-shared key, raw; empty for another credential.
func (l *Addresses) Use(remote, identity string, ep lwm2m.EndpointName) {
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return
	}
	u := LastUse{address, ep, identity}
	if u.Identity == string(ep) {
		u.Identity = string(ep) // one text in memory
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
func (l *Addresses) add(u LastUse) bool {
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
func (l *Addresses) forget(e *list.Element) {
	delete(l.where, l.byUse.Remove(e).(LastUse).address)
}

// Drop forgets an address.
func (l *Addresses) Drop(address netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.where[address]; e != nil {
		l.forget(e)
	}
}

// At returns the device that last used an address; ok is false where none is known.
func (l *Addresses) At(address netip.AddrPort) (u LastUse, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.where[address]
	if e == nil {
		return u, false
	}
	return e.Value.(LastUse), true
}

// sessions is what the history is read from.
type sessions interface {
	Sessions(ctx context.Context, q store.SessionQuery) ([]store.Session, error)
}

// Read fills l from the newest sessions, until ctx ends. What it cannot read it leaves out.
func (l *Addresses) Read(ctx context.Context, from sessions) error {
	before := ""
	for range maxRead / maxReadOnce {
		page, err := from.Sessions(ctx, store.SessionQuery{Before: before, Limit: maxReadOnce})
		if err != nil {
			return err
		}
		for _, s := range page {
			if !l.learn(s) {
				return nil
			}
		}
		if len(page) < maxReadOnce {
			return nil
		}
		before = page[len(page)-1].ID
	}
	return nil
}

// learn notes where a session came from, if that had a DTLS association, and reports whether
// there is room for more.
func (l *Addresses) learn(s store.Session) bool {
	unused := s.Cause == store.CauseNoRequest || s.Cause == store.CauseIdle || s.Cause == store.CauseClosedUnused
	if s.Transport != store.TransportDTLS || s.Proof != store.ProofIdentity || s.Stage == store.StageHandshake && !unused {
		return true
	}
	address, err := netip.ParseAddrPort(s.Remote)
	return err != nil || l.add(LastUse{address: address, Endpoint: s.Endpoint})
}
