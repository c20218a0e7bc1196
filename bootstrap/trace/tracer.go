package trace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// Options say what to record. Zero means the default stated at the field.
type Options struct {
	// Endpoint is the device: its messages are known by its name in a Bootstrap-Request, or by one
	// of Identities, which are as [auth.Peer.Name] has them. Empty records all peers.
	Endpoint   lwm2m.EndpointName
	Identities []string

	Sessions int           // how many sessions, or refused requests, are recorded; default 1
	MaxBytes int           // the size of the trace; default 4 MiB, at most 64 MiB
	For      time.Duration // how long it waits for them; default 10 min, at most 24 h
	Reveal   bool          // secret values are not blanked
}

// The limits of [Options].
const (
	DefaultFor      = 10 * time.Minute
	MaxFor          = 24 * time.Hour
	DefaultMaxBytes = 4 << 20
	MaxMaxBytes     = 64 << 20
	MaxSessions     = 10_000
)

// WithDefaults returns o with its defaults, or what is wrong with it, wrapping [store.ErrInvalid].
func (o Options) WithDefaults() (Options, error) {
	for _, f := range []struct {
		what            string
		value           *int
		byDefault, most int
	}{{"sessions", &o.Sessions, 1, MaxSessions}, {"bytes", &o.MaxBytes, DefaultMaxBytes, MaxMaxBytes}} {
		if *f.value == 0 {
			*f.value = f.byDefault
		}
		if *f.value < 1 || *f.value > f.most {
			return o, fmt.Errorf("%w: a trace of %d %s: 1 to %d are possible", store.ErrInvalid, *f.value, f.what, f.most)
		}
	}
	if o.For == 0 {
		o.For = DefaultFor
	}
	if o.For < time.Second || o.For > MaxFor {
		return o, fmt.Errorf("%w: a trace for %v: 1s to %v are possible", store.ErrInvalid, o.For, MaxFor)
	}
	return o, nil
}

// ErrRunning is returned while another trace is being recorded: there is one at a time.
var ErrRunning = errors.New("another trace is being recorded")

const (
	queueLength = 4096                   // datagrams and events that wait to be recorded
	afterEnd    = 500 * time.Millisecond // for the last acknowledgements of a session that has ended
	maxPause    = 5 * time.Minute        // in a session; none takes longer
	maxPeers    = 1000                   // that are recorded at a time
)

// A Tracer records. It is told of events by Observe, and sets with watch who is shown datagrams.
type Tracer struct {
	objects *object.Registry
	watch   func(func(peer auth.Peer, out bool, b []byte))
	after   time.Duration // how long messages are recorded after the end of a session; constant

	mu     sync.Mutex
	events chan item // guarded by mu; nil while nothing is recorded
	missed atomic.Uint64
}

// New returns a Tracer. Objects nil knows those that are built in.
func New(objects *object.Registry, watch func(func(peer auth.Peer, out bool, b []byte))) *Tracer {
	return &Tracer{objects: objects, watch: watch, after: afterEnd}
}

// An item is what waits to be recorded: a datagram, or the end of a session.
type item struct {
	at    time.Time
	peer  auth.Peer
	out   bool
	bytes []byte // nil for the end of a session
}

// Observe notes the end of a session.
func (t *Tracer) Observe(e bootstrap.Event) {
	if e.Kind == bootstrap.EventEnded {
		t.queue(item{at: time.Now(), peer: auth.Peer{Remote: e.Session.Remote, Transport: e.Session.Transport}})
	}
}

// queue never blocks.
func (t *Tracer) queue(i item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.events == nil {
		return
	}
	select {
	case t.events <- i:
	default:
		t.missed.Add(1)
	}
}

// begin makes the items go to the queue that it returns.
func (t *Tracer) begin() (<-chan item, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.events != nil {
		return nil, ErrRunning
	}
	t.events = make(chan item, queueLength)
	t.missed.Store(0)
	t.watch(func(peer auth.Peer, out bool, b []byte) {
		t.queue(item{at: time.Now(), peer: peer, out: out, bytes: bytes.Clone(b)})
	})
	return t.events, nil
}

