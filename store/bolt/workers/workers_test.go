package workers_test

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"lwbs/store/bolt/workers"
)

// What is done before Stop, beside it and after it is done once, and Stop leaves nothing behind.
func TestDo(t *testing.T) {
	defer goleak.VerifyNone(t)
	w := workers.Start()
	const each = 100
	var calls sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 8 {
		calls.Go(func() {
			for range each {
				w.Do(func() { mu.Lock(); defer mu.Unlock(); done++ })
			}
		})
	}
	w.Do(func() {})
	w.Stop()
	calls.Wait()
	if done != 8*each {
		t.Errorf("%d were done, want %d", done, 8*each)
	}
}

// A panic is that of the caller, and the goroutine that it came from goes on.
func TestPanic(t *testing.T) {
	w := workers.Start()
	defer w.Stop()
	for range 100 {
		func() {
			defer func() {
				if p := recover(); p != "broken" {
					t.Errorf("panicked with %v", p)
				}
			}()
			w.Do(func() { panic("broken") })
			t.Error("did not panic")
		}()
	}
}
