package exchange

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/message"
)

// A Config says how a [Hub] treats its peers. Handler is required; every other field may be
// zero, which stands for its default.
type Config struct {
	// Handler answers the requests of peers. A response without a Code is not sent: the peer
	// and its duplicates hear nothing.
	Handler bootstrap.Handler

	// Logger takes what an operator may want to know; nil discards it.
	Logger *slog.Logger

	// Watch shows the datagrams of the conns to a watcher; nil, as the zero Watch, to none.
	Watch *Watch

	// IdleTimeout ends an association without a request of its peer, and without anything
	// under way, for so long; default 5 minutes.
	IdleTimeout time.Duration

	// MaxPayload is the largest request payload taken from a peer, in bytes, whether in one
	// message or in blocks; default 8 KiB, at most 64 KiB.
	MaxPayload int
}

const (
	// defaultIdleTimeout is above [message.ExchangeLifetime], so that a duplicate still finds
	// its answer.
	defaultIdleTimeout = 5 * time.Minute

	defaultMaxPayload = 8 << 10
)

// WithDefaults returns cfg with its zero fields filled in, or every mistake in it.
func (cfg Config) WithDefaults() (Config, error) {
	var errs []error
	if cfg.Handler == nil {
		errs = append(errs, errors.New("there is no Handler"))
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.IdleTimeout = cmp.Or(cfg.IdleTimeout, defaultIdleTimeout)
	cfg.MaxPayload = cmp.Or(cfg.MaxPayload, defaultMaxPayload)
	if cfg.IdleTimeout < 0 {
		errs = append(errs, fmt.Errorf("IdleTimeout %v is negative", cfg.IdleTimeout))
	}
	if cfg.MaxPayload < 0 || cfg.MaxPayload > message.MaxBody {
		errs = append(errs, fmt.Errorf("MaxPayload %d is not within 0 to %d", cfg.MaxPayload, message.MaxBody))
	}
	return cfg, errors.Join(errs...)
}
