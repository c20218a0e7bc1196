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

	"lwbs/bootstrap/admin/batchpart"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A BatchRow is one device of a batch: it is added, or changed where it exists.
type BatchRow struct {
	Row      int                `json:"row"` // which the result has again, such as the line of a file
	Endpoint lwm2m.EndpointName `json:"endpoint"`
	Settings DeviceSettings     `json:"settings"`

	// Mode is what becomes of a device that exists; empty changes it.
	Mode BatchMode `json:"mode,omitempty"`

	// With is, in a dry run, a profile as if it had been applied before this row and those behind it.
	With *store.Profile `json:"with,omitempty"`
}

// A BatchMode is what becomes of a device that exists.
type BatchMode string

const (
	BatchChange  BatchMode = ""        // it is changed
	BatchAdd     BatchMode = "add"     // it is refused, unless it has all of the row already
	BatchReplace BatchMode = "replace" // its record begins anew, but for its note and its tags
)

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

// PutDevices implements [API].
func (l *Local) PutDevices(ctx context.Context, o BatchOptions, rows iter.Seq[BatchRow], each func(BatchResult) error) error {
	ctx, cancel := context.WithCancel(ctx)
	b := &batch{local: l, dryRun: o.DryRun, left: make(map[leftIdentity]lwm2m.EndpointName), with: make(map[string]store.Profile)}
	d := batchpart.Divide(ctx, b.noted(rows), BatchRow.size, b.do)
	defer d.Wait()
	defer cancel()
	for part := range d.Parts {
		<-part.Done
		if part.Panicked != nil {
			panic(part.Panicked) // where the caller contains it
		}
		for _, r := range part.Results {
			switch {
			case ctx.Err() != nil: // the row may have been given up
				return ctx.Err()
			case r.Outcome == "":
				return part.Err
			}
			if err := each(r); err != nil {
				return err
			}
		}
	}
	if d.Panicked != nil {
		panic(d.Panicked)
	}
	return ctx.Err()
}

// A batch is what the rows of one batch share.
type batch struct {
	local  *Local
	dryRun bool

	adding atomic.Bool // the last rows were of new devices, as the next ones may be

	mu   sync.Mutex
	left map[leftIdentity]lwm2m.EndpointName // that a device would have given up, in a dry run; guarded by mu
	with map[string]store.Profile            // as if they had been applied, in a dry run; guarded by mu
}

// noted are rows, of which the profiles are noted that a dry run takes for applied.
func (b *batch) noted(rows iter.Seq[BatchRow]) iter.Seq[BatchRow] {
	return func(yield func(BatchRow) bool) {
		for row := range rows {
			if row.With != nil && b.dryRun {
				b.mu.Lock()
				b.with[row.With.Name] = *row.With
				b.mu.Unlock()
			}
			if !yield(row) {
				return
			}
		}
	}
}

// profile returns a profile as the rows see it.
func (b *batch) profile(ctx context.Context, name string) (store.Profile, error) {
	b.mu.Lock()
	p, ok := b.with[name]
	b.mu.Unlock()
	if ok {
		return p, nil
	}
	return b.local.Store.Profile(ctx, name)
}

// A leftIdentity is an identity without a device.
type leftIdentity struct {
	kind     store.CredentialKind
	identity string
}

// do puts the rows of a part: all at once, and those again whose records somebody else changed
// meanwhile. The rows whose identity another device has are tried once more when those before them,
// which may take the identity away from that device, have ended.
func (b *batch) do(ctx context.Context, part *batchPart) {
	part.Results = make([]BatchResult, len(part.Rows))
	rows := make([]int, len(part.Rows))
	for i := range rows {
		rows[i] = i
	}
	var taken []int
	for len(rows) > 0 && part.Err == nil {
		var more []int
		rows, more = b.put(ctx, part, rows)
		taken = append(taken, more...)
	}
	if len(taken) == 0 || !batchpart.WaitFor(ctx, part.Earlier) {
		return
	}
	slices.Sort(taken)
	for before := len(taken) + 1; len(taken) < before && part.Err == nil; {
		before = len(taken)
		var still []int
		for _, i := range taken {
			for rows = []int{i}; len(rows) > 0 && part.Err == nil; {
				var more []int
				rows, more = b.put(ctx, part, rows)
				still = append(still, more...)
			}
		}
		taken = still
	}
	for _, i := range taken {
		part.Results[i].Outcome = BatchRefused
	}
}

// A batchPart is rows that are put together.
type batchPart = batchpart.Part[BatchRow, BatchResult]

// An attempt is a row as a record.
type attempt struct {
	row      int // of the part
	device   store.Device
	outcome  BatchOutcome
	warnings []string
}

