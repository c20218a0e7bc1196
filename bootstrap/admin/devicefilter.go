package admin

import (
	"context"
	"errors"
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

	// Rotating selects devices for which a new key was made, and is not known to be in use yet.
	Rotating bool
}

// NeedsHistory reports whether f can be decided only by looking at each device's history.
func (f DeviceFilter) NeedsHistory() bool {
	return f.State != "" || !f.SeenSince.IsZero() || !f.NotSeenSince.IsZero() || f.Rotating
}

// selects reports whether f selects a device that the store selected by prefix, profile, tag and group.
func (f DeviceFilter) selects(state DeviceState, seen time.Time, rotating bool) bool {
	return (f.State == "" || state == f.State) &&
		(f.SeenSince.IsZero() || !seen.Before(f.SeenSince)) &&
		(f.NotSeenSince.IsZero() || seen.Before(f.NotSeenSince)) &&
		(!f.Rotating || rotating)
}

// A DeviceQuery selects a page of devices, in the order of their endpoint names.
type DeviceQuery struct {
	After lwm2m.EndpointName // start behind this name; empty from the first
	Limit int                // at most this many; zero means 100, at most 10,000
	DeviceFilter
}

// scanPage is how many outlines are read at a time where each is looked at.
const scanPage = 2000

// Devices implements [API].
func (l *Local) Devices(ctx context.Context, q DeviceQuery) ([]Device, error) {
	limit := min(q.Limit, 10_000)
	if limit <= 0 {
		limit = 100
	}
	if q.NeedsHistory() {
		return l.devicesSelected(ctx, q, limit)
	}
	page, err := l.Store.Devices(ctx, q.inStore(q.After, limit))
	if err != nil {
		return nil, err
	}
	out := []Device{}
	profiles := l.profileCache(ctx)
	for _, d := range page {
		v, err := l.viewOf(ctx, d, profiles)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// inStore is the part of f that the store knows.
func (f DeviceFilter) inStore(after lwm2m.EndpointName, limit int) store.DeviceQuery {
	return store.DeviceQuery{After: after, Limit: limit, Prefix: f.Prefix, Profile: f.Profile, Tag: f.Tag, Group: f.Group}
}

// devicesSelected is Devices with a filter that needs the history: it reads outlines, and the records of
// those that are selected.
func (l *Local) devicesSelected(ctx context.Context, q DeviceQuery, limit int) ([]Device, error) {
	out := []Device{}
	profiles := l.profileCache(ctx)
	var failed error
	err := l.outlines(ctx, q.After, q.DeviceFilter, func(o outlined) bool {
		d, err := l.Store.Device(ctx, o.Endpoint)
		if errors.Is(err, store.ErrNotFound) {
			return true // it was deleted meanwhile
		}
		var v Device
		if err == nil {
			v, err = l.viewOf(ctx, d, profiles)
		}
		if failed = err; err == nil && q.selects(v.State, v.Seen, v.Rotating) {
			out = append(out, v)
		}
		return failed == nil && len(out) < limit
	})
	if err = errors.Join(failed, err); err != nil {
		return nil, err
	}
	return out, nil
}

// viewOf is a device as it is listed.
func (l *Local) viewOf(ctx context.Context, d store.Device, profiles func(name string) (store.Profile, error)) (Device, error) {
	p, err := profiles(d.Profile)
	if err != nil {
		return Device{}, err
	}
	v := view(p, d, false)
	if err := l.addDerived(ctx, d, &v, false); err != nil {
		return Device{}, err
	}
	return l.withLast(ctx, v, p)
}

// profileCache returns profiles as they are now, each read once; the zero Profile for one that is not there.
func (l *Local) profileCache(ctx context.Context) func(name string) (store.Profile, error) {
	known := make(map[string]store.Profile)
	return func(name string) (store.Profile, error) {
		p, ok := known[name]
		if !ok {
			var err error
			if p, err = l.profileOf(ctx, store.Device{Profile: name}); err != nil {
				return p, err
			}
			known[name] = p
		}
		return p, nil
	}
}

// An outlined device is one of many, with its state.
type outlined struct {
	store.DeviceOutline
	state DeviceState
	seen  time.Time
}

// outlines calls each with the devices behind after that f selects, in their order, until it returns false.
func (l *Local) outlines(ctx context.Context, after lwm2m.EndpointName, f DeviceFilter, each func(outlined) bool) error {
	for {
		page, err := l.Store.DeviceOutlines(ctx, f.inStore(after, scanPage))
		if err != nil {
			return err
		}
		profiles := l.profileCache(ctx)
		for _, o := range page {
			p, err := profiles(o.Profile)
			if err != nil {
				return err
			}
			s := standing{disabled: o.Disabled, delivered: o.Delivered, written: o.Written, profile: o.Profile, updated: o.Updated, newest: o.Newest, last: o.Last}
			if running := l.running(o.Endpoint); running != nil && running.Proof.Counts() {
				s.running = running
			}
			state, seen := s.judge(p)
			if f.selects(state, seen, o.Rotating) && !each(outlined{o, state, seen}) {
				return nil
			}
		}
		if len(page) < scanPage {
			return nil
		}
		after = page[len(page)-1].Endpoint
	}
}

// A DeviceCount is how many devices there are.
type DeviceCount struct {
	Devices int                 `json:"devices"`
	States  map[DeviceState]int `json:"states"` // of each state; every state is there

	// Rotating is for how many a new key was made that is not known to be in use yet. They are in
	// States, too.
	Rotating int `json:"rotating"`
}

// CountDevices implements [API].
func (l *Local) CountDevices(ctx context.Context, f DeviceFilter) (DeviceCount, error) {
	count := DeviceCount{States: make(map[DeviceState]int)}
	for _, state := range DeviceStates() {
		count.States[state] = 0
	}
	err := l.outlines(ctx, "", f, func(o outlined) bool {
		count.Devices++
		count.States[o.state]++
		if o.Rotating {
			count.Rotating++
		}
		return true
	})
	return count, err
}

// judge sets the state of d, whose profile is p, and when it was seen last. Newest is its newest own
// attempt, also one that says nothing of its state; nil for none.
func (d *Device) judge(p store.Profile, newest *store.Session) {
	s := standing{disabled: d.Disabled, running: d.Running, written: len(d.Written) > 0, profile: d.Profile, updated: d.Updated}
	for _, a := range d.Accounts {
		if a.Delivered.After(s.delivered) {
			s.delivered = a.Delivered
		}
	}
	if newest != nil {
		s.newest = new(store.OutlineOf(*newest))
	}
	if d.Last != nil {
		s.last = new(store.OutlineOf(*d.Last))
	}
	d.State, d.Seen = s.judge(p)
}

// A standing is what the state of a device follows from.
type standing struct {
	disabled     bool
	running      *store.Session
	delivered    time.Time // when it last accepted a key
	written      bool      // it was given something in earlier sessions
	profile      string
	updated      time.Time
	newest, last *store.SessionOutline // its newest attempt, and the newest that tells of its state
}

// judge is the state of a device whose profile is p, and when it was seen last.
func (s standing) judge(p store.Profile) (state DeviceState, seen time.Time) {
	ended := func(o store.SessionOutline) time.Time {
		if o.Ended.IsZero() {
			return o.Started
		}
		return o.Ended
	}
	if seen = s.delivered; s.newest != nil { // else the history does not reach as far back as the record
		seen = ended(*s.newest)
	}
	if s.running != nil && s.running.Started.After(seen) {
		seen = s.running.Started
	}
	last := s.last
	if last != nil && last.Cause == store.CauseIdle {
		last = nil
	}
	switch {
	case s.disabled:
		state = DeviceDisabled
	case s.running != nil:
		state = DeviceRunning
	case last == nil && s.delivered.IsZero() && !s.written:
		state = DeviceNever
	case last == nil:
		state = DeviceDone
	case last.Cause.Failure():
		state = DeviceFailed
	case last.Profile != s.profile || last.ProfileRevision != p.Revision || s.updated.After(ended(*last)):
		state = DeviceDue
	default:
		state = DeviceDone
	}
	return state, seen
}
