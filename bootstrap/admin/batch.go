package admin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A BatchRow is one device of a batch: it is added, or changed where it exists.
type BatchRow struct {
	Row      int                `json:"row"` // which the result has again, such as the line of a file
	Endpoint lwm2m.EndpointName `json:"endpoint"`
	Settings DeviceSettings     `json:"settings"`
}

// BatchOptions say how a batch is put.
type BatchOptions struct {
	// DryRun tells what would become of each row, and changes nothing. Of other rows of the batch it
	// knows then only the identities that those before give up.
	DryRun bool
}

// A BatchOutcome is what became of a row, or would.
type BatchOutcome string

const (
	BatchAdded   BatchOutcome = "added"
	BatchChanged BatchOutcome = "changed"
	BatchSame    BatchOutcome = "same"    // the record has all of it already
	BatchRefused BatchOutcome = "refused" // nothing of the row is kept
)

// A BatchResult is what became of one row.
type BatchResult struct {
	Row      int          `json:"row"`
	Outcome  BatchOutcome `json:"outcome"`
	Error    string       `json:"error,omitempty"` // why it was refused, one line
	Warnings []string     `json:"warnings,omitempty"`
}

// batchRows is how many rows of a batch are under way at a time: edits that come together
// share a transaction.
const batchRows = 256

