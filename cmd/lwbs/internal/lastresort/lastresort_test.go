package lastresort

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// The process is ended when the command does not end in time after the signal, and not before.
func TestLastResort(t *testing.T) {
	tests := []struct {
		name   string
		act    func(r *Timer)
		signal bool
		ends   time.Duration // after the signal; 0 for never
	}{
		{"no signal", func(*Timer) {}, false, 0},
		{"hangs", func(*Timer) {}, true, EndTime},
		{"may take longer", func(r *Timer) { r.Allow(time.Hour) }, true, time.Hour},
		{"has come to its last part", func(r *Timer) {
			r.Allow(time.Hour)
			time.AfterFunc(time.Minute+time.Second, func() { r.Within(ClosingTime) })
		}, true, time.Second + ClosingTime},
	}
	for _, tt := range tests {
		for _, ends := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ends %v", tt.name, ends), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					var ended time.Time
					defer cancel()
					with, done := With(ctx, func() { ended = time.Now() })
					tt.act(Of(with))
					time.Sleep(time.Minute)
					signalled := time.Now()
					if tt.signal {
						cancel()
					}
					if ends {
						time.Sleep(5 * time.Second)
						done()
					}
					time.Sleep(3 * time.Hour)
					synctest.Wait()
					switch {
					case ends || tt.ends == 0:
						if !ended.IsZero() {
							t.Errorf("the process was ended after %v", ended.Sub(signalled))
						}
					case ended.Sub(signalled) != tt.ends:
						t.Errorf("the process was ended after %v, want %v", ended.Sub(signalled), tt.ends)
					}
					done()
				})
			})
		}
	}
	var none *Timer
	none.Allow(1)
	none.Within(1)
}
