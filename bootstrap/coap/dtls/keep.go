package dtls

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/lwm2m"
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

// errNotRecorded: it cannot be seen to that a request is not taken twice.
var errNotRecorded = errors.New("associations cannot be kept up to date")

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

// AwaitRecorded implements [exchange.Hibernator].
func (a *association) AwaitRecorded(ctx context.Context) error {
	k := a.mux.persister
	if k == nil {
		return nil
	}
	a.mu.Lock()
	era, taken := a.era, a.layer.Taken.Next
	a.mu.Unlock()
	for {
		recorded, wait := k.recorded(a, era, taken)
		switch {
		case recorded:
			return nil
		case wait == nil:
			return errNotRecorded
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// recorded reports whether it is recorded that the records of a with numbers before taken
// have come, or whether nothing is kept of it that could go on without that. If not, it
// returns what to wait for; nil where it cannot be.
func (k *persister) recorded(a *association, era, taken uint64) (ok bool, wait <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case era == 0 || era != k.era.Load() || a.persisted.over:
		return true, nil
	case a.persisted.era == era && a.persisted.recorded >= taken:
		return true, nil
	case k.stuck:
		return false, nil
	}
	k.persistNow(a)
	done := make(chan struct{})
	a.persisted.waiting = append(a.persisted.waiting, done)
	return false, done
}

// run is the goroutine.
func (k *persister) run() {
	var restoring sync.WaitGroup
	defer close(k.ended)
	defer restoring.Wait()
	for first := true; k.resume(); first = false {
		if first {
			k.restoring.Store(true)
			restoring.Go(func() { _ = k.contained(k.restore) })
		} else {
			k.mux.cfg.Exchange.Logger.Info("associations are kept over a restart again")
			k.persistAll()
		}
		if !k.work() {
			return
		}
	}
}

// resume waits until the Keeper is ready, and reports whether there is still need for it.
func (k *persister) resume() bool {
	for told := false; ; told = true {
		err := k.contained(func() error { return k.keeper.Resume(context.Background()) })
		if err == nil {
			return true
		}
		k.restoring.Store(false) // there may never be anything to read
		if !told {
			k.mux.cfg.Exchange.Logger.Warn("associations are not kept over a restart", "err", err)
		}
		k.drop()
		if !k.pause(persistRetry) {
			return false
		}
	}
}

// pause waits, and reports whether there is still need for it.
func (k *persister) pause(d time.Duration) bool {
	for end := time.After(d); ; {
		select {
		case <-end:
			return true
		case <-k.wake: // nothing of it can be done
			k.drop()
		case <-k.quit:
			return false
		}
	}
}

// work keeps associations until the listener ends, for which it returns false, or the Keeper
// fails.
func (k *persister) work() bool {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-k.wake:
		case <-timer.C:
		case <-k.quit:
			for k.left() {
				if err := k.flush(true); err != nil {
					return k.fail(err)
				}
			}
			return false
		}
		for {
			next, some := k.next(time.Now())
			if !some {
				timer.Reset(next)
				break
			}
			if err := k.flush(false); err != nil {
				return k.fail(err)
			}
		}
	}
}

// left reports whether there is anything to do.
func (k *persister) left() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.urgent)+len(k.due)+len(k.removals) > 0
}

// next reports whether there is something to do now, and else in how long there is, if
// nothing happens.
func (k *persister) next(now time.Time) (in time.Duration, some bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	in = time.Hour
	for _, list := range [][]due{k.due, k.slow} {
		if len(list) > 0 {
			in = min(in, list[0].at.Sub(now))
		}
	}
	if len(k.removals) > 0 {
		in = min(in, k.removalsDue.Sub(now))
	}
	return in, in <= 0 || len(k.urgent) > 0 || len(k.removals) >= persistBatch
}

// take takes out who is to be kept next: those in a hurry, and those whose time has come, or
// all.
func (k *persister) take(now time.Time, all bool) (batch []*association, gone []KeptKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.urgent) > 0 && len(batch) < persistBatch {
		batch = append(batch, k.urgent[0])
		k.urgent = k.urgent[1:]
	}
	for len(k.due) > 0 && len(batch) < persistBatch && (all || !k.due[0].at.After(now)) {
		if a := k.due[0].a; !a.persisted.rushed && a.persisted.queued { // else it is, or was, in urgent
			batch = append(batch, a)
		}
		k.due = k.due[1:]
	}
	for len(k.slow) > 0 && len(batch) < persistBatch && !k.slow[0].at.After(now) {
		if a := k.slow[0].a; a.persisted.id == [16]byte{} && !a.persisted.queued && !a.persisted.over {
			a.persisted.queued = true
			k.unwritten.Add(1)
			batch = append(batch, a)
		}
		k.slow = k.slow[1:]
	}
	for _, a := range batch {
		a.persisted.queued, a.persisted.rushed = false, false
		if a.persisted.id == [16]byte{} {
			rand.Read(a.persisted.id[:]) // never fails
		}
	}
	n := min(len(k.removals), 2*persistBatch)
	gone, k.removals = slices.Clone(k.removals[:n]), k.removals[n:]
	return batch, gone
}

// A snapshot is what is about to be kept of an association.
type snapshot struct {
	a     *association
	key   KeptKey
	state state
}

