package profile

import (
	"sync"
	"time"

	"lwbs/lwm2m/object"
	"lwbs/store"
)

// maxCheckers is for how many profiles a checker is kept.
const maxCheckers = 64

// Checkers are those of the profiles that were used last. The zero Checkers is ready for use; its method
// may be called concurrently.
type Checkers struct {
	mu  sync.Mutex
	all map[version]*Checker // guarded by mu
}

// A version is a profile as one edit left it. A profile that was deleted and made anew has the
// same revisions again.
type version struct {
	name     string
	revision store.Revision
	updated  time.Time
}

// Of returns the checker for devices of p. Objects are the same at each call.
func (c *Checkers) Of(p store.Profile, objects *object.Registry) *Checker {
	v := version{p.Name, p.Revision, p.Updated}
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept := c.all[v]; kept != nil {
		return kept
	}
	if len(c.all) >= maxCheckers || c.all == nil {
		c.all = make(map[version]*Checker)
	}
	c.all[v] = NewChecker(p, objects)
	return c.all[v]
}
