package bootstrap

import "lwbs/store"

// An EventKind says what happened to a session.
type EventKind string

// The kinds of events. An attempt that was refused, or that did not get past the
// handshake, is a session that ends without having started.
const (
	EventStarted   EventKind = "session-started"  // the Bootstrap-Request was accepted
	EventParked    EventKind = "session-parked"   // an unknown device waits for approval, as Session.Pending
	EventApproved  EventKind = "session-approved" // it has a record now, and the session goes on
	EventQueued    EventKind = "session-queued"   // the device waits for its turn, as Session.Detail says
	EventOperation EventKind = "operation"        // the last of Session.Operations was answered, or was not
	EventEnded     EventKind = "session-ended"    // Session.Cause says how
)

// An Event is something that happened to a session. Session is how it stood then, and does not
// change; the elements of its slices are shared, and not to be changed.
type Event struct {
	Kind    EventKind
	Session store.Session
}
