package profile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"lwbs/store"
	"lwbs/store/grammar"
)

// ContentOf differs for two profiles that give other things to the same device. What only says how a
// device is given them, or how the profile is kept, is not in it: names, limits of the devices, the content
// format, the length of keys that are still to be made, who is told of them. Where an account has several LwM2M
// Servers, p is that of one device: see [Assign].
func ContentOf(p store.Profile) string {
	p = p.Clone()
	p.Name, p.Revision, p.Created, p.Updated = "", 0, time.Time{}, time.Time{}
	p.Format, p.DiscoverFailed, p.BootstrapInstance, p.Verify, p.Pack, p.SecretsOverNoSec = "", "", 0, "", "", false
	p.NoAccessControl, p.Device, p.RotateAfter, p.BootstrapsPerSecond = false, store.DeviceLimits{}, 0, 0
	p.Delete.Mode = cmp.Or(p.Delete.Mode, store.DeleteDiscovered)
	for i := range p.Accounts {
		p.Accounts[i] = accountContent(p.Accounts[i])
	}
	slices.SortStableFunc(p.Accounts, func(a, b store.Account) int { return cmp.Compare(a.ShortServerID, b.ShortServerID) })
	slices.SortStableFunc(p.Objects, func(a, b store.ObjectValues) int { return a.Path.Compare(b.Path) })
	slices.SortStableFunc(p.AccessControl, func(a, b store.AccessControl) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Instance, b.Instance))
	})
	if b := p.BootstrapServer; b != nil {
		b.Key, b.KeyLength = cmp.Or(b.Key, store.KeyGenerate), 0
		b.ClientHoldOffTime = new(store.Duration(orDefault(b.ClientHoldOffTime, defaultHoldOff)))
	}
	text, err := json.Marshal(p)
	if err != nil { // of a profile that could not be stored either
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// accountContent is what of an account counts, with its defaults. Its oldest name is that of its key.
func accountContent(a store.Account) store.Account {
	if len(a.RenamedFrom) > 0 {
		a.Name, a.RenamedFrom = a.RenamedFrom[0], nil
	}
	a.KeyLength, a.HandOver, a.Servers = 0, "", nil // of servers the URI of the assigned one counts
	if a.Security == "" {
		a.Security = grammar.SecurityPSK
		if plainURI(a.URI) {
			a.Security = grammar.SecurityNoSec
		}
	}
	if a.Key == "" && a.Security == grammar.SecurityPSK {
		a.Key = store.KeyGenerate
	}
	a.Binding = cmp.Or(a.Binding, defaultBinding)
	a.Lifetime = new(store.Duration(orDefault(a.Lifetime, defaultLifetime)))
	a.NotificationStoring = new(a.NotificationStoring == nil || *a.NotificationStoring)
	if o := a.OSCORE; o != nil {
		o.MasterSecret, o.MasterSecretLength = cmp.Or(o.MasterSecret, store.KeyGenerate), 0
	}
	return a
}

// plainURI reports whether a URI, which may be a template, is one without DTLS.
func plainURI(uri string) bool {
	return strings.HasPrefix(uri, "coap://") || strings.HasPrefix(uri, "coap+tcp://")
}

// Alters reports whether a device is given something else by its record than before, under the same
// profile p.
func Alters(p store.Profile, was, is store.Device) bool {
	if was.Endpoint != is.Endpoint || !maps.Equal(was.Vars, is.Vars) {
		return true
	}
	for _, o := range p.Objects {
		for id := range o.Resources {
			path := o.Path.Append(uint16(id))
			if !was.Secrets[path].Equal(is.Secrets[path]) {
				return true
			}
		}
	}
	for _, a := range p.Accounts {
		if !sameKeys(was.Accounts[a.Name], is.Accounts[a.Name]) {
			return true
		}
	}
	return p.BootstrapServer != nil && !sameKeys(was.Accounts[store.BootstrapServerAccount], is.Accounts[store.BootstrapServerAccount])
}

func sameKeys(a, b store.AccountKeys) bool {
	return a.Identity == b.Identity && string(a.Certificate) == string(b.Certificate) && a.Key.Equal(b.Key) && a.MasterSecret.Equal(b.MasterSecret)
}

// maxContents bounds a [ContentCache].
const maxContents = 1024

// A ContentCache keeps what [ContentOf] found for revisions of profiles, at most 1024: it takes longer than the rest of
// what is resolved for a session. The zero value is ready for use. Its method may be called
// concurrently.
type ContentCache struct {
	mu    sync.Mutex
	known map[contentKey]string
}

// A contentKey tells a revision of a profile from others. Assigned are the LwM2M Servers of one device, with their
// URIs: see [Assign]. Created tells apart profiles that had the same name one after the other.
type contentKey struct {
	name     string
	revision store.Revision
	created  time.Time
	assigned string
}

// Of returns ContentOf(p), of a profile that was read from the store.
func (c *ContentCache) Of(p store.Profile) string {
	key := contentKey{name: p.Name, revision: p.Revision, created: p.Created.UTC().Round(0), assigned: assignedOf(p)}
	c.mu.Lock()
	content, ok := c.known[key]
	c.mu.Unlock()
	if ok {
		return content
	}
	content = ContentOf(p)
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
