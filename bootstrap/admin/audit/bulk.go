package audit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Limits of edits of many devices that are under way: for more, the one that was used least recently ends in the audit,
// as does one without an edit for so long.
const (
	maxBulks = 64
	bulkIdle = 10 * time.Minute
)

// A bulk is an edit of many devices that is under way. Its edits have one entry together.
type bulk struct {
	id     store.AuditID
	who    access.Principal
	action string
	detail string
	done   int
	used   time.Time
}

// text is the detail of the entry of b.
func (b *bulk) text() string {
	devices := "devices"
	if b.done == 1 {
		devices = "device"
	}
	return fmt.Sprintf("%s: %d %s", b.detail, b.done, devices)
}

// bulks are those that are under way.
type bulks struct {
	mu  sync.Mutex
	all map[store.AuditID]*bulk // guarded by mu
}

// add notes a bulk, and returns those that end.
func (b *bulks) add(one *bulk, now time.Time) (ended []*bulk) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = make(map[store.AuditID]*bulk)
	}
	var oldest *bulk
	for id, other := range b.all {
		if now.Sub(other.used) > bulkIdle {
			delete(b.all, id)
			ended = append(ended, other)
		} else if oldest == nil || other.used.Before(oldest.used) {
			oldest = other
		}
	}
	if len(b.all) >= maxBulks {
		delete(b.all, oldest.id)
		ended = append(ended, oldest)
	}
	b.all[one.id] = one
	return ended
}

// of returns the bulk that an edit of a principal belongs to; nil for none.
func (b *bulks) of(id store.AuditID, who access.Principal, action string) *bulk {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one := b.all[id]; one != nil && one.who == who && one.action == action {
		one.used = time.Now()
		return one
	}
	return nil
}

// count notes that an edit was done.
func (b *bulks) count(one *bulk) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one.done++
}

// remove ends the bulk of a principal; nil where there is none.
func (b *bulks) remove(id store.AuditID, who access.Principal) *bulk {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.all[id]
	if one == nil || one.who != who {
		return nil
	}
	delete(b.all, id)
	return one
}

// principal is whose request ctx is of, as far as the requests of one edit have it in common: those over the socket may
// come from several processes.
func (a *API) principal(ctx context.Context) access.Principal {
	p, _ := access.From(a.as(ctx))
	p.Address, p.Role = "", 0
	return p
}

// BeginBulk implements [admin.API]. The entry is stored before the first edit, says that it is running, and has the count
// once it has ended.
func (a *API) BeginBulk(ctx context.Context, b admin.Bulk) (store.AuditID, error) {
	if err := b.Validate(); err != nil {
		return 0, err
	}
	entry, err := a.log.AppendAudit(ctx, access.EntryOf(a.as(ctx), string(b.Action), "", b.Detail+": running"))
	if err != nil {
		return 0, fmt.Errorf("nothing was done, as it cannot be noted: %w", err)
	}
	now := time.Now()
	for _, ended := range a.bulks.add(&bulk{id: entry.ID, who: a.principal(ctx), action: string(b.Action), detail: b.Detail, used: now}, now) {
		a.amend(ctx, ended)
	}
	return entry.ID, nil
}

// EndBulk implements [admin.API].
func (a *API) EndBulk(ctx context.Context, id store.AuditID) error {
	one := a.bulks.remove(id, a.principal(ctx))
	if one == nil {
		return fmt.Errorf("edit %d of many devices: %w: it has ended", id, store.ErrNotFound)
	}
	a.amend(ctx, one)
	return nil
}

// amend gives the entry of a bulk its count; where that fails, it says that it is running.
func (a *API) amend(ctx context.Context, b *bulk) {
	_ = a.log.AmendAudit(context.WithoutCancel(ctx), b.id, b.text())
}

// device does an edit of a device: as a part of the bulk of ctx, or with an entry of its own.
func (a *API) device(ctx context.Context, action admin.BulkAction, ep lwm2m.EndpointName, detail string, do func(context.Context) error) error {
	one := a.bulks.of(admin.BulkOf(ctx), a.principal(ctx), string(action))
	if one == nil {
		return do(a.edit(ctx, string(action), string(ep), detail))
	}
	err := do(a.as(ctx))
	if err == nil {
		a.bulks.count(one)
	}
	return err
}
