package why

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"lwbs/bootstrap/explain"
	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Failures tell which devices are in trouble now, and why.
type Failures struct {
	// Causes are why attempts failed, the one that most devices have first.
	Causes []FailureCause `json:"causes"`

	// Records is how many failures of the history were looked at, of the devices that have
	// bootstrapped since too; Since is when the oldest of them began.
	Records int       `json:"records"`
	Since   time.Time `json:"since,omitzero"`

	// Running is how many sessions are running; those of devices that failed before are counted
	// in Causes until they end.
	Running int `json:"running"`

	// Notes are what limits the answer, a sentence each.
	Notes []string `json:"notes,omitempty"`
}

// A FailureCause are the devices and unknown peers that failed for one reason.
type FailureCause struct {
	Cause store.Cause `json:"cause"`

	// Devices is how many devices failed so in their last attempt that they proved to be theirs.
	Devices int `json:"devices"`

	// Unproved is under how many names or identities of devices something failed so after the last
	// attempt of the device itself. A device with a wrong key is here.
	Unproved int `json:"unproved"`

	// Unknown is how many peers that belong to no device failed so, counted by the name, identity,
	// host or network that is known of each.
	Unknown int `json:"unknown"`

	First time.Time `json:"first"` // the oldest of these attempts
	Last  time.Time `json:"last"`  // the newest

	// Examples are the newest of them.
	Examples []FailureExample `json:"examples"`

	// Explanation is that of the newest.
	explain.Explanation
}

// A FailureExample is one of those that a [FailureCause] counts.
type FailureExample struct {
	Session   string             `json:"session"` // its ID
	Endpoint  lwm2m.EndpointName `json:"endpoint,omitempty"`
	Claimed   lwm2m.EndpointName `json:"claimed,omitempty"`
	Identity  string             `json:"identity,omitempty"`
	Remote    string             `json:"remote,omitempty"`
	Transport string             `json:"transport,omitempty"`
	Network   string             `json:"network,omitempty"`
	Known     bool               `json:"known"`
}

// MaxFailureExamples is how many examples are told of a cause at most.
const MaxFailureExamples = 100

// failurePage is how many failures are read at a time.
const failurePage = 500

// Failures tells which devices are in trouble now, by cause, with at most so many examples of each; zero
// means 3.
func (g Guide) Failures(ctx context.Context, examples int) (Failures, error) {
	if examples < 0 || examples > MaxFailureExamples {
		return Failures{}, fmt.Errorf("%w: %d examples, 1 to %d are possible", store.ErrInvalid, examples, MaxFailureExamples)
	}
	s := survey{in: g, examples: cmp.Or(examples, 3), seed: maphash.MakeSeed(), counted: make(map[uint64]struct{}), causes: make(map[store.Cause]*FailureCause), newest: make(map[store.Cause]store.Session)}
	if err := s.run(ctx); err != nil {
		return Failures{}, fmt.Errorf("failures: %w", err)
	}
	return s.answer(ctx)
}

// A survey goes through the failures of the history, the newest first. It holds eight bytes for
// each device or peer that failed.
type survey struct {
	in       Guide
	examples int
	seed     maphash.Seed
	counted  map[uint64]struct{} // hashes of whom and how
	causes   map[store.Cause]*FailureCause
	newest   map[store.Cause]store.Session
	out      Failures
}

func (s *survey) run(ctx context.Context) error {
	q := store.SessionQuery{Failed: true, Limit: failurePage}
	for {
		page, err := s.in.Store.Sessions(ctx, q)
		if err != nil {
			return err
		}
		for _, attempt := range page {
			if err := s.count(ctx, attempt); err != nil {
				return err
			}
		}
		if len(page) < q.Limit {
			return nil
		}
		q.Before = page[len(page)-1].ID
	}
}

