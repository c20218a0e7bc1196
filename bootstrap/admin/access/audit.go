package access

import (
	"context"

	"lwbs/store"
)

// Audited returns a context under which the next edit that a store applies appends a line to the audit: that the
// principal of ctx did what action says to target.
func Audited(ctx context.Context, action, target, detail string) context.Context {
	return store.WithAudit(ctx, &store.Audit{Entry: EntryOf(ctx, action, target, detail)})
}

// EntryOf is the entry of the audit of what the principal of ctx does.
func EntryOf(ctx context.Context, action, target, detail string) store.AuditEntry {
	p, _ := From(ctx)
	e := store.AuditEntry{Name: p.Name, Way: p.Way, Address: p.Address, Action: action, Target: target, Detail: detail}
	if p.Role != 0 {
		e.Role = p.Role.String()
	}
	return e
}
