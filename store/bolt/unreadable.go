package bolt

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"lwbs/store"
)

// maxUnreadable is how many parts an unreadables remembers.
const maxUnreadable = 1000

// An unreadables remembers what of the database could not be read, so that each part is told
// of once. Its methods may be called concurrently.
type unreadables struct {
	tell func(*store.UnreadableError) // of each for the first time

	mu    sync.Mutex
	parts map[string]*store.UnreadableError // by what they are; guarded by mu
}

func newUnreadables(tell func(*store.UnreadableError)) *unreadables {
	return &unreadables{tell: tell, parts: make(map[string]*store.UnreadableError)}
}

// note remembers a part that could not be read, if err is about one.
func (u *unreadables) note(err error) {
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
	if known = known || len(u.parts) >= maxUnreadable; !known {
		u.parts[part.What()] = part
	}
	u.mu.Unlock()
	if !known {
		u.tell(part)
	}
}

// settled forgets a record, which was written anew or deleted.
func (u *unreadables) settled(bucket []byte, key string) {
	u.forget(&store.UnreadableError{Bucket: string(bucket), Key: key})
}

// forget forgets a part that can be read again.
func (u *unreadables) forget(part *store.UnreadableError) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.parts, part.What())
}

// all returns the parts, by bucket, page and key.
func (u *unreadables) all() []*store.UnreadableError {
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

// Unreadable returns what of the database could not be read so far, at most 1,000 parts.
func (db *DB) Unreadable() []*store.UnreadableError { return db.unread.all() }
