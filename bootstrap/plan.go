package bootstrap

import (
	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
	"lwbs/store"
	"lwbs/store/grammar"
)

// An operation is one Bootstrap-Delete or Bootstrap-Write of a plan.
type operation struct {
	op      lwm2m.Op
	path    lwm2m.Path
	objects []lwm2m.Object // of a Write: what lies at path or below it

	// indivisible is set where half of it would be worse than nothing.
	indivisible bool

	// instead is why the Write failed that this one is the first part of; nil for one
	// that stands for itself.
	instead *outcome.Failure
}

// A plan is what a session does between Discover and Finish.
type plan struct {
	operations []operation
	content    []lwm2m.Object // all that the Writes write
	quirks     []string       // what is odd about the client, for the record

	// given are the Instances that the Writes write, as a record remembers them; not that of
	// the Bootstrap-Server Account.
	given map[lwm2m.Path]store.WrittenInstance
}

// maxDeletions is how many Deletes a session has: as many as a profile may list. Each is a
// round trip, and what a client tells it has decides how many there are.
const maxDeletions = 256

// deletions is how many operations of p are Deletes.
func (p plan) deletions() (n int) {
	for _, o := range p.operations {
		if o.op == lwm2m.OpDelete {
			n++
		}
	}
	return n
}

// A policy is the part of a profile that decides how its Bootstrap Information gets
// to a client.
type policy struct {
	deletes           store.DeletePolicy
	assume            bool             // whether bootstrapInstance may stand in for an answer to Discover
	bootstrapInstance lwm2m.InstanceID // where Discover does not tell
	emptyResources    bool             // write unused Resources 0/x/3, 4 and 5 with length zero
	writes            string           // what one Write is about
	partial           []lwm2m.Path     // Instances of which the client keeps what is not written
	serverFirst       bool             // Server before Security
}

func policyOf(p store.Profile) policy {
	deletes := p.Delete
	if deletes.Mode == "" {
		deletes.Mode = store.DeleteDiscovered
	}
	var partial []lwm2m.Path
	for _, o := range p.Objects {
		if o.Partial {
			partial = append(partial, o.Path)
		}
	}
	return policy{
		partial:           partial,
		deletes:           deletes,
		assume:            p.DiscoverFailed != grammar.DiscoverFail,
		bootstrapInstance: p.BootstrapInstance,
		emptyResources:    p.Device.EmptyResources != grammar.EmptyOmit,
		writes:            p.Device.Writes,
		serverFirst:       p.Device.Order == grammar.OrderServerFirst,
	}
}

// tellsBootstrapAccount reports whether a client told where its Bootstrap-Server
// Account is.
func tellsBootstrapAccount(found *link.Discovery) bool {
	return found != nil && len(found.BootstrapSecurity()) > 0
}

// makePlan returns the operations that give info to a client. It is a pure function
// of what the client has, as far as it told (nil: not at all) and was given it before, and
// of the policy.
//
// No plan touches the Security Object Instance of the Bootstrap-Server Account, which
// the client needs to come back, unless info replaces it and the client has told which
// one it is. What is written is deleted before where the policy allows: some clients
// merge what is written with what they have, others replace it.
func makePlan(info lwm2m.BootstrapInfo, found *link.Discovery, m memory, pol policy) (plan, error) {
	l := newLayout(found, m, pol)
	if err := l.forbid(info); err != nil {
		return plan{}, err
	}
	l.delete(info)
	if err := l.leavesAccount(info); err != nil {
		return plan{}, err
	}
	l.assign(&info)
	if err := l.survives(info); err != nil {
		return plan{}, err
	}
	objects, err := info.Objects(pol.emptyResources)
	if err != nil {
		return plan{}, err
	}
	if found == nil && pol.deletes.Mode == store.DeleteDiscovered {
		l.deleted = append(l.deleted, l.blindDeletions(objects)...)
	}
	p := plan{content: objects, quirks: l.quirks, given: m.describe(info)}
	for _, path := range l.deleted {
		p.operations = append(p.operations, operation{op: lwm2m.OpDelete, path: path})
	}
	p.operations = append(p.operations, l.writesOf(objects, info.BootstrapServer, pol)...)
	return p, nil
}