// count adds an attempt, unless a newer one says more of the device.
func (s *survey) count(ctx context.Context, a store.Session) error {
	s.out.Records++
	s.out.Since = a.Started
	own := a.Known && a.Proof.Counts()
	switch {
	case own && !s.first("own", string(a.Endpoint)), a.Known && !own && !s.first("unproved", string(a.Endpoint)):
		return nil
	case !a.Known && !s.first(string(a.Cause), string(a.Endpoint), string(a.Claimed), a.Identity, a.Network, hostIfNameless(a)):
		return nil
	}
	if a.Known {
		if over, err := s.over(ctx, a); over || err != nil {
			return err
		}
	}
	c := s.causes[a.Cause]
	if c == nil {
		c = &FailureCause{Cause: a.Cause, Last: endedOr(a)}
		s.causes[a.Cause], s.newest[a.Cause] = c, a
	}
	switch {
	case own:
		c.Devices++
	case a.Known:
		c.Unproved++
	default:
		c.Unknown++
	}
	c.First = a.Started
	if len(c.Examples) < s.examples {
		c.Examples = append(c.Examples, FailureExample{a.ID, a.Endpoint, a.Claimed, a.Identity, a.Remote, a.Transport, a.Network, a.Known})
	}
	return nil
}

// over reports whether a failure does not matter any more: its device is gone, or has had an attempt
// of its own since.
func (s *survey) over(ctx context.Context, a store.Session) (bool, error) {
	own, err := s.in.Store.Sessions(ctx, store.SessionQuery{Endpoint: a.Endpoint, Own: true, Limit: 1})
	if err != nil || len(own) > 0 && own[0].ID > a.ID {
		return true, err
	}
	_, err = s.in.Store.Device(ctx, a.Endpoint)
	return errors.Is(err, store.ErrNotFound), unlessMissing(err)
}

// first reports whether these words are counted for the first time.
func (s *survey) first(words ...string) bool {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, w := range words {
		_, _ = h.WriteString(w)
		_ = h.WriteByte(0)
	}
	sum := h.Sum64()
	_, known := s.counted[sum]
	s.counted[sum] = struct{}{}
	return !known
}

// hostIfNameless is the address of a peer of which nothing else is known: else the port and the
// address may change with each attempt.
func hostIfNameless(a store.Session) string {
	if a.Endpoint == "" && a.Claimed == "" && a.Identity == "" && a.Network == "" {
		return outcome.HostOf(a.Remote)
	}
	return ""
}

// answer puts what was counted in order, and explains it.
func (s *survey) answer(ctx context.Context) (Failures, error) {
	s.out.Causes = []FailureCause{}
	i := s.in.inquiry()
	for cause, c := range s.causes {
		r, err := i.explain(ctx, s.newest[cause])
		if err != nil {
			return Failures{}, fmt.Errorf("failures: %w", err)
		}
		c.Explanation = r.Explanation
		s.out.Causes = append(s.out.Causes, *c)
	}
	slices.SortFunc(s.out.Causes, func(a, b FailureCause) int {
		return cmp.Or(cmp.Compare(b.Devices+b.Unproved, a.Devices+a.Unproved), cmp.Compare(b.Devices, a.Devices), cmp.Compare(b.Unknown, a.Unknown), b.Last.Compare(a.Last), cmp.Compare(a.Cause, b.Cause))
	})
	st, err := s.in.Live.Server(ctx)
	if err != nil {
		return Failures{}, fmt.Errorf("failures: %w", err)
	}
	s.out.Running = st.Active
	if !st.Running {
		s.out.Notes = append(s.out.Notes, fmt.Sprintf("No server is running with this database (%s): this is what it recorded until it was stopped. What devices do at a server with another database is not known here.", st.Database))
	}
	if st.Unrecorded > 0 {
		s.out.Notes = append(s.out.Notes, fmt.Sprintf("Since the server was started, %d attempts have no records of their own, as unauthenticated peers made too many.", st.Unrecorded))
	}
	return s.out, nil
}

// endedOr is when an attempt ended, or else when it began.
func endedOr(a store.Session) time.Time {
	if a.Ended.IsZero() {
		return a.Started
	}
	return a.Ended
}
