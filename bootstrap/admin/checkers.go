package admin

import (
	"sync"
	"time"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// maxCheckers is for how many profiles a checker is kept.
const maxCheckers = 64

// Checkers are those of the profiles that were used last. The zero checkers is ready for use.
type checkers struct {
	mu  sync.Mutex
	all map[profileVersion]*profile.Checker // guarded by mu
}

// A profileVersion is a profile as one edit left it. A profile that was deleted and made anew has the
// same revisions again.
type profileVersion struct {
	name     string
	revision store.Revision
	updated  time.Time
}

// of returns the checker for devices of p. Objects are the same at each call.
func (c *checkers) of(p store.Profile, objects *object.Registry) *profile.Checker {
	version := profileVersion{p.Name, p.Revision, p.Updated}
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept := c.all[version]; kept != nil {
		return kept
	}
	if len(c.all) >= maxCheckers || c.all == nil {
		c.all = make(map[profileVersion]*profile.Checker)
	}
	c.all[version] = profile.NewChecker(p, objects)
	return c.all[version]
}
