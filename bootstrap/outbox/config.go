package outbox

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"lwbs/store"
)

// A Store has the messages. Its methods are those of [store.Store].
type Store interface {
	Messages(ctx context.Context, q store.MessageQuery) ([]store.Message, error)
	Message(ctx context.Context, id store.MessageID) (store.Message, error)
	PutMessage(ctx context.Context, m store.Message) error
	RequeueMessage(ctx context.Context, id store.MessageID) (store.Message, error)
	DeleteMessage(ctx context.Context, id store.MessageID) error
	OutboxCounts(ctx context.Context) ([]store.OutboxCount, error)
	MessagesAppended() <-chan struct{}
}

// A Config configures an [Outbox]. All of it but Leads is required.
type Config struct {
	Store Store

	// Deliver tries to deliver a message, once: see [handover.Servers.Deliver], whose errors it returns.
	Deliver func(ctx context.Context, m store.Message) error

	// Logger is told of dead letters, and of faults of the store.
	Logger *slog.Logger

	// Leads reports whether messages are to be delivered here now, in place of by another server of the store.
	// Nil for always.
	Leads func() bool

	// Contain calls f, and ends a panic of it.
	Contain func(f func())
}

// How messages are tried again. The pauses are of a receiver that cannot be reached, and of a message
// that is refused: the first one, and the longest, which each failure comes nearer to by a factor of two. They
// differ by up to a fifth, so that receivers which have failed together are not tried together.
const (
	FirstPause = 5 * time.Second
	MaxPause   = time.Hour
	spread     = 0.2

	// MaxAge is when a message that still fails becomes a dead letter, and MaxRefusals after how many
	// refusals it does, which is after about half a day.
	MaxAge      = 72 * time.Hour
	MaxRefusals = 20

	// MaxOfReceiver is how many messages for one receiver are on their way at a time, and MaxAtOnce how
	// many for all.
	MaxOfReceiver = 4
	MaxAtOnce     = 64

	busyPause    = time.Second      // before a message that had to wait for a hand-over
	faultPause   = 5 * time.Second  // before the store is asked again after a fault
	lookAgain    = time.Minute      // how often the store is asked without a reason
	storeTimeout = 10 * time.Second // of one edit
	loadPage     = 1000
	leadPause    = time.Second // before it is asked again whether another server delivers
)

// pauseAfter is how long to wait after a number of failures, at least one.
func pauseAfter(failures int) time.Duration {
	pause := MaxPause
	if failures < 16 {
		pause = min(FirstPause<<(failures-1), MaxPause)
	}
	return time.Duration(float64(pause) * (1 + spread*(2*rand.Float64()-1)))
}
