package plan

import (
	"fmt"
	"slices"

	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
	"lwbs/store"
)

// A layout decides which Instances of a client are touched, and how.
type layout struct {
	found     *link.Discovery           // nil: the client did not tell
	known     []link.DiscoveredInstance // what it has, as it told and as the record remembers
	memory    memory
	deletes   store.DeletePolicy
	partial   []lwm2m.Path       // Instances that stay
	deleted   []lwm2m.Path       // what it deletes
	protected []lwm2m.InstanceID // of Security: those that are or may be the Bootstrap-Server Account
	certain   bool               // protected is the one instance that the client named
	quirks    []string
}

func newLayout(found *link.Discovery, m memory, pol policy) *layout {
	l := &layout{found: found, memory: m, deletes: pol.deletes, partial: pol.partial, protected: []lwm2m.InstanceID{pol.bootstrapInstance}}
	l.known, l.quirks = m.recall(found)
	switch own := l.bootstrapSecurity(); {
	case len(own) > 0:
		l.protected = own
		l.certain = len(own) == 1
	case m.written.BootstrapInstance != nil && *m.written.BootstrapInstance != pol.bootstrapInstance:
		l.protected = append(l.protected, *m.written.BootstrapInstance)
	}
	switch {
	case found == nil:
	case len(l.bootstrapSecurity()) == 0:
		l.quirks = append(l.quirks, fmt.Sprintf("names no Bootstrap-Server Account in its answer to Discover; /0/%d is taken for it", pol.bootstrapInstance))
	case !l.certain:
		l.quirks = append(l.quirks, fmt.Sprintf("has %d Security instances without a short server ID: none of them is touched", len(l.protected)))
	}
	if found != nil {
		l.quirks = append(l.quirks, found.Notes...)
	}
	return l
}

// bootstrapSecurity are the Security Instances that may be the Bootstrap-Server Account, as the
// client told; none where it told nothing of them.
func (l *layout) bootstrapSecurity() []lwm2m.InstanceID {
	if l.found == nil || silentOn(l.found, lwm2m.ObjectSecurity) {
		return nil
	}
	return link.Discovery{Instances: l.known}.BootstrapSecurity()
}

// forbid reports what of the policy or of info would harm the Bootstrap-Server
// Account, or that of another server.
func (l *layout) forbid(info lwm2m.BootstrapInfo) error {
	if info.BootstrapServer != nil && !l.certain {
		return fmt.Errorf("the Bootstrap-Server Account is to be replaced, and it is not certain which instance it is")
	}
	if l.deletes.Mode == store.DeleteReplaced && l.found == nil && !l.remembersAll(info) {
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

// remembersAll reports whether each account of info was given to the client before.
func (l *layout) remembersAll(info lwm2m.BootstrapInfo) bool {
	for i, a := range info.Accounts {
		if !slices.ContainsFunc(l.memory.written.Instances, func(w store.WrittenInstance) bool {
			return w.Server == a.Security.ShortServerID || w.Account != "" && w.Account == l.memory.account(i)
		}) {
			return false
		}
	}
	return true
}

// leavesAccount returns an error where the client would be left without an LwM2M Server: a complete
// account has to be given to it, or to stay. Several clients accept Finish without one, and
// bootstrap again at once.
func (l *layout) leavesAccount(info lwm2m.BootstrapInfo) error {
	switch {
	case len(info.Accounts) > 0:
		return nil
	case l.found == nil && len(l.known) == 0:
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
		for _, in := range l.known {
			if l.deletable(in, info) {
				l.deleted = append(l.deleted, in.Path)
			}
		}
	}
}

// deletable reports whether an Instance that the client has is to be deleted: it belongs to an
// account that is replaced, or it is about to be written, or it was written before and is not given
// any more. Instances of other Objects that the client has by itself stay, such as the APN that it
// is connected with.
func (l *layout) deletable(in link.DiscoveredInstance, info lwm2m.BootstrapInfo) bool {
	everyone := l.deletes.Mode == store.DeleteDiscovered
	switch in.Path.Object() {
	case lwm2m.ObjectSecurity:
		return !slices.Contains(l.protected, in.Path.Instance()) && (everyone || l.replaces(info, in))
	case lwm2m.ObjectServer:
		return everyone || l.replaces(info, in)
	case lwm2m.ObjectAccessControl:
		return everyone || len(info.AccessControl) > 0
	case lwm2m.ObjectOSCORE:
		// Without a short server ID it may be the Bootstrap-Server's.
		return in.ShortServerID != 0 && (everyone || l.replaces(info, in))
	case lwm2m.ObjectDevice:
		return false // its one instance always stays (Core 1.1.1 §6.1.7.6)
	}
	if slices.Contains(l.partial, in.Path) {
		return false
	}
	_, ours := l.memory.entry(in.Path)
	return ours && everyone || slices.Contains(Instances(info.Others), in.Path)
}

// replaces reports whether info replaces the account that an Instance belongs to: by one of the
// same Short Server ID, or by the account of the profile that the Instance was given for, whose
// Short Server ID has changed.
func (l *layout) replaces(info lwm2m.BootstrapInfo, in link.DiscoveredInstance) bool {
	given, _ := l.memory.entry(in.Path)
	for i, a := range info.Accounts {
		if a.Security.ShortServerID == in.ShortServerID || given.Account != "" && given.Account == l.memory.account(i) {
			return true
		}
	}
	return false
}

// blindDeletions are the Instances about to be written that are deleted first, where the client did
// not tell what it has: a client that merges would otherwise keep old values. Those that it was
// given before are deleted already.
func (l *layout) blindDeletions(objects []lwm2m.Object) []lwm2m.Path {
	var out []lwm2m.Path
	for _, p := range Instances(objects) {
		if p.Object() != lwm2m.ObjectDevice && !slices.Contains(l.partial, p) && !slices.Contains(l.deleted, p) {
			out = append(out, p)
		}
	}
	return out
}

// Instances are the Instances in objects.
func Instances(objects []lwm2m.Object) (out []lwm2m.Path) {
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
		name := l.memory.account(i)
		a.Security.ID = security.next(a.Security.ShortServerID, name)
		a.Server.ID = server.next(a.Server.ShortServerID, name)
		if a.Security.OSCORESecurityMode != nil {
			contexts = append(contexts, renumbered(info.OSCORE, &a.Security, oscore.next(a.Security.ShortServerID, name)))
		}
	}
	info.OSCORE = contexts
	info.AccessControl = slices.Clone(info.AccessControl)
	for i := range info.AccessControl {
		info.AccessControl[i].ID = access.about(targetOf(info.AccessControl[i]))
	}
	if info.BootstrapServer != nil {
		own := *info.BootstrapServer
		own.ID = l.protected[0]
		info.BootstrapServer = &own
	}
}

// renumbered is the OSCORE Instance that s refers to, with the ID id, which s refers to from now on.
// That there is one was checked when the Bootstrap Information was resolved.
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
	for _, in := range l.known {
		if in.Path.Object() == lwm2m.ObjectOSCORE && in.ShortServerID == 0 {
			out = append(out, in.Path.Instance())
		}
	}
	return out
}

// survives is the last check of a plan: no account of an LwM2M Server may have the Instance ID of
// the Bootstrap-Server Account.
func (l *layout) survives(info lwm2m.BootstrapInfo) error {
	for _, a := range info.Accounts {
		if slices.Contains(l.protected, a.Security.ID) {
			return fmt.Errorf("account of server %d would overwrite the Bootstrap-Server Account /0/%d", a.Security.ShortServerID, a.Security.ID)
		}
	}
	return nil
}
