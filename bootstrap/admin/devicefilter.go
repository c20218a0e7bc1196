package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lwbs/bootstrap/profile"
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
	DeviceDue      DeviceState = "due"      // it was bootstrapped, and would be given something else now
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

	// Rotating selects devices for which a new key was asked for or made, and is not known to be in use yet.
	Rotating bool

	// ExpiresBefore selects devices with a certificate that expires before this time, or has expired, as
	// far as that is known; the zero time is for any.
	ExpiresBefore time.Time
}

// NeedsHistory reports whether f can be decided only by looking at each device's history.
func (f DeviceFilter) NeedsHistory() bool {
	return f.State != "" || !f.SeenSince.IsZero() || !f.NotSeenSince.IsZero() || f.Rotating || !f.ExpiresBefore.IsZero()
}

// selects reports whether f selects a device that the store selected by prefix, profile, tag and group.
func (f DeviceFilter) selects(state DeviceState, seen time.Time, rotating bool, expires time.Time) bool {
	return (f.State == "" || state == f.State) &&
		(f.SeenSince.IsZero() || !seen.Before(f.SeenSince)) &&
		(f.NotSeenSince.IsZero() || seen.Before(f.NotSeenSince)) &&
		(!f.Rotating || rotating) &&
		(f.ExpiresBefore.IsZero() || !expires.IsZero() && expires.Before(f.ExpiresBefore))
}

// A DeviceQuery selects a page of devices, in the order of their endpoint names.
type DeviceQuery struct {
	After lwm2m.EndpointName // start behind this name; empty from the first
	Limit int                // at most this many; zero means 100, at most 10,000
	DeviceFilter
}

// Where each outline is looked at, the first scanFirst are read at once, then twice as many at a time, up to
// scanPage: what is found soon takes little, and what is rare is found as fast as the store reads.
const (
	scanFirst = 128
	scanPage  = 2000
)

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
		if failed = err; err == nil && q.selects(v.State, v.Seen, v.Rotating, v.Expires) {
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
	p = l.assigned(ctx, p, d.Endpoint)
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
			if p, err = l.profileIfAny(ctx, name); err != nil {
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
	due   []profile.DueReason
	seen  time.Time
}

// outlines calls each with the devices behind after that f selects, in their order, until it returns false.
func (l *Local) outlines(ctx context.Context, after lwm2m.EndpointName, f DeviceFilter, each func(outlined) bool) error {
	now := time.Now()
	var contents profile.ContentCache
	for size := scanFirst; ; size = min(2*size, scanPage) {
		page, err := l.Store.DeviceOutlines(ctx, f.inStore(after, size))
		if err != nil {
			return err
		}
		profiles, server := l.profileCache(ctx), cached(l.serverNamed(ctx))
		for _, o := range page {
			p, err := profiles(o.Profile)
			if err != nil {
				return err
			}
			if of, err := profile.Assign(p, o.Endpoint, server); err == nil {
				p = of
			}
			content := contents.Of(p)
			s := standing{
				disabled: o.Disabled, delivered: o.Delivered, written: o.Written, profile: o.Profile, updated: o.Updated, newest: o.Newest, last: o.Last,
				holds: o.Holds != (store.Holding{}), due: profile.Due(p, content, o, now),
			}
			if running := l.running(o.Endpoint); running != nil && running.Proof.Counts() {
				s.running = running
			}
			state, due, seen := s.judge(p)
			if f.selects(state, seen, o.Rotating, o.Expires) && !each(outlined{o, state, due, seen}) {
				return nil
			}
		}
		if len(page) < size {
			return nil
		}
		after = page[len(page)-1].Endpoint
	}
}

// A DeviceCount is how many devices there are.
type DeviceCount struct {
	Devices int                 `json:"devices"`
	States  map[DeviceState]int `json:"states"` // of each state; every state is there

	// Rotating is for how many a new key was asked for or made that is not known to be in use yet. They
	// are in States, too.
	Rotating int `json:"rotating"`

	// Due is of how many devices that are due each reason holds; one may be due for several.
	Due map[profile.DueReason]int `json:"due"`

	// Behind tells of the devices that are due since their profile gives something else: which revision
	// how many of them hold, the most first.
	Behind []Behind `json:"behind,omitempty"`

	// Expired and Expiring are how many have a certificate that has expired, or expires within
	// [ExpiresSoon], as far as that is known.
	Expired  int `json:"expired"`
	Expiring int `json:"expiring"`
}

// A Behind is how many devices with a profile hold a former revision of one; Holds is nil where the record
// does not say which.
type Behind struct {
	Profile  string         `json:"profile"`
	Revision store.Revision `json:"revision"` // of the profile as it is
	Holds    *Held          `json:"holds,omitempty"`
	Devices  int            `json:"devices"`
}

// A Held is a revision of a profile that devices hold.
type Held struct {
	Profile  string         `json:"profile"`
	Revision store.Revision `json:"revision"`
}

// maxBehind is how many of the entries of DeviceCount.Behind there are.
const maxBehind = 100

// CountDevices implements [API].
func (l *Local) CountDevices(ctx context.Context, f DeviceFilter) (DeviceCount, error) {
	count := DeviceCount{States: make(map[DeviceState]int), Due: make(map[profile.DueReason]int)}
	for _, reason := range profile.DueReasons {
		count.Due[reason] = 0
	}
	now, behind := time.Now(), make(map[behindKey]int)
	for _, state := range DeviceStates() {
		count.States[state] = 0
	}
	err := l.outlines(ctx, "", f, func(o outlined) bool {
		count.Devices++
		count.States[o.state]++
		if o.Rotating {
			count.Rotating++
		}
		switch left := o.Expires.Sub(now); {
		case o.Expires.IsZero():
		case left <= 0:
			count.Expired++
		case left < ExpiresSoon:
			count.Expiring++
		}
		if o.state == DeviceDue {
			for _, reason := range o.due {
				count.Due[reason]++
			}
			if slices.Contains(o.due, profile.DueProfile) {
				behind[behindKey{o.Profile, Held{o.Holds.Profile, o.Holds.Revision}}]++
			}
		}
		return true
	})
	if err != nil {
		return count, err
	}
	count.Behind, err = l.behind(ctx, behind)
	return count, err
}

// A behindKey is what an entry of DeviceCount.Behind is about.
type behindKey struct {
	profile string
	holds   Held
}

// behind makes the entries of DeviceCount.Behind.
func (l *Local) behind(ctx context.Context, counts map[behindKey]int) (all []Behind, err error) {
	profiles := l.profileCache(ctx)
	for key, n := range counts {
		p, err := profiles(key.profile)
		if err != nil {
			return nil, err
		}
		b := Behind{Profile: key.profile, Revision: p.Revision, Devices: n}
		if key.holds.Profile != "" {
			b.Holds = &key.holds
		}
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b Behind) int {
		return cmp.Or(cmp.Compare(b.Devices, a.Devices), cmp.Compare(a.Profile, b.Profile), cmp.Compare(heldRevision(a), heldRevision(b)))
	})
	return all[:min(len(all), maxBehind)], nil
}

