package postgres

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"lwbs/store"
)

// maxRemembered is how many values a remembered has.
const maxRemembered = 10_000

// A version tells a value from what it was before: the revision of a record and when that was made.
type version struct{ rev, created int64 }

// A remembered has what records were decoded to, by their names. What it has is used only where the database tells
// the same version.
type remembered[T any] struct {
	mu  sync.Mutex
	all map[string]struct { // guarded by mu
		version version
		value   T
	}
}

// get returns the value and its version, the zero one where there is none.
func (r *remembered[T]) get(name string) (T, version) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := r.all[name]
	return found.value, found.version
}

func (r *remembered[T]) put(name string, v version, value T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil || len(r.all) >= maxRemembered {
		r.all = make(map[string]struct {
			version version
			value   T
		})
	}
	r.all[name] = struct {
		version version
		value   T
	}{v, value}
}

// maxUnread is how many parts an unread remembers.
const maxUnread = 1000

// An unread remembers which records could not be read, so that each is told of once.
type unread struct {
	tell func(*store.UnreadableError)

	mu    sync.Mutex
	parts map[string]*store.UnreadableError // by what they are; guarded by mu
}

// note remembers a record that cannot be read, if err is about one.
func (u *unread) note(err error) {
	var part *store.UnreadableError
	if !errors.As(err, &part) {
		return
	}
	u.mu.Lock()
	_, known := u.parts[part.What()]
	if known = known || len(u.parts) >= maxUnread; !known {
		if u.parts == nil {
			u.parts = make(map[string]*store.UnreadableError)
		}
		u.parts[part.What()] = part
	}
	u.mu.Unlock()
	if !known {
		u.tell(part)
	}
}

// settled forgets a record, which was written anew or deleted.
func (u *unread) settled(kind, key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.parts, (&store.UnreadableError{Bucket: kind, Key: key}).What())
}

func (u *unread) all() []*store.UnreadableError {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := make([]*store.UnreadableError, 0, len(u.parts))
	for _, part := range u.parts {
		out = append(out, part)
	}
	slices.SortFunc(out, func(a, b *store.UnreadableError) int {
		return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Key, b.Key))
	})
	return out
}

// unreadable says of which record an error of its decoding is.
func unreadable(kind, key string, err error) error {
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNewer) {
		return &store.UnreadableError{Bucket: kind, Key: key, Err: err}
	}
	return err
}

// skips reports whether a list goes on without a record that cannot be read.
func (db *DB) skips(err error) bool {
	db.unread.note(err)
	return errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNewer)
}

// checkRevision compares the revision that an edit is based on with the one kept.
func checkRevision(base, kept store.Revision) error {
	switch {
	case base == kept:
		return nil
	case base == 0:
		return store.ErrExists
	case kept == 0:
		return store.ErrNotFound
	}
	return conflict(base, kept)
}

// pageLimit is the limit of a query, with the contract's default and bounds.
func pageLimit(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, 10_000)
}
