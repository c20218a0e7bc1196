package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A DeviceState is how far a device has come. Each device has one.
type DeviceState string

// The states. Of two that fit, the earlier in this list counts.
const (
	DeviceDisabled DeviceState = "disabled" // it is refused
	DeviceRunning  DeviceState = "running"  // a session of it is running
	DeviceNever    DeviceState = "never"    // nothing in this database shows that it ever tried
	DeviceFailed   DeviceState = "failed"   // its last attempt failed
	DeviceDue      DeviceState = "due"      // it was bootstrapped, and its record or profile was edited since
	DeviceDone     DeviceState = "done"     // it was bootstrapped
)

// DeviceStates are all states, in the order in which they are told.
func DeviceStates() []DeviceState {
	return []DeviceState{DeviceDone, DeviceDue, DeviceFailed, DeviceRunning, DeviceNever, DeviceDisabled}
}

// ParseDeviceState reads a state. (JSON may have one that only a newer lwbs knows.)
func ParseDeviceState(text string) (DeviceState, error) {
	if s := DeviceState(text); slices.Contains(DeviceStates(), s) {
		return s, nil
	}
	words := make([]string, len(DeviceStates()))
	for i, word := range DeviceStates() {
		words[i] = string(word)
	}
	return "", fmt.Errorf("there is no state %q: want %s", text, strings.Join(words, ", "))
}

// A DeviceFilter selects the devices to which all of it applies; the zero value selects all.
type DeviceFilter struct {
	Prefix  string      // the endpoint name begins with this
	Profile string      // has this profile
	Tag     string      // has this tag
	Group   string      // is in this group
	State   DeviceState // is in this state

	// SeenSince selects devices that came at this time or later, NotSeenSince those that did not,
	// and so those that never came; the zero time is for any.
	SeenSince, NotSeenSince time.Time
}

// NeedsHistory reports whether f can be decided only by looking at each device's history.
func (f DeviceFilter) NeedsHistory() bool {
	return f.State != "" || !f.SeenSince.IsZero() || !f.NotSeenSince.IsZero()
}

// selects reports whether f selects a device that the store selected by prefix, profile, tag and group.
func (f DeviceFilter) selects(d Device) bool {
	return (f.State == "" || d.State == f.State) &&
		(f.SeenSince.IsZero() || !d.Seen.Before(f.SeenSince)) &&
		(f.NotSeenSince.IsZero() || d.Seen.Before(f.NotSeenSince))
}

// A DeviceQuery selects a page of devices, in the order of their endpoint names.
type DeviceQuery struct {
	After lwm2m.EndpointName // start behind this name; empty from the first
	Limit int                // at most this many; zero means 100, at most 10,000
	DeviceFilter
}

// scanPage is how many records are read at a time where each is looked at.
const scanPage = 500

// Devices implements [API].
func (l *Local) Devices(ctx context.Context, q DeviceQuery) ([]Device, error) {
	limit := min(q.Limit, 10_000)
	if limit <= 0 {
		limit = 100
	}
	out := []Device{}
	read := limit
	if q.NeedsHistory() {
		read = scanPage
	}
	err := l.scan(ctx, q.After, q.DeviceFilter, read, func(d Device) bool {
		out = append(out, d)
		return len(out) < limit
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// scan calls each with the devices behind after that f selects, in their order, until it returns
// false. It holds read records at a time.
func (l *Local) scan(ctx context.Context, after lwm2m.EndpointName, f DeviceFilter, read int, each func(Device) bool) error {
	q := store.DeviceQuery{After: after, Limit: read, Prefix: f.Prefix, Profile: f.Profile, Tag: f.Tag, Group: f.Group}
	for {
		page, err := l.Store.Devices(ctx, q)
		if err != nil {
			return err
		}
		profiles := make(map[string]store.Profile) // as they are now
		for _, d := range page {
			p, ok := profiles[d.Profile]
			if !ok {
				if p, err = l.profileOf(ctx, d); err != nil {
					return err
				}
				profiles[d.Profile] = p
			}
			v := view(p, d, false)
			err := l.addDerived(ctx, d, &v, false)
			if err == nil {
				v, err = l.withLast(ctx, v, p)
			}
			if err != nil {
				return err
			}
			if f.selects(v) && !each(v) {
				return nil
			}
		}
		if len(page) < read {
			return nil
		}
		q.After = page[len(page)-1].Endpoint
	}
}

// A DeviceCount is how many devices there are.
type DeviceCount struct {
	Devices int                 `json:"devices"`
	States  map[DeviceState]int `json:"states"` // of each state; every state is there
}

// CountDevices implements [API].
func (l *Local) CountDevices(ctx context.Context, f DeviceFilter) (DeviceCount, error) {
	count := DeviceCount{States: make(map[DeviceState]int)}
	for _, state := range DeviceStates() {
		count.States[state] = 0
	}
	err := l.scan(ctx, "", f, scanPage, func(d Device) bool {
		count.Devices++
		count.States[d.State]++
		return true
	})
	return count, err
}

// judge sets the state of d, whose profile is p, and when it was seen last. Newest is its newest own
// attempt, also one that says nothing of its state; nil for none.
func (d *Device) judge(p store.Profile, newest *store.Session) {
	var delivered time.Time
	for _, a := range d.Accounts {
		if a.Delivered.After(delivered) {
			delivered = a.Delivered
		}
	}
	if d.Seen = delivered; newest != nil { // else the history does not reach as far back as the record
		d.Seen = endedOr(*newest)
	}
	if d.Running != nil && d.Running.Started.After(d.Seen) {
		d.Seen = d.Running.Started
	}
	last := d.Last
	if last != nil && last.Cause == store.CauseIdle {
		last = nil
	}
	switch {
	case d.Disabled:
		d.State = DeviceDisabled
	case d.Running != nil:
		d.State = DeviceRunning
	case last == nil && delivered.IsZero() && len(d.Written) == 0:
		d.State = DeviceNever
	case last == nil:
		d.State = DeviceDone
	case last.Cause.Failure():
		d.State = DeviceFailed
	case last.Profile != d.Profile || last.ProfileRevision != p.Revision || d.Updated.After(endedOr(*last)):
		d.State = DeviceDue
	default:
		d.State = DeviceDone
	}
}
