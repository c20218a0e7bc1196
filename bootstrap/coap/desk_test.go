package coap

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A testDesk has requests that wait until they are told to end.
type testDesk struct {
	*hub
	desk *desk
	t    *testing.T

	mu    sync.Mutex
	begun []int
	ends  map[int]chan struct{}
}

func newTestDesk(t *testing.T) *testDesk {
	cfg, err := Config{Handler: handlerFunc(changed)}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(cfg)
	return &testDesk{hub: h, desk: newDesk(h.spawn), t: t, ends: make(map[int]chan struct{})}
}

// come brings request i.
func (d *testDesk) come(i int) {
	d.t.Helper()
	end := make(chan struct{})
	d.ends[i] = end
	taken := d.desk.attend(func() {
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
func (d *testDesk) end(requests ...int) {
	for _, i := range requests {
		close(d.ends[i])
		synctest.Wait()
	}
}

// since returns the requests that have begun after the first n.
func (d *testDesk) since(n int) []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.begun[n:])
}

func (d *testDesk) want(after int, begun ...int) {
	d.t.Helper()
	if got := d.since(after); !slices.Equal(got, begun) {
		d.t.Fatalf("requests %v have begun, want %v", got, begun)
	}
}

// finish ends all that has not ended.
func (d *testDesk) finish(ended int) {
	for i := ended; i < len(d.ends); i++ {
		close(d.ends[i])
	}
	d.close(func() error { return nil })
}

// Where everything is late, requests wait for others to be done, in their order.
func TestDeskWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDesk(t)
		d.desk.pace.set(true)
		for i := range alwaysAttended + 3 {
			d.come(i)
		}
		d.want(alwaysAttended)
		d.end(0)
		d.want(alwaysAttended, alwaysAttended)
		d.end(1, 2)
		d.want(alwaysAttended, alwaysAttended, alwaysAttended+1, alwaysAttended+2)
		d.finish(3)
	})
}

// Where nothing is late, none waits.
func TestDeskHasTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDesk(t)
		d.desk.pace.set(false)
		for i := range 2 * alwaysAttended {
			d.come(i)
		}
		if n := len(d.since(0)); n != 2*alwaysAttended {
			t.Errorf("%d have begun, want all", n)
		}
		d.finish(0)
	})
}

// Nobody gets ahead of those that wait.
func TestDeskKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDesk(t)
		d.desk.pace.set(true)
		for i := range alwaysAttended + 1 {
			d.come(i)
		}
		d.desk.pace.set(false)
		d.come(alwaysAttended + 1)
		d.want(alwaysAttended, alwaysAttended)
		time.Sleep(nudgeEvery)
		synctest.Wait()
		d.want(alwaysAttended, alwaysAttended, alwaysAttended+1)
		d.finish(0)
	})
}

// When it is no longer late, those that wait begin, though those under way go on: their
// peers may have gone.
func TestDeskCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDesk(t)
		d.desk.pace.set(true)
		for i := range alwaysAttended + 2 {
			d.come(i)
		}
		d.desk.pace.set(false)
		time.Sleep(nudgeEvery)
		synctest.Wait()
		d.want(alwaysAttended, alwaysAttended)
		d.end(0)
		d.want(alwaysAttended, alwaysAttended, alwaysAttended+1)
		d.finish(1)
	})
}

// At the end nothing begins any more.
func TestDeskCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDesk(t)
		d.desk.pace.set(true)
		for i := range alwaysAttended + 2 {
			d.come(i)
		}
		closed := make(chan struct{})
		go func() { d.close(func() error { return nil }); close(closed) }()
		synctest.Wait()
		d.desk.pace.set(false)
		time.Sleep(10 * nudgeEvery)
		synctest.Wait()
		d.want(alwaysAttended)
		if d.desk.attend(func() {}) {
			t.Error("a request is taken after the end")
		}
		for _, end := range d.ends {
			close(end)
		}
		<-closed
	})
}

// Devices of a storm, which have not proved their addresses yet, come at the pace of the work;
// one that is not heard of for answerPatience takes no place any more.
func TestDeskLendsPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDesk(t)
		d.desk.pace.set(true)
		for i := range alwaysAttended - 1 {
			d.come(i)
		}
		answered := make(chan struct{})
		d.desk.attend(func() { defer d.desk.lend()(); <-answered })
		d.come(alwaysAttended - 1)
		time.Sleep(answerPatience - time.Millisecond)
		synctest.Wait()
		d.want(alwaysAttended - 1)
		time.Sleep(nudgeEvery)
		synctest.Wait()
		d.want(alwaysAttended-1, alwaysAttended-1)
		close(answered)
		synctest.Wait()
		d.come(alwaysAttended) // the other has its place again for as long as it goes on
		d.end(0)
		d.want(alwaysAttended, alwaysAttended)
		d.finish(1)
	})
}
