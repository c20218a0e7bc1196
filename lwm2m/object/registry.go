package object

import (
	"cmp"
	"slices"

	"lwbs/lwm2m"
)

// A Registry is an immutable set of Object definitions: those of the built-in table, and others. The
// nil Registry has only the table.
type Registry struct {
	added  []Definition // by ID, the newest version of each first
	chosen []Definition // one version of each, which counts in place of the newest
}

// With returns a Registry with defs added. They replace definitions of the same Object and version,
// except those of the table.
func (r *Registry) With(defs ...Definition) *Registry {
	out := &Registry{chosen: r.choices()}
	for _, d := range slices.Concat(defs, r.additions()) {
		same := func(e Definition) bool { return e.ID == d.ID && e.Version == d.Version }
		if !BuiltIn(d.ID) && !slices.ContainsFunc(out.added, same) {
			out.added = append(out.added, d)
		}
	}
	slices.SortFunc(out.added, func(a, b Definition) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), b.Version.Compare(a.Version))
	})
	return out
}

func (r *Registry) additions() []Definition {
	if r == nil {
		return nil
	}
	return r.added
}

func (r *Registry) choices() []Definition {
	if r == nil {
		return nil
	}
	return r.chosen
}

// Choose returns a Registry whose [Registry.Object] returns an Object in one version, such as the
// device has; ok is false where that version is unknown.
func (r *Registry) Choose(id lwm2m.ObjectID, v lwm2m.Version) (_ *Registry, ok bool) {
	def, ok := r.ObjectVersion(id, v)
	if !ok {
		return r, false
	}
	others := slices.DeleteFunc(slices.Clone(r.choices()), func(d Definition) bool { return d.ID == id })
	return &Registry{added: r.additions(), chosen: append(others, def)}, true
}

// BuiltIn reports whether an Object is in the table.
func BuiltIn(id lwm2m.ObjectID) bool {
	return slices.ContainsFunc(objectDefinitions, func(d Definition) bool { return d.ID == id })
}

// All returns every Object, by ID, in the newest version.
func (r *Registry) All() []Definition {
	out := slices.Clone(objectDefinitions)
	for i, d := range r.additions() {
		if i == 0 || r.added[i-1].ID != d.ID {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b Definition) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Object returns the chosen version of an Object, else the newest known one. The latter has, for
// built-in Objects, also the Resources of older versions. ok is false where there is none.
func (r *Registry) Object(id lwm2m.ObjectID) (def Definition, ok bool) {
	for _, known := range [][]Definition{r.choices(), objectDefinitions, r.additions()} {
		for _, d := range known {
			if d.ID == id {
				return d, true
			}
		}
	}
	return Definition{}, false
}

// ObjectVersion returns an Object as it is in one version; ok is false where that is not
// known.
func (r *Registry) ObjectVersion(id lwm2m.ObjectID, v lwm2m.Version) (def Definition, ok bool) {
	for _, d := range r.additions() {
		if d.ID == id && d.Version == v {
			return d, true
		}
	}
	return pastDefinition(id, v)
}
