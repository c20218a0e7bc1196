package bootstrap

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/auth"
)

type lookUpKey struct{}

// The context of a look-up ends as one of [context.WithDeadline] does, waited for or not, and goes on when that of the
// request ends.
func TestLookUpContext(t *testing.T) {
	request := func(t *testing.T) context.Context {
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), lookUpKey{}, "kept"))
		cancel()
		return ctx
	}
	tests := map[string]struct {
		do   func(ctx context.Context, end context.CancelFunc)
		want error
	}{
		"at first":                 {func(context.Context, context.CancelFunc) {}, nil},
		"ended":                    {func(_ context.Context, end context.CancelFunc) { end() }, context.Canceled},
		"ended after a wait began": {func(ctx context.Context, end context.CancelFunc) { _ = ctx.Done(); end() }, context.Canceled},
		"late":                     {func(context.Context, context.CancelFunc) { time.Sleep(auth.LookUpTimeout) }, context.DeadlineExceeded},
		"late, with one who waits": {func(ctx context.Context, _ context.CancelFunc) { <-ctx.Done() }, context.DeadlineExceeded},
		"late for a context below": {func(ctx context.Context, _ context.CancelFunc) {
			below, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-below.Done()
		}, context.DeadlineExceeded},
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx := lookingUp(request(t))
				defer ctx.end()
				if at, ok := ctx.Deadline(); !ok || !at.Equal(began.Add(auth.LookUpTimeout)) || ctx.Value(lookUpKey{}) != "kept" {
					t.Errorf("the deadline is %v, %v, the value %v", at, ok, ctx.Value(lookUpKey{}))
				}
				test.do(ctx, ctx.end)
				if err := ctx.Err(); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
					t.Errorf("its error is %v, want %v", err, test.want)
				}
				if took := time.Since(began); errors.Is(test.want, context.DeadlineExceeded) && took != auth.LookUpTimeout {
					t.Errorf("it ended after %v", took)
				}
				ctx.end()
				<-ctx.Done()
			})
		})
	}
}

// A look-up for which no one waits needs no timer.
func TestLookUpContextIsCheap(t *testing.T) {
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		look := lookingUp(ctx)
		if look.Err() != nil {
			t.Error("it has ended")
		}
		look.end()
	}); n > 1 {
		t.Errorf("it takes %v allocations", n)
	}
}
