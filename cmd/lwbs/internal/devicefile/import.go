package devicefile

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"sync"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// Options say how a file is imported.
type Options struct {
	File    string   // as it is shown
	Size    int64    // bytes; zero where it is not known
	Profile string   // of the devices whose row has none
	Tags    []string // added to each device
	DryRun  bool     // tell what would become of each row, and change nothing

	// Rejects is a file, which must not exist, for the rows of a table that are refused. Empty
	// keeps none, and so does a dry run, or an import that fails.
	Rejects string

	// RejectsTo gets the same table in place of a file, also in a dry run; nil: it does not.
	RejectsTo io.Writer

	Out      io.Writer // for the report
	JSON     bool      // of which the report is made
	Progress io.Writer // a terminal; nil shows none
}

// A Result is what became of the rows.
type Result struct {
	Rows     int
	Refused  int
	Rejected bool // some are in the file for them
}

// An importing is a file that is being imported. Its memory does not grow with the file, but for 40
// bytes a row, by which rows for the same device are found.
type importing struct {
	Options
	source   *Source
	report   *report
	rejects  *rejects
	progress *progress

	mu    sync.Mutex
	queue []*Row // rows without a result, in their order; guarded by mu
	err   error  // that ended the source; guarded by mu

	profiles map[string]*store.Profile // that rows of another system name; nil for one that is not there
	profile  func(name string) (store.Profile, error)

	seed maphash.Seed
	seen map[uint64]int32 // of names and identities: the line
}

// Import puts all rows of s, and reports. Its error is one that ended it; what was put by then stays.
func (s *Source) Import(ctx context.Context, api admin.API, o Options) (Result, error) {
	kept, err := newRejects(o, s)
	if err != nil {
		return Result{}, err
	}
	r, err := newReport(o)
	if err != nil {
		return Result{}, errors.Join(err, kept.close(true))
	}
	im := &importing{
		Options: o, source: s, report: r, rejects: kept,
		progress: &progress{out: o.Progress, size: o.Size, began: time.Now()},
		profiles: make(map[string]*store.Profile), profile: func(name string) (store.Profile, error) { return api.Profile(ctx, name) },
		seed: maphash.MakeSeed(), seen: make(map[uint64]int32),
	}
	err = api.PutDevices(ctx, admin.BatchOptions{DryRun: o.DryRun}, im.rows, func(r admin.BatchResult) error { return im.settle(&r) })
	if err == nil {
		err = im.settle(nil) // those behind the last that was sent
	}
	im.progress.end()
	result := Result{r.rows(), r.summary[admin.BatchRefused], kept.kept()}
	err = errors.Join(err, im.err)
	return result, errors.Join(err, kept.close(err != nil), r.end())
}

// rows yields those that can be sent.
func (im *importing) rows(yield func(admin.BatchRow) bool) {
	for {
		row, err := im.source.rows.next()
		if err != nil {
			im.end(err)
			return
		}
		if row.err == nil {
			im.complete(row)
			if row.foreign != nil {
				row.err = row.fit(im.profileOf(row), row.account)
			}
		}
		if row.err == nil {
			row.err = im.twice(row)
		}
		im.mu.Lock()
		im.queue = append(im.queue, row)
		im.mu.Unlock()
		im.progress.offset.Store(im.source.rows.offset())
		if row.err == nil && !yield(admin.BatchRow{Row: row.line, Endpoint: row.endpoint, Settings: row.settings}) {
			return
		}
	}
}

// end notes why there are no more rows.
func (im *importing) end(err error) {
	if errors.Is(err, io.EOF) {
		return
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	im.err = err
}

// complete adds what the options say of all rows.
func (im *importing) complete(row *Row) {
	if row.settings.Profile == nil && im.Profile != "" {
		row.settings.Profile = &im.Profile
	}
	for _, tag := range im.Tags {
		if !slices.Contains(row.settings.AddTags, tag) {
			row.settings.AddTags = append(row.settings.AddTags, tag)
		}
	}
}

// profileOf is the profile that a row names; nil where it names none, or there is none of this name, which
// is told when the row is put.
func (im *importing) profileOf(row *Row) *store.Profile {
	if row.settings.Profile == nil {
		return nil
	}
	name := *row.settings.Profile
	p, known := im.profiles[name]
	if !known {
		if found, err := im.profile(name); err == nil {
			p = &found
		}
		im.profiles[name] = p
	}
	return p
}

// twice reports a row for the same device, or with the same identity or certificate, as one before.
func (im *importing) twice(row *Row) error {
	hashes := make(map[uint64]bool)
	for _, key := range row.claims() {
		if key.text == "" {
			continue
		}
		hash := maphash.String(im.seed, key.what+"\x00"+key.text)
		if line, found := im.seen[hash]; found {
			return fmt.Errorf("line %d has the same %s, %s", line, key.what, output.Name(key.text))
		}
		hashes[hash] = true
	}
	for hash := range hashes {
		im.seen[hash] = int32(row.line)
	}
	return nil
}

// settle reports the rows up to the one that r is about, all where that is nil.
func (im *importing) settle(r *admin.BatchResult) error {
	for {
		row := im.take()
		if row == nil {
			return nil
		}
		result := admin.BatchResult{Row: row.line, Outcome: admin.BatchRefused}
		switch {
		case row.err != nil:
			result.Error = row.err.Error()
		case r != nil:
			result = *r
		default:
			continue // it has no result: the error of the batch says why
		}
		result.Error = row.hide(result.Error)
		if result.Warnings = append(row.warnings, result.Warnings...); result.Outcome == admin.BatchRefused {
			result.Warnings = nil
		}
		for i, w := range result.Warnings {
			result.Warnings[i] = row.hide(w)
		}
		im.progress.row()
		if err := errors.Join(im.report.add(row, result), im.rejects.add(row, result)); err != nil {
			return err
		}
		if r != nil && row.err == nil {
			return nil
		}
	}
}

// take returns the first row without a result; nil where there is none.
func (im *importing) take() *Row {
	im.mu.Lock()
	defer im.mu.Unlock()
	if len(im.queue) == 0 {
		return nil
	}
	row := im.queue[0]
	im.queue[0] = nil
	im.queue = im.queue[1:]
	return row
}
