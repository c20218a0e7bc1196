// Package kept is what is kept of DTLS associations while their listener does not run: the contract of the
// store for it, and the stored bytes.
package kept

import (
	"context"
	"time"

	"lwbs/lwm2m"
)

// A Keeper keeps DTLS associations while their listener does not run, on disk as a rule.
// Several listeners may share one. Its methods may be called concurrently.
//
// It must never return an association in an older state than the one it kept last: see
// [lwbs/bootstrap/coap/dtls/record.Layer] for what would be given away.
type Keeper interface {
	// Resume makes ready for what follows. It is called before all else, again after Void,
	// and again some time after an error.
	Resume(ctx context.Context) error

	// Keep keeps put and removes what has the keys of ended, all or nothing, and returns when
	// a crash changes nothing about that. After an error it is not known what is kept.
	Keep(ctx context.Context, put []Association, ended []Key) error

	// Kept returns some of those that were heard of before that one, the one heard of last
	// first, about as many as limit; of the zero key, from the newest on. None is the end.
	Kept(ctx context.Context, before Key, limit int) ([]Association, error)

	// Void sees to it that nothing that was kept so far is returned after a crash, also on a
	// full disk. Its error says that it could not.
	Void() error
}

// A Key tells a kept association from others: when its peer was last heard, and an ID.
type Key struct {
	Heard time.Time
	ID    [16]byte
}

// A Association is all that is needed to go on with an association.
type Association struct {
	Key
	State lwm2m.Secret
}