func (t *Tracer) stop() {
	t.watch(nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = nil
}

// Run records until the sessions are over, a limit is reached or ctx has ended, which is no error. It
// writes whole blocks. The errors are those of o, of w, and [ErrRunning]; nothing was written then,
// but for one of w.
func (t *Tracer) Run(ctx context.Context, o Options, w io.Writer) (end string, err error) {
	if o, err = o.WithDefaults(); err != nil {
		return "", err
	}
	queue, err := t.begin()
	if err != nil {
		return "", err
	}
	defer t.stop()
	r := &recording{o: o, objects: t.objects, after: t.after, w: w, peers: make(map[peerKey]*conversation)}
	if err := r.write(appendHeader(nil, headerComment(o))); err != nil {
		return "", err
	}
	why := r.loop(ctx, queue)
	r.closeAll()
	end = fmt.Sprintf("%s: sessions %d, messages %d", why, r.sessions, r.packets)
	if n := t.missed.Load(); n > 0 {
		end += fmt.Sprintf(", missing %d that came faster than they were recorded", n)
	}
	if r.failed == nil {
		r.failed = r.write(appendStatistics(nil, time.Now(), end))
	}
	return end, r.failed
}

func headerComment(o Options) string {
	text := "CoAP messages at an LwM2M Bootstrap-Server, recorded by lwbs; those over DTLS are decrypted. The headers of IP and UDP are made up, and so is the port of the server."
	if !o.Reveal {
		text += " Secret values are blanked."
	}
	return text
}

// A recording is a trace under way.
type recording struct {
	o       Options
	objects *object.Registry
	after   time.Duration
	w       io.Writer

	peers    map[peerKey]*conversation
	sessions int // that are over
	packets  int
	bytes    int
	failed   error // of w
}

type peerKey struct{ remote, transport string }

// loop records, and returns why it ended.
func (r *recording) loop(ctx context.Context, queue <-chan item) string {
	limit := time.NewTimer(r.o.For)
	defer limit.Stop()
	tick := time.NewTicker(r.after / 2)
	defer tick.Stop()
	for {
		switch {
		case r.failed != nil:
			return "the trace could not be written"
		case r.bytes >= r.o.MaxBytes:
			return fmt.Sprintf("the limit of %d bytes was reached", r.o.MaxBytes)
		case r.sessions >= r.o.Sessions && !r.lingering():
			return "the sessions are over"
		}
		select {
		case i := <-queue:
			r.take(i)
		case now := <-tick.C:
			r.closeEnded(now)
		case <-limit.C:
			return fmt.Sprintf("the limit of %v was reached", r.o.For)
		case <-ctx.Done():
			return "the trace was ended"
		}
	}
}

// take records an item, if it is of a peer that is to be recorded.
func (r *recording) take(i item) {
	key := peerKey{i.peer.Remote, i.peer.Transport}
	c := r.peers[key]
	if i.bytes == nil {
		if c != nil && c.over(i.at.Add(r.after)) {
			r.sessions++
		}
		return
	}
	m, begins := asksToBootstrap(i)
	if begins && (c == nil || !c.endsAt.IsZero() && c.asked != m.ID) {
		if r.sessions+r.running() >= r.o.Sessions || c == nil && len(r.peers) >= maxPeers || !r.wanted(i, m) {
			return
		}
		if c != nil {
			r.writeAll(c, c.end())
		}
		c = newConversation(i.peer, r.objects, r.o.Reveal)
		r.peers[key] = c
	}
	if c == nil {
		return
	}
	if begins {
		c.begins(m)
	}
	c.heard = i.at
	r.writeAll(c, c.add(i.at, i.out, i.bytes))
}

// asksToBootstrap returns a message of a peer that the server makes a record of: a Bootstrap-Request,
// or a registration.
func asksToBootstrap(i item) (m message.Message, yes bool) {
	if i.out || !message.IsRequest(i.bytes) {
		return m, false
	}
	m, err := message.Decode(i.bytes)
	if err != nil || len(m.Path) == 0 {
		return m, false
	}
	switch last := m.Path[len(m.Path)-1]; m.Code {
	case lwm2m.Code(bootstrap.POST):
		return m, last == "bs" || last == "rd"
	case lwm2m.Code(bootstrap.GET):
		return m, last == "bspack" && (m.Block2 == nil || m.Block2.Num == 0)
	}
	return m, false
}

// wanted reports whether a request is of a peer that is to be recorded.
func (r *recording) wanted(i item, m message.Message) bool {
	return r.o.Endpoint == "" || slices.Contains(m.Queries, "ep="+string(r.o.Endpoint)) ||
		i.peer.Secure() && slices.Contains(r.o.Identities, i.peer.Name())
}

// running is how many sessions are being recorded.
func (r *recording) running() (n int) {
	for _, c := range r.peers {
		if c.endsAt.IsZero() {
			n++
		}
	}
	return n
}

// lingering reports whether the last messages of a session may still come.
func (r *recording) lingering() bool { return len(r.peers) > 0 }

// closeEnded closes the conversations whose sessions ended a while ago.
func (r *recording) closeEnded(now time.Time) {
	for key, c := range r.peers {
		if c.endsAt.IsZero() && now.Sub(c.heard) > maxPause { // what it asked was a duplicate
			c.endsAt = now
			r.sessions++
		}
		if !c.endsAt.IsZero() && now.After(c.endsAt) {
			r.writeAll(c, c.end())
			delete(r.peers, key)
		}
	}
}

func (r *recording) closeAll() {
	for _, c := range r.peers {
		r.writeAll(c, c.end())
	}
}

// writeAll writes packets of a conversation.
func (r *recording) writeAll(c *conversation, ready []*packet) {
	for _, p := range ready {
		if r.failed != nil || r.bytes >= r.o.MaxBytes {
			return
		}
		r.packets++
		r.failed = r.write(appendPacket(nil, p.at, c.datagram(p), p.comment))
	}
}

func (r *recording) write(b []byte) error {
	r.bytes += len(b)
	_, err := r.w.Write(b)
	return err
}
