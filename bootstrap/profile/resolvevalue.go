package profile

import (
	"fmt"
	"maps"
	"slices"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// resources turns the literals of a list into Resources, by ID. Text in them may be a
// template.
func (r *resolver) resources(def object.Definition, values map[lwm2m.ResourceID]store.Literal, list string) []lwm2m.Resource {
	var out []lwm2m.Resource
	for _, id := range slices.Sorted(maps.Keys(values)) {
		place := fmt.Sprintf("%s[%d]", list, id)
		l, ok := r.filled(values[id], place)
		if !ok {
			continue
		}
		d, known := def.Resource(id)
		res, err := literalResource(id, l, d, known)
		if err != nil {
			r.fail(place, "%v", err)
			continue
		}
		out = append(out, res)
	}
	return out
}

// filled is a literal with its templates filled in.
func (r *resolver) filled(l store.Literal, place string) (out store.Literal, ok bool) {
	switch {
	case l.Text != nil:
		text, ok := r.render(*l.Text, place)
		return store.Literal{Text: &text}, ok
	case l.Instances == nil:
		return l, true
	}
	out.Instances = make(map[lwm2m.ResourceInstanceID]store.Literal, len(l.Instances))
	for _, at := range slices.Sorted(maps.Keys(l.Instances)) {
		one, ok := r.filled(l.Instances[at], place)
		if !ok {
			return out, false
		}
		out.Instances[at] = one
	}
	return out, true
}

func literalResource(id lwm2m.ResourceID, l store.Literal, d object.ResourceDefinition, known bool) (lwm2m.Resource, error) {
	if l.Instances == nil {
		v, err := valueOf(l, d, known)
		if err == nil && d.Multiple {
			err = fmt.Errorf("%s has instances: give a list", d.Name)
		}
		return lwm2m.Single(id, v), err
	}
	out := lwm2m.Resource{ID: id, Multiple: true}
	for _, at := range slices.Sorted(maps.Keys(l.Instances)) {
		v, err := valueOf(l.Instances[at], d, known)
		if err != nil {
			return out, err
		}
		out.Instances = append(out.Instances, lwm2m.ResourceInstance{ID: at, Value: v})
	}
	return out, nil
}

// valueOf gives a literal the type of its Resource; that of a Resource which is not in
// the tables follows from how it was written.
func valueOf(l store.Literal, d object.ResourceDefinition, known bool) (lwm2m.Value, error) {
	text := ""
	switch {
	case l.Text != nil:
		text = *l.Text
	case l.Number != nil:
		text = l.Number.String()
	case l.Boolean != nil:
		text = fmt.Sprint(*l.Boolean)
	default:
		return lwm2m.Value{}, fmt.Errorf("want a single value, not a list")
	}
	if known {
		return d.ParseText(text)
	}
	switch {
	case l.Boolean != nil:
		return lwm2m.BooleanValue(*l.Boolean), nil
	case l.Number != nil:
		return lwm2m.ParseNumber(text)
	case lwm2m.IsOpaque(text):
		b, err := lwm2m.ParseOpaque(text)
		return lwm2m.OpaqueValue(b), err
	}
	return lwm2m.StringValue(text), nil
}
