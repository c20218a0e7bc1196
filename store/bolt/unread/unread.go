// Package unread remembers which parts of a database cannot be read.
package unread

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"lwbs/store"
)

// maxParts is how many parts a Parts remembers.
const maxParts = 1000

// A Parts remembers what of the database could not be read, so that each part is told
// of once. Its methods may be called concurrently.
type Parts struct {
	tell func(*store.UnreadableError) // of each for the first time

	mu    sync.Mutex
	parts map[string]*store.UnreadableError // by what they are; guarded by mu
}

// New returns an empty Parts that calls tell with each part when it is noted for the first time.
func New(tell func(*store.UnreadableError)) *Parts {
	return &Parts{tell: tell, parts: make(map[string]*store.UnreadableError)}
}

// Note remembers a part that could not be read, if err is about one.
func (u *Parts) Note(err error) {
	if err == nil {
		return
	}
	var part *store.UnreadableError
	if !errors.As(err, &part) {
		return
	}
	if part.Page != 0 && part.Key != "" { // whichever record led there
		ofPage := *part
		ofPage.Key = ""
		part = &ofPage
	}
	u.mu.Lock()
	_, known := u.parts[part.What()]
	if known = known || len(u.parts) >= maxParts; !known {
		u.parts[part.What()] = part
	}
	u.mu.Unlock()
	if !known {
		u.tell(part)
	}
}

// Settled forgets a record, which was written anew or deleted.
func (u *Parts) Settled(bucket []byte, key string) {
	u.Forget(&store.UnreadableError{Bucket: string(bucket), Key: key})
}

// Forget forgets a part that can be read again.
func (u *Parts) Forget(part *store.UnreadableError) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.parts, part.What())
}

// All returns the parts, by bucket, page and key.
func (u *Parts) All() []*store.UnreadableError {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := make([]*store.UnreadableError, 0, len(u.parts))
	for _, part := range u.parts {
		out = append(out, part)
	}
	slices.SortFunc(out, func(a, b *store.UnreadableError) int {
		return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Page, b.Page), cmp.Compare(a.Key, b.Key))
	})
	return out
}
