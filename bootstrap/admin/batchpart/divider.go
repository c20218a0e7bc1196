package batchpart

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

// A Part is rows that come one after the other.
type Part[Row, Result any] struct {
	Rows    []Row
	Results []Result // of the rows; those that did not come to their end have no outcome

	Err      error // that others would meet too, and ends the batch
	Panicked any   // what putting it panicked with
	Done     chan struct{}

	// Closed when all rows before the part have ended, and when its own have, too.
	Earlier, after chan struct{}
}

// A Divider divides the rows of a batch into parts, and has them put, several at a time.
type Divider[Row, Result any] struct {
	Parts    chan *Part[Row, Result] // in the order of the rows
	Panicked any                     // what reading the rows panicked with; may be read when Parts is closed

	size    func(Row) int
	rows    chan Row
	todo    chan *Part[Row, Result]
	running sync.WaitGroup
}

// Divide begins to read rows and calls do with each part. Size is about how many bytes a row has. Parts must
// be received until it is closed, or ctx cancelled and Wait called.
func Divide[Row, Result any](ctx context.Context, rows iter.Seq[Row], size func(Row) int, do func(context.Context, *Part[Row, Result])) *Divider[Row, Result] {
	workers := runtime.GOMAXPROCS(0) + 1 // one waits for the disk
	d := &Divider[Row, Result]{size: size, Parts: make(chan *Part[Row, Result], workers), rows: make(chan Row, 64), todo: make(chan *Part[Row, Result])}
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

// Wait waits until nothing of d is running.
func (d *Divider[Row, Result]) Wait() {
	for range d.Parts { // those that wait for room
	}
	d.running.Wait()
}

func (d *Divider[Row, Result]) read(ctx context.Context, rows iter.Seq[Row]) {
	defer close(d.rows)
	defer panicTo(func(p any) { d.Panicked = p })
	for row := range rows {
		select {
		case d.rows <- row:
		case <-ctx.Done():
			return
		}
	}
}

func (d *Divider[Row, Result]) divide(ctx context.Context) {
	defer close(d.Parts)
	defer close(d.todo)
	before := make(chan struct{})
	close(before)
	for {
		part := &Part[Row, Result]{Rows: d.gather(), Done: make(chan struct{}), Earlier: before, after: make(chan struct{})}
		if len(part.Rows) == 0 {
			return
		}
		before = part.after
		select {
		case d.Parts <- part:
		case <-ctx.Done():
			return
		}
		d.todo <- part
	}
}

// gather returns the next rows, which come soon one after the other; none at the end.
func (d *Divider[Row, Result]) gather() (rows []Row) {
	row, ok := <-d.rows
	wait := time.NewTimer(maxRowWait)
	defer wait.Stop()
	for size := 0; ok; {
		rows = append(rows, row)
		if size += d.size(row); len(rows) == maxPartRows || size >= maxPartBytes {
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

func (d *Divider[Row, Result]) put(ctx context.Context, part *Part[Row, Result], do func(context.Context, *Part[Row, Result])) {
	defer close(part.after)
	defer WaitFor(ctx, part.Earlier)
	defer close(part.Done)
	defer panicTo(func(p any) { part.Panicked = p })
	do(ctx, part)
}

// panicTo hands on the value of a panic; it is for defer.
func panicTo(tell func(p any)) {
	if p := recover(); p != nil {
		tell(p)
	}
}

// WaitFor waits until c is closed. It reports false where ctx ends before.
func WaitFor(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}
