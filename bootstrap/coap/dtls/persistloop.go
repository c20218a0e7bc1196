package dtls

import (
	"context"
	"sync"
	"time"
)

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

// resume waits until the Keeper is ready; it returns false once the listener has ended.
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

// pause waits; it returns false once the listener has ended.
func (k *persister) pause(d time.Duration) bool {
	for end := time.After(d); ; {
		select {
		case <-end:
			return true
		case <-k.wake: // nothing can be written
			k.drop()
		case <-k.quit:
			return false
		}
	}
}

// work writes associations until the listener ends, for which it returns false, or the Keeper
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

// next reports whether there is something to write now, and else in how long there is, if nothing
// happens.
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

// fail makes all void that is on disk, after the Keeper has failed with err, and waits for a while.
// It returns false once the listener has ended.
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

// drop drops what is to be written, and wakes those who wait for it.
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

// persistAll has all hibernating associations written, in a new era.
func (k *persister) persistAll() {
	m := k.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	for e := m.hibernating.Back(); e != nil; e = e.Prev() {
		k.persistSoon(e.Value.(*association))
	}
}

// stop writes what is left, and ends the goroutine, unless that takes too long.
func (k *persister) stop() {
	close(k.quit)
	select {
	case <-k.ended:
	case <-time.After(stopPatience):
		k.mux.cfg.Exchange.Logger.Error("not all associations are kept over the restart: the database does not answer", "associations", k.backlog())
	}
}
