package ratequeue_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/ratequeue"
	"lwbs/lwm2m"
)

func device(i int) lwm2m.EndpointName { return lwm2m.EndpointName(fmt.Sprintf("dev-%04d", i)) }

// No window of a second has more than the rate and the burst, all pass, in their order, and no later than they must.
func TestRateIsKept(t *testing.T) {
	for _, rate := range []int{1, 3, 50, 1000} {
		synctest.Test(t, func(t *testing.T) {
			n := 6*rate + 7
			q := ratequeue.New(rate)
			began := time.Now()
			at := make([]time.Duration, n)
			for i := range n {
				p := q.Join(device(i))
				go func() {
					<-p.Turn()
					at[i] = time.Since(began)
				}()
				if i%10 == 9 { // they come at 10 times the rate
					time.Sleep(time.Second / time.Duration(rate))
				}
			}
			time.Sleep(20 * time.Second)
			synctest.Wait()
			if !slices.IsSorted(at) {
				t.Errorf("rate %d: not in their order: %v", rate, at)
			}
			most := rate + ratequeue.Burst(rate)
			for i := range at {
				if j := i + most; j < n && at[j]-at[i] < time.Second-time.Millisecond {
					t.Fatalf("rate %d: %d pass within %v", rate, most+1, at[j]-at[i])
				}
			}
			if last, want := at[n-1], time.Duration(float64(n-ratequeue.Burst(rate))/float64(rate)*float64(time.Second)); last > want+50*time.Millisecond {
				t.Errorf("rate %d: the last passes after %v, want %v", rate, last, want)
			}
			if s := q.State(); s.Passed != uint64(n) || s.Waiting != 0 || s.Oldest != 0 {
				t.Errorf("rate %d: %+v", rate, s)
			}
		})
	}
}

// A device that leaves keeps its place for a while, also when it was told to come again; one that had its turn does not.
func TestPlaceIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := ratequeue.New(1)
		first := q.Join("a")
		<-first.Turn()
		b, c := q.Join("b"), q.Join("c")
		time.Sleep(time.Millisecond)
		q.Remember("e")
		time.Sleep(time.Millisecond)
		d := q.Join("d")
		if n, wait := d.Ahead(); n != 2 || wait < 2*time.Second || wait > 3*time.Second {
			t.Errorf("%d are ahead of the last, for %v", n, wait)
		}
		b.Leave()
		b.Leave()
		if n, _ := d.Ahead(); n != 1 {
			t.Errorf("%d are ahead of the last when one has left", n)
		}
		if n, _ := q.Ahead("b"); n != 0 {
			t.Errorf("%d are ahead of the one that left", n)
		}
		if n, _ := q.Ahead("e"); n != 1 {
			t.Errorf("%d are ahead of the one that was told to come again", n)
		}
		if n, _ := q.Ahead("new"); n != 2 {
			t.Errorf("%d are ahead of a new one", n)
		}
		b, e := q.Join("b"), q.Join("e")
		order := []*ratequeue.Place{b, c, e, d}
		for i, p := range order {
			<-p.Turn()
			for _, later := range order[i+1:] {
				select {
				case <-later.Turn():
					t.Fatal("a later one has its turn")
				default:
				}
			}
		}
		q.Join("a").Leave()
		time.Sleep(ratequeue.Memory + time.Second)
		if n, wait := q.Ahead("a"); n != 0 || wait != 0 || !q.Idle() {
			t.Errorf("after a while %d are ahead, for %v; idle %v", n, wait, q.Idle())
		}
	})
}

// Another rate holds for those that wait, at once.
func TestRateIsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := ratequeue.New(1)
		var last *ratequeue.Place
		for i := range 101 {
			last = q.Join(device(i))
		}
		began := time.Now()
		q.SetRate(100)
		<-last.Turn()
		if took := time.Since(began); took < 800*time.Millisecond || took > 1100*time.Millisecond {
			t.Errorf("100 at 100 a second take %v", took)
		}
		q.SetRate(1)
		last = q.Join("x")
		began = time.Now()
		if <-last.Turn(); time.Since(began) > 1100*time.Millisecond {
			t.Errorf("one at 1 a second takes %v", time.Since(began))
		}
	})
}

// What is kept of a device that waits, and of one that left, is bounded.
func TestMemoryOfPlaces(t *testing.T) {
	const devices, limit = 10_000, 400 // bytes each
	q := ratequeue.New(1)
	took := coaptest.MemoryOf(limit*coaptest.MemoryFactor*devices, func() {
		for i := range devices {
			if p := q.Join(device(i)); i%2 == 0 {
				p.Leave()
			}
		}
	})
	t.Logf("%d bytes for each", took/devices)
	if took > limit*coaptest.MemoryFactor*devices {
		t.Errorf("a place takes %d bytes, want %d at the most", took/devices, limit)
	}
	for i := range 60_000 {
		q.Remember(device(devices + i))
	}
	if s := q.State(); s.Waiting+int(s.Passed) != devices/2+1 { // the first had its turn before it could leave
		t.Errorf("of %d devices it is %+v", devices, s)
	}
}
