package dtls

import (
	"sync"
	"sync/atomic"
	"time"

	"lwbs/bootstrap/coap/dtls/kept"
	"lwbs/bootstrap/coap/dtls/record"
)

const (
	// persistDelay is how long a hibernating association waits for others, to be written in one
	// edit with them.
	persistDelay = 500 * time.Millisecond

	// persistLaterDelay is how long one waits that has got its first request: most hibernate
	// before that.
	persistLaterDelay = 5 * time.Second

	// persistBatch is how many are written in one edit at most.
	persistBatch = 256

	// persistRetry is how long nothing is written after a failed write.
	persistRetry = 15 * time.Second

	// numbersReserved is how many record numbers are reserved at a time: a bootstrap takes some
	// dozens.
	numbersReserved = 1024

	// stopPatience is how long the end of a listener waits until all is written.
	stopPatience = 10 * time.Second
)

// A persister writes the associations of a mux to a [kept.Keeper], in edits of many. Two things on disk are
// never behind. The numbers of the next records of an association are reserved in advance. A request of its
// peer waits until it is recorded that it came. Of an association that was never written nothing can be
// behind, so that a new device waits for nothing.
//
// Where the Keeper fails, all that it has is made void, which takes no room on the disk, and a new
// era begins in which nothing is on disk. Methods of a nil persister do nothing.
type persister struct {
	mux     *mux
	keeper  kept.Keeper
	reserve uint64 // numbersReserved
	skip    uint64 // numbersSkipped

	wake  chan struct{} // takes one: there may be something to do
	quit  chan struct{} // closed by stop
	ended chan struct{} // closed when the goroutine has ended

	era       atomic.Uint64 // from 1 on; changes when what is on disk has become void
	unwritten atomic.Int64  // associations that wait to be written
	restoring atomic.Bool   // associations from before the restart are being read

	mu          sync.Mutex // taken last of all
	urgent      []*association
	due         []due      // the first to be written first
	slow        []due      // the same with a longer delay
	removals    []kept.Key // to be removed from the disk
	removalsDue time.Time  // when at the latest, if any are
	stuck       bool       // nothing can be written, or made void
}

// A due is an association that is to be written, and when at the latest.
type due struct {
	a  *association
	at time.Time
}

// A persisted is what is known of an association on disk. All is guarded by persister.mu.
type persisted struct {
	id       [16]byte // zero before the first time
	era      uint64   // that the others are of
	key      kept.Key // on disk; zero for none
	recorded uint64   // on disk all records of the peer with numbers before it have come
	waiting  []chan struct{}
	queued   bool // in due, or urgent
	rushed   bool // in urgent
	over     bool
}

func newPersister(m *mux, k kept.Keeper) *persister {
	out := &persister{mux: m, keeper: k, reserve: numbersReserved, skip: numbersSkipped, wake: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{})}
	out.era.Store(1)
	out.restoring.Store(true)
	return out
}

// start begins to write associations, and to restore those from before the restart. The goroutine
// is not of the group, whose end must not wait for a disk that does not answer.
func (k *persister) start() {
	if k != nil {
		go k.run()
	}
}

// isRestoring reports whether a record that belongs to no association may be of one that is not
// restored yet.
func (k *persister) isRestoring() bool { return k != nil && k.restoring.Load() }

// backlog is how many associations wait to be written.
func (k *persister) backlog() int {
	if k == nil {
		return 0
	}
	return int(k.unwritten.Load())
}

// persistSoon has a hibernating association written.
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

// persistLater has an association written in a while, unless it is written before.
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

// persistNow has an association written as soon as possible. The caller holds mu.
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

// forget has an association that has ended removed from the disk.
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

// remove has an association removed from the disk. The caller holds mu.
func (k *persister) remove(a *association) {
	if a.persisted.key != (kept.Key{}) && a.persisted.era == k.era.Load() {
		if len(k.removals) == 0 {
			k.removalsDue = time.Now().Add(persistDelay)
		}
		k.removals = append(k.removals, a.persisted.key)
		k.signal()
	}
	a.persisted.key = kept.Key{}
}

// reserveNumbers has more record numbers reserved for a where few are left; a may have to wait for
// them. The caller holds a.mu.
func (k *persister) reserveNumbers(a *association) {
	switch {
	case k == nil || a.era == 0:
	case a.era != k.era.Load(): // it is not on disk any more
		a.layer.Limit = record.MaxNumber + 1
	case a.layer.Scarce(k.reserve):
		k.mu.Lock()
		defer k.mu.Unlock()
		k.persistNow(a)
	}
}
