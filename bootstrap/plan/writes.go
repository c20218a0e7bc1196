package plan

import (
	"cmp"
	"slices"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/lwm2m/object"
	"lwbs/store/grammar"
)

// writesOf are the Writes of objects, in the order and of the size that the policy has for this
// kind of device. The Bootstrap-Server Account is written last and always whole: a failure before
// leaves the client with the one that it had.
func (l *layout) writesOf(objects []lwm2m.Object, own *lwm2m.SecurityInstance, pol policy) []Operation {
	objects = slices.Clone(objects)
	if pol.serverFirst {
		slices.SortStableFunc(objects, func(a, b lwm2m.Object) int { return rank(a.ID) - rank(b.ID) })
	}
	var out, last []Operation
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

// rank sorts Server first and leaves the rest as it is.
func rank(o lwm2m.ObjectID) int {
	if o == lwm2m.ObjectServer {
		return 0
	}
	return 1
}

// writeOf are the Writes of one Object.
func (l *layout) writeOf(o lwm2m.Object, pol policy) []Operation {
	whole := Operation{Op: lwm2m.OpWrite, Path: lwm2m.ObjectPath(o.ID), Objects: []lwm2m.Object{o}}
	partial := func(in lwm2m.Instance) bool { return slices.Contains(pol.partial, lwm2m.InstancePath(o.ID, in.ID)) }
	if pol.writes == grammar.WritesObject && l.writableWhole(o.ID) && !slices.ContainsFunc(o.Instances, partial) {
		return []Operation{whole}
	}
	var out []Operation
	for _, in := range whole.Parts() {
		if pol.writes == grammar.WritesResource || slices.Contains(pol.partial, in.Path) {
			out = append(out, in.Parts()...)
		} else {
			out = append(out, in)
		}
	}
	return out
}

// writableWhole reports whether an Object may be written as one. Security is not where
// the Bootstrap-Server Account is not known for certain, and an Object with one Instance
// gains nothing.
func (l *layout) writableWhole(o lwm2m.ObjectID) bool {
	if o == lwm2m.ObjectSecurity {
		return l.certain
	}
	def, known := object.Lookup(o)
	return !known || def.Multiple
}

func instanceWrite(o lwm2m.ObjectID, in lwm2m.Instance) Operation {
	return Operation{
		Op:      lwm2m.OpWrite,
		Path:    lwm2m.InstancePath(o, in.ID),
		Objects: []lwm2m.Object{{ID: o, Instances: []lwm2m.Instance{in}}},
	}
}

// Parts are smaller Writes with the same content: of an Object its Instances, of an Instance its
// Resources; none where the Write must not be divided.
func (o Operation) Parts() (out []Operation) {
	if o.indivisible {
		return nil
	}
	object := o.Objects[0]
	switch o.Path.Depth() {
	case 1:
		for _, in := range object.Instances {
			out = append(out, instanceWrite(object.ID, in))
		}
	case 2:
		in := object.Instances[0]
		for _, r := range in.Resources {
			out = append(out, Operation{
				Op:      lwm2m.OpWrite,
				Path:    o.Path.Append(uint16(r.ID)),
				Objects: []lwm2m.Object{{ID: object.ID, Instances: []lwm2m.Instance{{ID: in.ID, Resources: []lwm2m.Resource{r}}}}},
			})
		}
	}
	return out
}

// Encodes returns why a Write cannot be encoded in a format; nil where it can, and for a Delete.
func (o Operation) Encodes(f lwm2m.Format) error {
	if o.Op != lwm2m.OpWrite {
		return nil
	}
	_, err := content.Encode(f, o.Path, o.Objects)
	return err
}

// Encodable returns formats without those before the first in which all operations can be encoded,
// and why the first of them cannot be used, nil where none is left out. It does not try what comes
// behind, which is seldom used.
func Encodable(operations []Operation, formats []lwm2m.Format) (rest []lwm2m.Format, why error) {
	for i, f := range formats {
		err := encodes(operations, f)
		if err == nil {
			return formats[i:], why
		}
		why = cmp.Or(why, err)
	}
	return nil, why
}

func encodes(operations []Operation, f lwm2m.Format) error {
	for _, o := range operations {
		if err := o.Encodes(f); err != nil {
			return err
		}
	}
	return nil
}
