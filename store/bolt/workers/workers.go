// Package workers runs what needs a deep stack, such as the encoding of a record, in a few
// goroutines that live long.
//
// A stack that has grown is copied for it. Thousands of sessions wait at a time, each with a
// goroutine of its own, whose stack stays small where what is deep runs elsewhere: decision 29.
package workers

import (
	"runtime"
	"sync"
)

// Workers are as many goroutines as run at a time. Their methods may be called concurrently.
type Workers struct {
	work    chan func()
	stopped chan struct{}
	running sync.WaitGroup
}

// Start starts the goroutines.
func Start() *Workers {
	w := &Workers{work: make(chan func()), stopped: make(chan struct{})}
	for range runtime.GOMAXPROCS(0) {
		w.running.Go(w.run)
	}
	return w
}

func (w *Workers) run() {
	for {
		select {
		case work := <-w.work:
			work()
		case <-w.stopped:
			return
		}
	}
}

// Do runs work and waits for its end. What it panics with, Do panics with. After Stop it runs in
// the goroutine of the caller.
func (w *Workers) Do(work func()) {
	done, panicked := make(chan struct{}), any(nil)
	contained := func() {
		defer close(done)
		defer func() { panicked = recover() }()
		work()
	}
	select {
	case w.work <- contained:
		<-done
	case <-w.stopped:
		work()
	}
	if panicked != nil {
		panic(panicked)
	}
}

// Stop waits for what runs, and ends the goroutines. It is called once.
func (w *Workers) Stop() {
	close(w.stopped)
	w.running.Wait()
}
