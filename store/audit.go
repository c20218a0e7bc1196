package store

import (
	"context"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// An AuditID is the number of an entry of the audit. A later entry has a higher one.
type AuditID uint64

// An AuditEntry tells who changed or revealed what, and never a secret.
type AuditEntry struct {
	ID AuditID   `json:"id"`
	At time.Time `json:"at"`

	// Name, Role, Way and Address are those of the principal, as in package access.
	Name    string `json:"name"`
	Role    string `json:"role,omitempty"`
	Way     string `json:"way"`
	Address string `json:"address,omitempty"`

	Action string `json:"action"`           // such as "device set"
	Target string `json:"target,omitempty"` // the name of the record
	Detail string `json:"detail,omitempty"` // such as which fields, or how many records
}

// Cut returns e with texts of at most MaxAuditText bytes of UTF-8.
func (e AuditEntry) Cut() AuditEntry {
	for _, text := range []*string{&e.Name, &e.Role, &e.Way, &e.Address, &e.Action, &e.Target, &e.Detail} {
		*text = strings.ToValidUTF8(*text, "\uFFFD")
		if len(*text) <= MaxAuditText {
			continue
		}
		end := MaxAuditText - len("…")
		for !utf8.RuneStart((*text)[end]) {
			end--
		}
		*text = (*text)[:end] + "…"
	}
	return e
}

// An AuditQuery selects entries, the newest first.
type AuditQuery struct {
	Before AuditID // only older ones; zero for all
	Name   string  // only of this principal; empty for all
	Action string  // only actions that are this, or begin with it and a space; empty for all
	Target string  // only of this record; empty for all

	Since time.Time // only from then on; zero for all
	Until time.Time // only before then; zero for all

	Limit int // zero means 100, at most 10,000
}

// Selects reports whether e is one of those that q asks for, Before and Limit apart.
func (q AuditQuery) Selects(e AuditEntry) bool {
	switch {
	case q.Name != "" && e.Name != q.Name:
	case q.Action != "" && e.Action != q.Action && !strings.HasPrefix(e.Action, q.Action+" "):
	case q.Target != "" && e.Target != q.Target:
	case !q.Since.IsZero() && e.At.Before(q.Since):
	case !q.Until.IsZero() && !e.At.Before(q.Until):
	default:
		return true
	}
	return false
}

// An AuditLog stores entries of the audit, at most so many: the oldest goes first. Its methods are as those of a
// [Store].
type AuditLog interface {
	// AppendAudit stores an entry, with ID and At set by the store, and returns it.
	AppendAudit(ctx context.Context, e AuditEntry) (AuditEntry, error)

	// AmendAudit replaces the detail of an entry. Error: ErrNotFound.
	AmendAudit(ctx context.Context, id AuditID, detail string) error

	// Audit returns one page, the newest first. A page shorter than the limit is the last.
	Audit(ctx context.Context, q AuditQuery) ([]AuditEntry, error)
}

// An Audit is an entry that the next edit is to append.
type Audit struct {
	Entry AuditEntry // ID and At are set by the store

	mu      sync.Mutex
	claimed bool    // an edit is under way that appends it; guarded by mu
	written AuditID // guarded by mu
}

// Claim reports whether an edit is to append the entry: at most one does at a time, and none once one has.
func (a *Audit) Claim() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.claimed {
		return false
	}
	a.claimed = true
	return true
}

// Settle ends a claim: id is that of the entry as it was stored, zero where the edit changed nothing.
func (a *Audit) Settle(id AuditID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.claimed, a.written = id != 0, id
}

// Written returns the ID of the entry; zero where no edit has appended it.
func (a *Audit) Written() AuditID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.written
}

type auditKey struct{}

// WithAudit returns a context under which the first edit of a Store that changes something appends an entry of the
// audit in its transaction.
func WithAudit(ctx context.Context, a *Audit) context.Context {
	return context.WithValue(ctx, auditKey{}, a)
}

// AuditOf returns the entry that an edit under ctx is to append; nil for none.
func AuditOf(ctx context.Context) *Audit {
	a, _ := ctx.Value(auditKey{}).(*Audit)
	return a
}
