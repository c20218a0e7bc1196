package history

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// A Config configures a [History]. All of it is required.
type Config struct {
	// Store is where records go.
	Store interface {
		AppendSession(ctx context.Context, s store.Session) error
	}

	// Logger is told of records that are not kept.
	Logger *slog.Logger

	// Contain calls f, and ends a panic of it.
	Contain func(f func())

	// RepeatWindow is for how long the same failure of the same subject is kept as one record
	// that counts.
	RepeatWindow time.Duration

	// UnknownDeviceRecords is how many records peers without a device record may cause in a
	// minute over DTLS, all of them together; those of one network may cause half of them, and
	// over plain CoAP there may be a third as many.
	UnknownDeviceRecords int

	// UnauthenticatedRecords is the same for unauthenticated peers that gave the name or the
	// identity of a device.
	UnauthenticatedRecords int
}

// A History keeps how attempts ended. Sessions are written by themselves, and at
// once. Refused attempts cost a peer one datagram and could cost us a disk write
// each, so those
//
//   - wait in a queue of maxWaiting, so that answering never waits for the disk;
//   - are coalesced: the same failure again and again is one record, see [coalescedFailure];
//   - have a quota of records a minute where the peer is unauthenticated. Those beyond it have
//     one record together, for each network and cause; that has a quota too.
//
// What does not fit is dropped, counted, and logged once a minute. The methods may be called
// concurrently.
type History struct {
	cfg Config

	queue   chan store.Session
	closing chan struct{}
	closed  chan struct{}

	mu        sync.Mutex
	coalesced coalescedFailures       // guarded by mu
	quotas    map[kind]*outcome.Quota // guarded by mu; the map itself is constant
	networks  outcome.Quota           // guarded by mu; of records of networks
	others    outcome.Quota           // guarded by mu; the same for other protocols
	dropped   uint64                  // guarded by mu; in all
	logged    uint64                  // guarded by mu; of dropped, those that the log tells of
}

// A kind is what tells apart attempts of unauthenticated peers. Over plain CoAP the source
// address may be forged, so that such attempts may cause a third of the records only.
type kind struct {
	known bool // under the name of a device
	plain bool
	other bool // of another protocol; the source address may be forged
	lost  bool // of an association that the server does not have; the same
}

func kindOf(s store.Session) kind {
	switch {
	case s.Cause == store.CauseAssociationUnknown:
		return kind{lost: true}
	case s.Stage == store.StageDatagram:
		return kind{other: true}
	}
	return kind{known: s.Known, plain: s.Transport == store.TransportPlain}
}

const (
	maxWaiting   = 1024
	sweepEvery   = time.Minute
	writeTimeout = 10 * time.Second // for one record, then the store is taken for broken

	// networkRecords is how many records a minute are about networks.
	networkRecords = 20

	// otherRecords is how many records in otherPeriod are about datagrams of other protocols,
	// and otherNetworkRecords how many more about the networks that they come from. A port on
	// the Internet receives some all the time.
	otherRecords        = 40
	otherNetworkRecords = 10
	otherPeriod         = 10 * time.Minute

	// lostRecords is how many records a minute are about associations that the server does
	// not have: after a crash a whole fleet may go on with them.
	lostRecords = 600
)

// New returns a history whose goroutine runs until it is closed.
func New(cfg Config) *History {
	h := &History{
		cfg:       cfg,
		queue:     make(chan store.Session, maxWaiting),
		closing:   make(chan struct{}),
		closed:    make(chan struct{}),
		coalesced: newCoalescedFailures(),
		quotas: map[kind]*outcome.Quota{
			{}:                         {Limit: cfg.UnknownDeviceRecords},
			{plain: true}:              {Limit: max(1, cfg.UnknownDeviceRecords/3)},
			{known: true}:              {Limit: cfg.UnauthenticatedRecords},
			{known: true, plain: true}: {Limit: max(1, cfg.UnauthenticatedRecords/3)},
			{other: true}:              {Limit: otherRecords, Period: otherPeriod},
			{lost: true}:               {Limit: lostRecords},
		},
		networks: outcome.Quota{Limit: networkRecords},
		others:   outcome.Quota{Limit: otherNetworkRecords, Period: otherPeriod},
	}
	go h.run()
	return h
}

