package sim

import (
	"maps"
	"slices"

	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
)

// objects are what a client holds, with the rules that protect some of it from a
// Bootstrap-Server (Core 1.1.1 §6.1.7.6), as far as its stack keeps them.
type objects struct {
	supported []lwm2m.ObjectID
	held      map[lwm2m.Path]lwm2m.Instance // by the path of the Instance
	merge     bool                          // a Write keeps Resources that it does not name
	stack     Stack
}

// newObjects returns what a client has from the factory: its Bootstrap-Server Account,
// its Device Object, and what else cfg has it hold.
func newObjects(cfg Config) (*objects, error) {
	own, err := cfg.BootstrapServer.Instance(true)
	if err != nil {
		return nil, err
	}
	o := &objects{
		supported: supported(cfg),
		held:      make(map[lwm2m.Path]lwm2m.Instance),
		merge:     cfg.Merge,
		stack:     cfg.Stack,
	}
	o.held[lwm2m.InstancePath(lwm2m.ObjectSecurity, own.ID)] = own
	o.held[lwm2m.InstancePath(lwm2m.ObjectDevice, 0)] = lwm2m.Instance{Resources: []lwm2m.Resource{
		lwm2m.Single(0, lwm2m.StringValue("lwbs")), lwm2m.Single(1, lwm2m.StringValue("simulated device")),
	}}
	for _, object := range cfg.Holds {
		for _, in := range object.Instances {
			o.held[lwm2m.InstancePath(object.ID, in.ID)] = in
		}
	}
	return o, nil
}

// supported are the Objects that a client has.
func supported(cfg Config) []lwm2m.ObjectID {
	if len(cfg.Stack.Objects) > 0 {
		return cfg.Stack.Objects
	}
	all := []lwm2m.ObjectID{lwm2m.ObjectSecurity, lwm2m.ObjectServer, lwm2m.ObjectAccessControl, lwm2m.ObjectDevice}
	if cfg.Version == "1.0" {
		return all
	}
	return append(all, lwm2m.ObjectOSCORE)
}

// paths are the Instances held, in order.
func (o *objects) paths() []lwm2m.Path {
	return slices.SortedFunc(maps.Keys(o.held), lwm2m.Path.Compare)
}

// content returns everything held, by Object.
func (o *objects) content() []lwm2m.Object { return o.below(lwm2m.Root) }

// below returns what is held at or below at, by Object.
func (o *objects) below(at lwm2m.Path) (out []lwm2m.Object) {
	for _, p := range o.paths() {
		if !at.Contains(p) {
			continue
		}
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

// discovery is the answer to a Discover of p.
func (o *objects) discovery(p lwm2m.Path, version string) link.Discovery {
	d := link.Discovery{Version: version}
	for _, id := range o.supported {
		if p.Contains(lwm2m.ObjectPath(id)) {
			d.Objects = append(d.Objects, id)
		}
	}
	for _, held := range o.paths() {
		if !p.Contains(held) {
			continue
		}
		in := link.DiscoveredInstance{Path: held}
		switch held.Object() {
		case lwm2m.ObjectSecurity:
			if s, err := lwm2m.SecurityFrom(o.held[held]); err == nil {
				in.ShortServerID = s.ShortServerID
				in.BadShortServerID = !s.BootstrapServer && s.ShortServerID == 0
				if version != "1.0" {
					in.URI = s.ServerURI
				}
			}
		case lwm2m.ObjectServer:
			if s, err := lwm2m.ServerFrom(o.held[held]); err == nil {
				in.ShortServerID = s.ShortServerID
			}
		case lwm2m.ObjectOSCORE:
			in.ShortServerID = o.userOf(held.Instance())
		}
		d.Instances = append(d.Instances, in)
	}
	return d
}

// userOf is the LwM2M Server with which an OSCORE Instance is used; zero for none, and
// for the Bootstrap-Server.
func (o *objects) userOf(context lwm2m.InstanceID) lwm2m.ShortServerID {
	for _, s := range o.security() {
		if link := s.OSCORESecurityMode; link != nil && link.Instance == context {
			return s.ShortServerID
		}
	}
	return 0
}
