package admin

import (
	"context"
	"fmt"
	"strings"

	"lwbs/store"
)

// A BulkAction is what an edit of many devices does to each.
type BulkAction string

// The actions.
const (
	BulkSet    BulkAction = "device set"
	BulkDelete BulkAction = "device delete"
)

// A Bulk is an edit of many devices, device by device, that is one entry of the audit.
type Bulk struct {
	Action BulkAction `json:"action"`
	Detail string     `json:"detail"` // which devices, and what is set
}

// Validate reports why b cannot be noted. Its error wraps store.ErrInvalid.
func (b Bulk) Validate() error {
	if b.Action != BulkSet && b.Action != BulkDelete {
		return fmt.Errorf("%w: an edit of many devices is %q or %q", store.ErrInvalid, BulkSet, BulkDelete)
	}
	return store.AtMost(len(b.Detail), "bytes of the detail", maxBulkDetail)
}

// maxBulkDetail leaves room for the count in the entry, in bytes.
const maxBulkDetail = store.MaxAuditText - 64

type bulkKey struct{}

// WithBulk returns a context under which edits of devices belong to the one of many that [API.BeginBulk] returned.
func WithBulk(ctx context.Context, id store.AuditID) context.Context {
	return context.WithValue(ctx, bulkKey{}, id)
}

// BulkOf is the edit of many devices that ctx belongs to; zero for none.
func BulkOf(ctx context.Context) store.AuditID {
	id, _ := ctx.Value(bulkKey{}).(store.AuditID)
	return id
}

// RunBulk does edits of many devices under a context that makes them one entry of the audit.
func RunBulk(ctx context.Context, api API, b Bulk, do func(context.Context) error) error {
	b.Detail = strings.ToValidUTF8(b.Detail[:min(len(b.Detail), maxBulkDetail)], "")
	id, err := api.BeginBulk(ctx, b)
	if err != nil {
		return err
	}
	err = do(WithBulk(ctx, id))
	if id != 0 {
		_ = api.EndBulk(context.WithoutCancel(ctx), id) // else the entry says that it is running
	}
	return err
}

// BeginBulk implements [API]: there is no audit to note it in.
func (l *Local) BeginBulk(_ context.Context, b Bulk) (store.AuditID, error) { return 0, b.Validate() }

// EndBulk implements [API].
func (l *Local) EndBulk(context.Context, store.AuditID) error { return nil }