// errPanicked: the Keeper, or what is kept, made the process panic, which the log tells.
var errPanicked = errors.New("a panic")

// contained calls f. A panic there is an error, as it may be kept or not what f was about.
func (k *persister) contained(f func() error) (err error) {
	if !k.mux.tasks.Run(func() { err = f() }) {
		return errPanicked
	}
	return err
}

// flush keeps some associations. Its error is that of the Keeper.
func (k *persister) flush(all bool) error {
	batch, gone := k.take(time.Now(), all)
	err := k.contained(func() error { return k.write(batch, gone) })
	k.unwritten.Add(-int64(len(batch)))
	if err != nil {
		k.mux.meter.Unkept.Add(uint64(len(batch)))
		k.mu.Lock()
		defer k.mu.Unlock()
		k.urgent = append(k.urgent, batch...) // drop tells those who wait for them
	}
	return err
}

// write keeps those of batch, in the place of what is kept of them, and removes gone.
func (k *persister) write(batch []*association, gone []KeptKey) error {
	var shots []snapshot
	var put []KeptAssociation
	for _, a := range batch {
		s, encoded, ok := k.snapshot(a)
		if !ok {
			continue
		}
		shots = append(shots, s)
		put = append(put, KeptAssociation{s.key, lwm2m.NewSecret(encoded)})
		if old := k.keyOf(a); old != (KeptKey{}) && old != s.key {
			gone = append(gone, old)
		}
	}
	if len(put)+len(gone) > 0 {
		if err := k.keeper.Keep(context.Background(), put, gone); err != nil {
			return err
		}
	}
	for _, s := range shots {
		k.written(s)
	}
	return nil
}

// keyOf is the key under which a is kept in this era.
func (k *persister) keyOf(a *association) KeptKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a.persisted.era != k.era.Load() {
		return KeptKey{}
	}
	return a.persisted.key
}

// snapshot returns what is to be kept of a, which is bound by it from now on: nobody knows
// whether it is kept before that is told.
func (k *persister) snapshot(a *association) (s snapshot, encoded []byte, ok bool) {
	m := a.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.ended {
		return s, nil, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s = snapshot{a, KeptKey{a.heard.UTC(), a.persisted.id}, stateOf(a, a.layer.Reservation(k.reserve))}
	encoded, err := s.state.encode()
	era := k.era.Load()
	if err != nil || len(encoded) > maxState && a.era != era {
		m.meter.Unkept.Add(1)
		return s, nil, false
	}
	if a.era != era {
		a.era, a.layer.Limit = era, s.state.limit
	}
	return s, encoded, true
}

// written notes that a snapshot is kept.
func (k *persister) written(s snapshot) {
	a := s.a
	holding(&a.mu, func() { a.layer.Limit = s.state.limit })
	k.mu.Lock()
	defer k.mu.Unlock()
	a.persisted.era, a.persisted.key, a.persisted.recorded = k.era.Load(), s.key, s.state.taken
	if a.persisted.over {
		k.remove(a)
	}
	k.answer(a)
}

// answer tells those who wait that something has changed. The caller holds mu.
func (k *persister) answer(a *association) {
	for _, done := range a.persisted.waiting {
		close(done)
	}
	a.persisted.waiting = nil
}

// fail makes all void that is kept, after the Keeper has failed with err, and waits for a
// while. It reports whether there is still need for the Keeper.
func (k *persister) fail(err error) bool {
	log := k.mux.cfg.Exchange.Logger
	log.Warn("associations are not kept over a restart", "err", err)
	for told := false; ; told = true {
		void := k.contained(k.keeper.Void)
		if void == nil {
			break
		}
		if !told {
			log.Error("devices that come back are refused: on the disk it can neither be recorded that they came, nor that what is kept of their associations is void", "err", void)
		}
		k.setStuck(true)
		k.drop()
		if !k.pause(persistRetry) {
			return false
		}
	}
	k.era.Add(1)
	k.setStuck(false)
	k.drop()
	return k.pause(persistRetry)
}

func (k *persister) setStuck(stuck bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stuck = stuck
}

// drop gives up what is to be done, and tells those who wait for it.
func (k *persister) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, d := range k.due {
		k.urgent = append(k.urgent, d.a)
	}
	for _, a := range k.urgent {
		if a.persisted.queued {
			k.unwritten.Add(-1)
			k.mux.meter.Unkept.Add(1)
		}
		a.persisted.queued, a.persisted.rushed = false, false
		k.answer(a)
	}
	k.urgent, k.due, k.slow, k.removals = nil, nil, nil, nil // what is void need not be removed
}

// persistAll has all associations kept that hibernate, in a new era.
func (k *persister) persistAll() {
	m := k.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	for e := m.hibernating.Back(); e != nil; e = e.Prev() {
		k.persistSoon(e.Value.(*association))
	}
}

// stop keeps what is left, and ends the goroutine, unless that takes too long.
func (k *persister) stop() {
	close(k.quit)
	select {
	case <-k.ended:
	case <-time.After(stopPatience):
		k.mux.cfg.Exchange.Logger.Error("not all associations are kept over the restart: the database does not answer", "associations", k.backlog())
	}
}
