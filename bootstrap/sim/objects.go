package sim

import (
	"maps"
	"slices"

	"lwbs/lwm2m"
)

// objects are what a client holds, with the rules that protect some of it from a
// Bootstrap-Server (Core 1.1.1 §6.1.7.6).
type objects struct {
	supported []lwm2m.ObjectID
	held      map[lwm2m.Path]lwm2m.Instance // by the path of the Instance
	merge     bool                          // a Write keeps Resources that it does not name
}

// newObjects returns what a client has from the factory: its Bootstrap-Server Account
// and its Device Object.
func newObjects(own lwm2m.SecurityInstance, merge bool) (*objects, error) {
	in, err := own.Instance(true)
	if err != nil {
		return nil, err
	}
	o := &objects{
		supported: []lwm2m.ObjectID{lwm2m.ObjectSecurity, lwm2m.ObjectServer, lwm2m.ObjectAccessControl, lwm2m.ObjectDevice},
		held:      make(map[lwm2m.Path]lwm2m.Instance),
		merge:     merge,
	}
	o.held[lwm2m.InstancePath(lwm2m.ObjectSecurity, own.ID)] = in
	o.held[lwm2m.InstancePath(lwm2m.ObjectDevice, 0)] = lwm2m.Instance{Resources: []lwm2m.Resource{
		lwm2m.Single(0, lwm2m.StringValue("lwbs")), lwm2m.Single(1, lwm2m.StringValue("simulated device")),
	}}
	return o, nil
}

// paths are the Instances held, in order.
func (o *objects) paths() []lwm2m.Path {
	return slices.SortedFunc(maps.Keys(o.held), lwm2m.Path.Compare)
}

// content returns everything held, by Object.
func (o *objects) content() (out []lwm2m.Object) {
	for _, p := range o.paths() {
		if n := len(out); n == 0 || out[n-1].ID != p.Object() {
			out = append(out, lwm2m.Object{ID: p.Object()})
		}
		last := &out[len(out)-1]
		last.Instances = append(last.Instances, o.held[p])
	}
	return out
}

// security returns the Security Instances held.
func (o *objects) security() (out []lwm2m.SecurityInstance) {
	for _, p := range o.paths() {
		if p.Object() != lwm2m.ObjectSecurity {
			continue
		}
		if s, err := lwm2m.SecurityFrom(o.held[p]); err == nil {
			out = append(out, s)
		}
	}
	return out
}

// protected reports whether no Delete removes the Instance.
func (o *objects) protected(p lwm2m.Path) bool {
	switch p.Object() {
	case lwm2m.ObjectDevice:
		return true
	case lwm2m.ObjectSecurity:
		s, err := lwm2m.SecurityFrom(o.held[p])
		return err == nil && s.BootstrapServer
	}
	return false
}

// delete removes what lies at or below p, but what is protected.
func (o *objects) delete(p lwm2m.Path) lwm2m.Code {
	if p.Depth() > 2 {
		return lwm2m.CodeMethodNotAllowed
	}
	if _, ok := o.held[p]; p.Depth() == 2 && (!ok || o.protected(p)) {
		return lwm2m.CodeBadRequest
	}
	for _, held := range o.paths() {
		if p.Contains(held) && !o.protected(held) {
			delete(o.held, held)
		}
	}
	return lwm2m.CodeDeleted
}

// write puts objects, which were decoded for the path p.
func (o *objects) write(p lwm2m.Path, written []lwm2m.Object) lwm2m.Code {
	for _, object := range written {
		if !slices.Contains(o.supported, object.ID) {
			return lwm2m.CodeNotFound
		}
		for _, in := range object.Instances {
			at := lwm2m.InstancePath(object.ID, in.ID)
			old, ok := o.held[at]
			// What a device is by itself stays: its Device Object is never replaced.
			if ok && (o.merge || p.Depth() > 2 || object.ID == lwm2m.ObjectDevice) {
				in = merged(old, in)
			}
			o.held[at] = in
		}
	}
	return lwm2m.CodeChanged
}

// merged is old with the Resources of in put over it.
func merged(old, in lwm2m.Instance) lwm2m.Instance {
	for _, r := range old.Resources {
		if _, ok := in.Resource(r.ID); !ok {
			in.Resources = append(in.Resources, r)
		}
	}
	slices.SortFunc(in.Resources, func(a, b lwm2m.Resource) int { return int(a.ID) - int(b.ID) })
	return in
}

// discovery is the answer to a Discover of p.
func (o *objects) discovery(p lwm2m.Path, version string) lwm2m.Discovery {
	d := lwm2m.Discovery{Version: version}
	for _, id := range o.supported {
		if p.Contains(lwm2m.ObjectPath(id)) {
			d.Objects = append(d.Objects, id)
		}
	}
	for _, held := range o.paths() {
		if !p.Contains(held) {
			continue
		}
		in := lwm2m.DiscoveredInstance{Path: held}
		switch held.Object() {
		case lwm2m.ObjectSecurity:
			if s, err := lwm2m.SecurityFrom(o.held[held]); err == nil {
				in.ShortServerID = s.ShortServerID
				if version != "1.0" {
					in.URI = s.ServerURI
				}
			}
		case lwm2m.ObjectServer:
			if s, err := lwm2m.ServerFrom(o.held[held]); err == nil {
				in.ShortServerID = s.ShortServerID
			}
		}
		d.Instances = append(d.Instances, in)
	}
	return d
}

// An Account is a Security and a Server Instance that belong together.
type Account = lwm2m.ServerAccount

// accounts returns the complete ones held.
func (o *objects) accounts() (out []Account) {
	for _, s := range o.security() {
		if s.BootstrapServer {
			continue
		}
		for _, p := range o.paths() {
			if p.Object() != lwm2m.ObjectServer {
				continue
			}
			if server, err := lwm2m.ServerFrom(o.held[p]); err == nil && server.ShortServerID == s.ShortServerID {
				out = append(out, Account{Security: s, Server: server})
			}
		}
	}
	return out
}

// consistent reports whether the client can work with what it holds: its one
// Bootstrap-Server Account, and a Server for each other Security Instance.
func (o *objects) consistent() bool {
	bootstrapServers, others := 0, 0
	for _, s := range o.security() {
		if s.BootstrapServer {
			bootstrapServers++
		} else {
			others++
		}
	}
	return bootstrapServers == 1 && others > 0 && others == len(o.accounts())
}