// put tries rows of a part, and notes the results. It returns the rows that are to be tried again,
// since their records were changed meanwhile, and those whose identity another device has.
func (b *batch) put(ctx context.Context, part *batchPart, rows []int) (again, taken []int) {
	end := func(a attempt, err error) {
		r := &part.Results[a.row]
		r.Row = part.Rows[a.row].Row
		switch {
		case ctx.Err() != nil:
			part.Err = ctx.Err()
		case errors.Is(err, store.ErrIdentityTaken):
			taken = append(taken, a.row)
			r.Error = reasonOf(part.Rows[a.row].Endpoint, err)
		case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrExists):
			again = append(again, a.row)
		case errors.Is(err, store.ErrFull): // no fault of the row
			part.Err = err
		case err != nil:
			r.Outcome, r.Error = BatchRefused, reasonOf(part.Rows[a.row].Endpoint, err)
		default:
			r.Outcome, r.Error, r.Warnings = a.outcome, "", a.warnings
		}
	}
	var attempts []attempt
	var devices []store.Device
	adding := b.adding.Load() && !b.dryRun
	for _, i := range rows {
		a, err := b.try(ctx, part.Rows[i], adding)
		a.row = i
		if err != nil || a.outcome == BatchSame || b.dryRun {
			end(a, err)
		} else {
			attempts, devices = append(attempts, a), append(devices, a.device)
		}
		if part.Err != nil {
			return nil, nil
		}
	}
	for i, stored := range b.store(ctx, devices) {
		a := attempts[i]
		if stored.Err == nil {
			a.warnings = append(a.warnings, b.local.keys.Note(ctx, b.local.Store, stored.Device, part.Rows[a.row].Settings.supplies())...)
		}
		if end(a, stored.Err); part.Err != nil {
			return nil, nil
		}
	}
	b.adding.Store(len(again) == 0 && len(attempts) > 0 && attempts[len(attempts)-1].outcome == BatchAdded)
	return again, taken
}

// store stores devices as one edit or, where that fails, which may be over one of them, one by one up
// to the first that does not fit on the disk.
func (b *batch) store(ctx context.Context, devices []store.Device) []store.PutResult {
	if len(devices) == 0 {
		return nil
	}
	results, err := b.local.Store.PutDevices(ctx, devices)
	switch {
	case err == nil:
		return results
	case len(devices) == 1:
		return []store.PutResult{{Err: err}}
	}
	for _, d := range devices {
		kept, err := b.local.Store.PutDevice(ctx, d)
		if results = append(results, store.PutResult{Device: kept, Err: err}); errors.Is(err, store.ErrFull) || ctx.Err() != nil {
			break
		}
	}
	return results
}

// errDeviceExists is why a row that only adds is refused. It is not store.ErrExists, which is tried again.
var errDeviceExists = errors.New("the device exists")

// try makes the record of a row. With adding set it takes the device for a new one; the store tells
// where it is not.
func (b *batch) try(ctx context.Context, row BatchRow, adding bool) (a attempt, err error) {
	l := b.local
	switch {
	case row.Endpoint.Validate() != nil:
		return a, row.Endpoint.Validate()
	case row.Mode != BatchChange && row.Mode != BatchAdd && row.Mode != BatchReplace:
		return a, fmt.Errorf("%w: mode %q is not add or replace", store.ErrInvalid, row.Mode)
	case row.With != nil && !b.dryRun:
		return a, fmt.Errorf("%w: with is for dry runs", store.ErrInvalid)
	}
	was, added := store.Device{Endpoint: row.Endpoint}, true
	if !adding {
		was, err = l.Store.Device(ctx, row.Endpoint)
		if added = errors.Is(err, store.ErrNotFound); added {
			was, err = store.Device{Endpoint: row.Endpoint}, nil
		}
	}
	if err != nil {
		return a, err
	}
	set := row.Settings
	if row.Mode == BatchReplace && !added {
		set.Reset, set.Note, set.Tags = true, &was.Note, &was.Tags
	}
	edited, err := l.draftUnder(ctx, b.profile, was, set)
	if err != nil && row.Mode == BatchAdd && !added {
		err = errDeviceExists
	}
	if err != nil {
		return a, err
	}
	a.device = edited.device
	for _, w := range edited.warnings {
		a.warnings = append(a.warnings, w.String())
	}
	switch {
	case added:
		a.outcome = BatchAdded
	case sameRecord(was, edited.device):
		a.outcome = BatchSame
		return a, nil
	case row.Mode == BatchAdd:
		return a, errDeviceExists
	default:
		a.outcome = BatchChanged
	}
	if b.dryRun {
		if err := b.claim(ctx, was, edited.device); err != nil {
			return a, err
		}
		a.warnings = append(a.warnings, l.keys.Shared(ctx, l.Store, edited.device, row.Settings.supplies())...)
	}
	return a, nil
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

// size is about how many bytes the texts and keys of a row have.
func (r BatchRow) size() int {
	set := &r.Settings
	n := len(r.Endpoint)
	for _, text := range []*string{set.Profile, set.Note, set.PSKIdentity} {
		if text != nil {
			n += len(*text)
		}
	}
	if set.PSK != nil {
		n += len(set.PSK.Identity) + len(set.PSK.Key)
	}
	for _, list := range []*[]string{set.Tags, &set.AddTags, &set.RemoveTags, set.Certificates, set.CertificateNames, &set.ForgetAccounts} {
		if list != nil {
			n += sizeOf(*list)
		}
	}
	for _, m := range []map[string][]byte{set.AccountKeys, set.AccountMasterSecrets, set.AccountCertificates} {
		for name, b := range m {
			n += len(name) + len(b)
		}
	}
	for _, m := range []map[string]string{set.AccountIdentities, set.Vars} {
		for name, text := range m {
			n += len(name) + len(text)
		}
	}
	for _, b := range set.Secrets {
		n += len(b)
	}
	return n
}

func sizeOf(texts []string) (n int) {
	for _, text := range texts {
		n += len(text)
	}
	return n
}