// PutDevices implements [API].
func (l *Local) PutDevices(ctx context.Context, o BatchOptions, rows iter.Seq[BatchRow], each func(BatchResult) error) error {
	ctx, cancel := context.WithCancel(ctx)
	queue := make(chan chan rowEnd, batchRows) // in the order of the rows
	b := &batch{local: l, dryRun: o.DryRun, left: make(map[leftIdentity]lwm2m.EndpointName)}
	var workers sync.WaitGroup
	todo := make(chan batchJob)
	for range batchRows { // which are not begun for each row, as their stacks would grow each time
		workers.Go(func() {
			for job := range todo {
				b.do(ctx, job)
			}
		})
	}
	workers.Go(func() {
		defer close(queue)
		defer close(todo)
		defer panicTo(func(p any) { queue <- ended(rowEnd{panicked: p}) })
		before := make(chan struct{}) // closed when all rows before one have ended
		close(before)
		for row := range rows {
			end, earlier, after := make(chan rowEnd, 1), before, make(chan struct{})
			before = after
			select {
			case queue <- end:
			case <-ctx.Done():
				return
			}
			todo <- batchJob{row, end, earlier, after}
		}
	})
	defer workers.Wait()
	defer func() { // of those that wait for room
		for range queue {
		}
	}()
	defer cancel()
	for end := range queue {
		r := <-end
		if r.panicked != nil {
			panic(r.panicked) // where the caller contains it
		}
		if ctx.Err() != nil {
			return ctx.Err() // the row may have been given up
		}
		if r.err != nil {
			return r.err
		}
		if err := each(r.result); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// A batchJob is a row that is put. Earlier is closed when all rows before it have ended, after when
// it has, too.
type batchJob struct {
	row            BatchRow
	end            chan<- rowEnd
	earlier, after chan struct{}
}

func (b *batch) do(ctx context.Context, job batchJob) {
	defer close(job.after)
	defer waitFor(ctx, job.earlier)
	defer panicTo(func(p any) { job.end <- rowEnd{panicked: p} })
	result, err := b.putRow(ctx, job.row, job.earlier)
	job.end <- rowEnd{result: result, err: err}
}

// A rowEnd is what became of a row, or what a goroutine panicked with.
type rowEnd struct {
	result   BatchResult
	err      error // that others would meet too, and ends the batch
	panicked any
}

// ended is a channel with end in it.
func ended(end rowEnd) chan rowEnd {
	c := make(chan rowEnd, 1)
	c <- end
	return c
}

// panicTo hands on the value of a panic; it is for defer.
func panicTo(tell func(p any)) {
	if p := recover(); p != nil {
		tell(p)
	}
}

// waitFor waits until c is closed. It reports false where ctx ends before.
func waitFor(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

// A batch is what the rows of one batch share.
type batch struct {
	local  *Local
	dryRun bool

	adding atomic.Bool // the last row was of a new device, as the next one may be

	mu   sync.Mutex
	left map[leftIdentity]lwm2m.EndpointName // that a device would have given up, in a dry run; guarded by mu
}

// A leftIdentity is an identity without a device.
type leftIdentity struct {
	kind     store.CredentialKind
	identity string
}

// putRow puts one row, and begins anew where somebody else changed the record meanwhile. Where
// another device has its identity it tries once more when the rows before it, which may take that
// identity away from the device, have ended.
func (b *batch) putRow(ctx context.Context, row BatchRow, earlier <-chan struct{}) (BatchResult, error) {
	alone := false
	for {
		outcome, warnings, err := b.tryRow(ctx, row)
		switch {
		case errors.Is(err, store.ErrIdentityTaken) && !alone && waitFor(ctx, earlier):
			alone = true
			continue
		case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrExists):
			b.adding.Store(false)
			if ctx.Err() == nil {
				continue
			}
			return BatchResult{}, ctx.Err()
		case errors.Is(err, store.ErrFull): // no fault of the row
			return BatchResult{}, err
		case err != nil:
			return BatchResult{Row: row.Row, Outcome: BatchRefused, Error: reasonOf(row.Endpoint, err)}, nil
		}
		b.adding.Store(outcome == BatchAdded)
		return BatchResult{Row: row.Row, Outcome: outcome, Warnings: warnings}, nil
	}
}

// reasonOf is an error in one line that does not begin with the device that it is about.
func reasonOf(ep lwm2m.EndpointName, err error) string {
	if invalid := new(InvalidError); errors.As(err, &invalid) && len(invalid.Findings) > 0 {
		err = &InvalidError{Findings: invalid.Findings}
	}
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	for _, prefix := range []string{"put ", fmt.Sprintf("device %q: ", ep)} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

func (b *batch) tryRow(ctx context.Context, row BatchRow) (BatchOutcome, []string, error) {
	l := b.local
	if err := row.Endpoint.Validate(); err != nil {
		return "", nil, err
	}
	was, added, err := store.Device{Endpoint: row.Endpoint}, true, error(nil)
	if !b.adding.Load() || b.dryRun { // else the store tells where it is not new
		if was, err = l.Store.Device(ctx, row.Endpoint); errors.Is(err, store.ErrNotFound) {
			was, err = store.Device{Endpoint: row.Endpoint}, nil
		} else {
			added = false
		}
	}
	if err != nil {
		return "", nil, err
	}
	edited, err := l.draft(ctx, was, row.Settings)
	if err != nil {
		return "", nil, err
	}
	var warnings []string
	for _, w := range edited.warnings {
		warnings = append(warnings, w.String())
	}
	outcome := BatchChanged
	switch {
	case added:
		outcome = BatchAdded
	case sameRecord(was, edited.device):
		return BatchSame, warnings, nil
	}
	if b.dryRun {
		if err := b.claim(ctx, was, edited.device); err != nil {
			return "", nil, err
		}
		return outcome, append(warnings, l.wouldShareKeys(ctx, edited.device, row.Settings)...), nil
	}
	kept, err := l.Store.PutDevice(ctx, edited.device)
	if err != nil {
		return "", nil, err
	}
	return outcome, append(warnings, l.sharedKeys(ctx, kept, row.Settings)...), nil
}

// claim reports an identity of a record that another device has, in a dry run; without one it notes
// those that the record gives up.
func (b *batch) claim(ctx context.Context, was, is store.Device) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range is.Credentials {
		owner, err := b.local.Store.DeviceByIdentity(ctx, c.Kind, c.Identity)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		case owner.Endpoint != is.Endpoint && b.left[leftIdentity{c.Kind, string(c.Identity)}] != owner.Endpoint:
			return fmt.Errorf("%s identity %q: %w, by device %q", c.Kind, c.Identity, store.ErrIdentityTaken, owner.Endpoint)
		}
	}
	for _, c := range is.Credentials {
		delete(b.left, leftIdentity{c.Kind, string(c.Identity)})
	}
	for _, c := range was.Credentials {
		if !slices.ContainsFunc(is.Credentials, func(kept store.Credential) bool {
			return kept.Kind == c.Kind && string(kept.Identity) == string(c.Identity)
		}) {
			b.left[leftIdentity{c.Kind, string(c.Identity)}] = was.Endpoint
		}
	}
	return nil
}

// sameRecord reports whether an edit has changed nothing.
func sameRecord(was, is store.Device) bool {
	return reflect.DeepEqual(withoutEmpty(was), withoutEmpty(is))
}

// withoutEmpty is d with nil for what is empty. It shares the rest with d.
func withoutEmpty(d store.Device) store.Device {
	if len(d.Credentials) == 0 {
		d.Credentials = nil
	}
	if len(d.Tags) == 0 {
		d.Tags = nil
	}
	if len(d.Accounts) == 0 {
		d.Accounts = nil
	}
	if len(d.Secrets) == 0 {
		d.Secrets = nil
	}
	if len(d.Vars) == 0 {
		d.Vars = nil
	}
	return d
}
