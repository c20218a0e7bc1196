package content

import (
	"errors"
	"fmt"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

var (
	errReserved = errors.New("identifier 65535 is reserved")
	errTwice    = errors.New("it is there twice")
	errOutside  = errors.New("it lies outside of the path")
	errTooMany  = fmt.Errorf("more than %d values", MaxValues)
)

// A builder collects what a decoder reads, in the order of reading, and refuses what
// no payload may hold.
type builder struct {
	at      lwm2m.Path
	objects []lwm2m.Object
	values  int
}

// newBuilder returns a builder that has the Object and the Instance that at names.
func newBuilder(at lwm2m.Path) *builder {
	b := &builder{at: at}
	if at.Depth() > 0 {
		o := b.object(at.Object())
		if at.Depth() > 1 {
			instance(o, at.Instance())
		}
	}
	return b
}

// add puts v at p, the path of a Resource or of a Resource Instance.
func (b *builder) add(p lwm2m.Path, v lwm2m.Value) error {
	if err := b.admit(p); err != nil {
		return err
	}
	in := instance(b.object(p.Object()), p.Instance())
	r, found := find(in, p.Resource())
	switch {
	case p.Depth() == 3 && found:
		return fmt.Errorf("%v: %w", p, errTwice)
	case p.Depth() == 3:
		in.Resources = append(in.Resources, lwm2m.Single(p.Resource(), v))
		return nil
	case !found:
		in.Resources = append(in.Resources, lwm2m.Resource{ID: p.Resource(), Multiple: true})
		r = &in.Resources[len(in.Resources)-1]
	case !r.Multiple:
		return fmt.Errorf("%v: the Resource has a single value", p)
	}
	for _, ri := range r.Instances {
		if ri.ID == p.ResourceInstance() {
			return fmt.Errorf("%v: %w", p, errTwice)
		}
	}
	r.Instances = append(r.Instances, lwm2m.ResourceInstance{ID: p.ResourceInstance(), Value: v})
	return nil
}

// addEmpty makes sure that p is there, though with nothing in it: an Object, an
// Instance, or a multiple-instance Resource.
func (b *builder) addEmpty(p lwm2m.Path) error {
	if err := b.admit(p); err != nil {
		return err
	}
	switch p.Depth() {
	case 1:
		b.object(p.Object())
	case 2:
		instance(b.object(p.Object()), p.Instance())
	case 3:
		in := instance(b.object(p.Object()), p.Instance())
		if _, found := find(in, p.Resource()); found {
			return fmt.Errorf("%v: %w", p, errTwice)
		}
		in.Resources = append(in.Resources, lwm2m.Resource{ID: p.Resource(), Multiple: true})
	}
	return nil
}

// open makes way for what lies below p, which may turn out to be nothing.
func (b *builder) open(p lwm2m.Path) error {
	if p.Contains(b.at) && p.Depth() < 3 {
		return nil // it is there, or on the way
	}
	return b.addEmpty(p)
}

// admit reports why nothing may stand at p.
func (b *builder) admit(p lwm2m.Path) error {
	if b.values++; b.values > MaxValues {
		return errTooMany
	}
	for _, id := range p.IDs() {
		if id == lwm2m.MaxID {
			return fmt.Errorf("%v: %w", p, errReserved)
		}
	}
	if !b.at.Contains(p) {
		return fmt.Errorf("%v: %w", p, errOutside)
	}
	return nil
}

// object returns the Object, made if need be. The pointer is good until the next call.
func (b *builder) object(id lwm2m.ObjectID) *lwm2m.Object {
	for i := range b.objects {
		if b.objects[i].ID == id {
			return &b.objects[i]
		}
	}
	b.objects = append(b.objects, lwm2m.Object{ID: id})
	return &b.objects[len(b.objects)-1]
}

// instance returns an Instance of o, made if need be. The pointer is good until the next
// call.
func instance(o *lwm2m.Object, id lwm2m.InstanceID) *lwm2m.Instance {
	for i := range o.Instances {
		if o.Instances[i].ID == id {
			return &o.Instances[i]
		}
	}
	o.Instances = append(o.Instances, lwm2m.Instance{ID: id})
	return &o.Instances[len(o.Instances)-1]
}

// find returns a Resource of in. The pointer is good until one is added.
func find(in *lwm2m.Instance, id lwm2m.ResourceID) (*lwm2m.Resource, bool) {
	for i := range in.Resources {
		if in.Resources[i].ID == id {
			return &in.Resources[i], true
		}
	}
	return nil, false
}

// definedType is the type of the Resource at p by the Object definitions; known is
// false where they have none.
func definedType(p lwm2m.Path) (t lwm2m.Type, known bool) {
	def, ok := object.Lookup(p.Object())
	if !ok {
		return lwm2m.TypeNone, false
	}
	resource, ok := def.Resource(p.Resource())
	return resource.Type, ok
}
