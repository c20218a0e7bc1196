package admission

import (
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
)

// A testQueue has requests that wait until they are told to end.
type testQueue struct {
	*tasks.Group
	queue *RequestQueue
	t     *testing.T

	mu    sync.Mutex
	begun []int
	ends  map[int]chan struct{}
}

func newTestQueue(t *testing.T) *testQueue {
	g := tasks.NewGroup(panics.New(slog.New(slog.DiscardHandler)))
	return &testQueue{Group: g, queue: NewRequestQueue(g.Go), t: t, ends: make(map[int]chan struct{})}
}

// come brings request i.
func (d *testQueue) come(i int) {
	d.t.Helper()
	end := make(chan struct{})
	d.ends[i] = end
	taken := d.queue.Schedule(func() {
		d.mu.Lock()
		d.begun = append(d.begun, i)
		d.mu.Unlock()
		<-end
	})
	if !taken {
		d.t.Fatalf("request %d is refused", i)
	}
	synctest.Wait()
}

// end lets requests end.
func (d *testQueue) end(requests ...int) {
	for _, i := range requests {
		close(d.ends[i])
		synctest.Wait()
	}
}

// since returns the requests that have begun after the first n.
func (d *testQueue) since(n int) []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.begun[n:])
}

func (d *testQueue) want(after int, begun ...int) {
	d.t.Helper()
	if got := d.since(after); !slices.Equal(got, begun) {
		d.t.Fatalf("requests %v have begun, want %v", got, begun)
	}
}

// finish ends all that has not ended.
func (d *testQueue) finish(ended int) {
	for i := ended; i < len(d.ends); i++ {
		close(d.ends[i])
	}
	d.Stop()
	d.Wait()
}

// Where everything is late, requests wait for others to be done, in their order.
func TestRequestQueueWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestQueue(t)
		d.queue.monitor.set(true)
		for i := range minRequests + 3 {
			d.come(i)
		}
		d.want(minRequests)
		d.end(0)
		d.want(minRequests, minRequests)
		d.end(1, 2)
		d.want(minRequests, minRequests, minRequests+1, minRequests+2)
		d.finish(3)
	})
}

// Where nothing is late, none waits.
func TestRequestQueueHasTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestQueue(t)
		d.queue.monitor.set(false)
		for i := range 2 * minRequests {
			d.come(i)
		}
		if n := len(d.since(0)); n != 2*minRequests {
			t.Errorf("%d have begun, want all", n)
		}
		d.finish(0)
	})
}

// No request overtakes those that wait.
func TestRequestQueueKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestQueue(t)
		d.queue.monitor.set(true)
		for i := range minRequests + 1 {
			d.come(i)
		}
		d.queue.monitor.set(false)
		d.come(minRequests + 1)
		d.want(minRequests, minRequests)
		time.Sleep(retryEvery)
		synctest.Wait()
		d.want(minRequests, minRequests, minRequests+1)
		d.finish(0)
	})
}

// When it is no longer late, those that wait begin, though those under way go on: their
// peers may have gone.
func TestRequestQueueCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestQueue(t)
		d.queue.monitor.set(true)
		for i := range minRequests + 2 {
			d.come(i)
		}
		d.queue.monitor.set(false)
		time.Sleep(retryEvery)
		synctest.Wait()
		d.want(minRequests, minRequests)
		d.end(0)
		d.want(minRequests, minRequests, minRequests+1)
		d.finish(1)
	})
}

// At the end nothing begins any more.
func TestRequestQueueCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestQueue(t)
		d.queue.monitor.set(true)
		for i := range minRequests + 2 {
			d.come(i)
		}
		closed := make(chan struct{})
		go func() { d.Stop(); d.Wait(); close(closed) }()
		synctest.Wait()
		d.queue.monitor.set(false)
		time.Sleep(10 * retryEvery)
		synctest.Wait()
		d.want(minRequests)
		if d.queue.Schedule(func() {}) {
			t.Error("a request is taken after the end")
		}
		for _, end := range d.ends {
			close(end)
		}
		<-closed
	})
}

// Devices of a storm, whose addresses are not validated yet, are admitted as CPU capacity allows;
// one that is not heard of for AnswerPatience takes no place any more.
func TestRequestQueueLendsPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestQueue(t)
		d.queue.monitor.set(true)
		for i := range minRequests - 1 {
			d.come(i)
		}
		answered := make(chan struct{})
		d.queue.Schedule(func() { defer d.queue.AwaitValidation()(); <-answered })
		d.come(minRequests - 1)
		time.Sleep(AnswerPatience - time.Millisecond)
		synctest.Wait()
		d.want(minRequests - 1)
		time.Sleep(retryEvery)
		synctest.Wait()
		d.want(minRequests-1, minRequests-1)
		close(answered)
		synctest.Wait()
		d.come(minRequests) // the other has its place again for as long as it goes on
		d.end(0)
		d.want(minRequests, minRequests)
		d.finish(1)
	})
}

// While a request waits for a first answer it does not delay the requests of others.
func TestUnansweredPeersDoNotHoldTheQueue(t *testing.T) {
	d := NewRequestQueue(func(f func()) bool { go f(); return true })
	waiting, ended := make(chan struct{}), make(chan struct{})
	d.mu.Lock()
	d.monitor = LoadMonitor{next: time.Now().Add(time.Hour), isOverloaded: true}
	d.underWay = minRequests - 1
	d.mu.Unlock()
	d.Schedule(func() { defer d.AwaitValidation()(); waiting <- struct{}{}; <-ended })
	<-waiting
	done := make(chan lwm2m.Code, 1)
	d.Schedule(func() { done <- lwm2m.CodeChanged })
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("the next request waits for one that is not answered")
	}
	close(ended)
}
