package bootstrap

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/history"
	"lwbs/bootstrap/panics"
	"lwbs/bootstrap/pending"
	"lwbs/lwm2m/object"
)

// A Config configures a [Server]. Zero means the default stated at the field.
type Config struct {
	// Store is where devices, profiles and the history of sessions are kept.
	// Required. The Server does not close it.
	Store Store

	// Logger gets one record for each session that ended, and the server's own
	// troubles. Default: discard.
	Logger *slog.Logger

	// Observe is told of every event, in the goroutine where it happens and, for
	// one session, in order; it must return at once and may be called concurrently.
	// Default: events are dropped.
	Observe func(Event)

	// Objects are those that values are checked against. Default: those of the table that
	// is built in.
	Objects *object.Registry

	// HandOver tells LwM2M Servers of the accounts whose profile asks for it. Without one the
	// sessions of such devices fail.
	HandOver HandOver

	// SessionTimeout bounds a session from the Bootstrap-Request to the answer to
	// Bootstrap-Finish. Default 240 s; at most 247 s, which is when clients give up
	// by themselves (EXCHANGE_LIFETIME, RFC 7252 §4.8.2; Core 1.1.1 §6.1.7).
	SessionTimeout time.Duration

	// Linger is how long the association is kept for the client's retransmissions
	// after it answered Finish in a message of its own. Default 10 s.
	Linger time.Duration

	// MaxSessions is how many devices may be bootstrapping at the same time; the
	// next one is answered 5.03. Default 10,000.
	MaxSessions int

	// MaxHeld is how many devices may wait for their turn, where their profile or LwM2M Server has a rate,
	// beside the sessions; the next one is answered 5.03. Default 10,000.
	MaxHeld int

	// MaxUnvalidated is how many Bootstrap-Requests over plain CoAP may wait for the first
	// answer of their clients, beside the sessions; the oldest makes room for another.
	// Default 10,000.
	MaxUnvalidated int

	// Pending bounds the list of unknown devices that wait for approval, and so the parked sessions:
	// each is of a device on the list.
	Pending pending.Limits

	// LoopLimit is how many sessions one device may start within LoopWindow before
	// it is taken for a device that fails after bootstrapping and comes back at
	// once; further Bootstrap-Requests are answered 5.03. Default 5 in 60 s.
	LoopLimit  int
	LoopWindow time.Duration

	// RepeatWindow is for how long the same failure of the same device, or of the
	// same unknown device, is kept as one record of history that counts. Default 10
	// minutes.
	RepeatWindow time.Duration

	// UnknownDeviceRecords is how many records of history peers without a device record may cause in a minute
	// over DTLS, all of them together. Those of one network may cause half of them. Over plain CoAP there may
	// be a third as many. What exceeds this has one record for each network and cause. Default 60.
	UnknownDeviceRecords int

	// UnauthenticatedRecords is the same for peers that gave the name or the identity of a
	// device and are unauthenticated. Default 600.
	UnauthenticatedRecords int

	// Enrolments is how many records of devices enrolment groups may make in a minute, all of them
	// together; the peers of one network may cause half of them. What exceeds this is answered 5.03.
	// Default 6000.
	Enrolments int

	// Trust returns what is believed of certificates at this moment. It is called for
	// every client that has one, and must be quick. Default: only those that a device
	// record names.
	Trust func() *auth.Trust

	// Panics counts and logs what panics of the server, its Observe included. Default: one
	// of its own, which logs to Logger.
	Panics *panics.Guard

	// Rand is where generated keys come from. Default: crypto/rand.
	Rand io.Reader
}

// maxSessionTimeout is EXCHANGE_LIFETIME with the default transmission parameters.
const maxSessionTimeout = 247 * time.Second

// defaultEnrolments is the default of [Config.Enrolments].
const defaultEnrolments = 6000

// withDefaults fills in the defaults and reports every mistake, not just one.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Store == nil {
		errs = append(errs, errors.New("config: Store is missing"))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(Event) {}
	}
	if c.Panics == nil {
		c.Panics = panics.New(c.Logger)
	}
	if c.Trust == nil {
		c.Trust = func() *auth.Trust { return nil }
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	errs = append(errs,
		positive("SessionTimeout", &c.SessionTimeout, 240*time.Second),
		positive("Linger", &c.Linger, 10*time.Second),
		positive("MaxSessions", &c.MaxSessions, 10_000),
		positive("MaxHeld", &c.MaxHeld, 10_000),
		positive("MaxUnvalidated", &c.MaxUnvalidated, 10_000),
		positive("LoopLimit", &c.LoopLimit, 5),
		positive("LoopWindow", &c.LoopWindow, time.Minute),
		positive("RepeatWindow", &c.RepeatWindow, 10*time.Minute),
		positive("UnknownDeviceRecords", &c.UnknownDeviceRecords, 60),
		positive("Enrolments", &c.Enrolments, defaultEnrolments),
		positive("UnauthenticatedRecords", &c.UnauthenticatedRecords, 600),
	)
	if c.SessionTimeout > maxSessionTimeout {
		errs = append(errs, fmt.Errorf("SessionTimeout %v is over %v", c.SessionTimeout, maxSessionTimeout))
	}
	return c, errors.Join(errs...)
}

// positive puts the default into a field that is zero and complains of one below it.
func positive[T int | time.Duration](name string, field *T, byDefault T) error {
	if *field == 0 {
		*field = byDefault
	}
	if *field < 0 {
		return fmt.Errorf("%s %v is negative", name, *field)
	}
	return nil
}

// history is the configuration of the history.
func (c Config) history() history.Config {
	return history.Config{
		Store: c.Store, Logger: c.Logger, Contain: func(f func()) { c.Panics.Run(panics.History, f) },
		RepeatWindow: c.RepeatWindow, UnknownDeviceRecords: c.UnknownDeviceRecords, UnauthenticatedRecords: c.UnauthenticatedRecords,
	}
}

// authorizer decides who may bootstrap.
func (c Config) authorizer() *auth.Authorizer {
	return &auth.Authorizer{Store: c.Store, Trust: c.Trust, Logger: c.Logger}
}

// ids makes the IDs of attempts, which follow those of the history.
func (c Config) ids(ctx context.Context) *history.IDs {
	ids := new(history.IDs)
	last, err := c.Store.LastSession(ctx)
	if err != nil { // IDs may not go up if the clock is behind; devices are served
		c.Logger.LogAttrs(ctx, slog.LevelError, "last session unknown", slog.Any("error", err))
	}
	ids.After(last)
	return ids
}
