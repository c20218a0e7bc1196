package outbox

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// An entry is a message that waits, without its body.
type entry struct {
	id       store.MessageID
	endpoint lwm2m.EndpointName
	queued   time.Time
	due      time.Time // not before
	tries    int
	flying   bool // it is being delivered
	place    int  // in the heap of its receiver; -1 for none
}

func entryOf(m store.Message) *entry {
	e := &entry{id: m.ID, endpoint: m.Endpoint, queued: m.Queued, tries: m.Tries, place: -1}
	if m.Tries > 0 {
		e.due = m.Tried.Add(pauseAfter(m.Tries))
	}
	return e
}

// A receiver is what waits for one LwM2M Server.
type receiver struct {
	name     string
	last     store.MessageID                 // the newest one that was read from the store
	devices  map[lwm2m.EndpointName][]*entry // in their order
	heads    heads                           // the first of each device that is not on its way
	all      map[store.MessageID]*entry      // those of devices
	flying   int                             // how many are on their way
	failures int                             // to reach it, one after the other
	until    time.Time                       // it is not tried before; only after failures
	reason   string                          // of the last failure
	reached  time.Time                       // when it answered last; zero for never since the start
}

func newReceiver(name string) *receiver {
	return &receiver{name: name, devices: make(map[lwm2m.EndpointName][]*entry), all: make(map[store.MessageID]*entry)}
}

// add appends a message, whose ID is greater than those before.
func (r *receiver) add(e *entry) {
	r.last = max(r.last, e.id)
	r.all[e.id] = e
	r.devices[e.endpoint] = append(r.devices[e.endpoint], e)
	if len(r.devices[e.endpoint]) == 1 {
		heap.Push(&r.heads, e)
	}
}

// remove takes a message out.
func (r *receiver) remove(e *entry) {
	if r.all[e.id] != e {
		return
	}
	delete(r.all, e.id)
	if e.place >= 0 {
		heap.Remove(&r.heads, e.place)
	}
	was := r.devices[e.endpoint]
	first := was[0] == e
	left := slices.DeleteFunc(was, func(other *entry) bool { return other == e })
	if len(left) == 0 {
		delete(r.devices, e.endpoint)
		return
	}
	r.devices[e.endpoint] = left
	if first && !left[0].flying {
		heap.Push(&r.heads, left[0])
	}
}

// again has a message that was on its way wait until it is due.
func (r *receiver) again(e *entry) {
	if r.all[e.id] == e && r.devices[e.endpoint][0] == e && e.place < 0 {
		heap.Push(&r.heads, e)
	}
}

// take returns a message that is to be delivered now, nil for none. Else next is when there may be one;
// zero where that needs something else to happen first.
func (r *receiver) take(now time.Time) (e *entry, next time.Time) {
	limit := MaxOfReceiver
	if r.failures > 0 {
		limit = 1
	}
	if len(r.heads) == 0 || r.flying >= limit {
		return nil, time.Time{}
	}
	head := r.heads[0]
	next = head.due
	if r.failures > 0 && r.until.After(next) && !r.expired(head, now) {
		next = r.until
	}
	if next.After(now) {
		return nil, next
	}
	heap.Pop(&r.heads)
	head.flying = true
	r.flying++
	return head, time.Time{}
}

// hurry ends the pauses of the receiver, and of the messages about a device.
func (r *receiver) hurry(about lwm2m.EndpointName, now time.Time) {
	if r.until.After(now) {
		r.until = now
	}
	for _, e := range r.devices[about] {
		if !e.flying && e.due.After(now) {
			e.due = now
			if e.place >= 0 {
				heap.Fix(&r.heads, e.place)
			}
		}
	}
}

// expired reports whether a message is too old to be tried at a receiver that cannot be reached: it was
// tried before, or the receiver was away all the time.
func (r *receiver) expired(e *entry, now time.Time) bool {
	return r.failures > 0 && now.Sub(e.queued) >= MaxAge && (e.tries > 0 || r.reached.Before(e.queued))
}

// heads is a heap by when they are due.
type heads []*entry

func (h heads) Len() int { return len(h) }

func (h heads) Less(i, j int) bool {
	return cmp.Or(h[i].due.Compare(h[j].due), cmp.Compare(h[i].id, h[j].id)) < 0
}

func (h heads) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *heads) Push(e any) {
	e.(*entry).place = len(*h)
	*h = append(*h, e.(*entry))
}

func (h *heads) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h = (*h)[:len(*h)-1]
	last.place = -1
	return last
}

// holdBack keeps a message that waits from being taken, as if it was on its way.
func (r *receiver) holdBack(e *entry) {
	e.flying = true
	if e.place >= 0 {
		heap.Remove(&r.heads, e.place)
	}
}
