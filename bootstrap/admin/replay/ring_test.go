package replay_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/admin/replay"
)

// take returns what is behind a position.
func take(r *replay.Ring[int], p replay.Position) ([]int, replay.Position, replay.Gap) {
	values, next, gap, _ := r.Since(p)
	return values, next, gap
}

// A reader is given what is behind its position, and told how much of that is gone.
func TestReplay(t *testing.T) {
	r := replay.New[int](4, 100)
	began := r.End()
	if values, next, gap := take(r, 0); len(values) != 0 || next != began || gap.Some() {
		t.Errorf("at the beginning: %v %v %v", values, next, gap)
	}
	for i := range 6 {
		r.Put(i, 1)
	}
	for _, tt := range []struct {
		behind replay.Position
		want   []int
		gap    replay.Gap
	}{
		{0, nil, replay.Gap{}},
		{began + 6, nil, replay.Gap{}},
		{began + 5, []int{5}, replay.Gap{}},
		{began + 2, []int{2, 3, 4, 5}, replay.Gap{}},
		{began + 1, []int{2, 3, 4, 5}, replay.Gap{Values: 1}},
		{began, []int{2, 3, 4, 5}, replay.Gap{Values: 2}},
		{began - 1, []int{2, 3, 4, 5}, replay.Gap{Unknown: true}}, // of before a restart
		{began + 7, []int{2, 3, 4, 5}, replay.Gap{Unknown: true}}, // of another server
		{replay.ParsePosition("x"), []int{2, 3, 4, 5}, replay.Gap{Unknown: true}},
		{replay.ParsePosition("-1"), []int{2, 3, 4, 5}, replay.Gap{Unknown: true}},
		{replay.ParsePosition("99999999999999999999"), []int{2, 3, 4, 5}, replay.Gap{Unknown: true}},
		{replay.ParsePosition(""), nil, replay.Gap{}},
		{replay.ParsePosition((began + 5).String()), []int{5}, replay.Gap{}},
	} {
		values, next, gap := take(r, tt.behind)
		if !slices.Equal(values, tt.want) || gap != tt.gap || next != began+6 {
			t.Errorf("behind %v: %v %+v, want %v %+v", tt.behind, values, gap, tt.want, tt.gap)
		}
	}
}

// Large values displace others; the newest one is kept in any case.
func TestBytesOfARing(t *testing.T) {
	r := replay.New[int](100, 10)
	began := r.End()
	for i := range 3 {
		r.Put(i, 5)
	}
	if values, _, gap := take(r, began); !slices.Equal(values, []int{1, 2}) || gap.Values != 1 {
		t.Errorf("%v %+v", values, gap)
	}
	r.Put(3, 50)
	r.Put(4, 1)
	if values, _, gap := take(r, began); !slices.Equal(values, []int{4}) || gap.Values != 4 {
		t.Errorf("%v %+v", values, gap)
	}
}

// Whoever waits is woken by a value, and by the end.
func TestWaitForMore(t *testing.T) {
	r := replay.New[int](4, 100)
	_, next, _, more := r.Since(0)
	go r.Put(7, 1)
	<-more
	values, _, _, more := r.Since(next)
	if !slices.Equal(values, []int{7}) {
		t.Errorf("%v", values)
	}
	r.Close()
	<-more
	r.Put(8, 1)
	if values, _, _, more := r.Since(next); !slices.Equal(values, []int{7}) || more != nil {
		t.Errorf("after the end: %v, %v", values, more)
	}
}

// Positions of a server that was started again are greater than those before.
func TestPositionsAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := replay.New[int](4, 100)
		for range 4000 {
			before.Put(1, 1)
		}
		time.Sleep(time.Millisecond)
		if _, _, gap := take(replay.New[int](4, 100), before.End()); !gap.Unknown {
			t.Errorf("%+v", gap)
		}
	})
}
