package glance

import (
	"context"
	"time"

	"lwbs/store"
)

// A Day is what became of the attempts of the last 24 hours.
type Day struct {
	Hours []Hour // 24, the oldest first

	// Records is how many were looked at. Since is set where there were more than are looked at: then
	// nothing that ended before it is counted.
	Records int
	Since   time.Time
}

// An Hour is what became of the attempts that ended in it; coalesced failures count once.
type Hour struct {
	Start   time.Time
	Done    int // devices that were bootstrapped
	Failed  int // attempts of devices that failed
	Refused int // attempts that belong to no device, or that nothing proves to be the device's
}

// maxRecords is how many records of the history a Day is made of at most.
const maxRecords = 20_000

// History is where a Day comes from: see admin.API.
type History interface {
	Sessions(ctx context.Context, q store.SessionQuery) ([]store.Session, error)
}

// DayOf returns the day that ends at now.
func DayOf(ctx context.Context, h History, now time.Time) (Day, error) {
	first := now.Truncate(time.Hour).Add(-23 * time.Hour)
	d := Day{Hours: make([]Hour, 24)}
	for i := range d.Hours {
		d.Hours[i].Start = first.Add(time.Duration(i) * time.Hour)
	}
	q := store.SessionQuery{Limit: 1000}
	for {
		page, err := h.Sessions(ctx, q)
		if err != nil {
			return d, err
		}
		for _, s := range page {
			// The history is in the order of the beginnings. One that began a day before the first hour
			// may have ended within it; a session takes minutes, and coalesced failures are told apart
			// after a day.
			if s.Started.Before(first.Add(-24 * time.Hour)) {
				return d, nil
			}
			d.add(s)
		}
		if len(page) < q.Limit {
			return d, nil
		}
		if d.Records >= maxRecords {
			d.Since = page[len(page)-1].Started
			return d, nil
		}
		q.Before = page[len(page)-1].ID
	}
}

// add counts one record.
func (d *Day) add(s store.Session) {
	d.Records++
	at := s.Ended
	if at.IsZero() {
		at = s.Started
	}
	i := int(at.Sub(d.Hours[0].Start) / time.Hour)
	if at.Before(d.Hours[0].Start) || i >= len(d.Hours) {
		return
	}
	switch h := &d.Hours[i]; {
	case s.Cause.Success():
		h.Done++
	case !s.Cause.Failure():
	case s.Known && s.Proof.Counts():
		h.Failed++
	default:
		h.Refused++
	}
}