func heldRevision(b Behind) store.Revision {
	if b.Holds == nil {
		return 0
	}
	return b.Holds.Revision
}

// judge sets the state of d, whose profile is p, and when it was seen last. Newest is its newest own
// attempt, also one that says nothing of its state; nil for none.
func (d *Device) judge(p store.Profile, newest *store.Session) {
	s := standing{disabled: d.Disabled, running: d.Running, written: len(d.Written) > 0, profile: d.Profile, updated: d.Updated, holds: d.Holds != nil, due: d.Due}
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
	d.State, d.Due, d.Seen = s.judge(p)
}

// A standing is what the state of a device follows from.
type standing struct {
	disabled     bool
	running      *store.Session
	delivered    time.Time // when it last accepted a key
	written      bool      // it was given something in earlier sessions
	profile      string
	updated      time.Time
	holds        bool                  // the record says what it holds
	due          []profile.DueReason   // as far as the record tells
	newest, last *store.SessionOutline // its newest attempt, and the newest that tells of its state
}

// judge is the state of a device whose profile is p, why it is due, and when it was seen last.
func (s standing) judge(p store.Profile) (state DeviceState, due []profile.DueReason, seen time.Time) {
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
	if due = s.due; last != nil && !s.holds { // it was bootstrapped by an older lwbs
		if last.Profile != s.profile || last.ProfileRevision != p.Revision {
			due = append([]profile.DueReason{profile.DueProfile}, due...)
		} else if s.updated.After(ended(*last)) && len(due) == 0 {
			due = []profile.DueReason{profile.DueRecord}
		}
	}
	switch {
	case s.disabled:
		state = DeviceDisabled
	case s.running != nil:
		state = DeviceRunning
	case last == nil && s.delivered.IsZero() && !s.written && !s.holds:
		return DeviceNever, nil, seen
	case last != nil && last.Cause.Failure():
		state = DeviceFailed
	case len(due) > 0:
		state = DeviceDue
	default:
		state = DeviceDone
	}
	return state, due, seen
}