// Refused records an attempt that started no session, or one of an unauthenticated peer,
// without waiting, and reports whether it makes a record of its own.
func (h *History) Refused(s store.Session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.coalesced.repeat(subject(s), s) {
		return false
	}
	if !s.Proof.Counts() && !h.quotas[kindOf(s)].Take(s.Remote, s.Started) {
		h.countForNetwork(s)
		return false
	}
	return h.begin(subject(s), s)
}

// begin queues a record of who, with which later failures are coalesced, and reports whether there
// was room.
func (h *History) begin(who string, s store.Session) bool {
	if !h.push(s) {
		return false
	}
	h.push(h.coalesced.open(who, s, h.cfg.RepeatWindow)...)
	return true
}

// countForNetwork counts an attempt beyond the quota in the record that is about its network.
func (h *History) countForNetwork(s store.Session) {
	from := outcome.NetworkOf(s.Remote)
	who := "network " + from.String()
	crowd := store.Session{
		ID: s.ID, Started: s.Started, Ended: s.Ended, Remote: s.Remote, Transport: s.Transport,
		Stage: s.Stage, Cause: s.Cause, Proof: store.ProofNone, Network: from.String(), Attempts: s.Attempts,
	}
	networks := &h.networks
	if kindOf(s).other {
		networks, crowd.Detail = &h.others, "the last time "+s.Detail
	}
	switch {
	case h.coalesced.repeat(who, crowd):
	case from.IsValid() && networks.Take(s.Remote, s.Started) && !h.begin(who, crowd):
		return // and counted
	}
	h.dropped++
}

// push queues records and reports whether there was room for them.
func (h *History) push(records ...store.Session) bool {
	for i, s := range records {
		select {
		case h.queue <- s:
		default:
			h.dropped += uint64(len(records) - i)
			return false
		}
	}
	return true
}

// Began notes that a session starts: failures of its device from now on are not coalesced with
// those before it, so that the history keeps the order of events.
func (h *History) Began(s store.Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.push(h.coalesced.end(subject(s))...)
}

// Ended records a session that ran, and waits until it is kept.
func (h *History) Ended(s store.Session) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	err := errPanicked
	h.cfg.Contain(func() { err = h.cfg.Store.AppendSession(ctx, s) })
	if err != nil {
		h.cfg.Logger.LogAttrs(ctx, slog.LevelError, "history not kept",
			slog.String(outcome.LogEndpoint, string(s.Endpoint)), slog.String(outcome.LogSession, s.ID), slog.Any("error", err))
	}
}

// errPanicked is why a record is not kept that the store panicked over.
var errPanicked = errors.New("the store panicked")

// run writes what waits.
func (h *History) run() {
	defer close(h.closed)
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case s := <-h.queue:
			h.Ended(s)
		case now := <-sweep.C:
			h.cfg.Contain(func() { h.sweep(now) })
		case <-h.closing:
			h.cfg.Contain(func() { h.sweep(time.Now()) })
			h.drain(len(h.queue))
			return
		}
	}
}

// sweep brings the records of coalesced failures up to date, after what was queued before: an
// older version of one of them may be there.
func (h *History) sweep(now time.Time) {
	grown, waiting, dropped := h.due(now)
	h.drain(waiting)
	for _, s := range grown {
		h.Ended(s)
	}
	if dropped > 0 {
		h.cfg.Logger.Warn("refused attempts not recorded one by one", slog.Uint64("count", dropped))
	}
}

// due returns the records of coalesced failures that have grown, how many records wait, and how many
// were dropped since the log was told last.
func (h *History) due(now time.Time) (grown []store.Session, waiting int, dropped uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	grown, waiting, dropped = h.coalesced.due(now), len(h.queue), h.dropped-h.logged
	h.logged = h.dropped
	return grown, waiting, dropped
}

func (h *History) drain(n int) {
	for range n {
		h.Ended(<-h.queue)
	}
}

// Unrecorded is how many records were dropped so far.
func (h *History) Unrecorded() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dropped
}

// Close waits until all is kept. Later attempts are not recorded.
func (h *History) Close() {
	close(h.closing)
	<-h.closed
}
