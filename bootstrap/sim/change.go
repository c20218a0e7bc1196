package sim

import (
	"cmp"
	"maps"
	"slices"

	"lwbs/lwm2m"
)

// write puts objects, which were decoded for the path p, all of them or none.
func (o *objects) write(p lwm2m.Path, written []lwm2m.Object) lwm2m.Code {
	next := maps.Clone(o.held)
	for _, object := range written {
		if !slices.Contains(o.supported, object.ID) {
			return lwm2m.CodeNotFound
		}
		for _, in := range object.Instances {
			in, code := o.stack.Writes.accept(object.ID, in)
			if code != 0 {
				return code
			}
			at := lwm2m.InstancePath(object.ID, in.ID)
			old, ok := next[at]
			// What a device is by itself stays: its Device Object is never replaced.
			if ok && (o.merge || p.Depth() > 2 || object.ID == lwm2m.ObjectDevice) {
				in = merged(old, in)
			}
			next[at] = in
		}
	}
	if code := o.stack.Writes.fits(next); code != 0 {
		return code
	}
	if !o.stack.Writes.Forgets {
		o.held = next
	}
	return lwm2m.CodeChanged
}

// merged is old with the Resources of in put over it.
func merged(old, in lwm2m.Instance) lwm2m.Instance {
	in.Resources = slices.Clone(in.Resources)
	for _, r := range old.Resources {
		if _, ok := in.Resource(r.ID); !ok {
			in.Resources = append(in.Resources, r)
		}
	}
	slices.SortFunc(in.Resources, func(a, b lwm2m.Resource) int { return int(a.ID) - int(b.ID) })
	return in
}

// accept returns what the client keeps of an Instance, or the code with which it refuses
// it.
func (w Writing) accept(object lwm2m.ObjectID, in lwm2m.Instance) (lwm2m.Instance, lwm2m.Code) {
	kept := in
	kept.Resources = nil
	for _, r := range in.Resources {
		switch code, unknown := w.unknown(object, r.ID); {
		case unknown && code != 0:
			return in, code
		case unknown:
			continue
		}
		if limit, ok := w.MaxBytes[r.ID]; ok && object == lwm2m.ObjectSecurity && r.Value.Len() > limit {
			return in, lwm2m.CodeInternalServerError
		}
		kept.Resources = append(kept.Resources, r)
	}
	if namesNoServer(object, in) {
		return kept, w.NoServerID
	}
	return kept, 0
}

// namesNoServer reports whether in is of the Server Object, with Short Server ID 0.
func namesNoServer(object lwm2m.ObjectID, in lwm2m.Instance) bool {
	_, told := in.Resource(0)
	server, err := lwm2m.ServerFrom(in)
	return object == lwm2m.ObjectServer && told && err == nil && server.ShortServerID == 0
}

// unknown looks up Writing.Unknown.
func (w Writing) unknown(object lwm2m.ObjectID, id lwm2m.ResourceID) (code lwm2m.Code, ok bool) {
	for _, u := range w.Unknown {
		if u.Object == object && id > u.Last {
			return u.Code, true
		}
	}
	return 0, false
}

// fits returns the code with which the client refuses to hold so much; zero where it
// does not.
func (w Writing) fits(held map[lwm2m.Path]lwm2m.Instance) lwm2m.Code {
	count := make(map[lwm2m.ObjectID]int)
	bootstrapServers := 0
	for p, in := range held {
		count[p.Object()]++
		if s, err := lwm2m.SecurityFrom(in); p.Object() == lwm2m.ObjectSecurity && err == nil && s.BootstrapServer {
			bootstrapServers++
		}
	}
	switch {
	case w.MaxInstances > 0 && max(count[lwm2m.ObjectSecurity], count[lwm2m.ObjectServer]) > w.MaxInstances:
		return lwm2m.CodeInternalServerError
	case bootstrapServers > 1:
		return w.SecondBootstrapServer
	}
	return 0
}

// delete removes what lies at or below p, but what is protected.
func (o *objects) delete(p lwm2m.Path) lwm2m.Code {
	own := o.stack.Deletes
	switch {
	case p.Depth() > 2:
		return lwm2m.CodeMethodNotAllowed
	case p.Depth() == 2:
		return o.deleteInstance(p)
	case p.Depth() == 1 && own.WholeObject != 0:
		return own.WholeObject
	}
	for _, held := range o.paths() {
		if p.Contains(held) && !o.protected(held) {
			delete(o.held, held)
		}
	}
	if p == lwm2m.ObjectPath(lwm2m.ObjectSecurity) {
		o.lose(own.Loses)
	}
	return lwm2m.CodeDeleted
}

func (o *objects) deleteInstance(p lwm2m.Path) lwm2m.Code {
	own := o.stack.Deletes
	switch _, ok := o.held[p]; {
	case !ok:
		return cmp.Or(own.Absent, lwm2m.CodeBadRequest)
	case o.protected(p) && !(own.Unguarded && p.Object() == lwm2m.ObjectSecurity):
		return cmp.Or(own.Protected, lwm2m.CodeBadRequest)
	}
	delete(o.held, p)
	return lwm2m.CodeDeleted
}

// lose removes Resources of what Delete must leave.
func (o *objects) lose(resources []lwm2m.ResourceID) {
	for p, in := range o.held {
		if p.Object() == lwm2m.ObjectSecurity {
			in.Resources = slices.DeleteFunc(slices.Clone(in.Resources), func(r lwm2m.Resource) bool { return slices.Contains(resources, r.ID) })
			o.held[p] = in
		}
	}
}

// replace puts the Objects of a pack in place of those held, or leaves everything as it
// was where the client could not work with the result.
func (o *objects) replace(pack []lwm2m.Object) bool {
	before := maps.Clone(o.held)
	for _, object := range pack {
		o.delete(lwm2m.ObjectPath(object.ID))
	}
	if o.write(lwm2m.Root, pack) != lwm2m.CodeChanged || !o.consistent() {
		o.held = before
		return false
	}
	return true
}
