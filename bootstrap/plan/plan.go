package plan

import (
	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
	"lwbs/store"
	"lwbs/store/grammar"
)

// An Operation is one Bootstrap-Delete or Bootstrap-Write of a plan.
type Operation struct {
	Op      lwm2m.Op
	Path    lwm2m.Path
	Objects []lwm2m.Object // of a Write: what lies at path or below it

	// indivisible is set where the Write must not be divided.
	indivisible bool
}

// A Plan is what a session does between Discover and Finish.
type Plan struct {
	Operations []Operation
	Content    []lwm2m.Object // all that the Writes write
	Quirks     []string       // deviations of the client, for the record

	// Given are the Instances that the Writes write, as a record remembers them; not that of
	// the Bootstrap-Server Account.
	Given map[lwm2m.Path]store.WrittenInstance
}

// MaxDeletions is how many Deletes a session has at most: as many as a profile may list. Each is a
// round trip, and their number depends on what the client tells.
const MaxDeletions = 256

// Deletions is how many operations of p are Deletes.
func (p Plan) Deletions() (n int) {
	for _, o := range p.Operations {
		if o.Op == lwm2m.OpDelete {
			n++
		}
	}
	return n
}

// A policy is the part of a profile that decides how Bootstrap Information is written.
type policy struct {
	deletes           store.DeletePolicy
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

// LocatesAccount reports whether a plan can know where the Bootstrap-Server Account of a client is:
// the client told, or the profile permits to assume it. Found is nil where the client told nothing.
func LocatesAccount(p store.Profile, found *link.Discovery) bool {
	return p.DiscoverFailed != grammar.DiscoverFail || tellsBootstrapAccount(found)
}

// ClearsAccounts reports whether a plan under p takes from a client the accounts that it had.
func ClearsAccounts(p store.Profile) bool {
	mode := policyOf(p).deletes.Mode
	return mode == store.DeleteDiscovered || mode == store.DeleteAll
}

// Make returns the operations that give info to the client of d. It is a pure function of the
// profile, of what the record remembers that the client was given before, and of what the
// client has, as far as it told (nil: not at all).
//
// No plan touches the Security Object Instance of the Bootstrap-Server Account, which
// the client needs to come back, unless info replaces it and the client has told which
// one it is. What is written is deleted before where the profile allows: some clients
// merge what is written with what they have, others replace it.
func Make(p store.Profile, d store.Device, info lwm2m.BootstrapInfo, found *link.Discovery) (Plan, error) {
	pol, m := policyOf(p), memoryOf(p, d)
	l := newLayout(found, m, pol)
	if err := l.forbid(info); err != nil {
		return Plan{}, err
	}
	l.delete(info)
	if err := l.leavesAccount(info); err != nil {
		return Plan{}, err
	}
	l.assign(&info)
	if err := l.survives(info); err != nil {
		return Plan{}, err
	}
	objects, err := info.Objects(pol.emptyResources)
	if err != nil {
		return Plan{}, err
	}
	if found == nil && pol.deletes.Mode == store.DeleteDiscovered {
		l.deleted = append(l.deleted, l.blindDeletions(objects)...)
	}
	out := Plan{Content: objects, Quirks: l.quirks, Given: m.describe(info)}
	for _, path := range l.deleted {
		out.Operations = append(out.Operations, Operation{Op: lwm2m.OpDelete, Path: path})
	}
	out.Operations = append(out.Operations, l.writesOf(objects, info.BootstrapServer, pol)...)
	return out, nil
}
