package provision

import (
	"strings"
	"sync"
	"time"

	"lwbs/bootstrap/profile"
	"lwbs/store"
)

// maxContents bounds a [contentCache].
const maxContents = 1024

// A contentCache keeps what [profile.ContentOf] found for revisions of profiles, at most 1024: it takes longer than the rest of
// what is resolved for a session. The zero value is ready for use. Its method may be called
// concurrently.
type contentCache struct {
	mu    sync.Mutex
	known map[contentKey]string
}

// A contentKey tells a revision of a profile from others. Assigned are the LwM2M Servers of one device, with their
// URIs: see [profile.Assign]. Created tells apart profiles that had the same name one after the other.
type contentKey struct {
	name     string
	revision store.Revision
	created  time.Time
	assigned string
}

// of returns profile.ContentOf(p), of a profile that was read from the store.
func (c *contentCache) of(p store.Profile) string {
	key := contentKey{name: p.Name, revision: p.Revision, created: p.Created.UTC().Round(0), assigned: assignedOf(p)}
	c.mu.Lock()
	content, ok := c.known[key]
	c.mu.Unlock()
	if ok {
		return content
	}
	content = profile.ContentOf(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxContents {
		c.known = make(map[contentKey]string)
	}
	c.known[key] = content
	return content
}

// assignedOf are the LwM2M Servers that the accounts of p have been assigned.
func assignedOf(p store.Profile) string {
	var text strings.Builder
	for _, a := range p.Accounts {
		if a.Assigned != "" {
			text.WriteString(a.Name + "\x00" + a.Assigned + "\x00" + a.URI + "\x00")
		}
	}
	return text.String()
}
