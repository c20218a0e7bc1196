package admin

import (
	"context"
	"iter"
	"runtime"
	"sync"
	"time"
)

// Limits of a part of a batch. Its rows are put as one edit, since edits in one transaction share the
// pages that they change.
const (
	maxPartRows  = 1024
	maxPartBytes = 1 << 20              // of the rows, about
	maxRowWait   = 5 * time.Millisecond // for the next row, before a part is put as it is
)

// A batchPart is rows that come one after the other.
type batchPart struct {
	rows    []BatchRow
	results []BatchResult // of the rows; those that did not come to their end have no outcome

	err      error // that others would meet too, and ends the batch
	panicked any   // what putting it panicked with
	done     chan struct{}

	// Closed when all rows before the part have ended, and when its own have, too.
	earlier, after chan struct{}
}

// A divider divides the rows of a batch into parts, and has them put, several at a time.
type divider struct {
	parts    chan *batchPart // in the order of the rows
	panicked any             // what reading the rows panicked with; may be read when parts is closed

	rows    chan BatchRow
	todo    chan *batchPart
	running sync.WaitGroup
}

// divide begins to read rows and calls do with each part. Parts must be received until it is closed, or
// ctx cancelled and wait called.
func divide(ctx context.Context, rows iter.Seq[BatchRow], do func(context.Context, *batchPart)) *divider {
	workers := runtime.GOMAXPROCS(0) + 1 // one waits for the disk
	d := &divider{parts: make(chan *batchPart, workers), rows: make(chan BatchRow, 64), todo: make(chan *batchPart)}
	d.running.Go(func() { d.read(ctx, rows) })
	d.running.Go(func() { d.divide(ctx) })
	for range workers {
		d.running.Go(func() {
			for part := range d.todo {
				d.put(ctx, part, do)
			}
		})
	}
	return d
}

// wait waits until nothing of d is running.
func (d *divider) wait() {
	for range d.parts { // those that wait for room
	}
	d.running.Wait()
}

func (d *divider) read(ctx context.Context, rows iter.Seq[BatchRow]) {
	defer close(d.rows)
	defer panicTo(func(p any) { d.panicked = p })
	for row := range rows {
		select {
		case d.rows <- row:
		case <-ctx.Done():
			return
		}
	}
}

func (d *divider) divide(ctx context.Context) {
	defer close(d.parts)
	defer close(d.todo)
	before := make(chan struct{})
	close(before)
	for {
		part := &batchPart{rows: d.gather(), done: make(chan struct{}), earlier: before, after: make(chan struct{})}
		if len(part.rows) == 0 {
			return
		}
		before = part.after
		select {
		case d.parts <- part:
		case <-ctx.Done():
			return
		}
		d.todo <- part
	}
}

// gather returns the next rows, which come soon one after the other; none at the end.
func (d *divider) gather() (rows []BatchRow) {
	row, ok := <-d.rows
	wait := time.NewTimer(maxRowWait)
	defer wait.Stop()
	for size := 0; ok; {
		rows = append(rows, row)
		if size += row.size(); len(rows) == maxPartRows || size >= maxPartBytes {
			break
		}
		select {
		case row, ok = <-d.rows:
			continue
		default:
		}
		wait.Reset(maxRowWait)
		select {
		case row, ok = <-d.rows:
		case <-wait.C:
			return rows
		}
	}
	return rows
}

func (d *divider) put(ctx context.Context, part *batchPart, do func(context.Context, *batchPart)) {
	defer close(part.after)
	defer waitFor(ctx, part.earlier)
	defer close(part.done)
	defer panicTo(func(p any) { part.panicked = p })
	do(ctx, part)
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
