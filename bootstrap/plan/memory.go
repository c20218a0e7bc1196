package plan

import (
	"fmt"
	"slices"

	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
	"lwbs/store"
)

// A memory is what a device was given before, as its record has it. What the client tells takes
// precedence.
type memory struct {
	written store.Written

	// accounts are the names of the accounts that are given now, in the order of
	// [lwm2m.BootstrapInfo].
	accounts []string
}

// memoryOf is what is remembered of d for what it is given under p.
func memoryOf(p store.Profile, d store.Device) memory {
	m := memory{written: d.Written}
	for _, a := range p.Accounts {
		m.accounts = append(m.accounts, a.Name)
	}
	return m
}

// account is the name of the account at a place of the Bootstrap Information; empty where
// it is not known.
func (m memory) account(i int) string {
	if i < len(m.accounts) {
		return m.accounts[i]
	}
	return ""
}

// entry returns what is remembered of an Instance.
func (m memory) entry(p lwm2m.Path) (store.WrittenInstance, bool) {
	i := slices.IndexFunc(m.written.Instances, func(w store.WrittenInstance) bool { return w.Path == p })
	if i < 0 {
		return store.WrittenInstance{}, false
	}
	return m.written.Instances[i], true
}

// recall completes what a client told, nil where it told nothing, with what is remembered:
// Short Server IDs that it does not tell, and Instances of Objects that it does not mention. It
// returns the Instances that the client is assumed to have, and notes about what was added.
//
// What is remembered may be out of date, as after a reset to factory settings. So nothing is added
// to an account of which the client tells that one half is gone. Nothing is added to Security
// Instances where none would be left that may be the Bootstrap-Server Account, or where the one
// that was the Bootstrap-Server Account is among them: an Instance that was written once may be
// the Bootstrap-Server Account by now.
func (m memory) recall(found *link.Discovery) (known []link.DiscoveredInstance, notes []string) {
	if found != nil {
		known = slices.Clone(found.Instances)
	}
	var added, named []lwm2m.Path
	for _, w := range m.written.Instances {
		if !m.credible(w, found) {
			continue
		}
		i := slices.IndexFunc(known, func(in link.DiscoveredInstance) bool { return in.Path == w.Path })
		switch {
		case i < 0 && silentOn(found, w.Path.Object()):
			known = append(known, link.DiscoveredInstance{Path: w.Path, ShortServerID: w.Server})
			added = append(added, w.Path)
		case i >= 0 && w.Server != 0 && known[i].ShortServerID == 0 && !known[i].BadShortServerID:
			known[i].ShortServerID = w.Server
			named = append(named, w.Path)
		}
	}
	slices.SortFunc(known, func(a, b link.DiscoveredInstance) int { return a.Path.Compare(b.Path) })
	if found == nil {
		return known, nil // the caller notes that it tells nothing
	}
	if len(named) > 0 {
		notes = append(notes, fmt.Sprintf("does not tell whose %s is: taken from what it was given before", pathList(named)))
	}
	if len(added) > 0 {
		notes = append(notes, fmt.Sprintf("does not tell of %s: taken to have it, as it was given before", pathList(added)))
	}
	return known, notes
}

// credible reports whether what is remembered of an Instance agrees with what the client tells.
func (m memory) credible(w store.WrittenInstance, found *link.Discovery) bool {
	if w.Path.Depth() != 2 {
		return false
	}
	if found == nil {
		return true
	}
	object := w.Path.Object()
	if object == lwm2m.ObjectSecurity && !m.sparesBootstrapAccount(found) {
		return false
	}
	for _, other := range m.written.Instances {
		half := other.Path.Object() == lwm2m.ObjectSecurity || other.Path.Object() == lwm2m.ObjectServer
		if w.Account != "" && other.Account == w.Account && half && !other.Unconfirmed && !silentOn(found, other.Path.Object()) && !has(found, other.Path) {
			return false
		}
	}
	// A client that does not mention an Object has no Instance of it, but for those of accounts.
	return object <= lwm2m.ObjectAccessControl || object == lwm2m.ObjectOSCORE || !silentOn(found, object)
}

// sparesBootstrapAccount reports whether a client names more Security Instances without a Short
// Server ID than were written, and the one that was its Bootstrap-Server Account is among those
// that were not.
func (m memory) sparesBootstrapAccount(found *link.Discovery) bool {
	if silentOn(found, lwm2m.ObjectSecurity) {
		return true
	}
	rest := slices.DeleteFunc(found.BootstrapSecurity(), func(id lwm2m.InstanceID) bool {
		w, written := m.entry(lwm2m.InstancePath(lwm2m.ObjectSecurity, id))
		return written && w.Server != 0
	})
	own := m.written.BootstrapInstance
	return len(rest) > 0 && (own == nil || slices.Contains(rest, *own))
}

