package bootstrap

import (
	"fmt"
	"slices"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A layout decides which Instances of a client are touched, and how.
type layout struct {
	found     *lwm2m.Discovery // nil: the client did not tell
	deletes   store.DeletePolicy
	partial   []lwm2m.Path       // Instances that stay
	deleted   []lwm2m.Path       // what it deletes
	protected []lwm2m.InstanceID // of Security: the Bootstrap-Server Account, or what may be it
	certain   bool               // protected is the one instance that the client named
	quirks    []string
}

func newLayout(found *lwm2m.Discovery, pol policy) *layout {
	l := &layout{found: found, deletes: pol.deletes, partial: pol.partial, protected: []lwm2m.InstanceID{pol.bootstrapInstance}}
	if tellsBootstrapAccount(found) {
		l.protected = found.BootstrapSecurity()
		l.certain = len(l.protected) == 1
	}
	switch {
	case found == nil:
	case len(found.BootstrapSecurity()) == 0:
		l.quirks = append(l.quirks, fmt.Sprintf("names no Bootstrap-Server Account in its answer to Discover; /0/%d is taken for it", pol.bootstrapInstance))
	case !l.certain:
		l.quirks = append(l.quirks, fmt.Sprintf("has %d Security instances without a short server ID: none of them is touched", len(l.protected)))
	}
	if found != nil {
		l.quirks = append(l.quirks, found.Notes...)
	}
	return l
}

// forbid reports what of the policy or of info would harm the Bootstrap-Server
// Account, or that of another server.
func (l *layout) forbid(info lwm2m.BootstrapInfo) error {
	if info.BootstrapServer != nil && !l.certain {
		return fmt.Errorf("the Bootstrap-Server Account is to be replaced, and it is not certain which instance it is")
	}
	if l.deletes.Mode == store.DeleteReplaced && l.found == nil {
		return fmt.Errorf("accounts are to be replaced by their servers, and the client does not tell which it has")
	}
	if l.deletes.Mode != store.DeleteList {
		return nil
	}
	for _, p := range l.deletes.Paths {
		if p.Depth() == 2 && p.Object() == lwm2m.ObjectSecurity && slices.Contains(l.protected, p.Instance()) {
			return fmt.Errorf("the profile deletes %v, which is the client's Bootstrap-Server Account", p)
		}
	}
	return nil
}

// leavesAccount reports why the client would have no LwM2M Server to go to: a complete
// account has to be given to it, or to stay. Several clients accept Finish without one,
// and ask again at once.
func (l *layout) leavesAccount(info lwm2m.BootstrapInfo) error {
	switch {
	case len(info.Accounts) > 0:
		return nil
	case l.found == nil:
		return fmt.Errorf("the profile has no account, and the client does not tell whether it has one")
	}
	servers := l.numbering(lwm2m.ObjectServer, nil).owner
	for ssid := range l.numbering(lwm2m.ObjectSecurity, nil).owner {
		if _, ok := servers[ssid]; ok {
			return nil
		}
	}
	return fmt.Errorf("the profile has no account, and the client has none that stays: it would have nowhere to go")
}

// delete decides what is deleted before anything is written.
func (l *layout) delete(info lwm2m.BootstrapInfo) {
	switch l.deletes.Mode {
	case store.DeleteAll:
		l.deleted = []lwm2m.Path{lwm2m.Root}
	case store.DeleteList:
		l.deleted = l.deletes.Paths
	case store.DeleteDiscovered, store.DeleteReplaced:
		if l.found == nil {
			return
		}
		for _, in := range l.found.Instances {
			if l.deletable(in, info) {
				l.deleted = append(l.deleted, in.Path)
			}
		}
	}
}

// deletable reports whether a discovered Instance is of the accounts that are to be
// replaced, or of an Object that is to be written.
func (l *layout) deletable(in lwm2m.DiscoveredInstance, info lwm2m.BootstrapInfo) bool {
	everyone := l.deletes.Mode == store.DeleteDiscovered
	switch in.Path.Object() {
	case lwm2m.ObjectSecurity:
		return !slices.Contains(l.protected, in.Path.Instance()) && (everyone || replaces(info, in.ShortServerID))
	case lwm2m.ObjectServer:
		return everyone || replaces(info, in.ShortServerID)
	case lwm2m.ObjectAccessControl:
		return everyone || len(info.AccessControl) > 0
	case lwm2m.ObjectOSCORE:
		// Without a short server ID it may be the Bootstrap-Server's.
		return in.ShortServerID != 0 && (everyone || replaces(info, in.ShortServerID))
	case lwm2m.ObjectDevice:
		return false // its one instance always stays (Core 1.1.1 §6.1.7.6)
	}
	return !slices.Contains(l.partial, in.Path) &&
		slices.ContainsFunc(info.Others, func(o lwm2m.Object) bool { return o.ID == in.Path.Object() })
}

// replaces reports whether info has an account of the server.
func replaces(info lwm2m.BootstrapInfo, id lwm2m.ShortServerID) bool {
	return slices.ContainsFunc(info.Accounts, func(a lwm2m.ServerAccount) bool { return a.Security.ShortServerID == id })
}

// blindDeletions are the Instances about to be written, to be deleted first where the
// client did not tell what it has: one that merges would otherwise keep old values.
func (l *layout) blindDeletions(objects []lwm2m.Object) []lwm2m.Path {
	var out []lwm2m.Path
	for _, p := range instancePaths(objects) {
		if p.Object() != lwm2m.ObjectDevice && !slices.Contains(l.partial, p) {
			out = append(out, p)
		}
	}
	return out
}

// instancePaths are the Instances in objects.
func instancePaths(objects []lwm2m.Object) (out []lwm2m.Path) {
	for _, o := range objects {
		for _, in := range o.Instances {
			out = append(out, lwm2m.InstancePath(o.ID, in.ID))
		}
	}
	return out
}

// assign gives the accounts Instance IDs: that of an instance with the same Short
// Server ID where one stays, else the lowest that is free.
func (l *layout) assign(info *lwm2m.BootstrapInfo) {
	security := l.numbering(lwm2m.ObjectSecurity, l.protected)
	server := l.numbering(lwm2m.ObjectServer, nil)
	access := l.numbering(lwm2m.ObjectAccessControl, nil)
	oscore := l.numbering(lwm2m.ObjectOSCORE, l.foreignContexts())
	info.Accounts = slices.Clone(info.Accounts)
	var contexts []lwm2m.OSCOREInstance
	for i := range info.Accounts {
		a := &info.Accounts[i]
		a.Security.ID = security.next(a.Security.ShortServerID)
		a.Server.ID = server.next(a.Server.ShortServerID)
		if a.Security.OSCORESecurityMode != nil {
			contexts = append(contexts, renumbered(info.OSCORE, &a.Security, oscore.next(a.Security.ShortServerID)))
		}
	}
	info.OSCORE = contexts
	info.AccessControl = slices.Clone(info.AccessControl)
	for i := range info.AccessControl {
		info.AccessControl[i].ID = access.next(0)
	}
	if info.BootstrapServer != nil {
		own := *info.BootstrapServer
		own.ID = l.protected[0]
		info.BootstrapServer = &own
	}
}

// renumbered is the OSCORE Instance that s refers to, under another ID; s refers to that
// from now on. The check of Bootstrap Information has seen to it that there is one.
func renumbered(contexts []lwm2m.OSCOREInstance, s *lwm2m.SecurityInstance, id lwm2m.InstanceID) lwm2m.OSCOREInstance {
	i := slices.IndexFunc(contexts, func(o lwm2m.OSCOREInstance) bool { return o.ID == s.OSCORESecurityMode.Instance })
	s.OSCORESecurityMode = &lwm2m.ObjectLink{Object: lwm2m.ObjectOSCORE, Instance: id}
	out := contexts[i]
	out.ID = id
	return out
}

// foreignContexts are the OSCORE Instances that may be the Bootstrap-Server's: those
// without a Short Server ID, or the one of the same ID as its account where the client
// did not tell.
func (l *layout) foreignContexts() (out []lwm2m.InstanceID) {
	if l.found == nil {
		return l.protected
	}
	for _, in := range l.found.Instances {
		if in.Path.Object() == lwm2m.ObjectOSCORE && in.ShortServerID == 0 {
			out = append(out, in.Path.Instance())
		}
	}
	return out
}

// A numbering hands out the Instance IDs of one Object.
type numbering struct {
	taken map[lwm2m.InstanceID]bool
	owner map[lwm2m.ShortServerID]lwm2m.InstanceID // of instances that stay
}

func (l *layout) numbering(o lwm2m.ObjectID, reserved []lwm2m.InstanceID) *numbering {
	n := &numbering{taken: make(map[lwm2m.InstanceID]bool), owner: make(map[lwm2m.ShortServerID]lwm2m.InstanceID)}
	for _, id := range reserved {
		n.taken[id] = true
	}
	if l.found == nil {
		return n
	}
	for _, in := range l.found.Instances {
		goes := slices.ContainsFunc(l.deleted, func(p lwm2m.Path) bool { return p.Contains(in.Path) })
		if in.Path.Object() != o || goes {
			continue
		}
		n.taken[in.Path.Instance()] = true
		if in.ShortServerID != 0 {
			n.owner[in.ShortServerID] = in.Path.Instance()
		}
	}
	return n
}

func (n *numbering) next(id lwm2m.ShortServerID) lwm2m.InstanceID {
	if own, ok := n.owner[id]; ok && id != 0 {
		return own
	}
	var free lwm2m.InstanceID
	for n.taken[free] {
		free++
	}
	n.taken[free] = true
	return free
}

// survives is a last look at the plan: whatever led to it, no LwM2M Server's account
// may stand where the Bootstrap-Server's is.
func (l *layout) survives(info lwm2m.BootstrapInfo) error {
	for _, a := range info.Accounts {
		if slices.Contains(l.protected, a.Security.ID) {
			return fmt.Errorf("account of server %d would overwrite the Bootstrap-Server Account /0/%d", a.Security.ShortServerID, a.Security.ID)
		}
	}
	return nil
}
