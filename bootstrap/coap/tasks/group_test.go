package tasks_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/panics"
)

func newGroup() (*tasks.Group, *panics.Guard) {
	guard := panics.New(slog.New(slog.DiscardHandler))
	return tasks.NewGroup(guard), guard
}

// Stop ends the context, Wait waits for what runs, and nothing begins after that.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGroup()
		ended := false
		if !g.Go(func() { <-g.Context().Done(); ended = true }) {
			t.Fatal("a goroutine does not begin")
		}
		if g.Ending() {
			t.Error("the group ends before Stop")
		}
		if !g.Stop() || g.Stop() {
			t.Error("not the first Stop alone is the first")
		}
		g.Wait()
		if !ended || !g.Ending() {
			t.Errorf("the goroutine has ended: %t, the group: %t", ended, g.Ending())
		}
		if why := context.Cause(g.Context()); !errors.Is(why, bootstrap.ErrStopping) {
			t.Errorf("the context ends with %v", why)
		}
		if g.Go(func() { t.Error("a goroutine begins after the end") }) {
			t.Error("a goroutine begins after the end")
		}
	})
}

// A panic ends the goroutine, timer or call that it came from, and is counted.
func TestPanicsAreContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, guard := newGroup()
		g.Go(func() { panic("in a goroutine") })
		g.AfterFunc(time.Second, func() { panic("in a timer") })
		if g.Run(func() { panic("in a call") }) {
			t.Error("Run reports no panic")
		}
		if !g.Run(func() {}) {
			t.Error("Run reports a panic")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		g.Stop()
		g.Wait()
		if n := guard.All()[panics.Transport]; n != 3 {
			t.Errorf("%d panics are counted, want 3", n)
		}
	})
}

// Pause takes as long as it is told, or until the end.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGroup()
		began := time.Now()
		if g.Pause(time.Minute); time.Since(began) != time.Minute {
			t.Errorf("it took %v", time.Since(began))
		}
		time.AfterFunc(time.Second, g.Cancel)
		if g.Pause(time.Hour); time.Since(began) != time.Minute+time.Second {
			t.Errorf("it took %v with the end in between", time.Since(began)-time.Minute)
		}
		if !g.Go(func() {}) {
			t.Error("Cancel lets no goroutine begin")
		}
		g.Stop()
		g.Wait()
	})
}