// silentOn reports whether a client does not tell which Instances of an Object it has. A client
// that tells of no Instance of Security is silent on it: it has its Bootstrap-Server Account.
func silentOn(found *link.Discovery, o lwm2m.ObjectID) bool {
	if found == nil {
		return true
	}
	if o == lwm2m.ObjectSecurity {
		return !slices.ContainsFunc(found.Instances, func(in link.DiscoveredInstance) bool { return in.Path.Object() == o })
	}
	return !slices.Contains(found.Objects, o)
}

func has(found *link.Discovery, p lwm2m.Path) bool {
	return slices.ContainsFunc(found.Instances, func(in link.DiscoveredInstance) bool { return in.Path == p })
}

// pathList is a list of paths for a message.
func pathList(paths []lwm2m.Path) (text string) {
	for i, p := range paths {
		if i > 0 {
			text += ", "
		}
		text += p.String()
	}
	return text
}

// describe is what a record remembers of the Instances in info, once they have their IDs.
func (m memory) describe(info lwm2m.BootstrapInfo) map[lwm2m.Path]store.WrittenInstance {
	out := make(map[lwm2m.Path]store.WrittenInstance)
	add := func(w store.WrittenInstance) { out[w.Path] = w }
	for i, a := range info.Accounts {
		of := store.WrittenInstance{Account: m.account(i), Server: a.Security.ShortServerID}
		of.Path = lwm2m.InstancePath(lwm2m.ObjectSecurity, a.Security.ID)
		add(of)
		of.Path = lwm2m.InstancePath(lwm2m.ObjectServer, a.Server.ID)
		add(of)
		if link := a.Security.OSCORESecurityMode; link != nil {
			of.Path = lwm2m.InstancePath(lwm2m.ObjectOSCORE, link.Instance)
			add(of)
		}
	}
	for _, a := range info.AccessControl {
		add(store.WrittenInstance{Path: lwm2m.InstancePath(lwm2m.ObjectAccessControl, a.ID), Target: targetOf(a)})
	}
	for _, o := range info.Others {
		for _, in := range o.Instances {
			add(store.WrittenInstance{Path: lwm2m.InstancePath(o.ID, in.ID)})
		}
	}
	return out
}

// targetOf is what an Access Control Instance is about.
func targetOf(a lwm2m.AccessControlInstance) lwm2m.Path {
	if a.Instance == lwm2m.MaxID {
		return lwm2m.ObjectPath(a.Object)
	}
	return lwm2m.InstancePath(a.Object, a.Instance)
}

// Changes are what a session has changed on a client, or may have changed.
type Changes struct {
	Found   *link.Discovery
	Deleted []lwm2m.Path
	Written []store.WrittenInstance
}

// Remember is what a record remembers after a session: what it remembered before, without what was
// deleted and what the client does not have any more; and what was written.
func Remember(before store.Written, made Changes) store.Written {
	m := memory{written: before}
	var out store.Written
	for _, w := range before.Instances {
		deleted := slices.ContainsFunc(made.Deleted, func(p lwm2m.Path) bool { return p.Contains(w.Path) })
		again := slices.ContainsFunc(made.Written, func(n store.WrittenInstance) bool { return n.Path == w.Path })
		gone := made.Found != nil && !silentOn(made.Found, w.Path.Object()) && !has(made.Found, w.Path)
		if !deleted && !again && !gone && m.credible(w, made.Found) {
			out.Instances = append(out.Instances, w)
		}
	}
	out.Instances = append(out.Instances, made.Written...)
	slices.SortFunc(out.Instances, func(a, b store.WrittenInstance) int { return a.Path.Compare(b.Path) })
	if n := len(out.Instances); n > store.MaxWritten {
		out.Instances = out.Instances[:store.MaxWritten]
	}
	out.BootstrapInstance = before.BootstrapInstance
	if own := made.own(m); own != nil {
		out.BootstrapInstance = own
	}
	return out
}

// own is where the client has its Bootstrap-Server Account, nil where that is not certain.
func (made Changes) own(m memory) *lwm2m.InstanceID {
	if made.Found == nil {
		return nil
	}
	known, _ := m.recall(made.Found)
	candidates := link.Discovery{Instances: known}.BootstrapSecurity()
	if len(candidates) != 1 {
		return nil
	}
	return &candidates[0]
}
