package bootstrap

import (
	"slices"

	"lwbs/lwm2m"
	"lwbs/store"
)

// An operation is one Bootstrap-Delete or Bootstrap-Write of a plan.
type operation struct {
	op      lwm2m.Op
	path    lwm2m.Path
	objects []lwm2m.Object // of a Write: the one Instance at path
}

// A plan is what a session does between Discover and Finish.
type plan struct {
	operations []operation
	quirks     []string // what is odd about the client, for the record
}

// writes are the Writes of the plan.
func (p plan) writes() []operation {
	return slices.DeleteFunc(slices.Clone(p.operations), func(o operation) bool { return o.op != lwm2m.OpWrite })
}

// A policy is the part of a profile that decides how its Bootstrap Information gets
// to a client.
type policy struct {
	deletes           store.DeletePolicy
	assume            bool             // whether bootstrapInstance may stand in for an answer to Discover
	bootstrapInstance lwm2m.InstanceID // where Discover does not tell
	emptyResources    bool             // write unused Resources 0/x/3, 4 and 5 with length zero
}

func policyOf(p store.Profile) policy {
	deletes := p.Delete
	if deletes.Mode == "" {
		deletes.Mode = store.DeleteDiscovered
	}
	return policy{
		deletes:           deletes,
		assume:            p.DiscoverFailed != discoverFail,
		bootstrapInstance: p.BootstrapInstance,
		emptyResources:    p.Device.EmptyResources != emptyOmit,
	}
}

// tellsBootstrapAccount reports whether a client told where its Bootstrap-Server
// Account is.
func tellsBootstrapAccount(found *lwm2m.Discovery) bool {
	return found != nil && len(found.BootstrapSecurity()) > 0
}

// makePlan returns the operations that give info to a client. It is a pure function
// of what the client has, as far as it told (nil: not at all), and of the policy.
//
// No plan touches the Security Object Instance of the Bootstrap-Server Account, which
// the client needs to come back, unless info replaces it and the client has told which
// one it is. All writes are of whole Instances, and each is
// preceded by its deletion where the policy allows: some clients merge what is
// written with what they have, others replace it.
func makePlan(info lwm2m.BootstrapInfo, found *lwm2m.Discovery, pol policy) (plan, error) {
	l := newLayout(found, pol)
	if err := l.forbid(info); err != nil {
		return plan{}, err
	}
	deletes := l.deletions(info)
	l.assign(&info)
	if err := l.survives(info); err != nil {
		return plan{}, err
	}
	objects, err := info.Objects(pol.emptyResources)
	if err != nil {
		return plan{}, err
	}
	writes := ownLast(writesOf(objects), info.BootstrapServer)
	if found == nil && deletes == nil && pol.deletes.Mode == store.DeleteDiscovered {
		deletes = l.blindDeletions(writes)
	}
	p := plan{quirks: l.quirks}
	for _, path := range deletes {
		p.operations = append(p.operations, operation{op: lwm2m.OpDelete, path: path})
	}
	p.operations = append(p.operations, writes...)
	return p, nil
}

// ownLast puts the Write of the Bootstrap-Server Account behind all others: what fails
// before that leaves the client with the one it had.
func ownLast(writes []operation, own *lwm2m.SecurityInstance) []operation {
	if own == nil {
		return writes
	}
	path := lwm2m.InstancePath(lwm2m.ObjectSecurity, own.ID)
	i := slices.IndexFunc(writes, func(o operation) bool { return o.path == path })
	return append(slices.Delete(slices.Clone(writes), i, i+1), writes[i])
}
