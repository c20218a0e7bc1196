package handover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lwbs/store"
)

// A Server is an LwM2M Server that can be told of accounts. Its methods may be called concurrently.
// Their errors are [*Error] or that of the context. Repeating a call does no harm.
type Server interface {
	// Put makes the server know an account, in place of what it knew of the device.
	Put(ctx context.Context, a Account) error

	// Remove makes the server forget the device of an account. It succeeds where the server does not
	// know it.
	Remove(ctx context.Context, a Account) error
}

// A tester is a Server that must not be told of a device that does not exist.
type tester interface {
	// test reports why accounts could not be put.
	test(ctx context.Context) error
}

// Options are what a Server may do.
type Options struct {
	// Commands permits servers of [store.KindCommand], which run programs.
	Commands bool
}

// An Error is why a server does not know an account.
type Error struct {
	Reason string

	// Again is whether it may help to try again soon.
	Again bool

	server bool // it is about the server, and not about the device
	absent bool // the device is not there now
}

func (e *Error) Error() string { return e.Reason }

func refused(format string, arguments ...any) *Error {
	return &Error{Reason: fmt.Sprintf(format, arguments...)}
}

func unavailable(format string, arguments ...any) *Error {
	return &Error{Reason: fmt.Sprintf(format, arguments...), Again: true}
}

// New returns the server of a record. It asks nothing of it.
func New(record store.LwM2MServer, options Options) (Server, error) {
	if record.Kind == store.KindCommand && !options.Commands {
		return nil, refused("the server runs no programs: it was started without --allow-commands")
	}
	switch record.Kind {
	case store.KindNone:
		return nil, refused("a server of kind %s is not told: devices are only assigned to it", record.Kind)
	case store.KindPSKFile:
		return pskFileAt(record.Address), nil
	case store.KindCommand:
		return &command{program: record.Address, arguments: record.Arguments}, nil
	}
	c, err := newClient(record)
	if err != nil {
		return nil, err
	}
	switch record.Kind {
	case store.KindWebhook:
		return &webhook{client: c, secret: record.Secret, former: record.Former}, nil
	case store.KindLeshan:
		return &leshan{client: c}, nil
	case store.KindThingsBoard:
		return newThingsBoard(c, record), nil
	case store.KindCoiote:
		return newCoiote(c, record), nil
	}
	return nil, refused("this lwbs does not know LwM2M Servers of kind %q", record.Kind)
}

// Pauses between two tries.
const (
	firstPause = 250 * time.Millisecond
	maxPause   = 2 * time.Second
)

// Deliver calls act until it succeeds, is refused, or ctx ends, which gives the reason of the last try.
func Deliver(ctx context.Context, act func(context.Context) error) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := act(ctx)
		var e *Error
		switch {
		case err == nil:
			return nil
		case errors.As(err, &e) && !e.Again:
			return err
		}
		if ctx.Err() != nil {
			return late(ctx, err)
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return late(ctx, err)
		case <-wait.C:
		}
	}
}

// late is the error of a hand-over whose time is over, after a try that failed with err.
func late(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return context.Cause(ctx)
	}
	var e *Error
	if errors.As(err, &e) {
		return &Error{Reason: e.Reason, Again: true}
	}
	return unavailable("it did not answer in time")
}
