package admin

import (
	"context"
	"sync"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin/replay"
	"lwbs/store"
)

// An Event is something that happened to a session, or with the kind EventMissed that events are missing: as many as
// Missed says, or where that is zero perhaps some.
type Event struct {
	Kind    bootstrap.EventKind `json:"kind"`
	Session store.Session       `json:"session,omitzero"`
	Missed  int                 `json:"missed,omitempty"`

	// Position is behind the event: whoever has seen it goes on from there.
	Position replay.Position `json:"-"`
}

// EventMissed is the kind of an event in the place of those that a reader was too slow for, or that happened before it
// came back and are not kept any more.
const EventMissed bootstrap.EventKind = "missed"

// WatchOptions say where a watch begins.
type WatchOptions struct {
	// After is the position of the last event that was seen; zero for what happens from now on.
	After replay.Position

	// Began is told, before the first event, behind which position events follow; nil for no one.
	Began func(replay.Position)

	// Lost is told that the connection to the server is lost, and that another is being tried; nil for no one.
	Lost func(error)
}

// Limits of the events that are kept for readers who come back, and for those who are slow.
const (
	maxEvents     = 1024
	maxEventBytes = 8 << 20
)

// A Hub passes the events of a Bootstrap-Server on to watchers. Tell it of each with
// Observe. A watcher that is too slow loses events and is told how many; it never
// slows the server. The zero Hub is ready for use.
type Hub struct {
	once   sync.Once
	events *replay.Ring[bootstrap.Event]
}

func (h *Hub) ring() *replay.Ring[bootstrap.Event] {
	h.once.Do(func() { h.events = replay.New[bootstrap.Event](maxEvents, maxEventBytes) })
	return h.events
}

// Observe passes e on.
func (h *Hub) Observe(e bootstrap.Event) { h.ring().Put(e, sessionSize(e.Session)) }

// sessionSize is about how much memory the session of an event takes, in bytes.
func sessionSize(s store.Session) int {
	const fixed, operation = 1 << 10, 256 // of the struct and its usual texts, and of an operation
	return fixed + operation*len(s.Operations) + len(s.Detail) + len(s.Links)
}

func (h *Hub) watch(ctx context.Context, o WatchOptions, each func(Event) error) error {
	next := o.After
	for began := false; ; began = true {
		events, end, gap, more := h.ring().Since(next)
		at := end - replay.Position(len(events))
		if !began && o.Began != nil {
			o.Began(at)
		}
		if gap.Some() {
			if err := each(Event{Kind: EventMissed, Missed: int(gap.Values), Position: at}); err != nil {
				return err
			}
		}
		for _, e := range events {
			at++
			if err := each(Event{Kind: e.Kind, Session: e.Session, Position: at}); err != nil || ctx.Err() != nil {
				return err
			}
		}
		next = end
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		}
	}
}
