package dtls

import (
	"sync"
	"sync/atomic"
	"time"

	"lwbs/bootstrap/coap/dtls/record"
)

const (
	// persistDelay is for how long an association that hibernates may wait for others, to be kept
	// in one edit with them.
	persistDelay = 500 * time.Millisecond

	// persistLaterDelay is for how long one that has made its first request may wait: most hibernate
	// before that.
	persistLaterDelay = 5 * time.Second

	// persistBatch is how many are kept in one edit at most.
	persistBatch = 256

	// persistRetry is how long nothing is kept after it could not be.
	persistRetry = 15 * time.Second

	// numbersReserved is for how many records numbers are reserved at a time: a bootstrap takes
	// some dozens.
	numbersReserved = 1024

	// stopPatience is how long the end of a listener waits until all is kept.
	stopPatience = 10 * time.Second
)

// A persister keeps the associations of a mux with its [Keeper], in edits of many. What is kept
// of one is never behind in two things: the numbers that its next records may have, of which
// it reserves some in advance; and the requests of its peer, each of which waits until it is
// recorded that it has come, if something of the association has been kept before. So a new
// device waits for nothing.
//
// Where the Keeper fails, all that it has is made void, which takes no room on the disk, and
// everything goes on as if nothing had ever been kept. That begins another era. Methods of a
// nil keeping do nothing.
type persister struct {
	mux     *mux
	keeper  Keeper
	reserve uint64 // numbersReserved
	skip    uint64 // numbersSkipped

	wake  chan struct{} // takes one: there may be something to do
	quit  chan struct{} // closed by stop
	ended chan struct{} // closed when the goroutine has ended

	era       atomic.Uint64 // from 1 on; changes when what was kept has become void
	unwritten atomic.Int64  // associations that wait to be kept
	restoring atomic.Bool   // those from before the restart are read

	mu          sync.Mutex // taken last of all
	urgent      []*association
	due         []due     // the first to be kept first
	slow        []due     // the same with a longer delay
	removals    []KeptKey // to be removed
	removalsDue time.Time // when at the latest, if any are
	stuck       bool      // nothing can be kept, or made void
}

// A due is an association that is to be kept, and when at the latest.
type due struct {
	a  *association
	at time.Time
}

// A persisted is what is known of what is kept of an association. All is guarded by keeping.mu.
type persisted struct {
	id       [16]byte // zero before the first time
	era      uint64   // that the others are of
	key      KeptKey  // zero for nothing
	recorded uint64   // all records of the peer with numbers before it have come, as is kept
	waiting  []chan struct{}
	queued   bool // in due, or urgent
	rushed   bool // in urgent
	over     bool
}

func newPersister(m *mux, k Keeper) *persister {
	out := &persister{mux: m, keeper: k, reserve: numbersReserved, skip: numbersSkipped, wake: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{})}
	out.era.Store(1)
	out.restoring.Store(true)
	return out
}

// start begins to keep associations, and to bring back those from before the restart. The
// goroutine is none of the hub, whose end must not wait for a disk that does not answer.
func (k *persister) start() {
	if k != nil {
		go k.run()
	}
}

// isRestoring reports whether a record that belongs to no association may be of one that has
// not come back yet.
func (k *persister) isRestoring() bool { return k != nil && k.restoring.Load() }

// backlog is how many associations wait to be kept.
func (k *persister) backlog() int {
	if k == nil {
		return 0
	}
	return int(k.unwritten.Load())
}

// persistSoon has an association kept that hibernates.
func (k *persister) persistSoon(a *association) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if a.persisted.queued || a.persisted.over {
		return
	}
	a.persisted.queued = true
	k.due = append(k.due, due{a, time.Now().Add(persistDelay)})
	k.unwritten.Add(1)
	k.signal()
}

// persistLater has an association kept in a while, unless it is kept before.
func (k *persister) persistLater(a *association) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if a.persisted.id == [16]byte{} {
		k.slow = append(k.slow, due{a, time.Now().Add(persistLaterDelay)})
		k.signal()
	}
}

// persistNow has an association kept as soon as possible. The caller holds mu.
func (k *persister) persistNow(a *association) {
	if a.persisted.rushed || a.persisted.over {
		return
	}
	if !a.persisted.queued {
		k.unwritten.Add(1)
	}
	a.persisted.queued, a.persisted.rushed = true, true
	k.urgent = append(k.urgent, a)
	k.signal()
}

func (k *persister) signal() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// forget has an association removed that has ended.
func (k *persister) forget(a *association) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	a.persisted.over = true
	k.remove(a)
	k.answer(a)
}

// remove has what is kept of an association removed. The caller holds mu.
func (k *persister) remove(a *association) {
	if a.persisted.key != (KeptKey{}) && a.persisted.era == k.era.Load() {
		if len(k.removals) == 0 {
			k.removalsDue = time.Now().Add(persistDelay)
		}
		k.removals = append(k.removals, a.persisted.key)
		k.signal()
	}
	a.persisted.key = KeptKey{}
}

// reserveNumbers sees to it that a has numbers for its records, which it may have to wait for. The
// caller holds a.mu.
func (k *persister) reserveNumbers(a *association) {
	switch {
	case k == nil || a.era == 0:
	case a.era != k.era.Load(): // nothing is kept of it any more
		a.layer.Limit = record.MaxNumber + 1
	case a.layer.Scarce(k.reserve):
		k.mu.Lock()
		defer k.mu.Unlock()
		k.persistNow(a)
	}
}
