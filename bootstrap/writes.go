package bootstrap

import (
	"slices"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store/grammar"
)

// writesOf are the Writes of objects, in the order and of the size that the policy has
// for this kind of device. The Bootstrap-Server Account comes last, so that what fails
// before leaves the client with the one it had, and always whole.
func (l *layout) writesOf(objects []lwm2m.Object, own *lwm2m.SecurityInstance, pol policy) []operation {
	objects = slices.Clone(objects)
	if pol.serverFirst {
		slices.SortStableFunc(objects, func(a, b lwm2m.Object) int { return rank(a.ID) - rank(b.ID) })
	}
	var out, last []operation
	for _, o := range objects {
		var servers []lwm2m.Instance
		for _, in := range o.Instances {
			if own != nil && o.ID == lwm2m.ObjectSecurity && in.ID == own.ID {
				whole := instanceWrite(o.ID, in)
				whole.indivisible = true
				last = append(last, whole)
			} else {
				servers = append(servers, in)
			}
		}
		if o.Instances = servers; len(servers) > 0 {
			out = append(out, l.writeOf(o, pol)...)
		}
	}
	return append(out, last...)
}

// rank puts Server in front and leaves the rest as it is.
func rank(o lwm2m.ObjectID) int {
	if o == lwm2m.ObjectServer {
		return 0
	}
	return 1
}

// writeOf are the Writes of one Object.
func (l *layout) writeOf(o lwm2m.Object, pol policy) []operation {
	whole := operation{op: lwm2m.OpWrite, path: lwm2m.ObjectPath(o.ID), objects: []lwm2m.Object{o}}
	partial := func(in lwm2m.Instance) bool { return slices.Contains(pol.partial, lwm2m.InstancePath(o.ID, in.ID)) }
	if pol.writes == grammar.WritesObject && l.writableWhole(o.ID) && !slices.ContainsFunc(o.Instances, partial) {
		return []operation{whole}
	}
	var out []operation
	for _, in := range whole.parts() {
		if pol.writes == grammar.WritesResource || slices.Contains(pol.partial, in.path) {
			out = append(out, in.parts()...)
		} else {
			out = append(out, in)
		}
	}
	return out
}

// writableWhole reports whether an Object may be written as one. Security is not where
// nobody knows which of its Instances the client needs to come back, and an Object with
// one Instance gains nothing.
func (l *layout) writableWhole(o lwm2m.ObjectID) bool {
	if o == lwm2m.ObjectSecurity {
		return l.certain
	}
	def, known := object.Lookup(o)
	return !known || def.Multiple
}

func instanceWrite(o lwm2m.ObjectID, in lwm2m.Instance) operation {
	return operation{
		op:      lwm2m.OpWrite,
		path:    lwm2m.InstancePath(o, in.ID),
		objects: []lwm2m.Object{{ID: o, Instances: []lwm2m.Instance{in}}},
	}
}

// parts are smaller Writes of the same: of an Object its Instances, of an Instance its
// Resources; none of what must stay whole.
func (o operation) parts() (out []operation) {
	if o.indivisible {
		return nil
	}
	object := o.objects[0]
	switch o.path.Depth() {
	case 1:
		for _, in := range object.Instances {
			out = append(out, instanceWrite(object.ID, in))
		}
	case 2:
		in := object.Instances[0]
		for _, r := range in.Resources {
			out = append(out, operation{
				op:      lwm2m.OpWrite,
				path:    o.path.Append(uint16(r.ID)),
				objects: []lwm2m.Object{{ID: object.ID, Instances: []lwm2m.Instance{{ID: in.ID, Resources: []lwm2m.Resource{r}}}}},
			})
		}
	}
	return out
}
