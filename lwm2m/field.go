package lwm2m

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A ValueError reports a field of a typed Instance that cannot become a Resource, or a Resource that
// cannot become a field.
type ValueError struct {
	Resource ResourceID
	Message  string
}

// Error names the Resource and the problem.
func (e *ValueError) Error() string { return fmt.Sprintf("resource %d: %s", e.Resource, e.Message) }

// A field connects a Resource with a field of a struct, in both directions. Set reports whether the
// value fits.
type field struct {
	id  ResourceID
	typ Type
	get func() (v Value, present bool, err error)
	set func(Value) (fits bool)
}

func stringField(id ResourceID, p *string) field {
	return field{id, TypeString,
		func() (Value, bool, error) { return StringValue(*p), true, nil },
		func(v Value) bool { *p = v.Text(); return true }}
}

func boolField(id ResourceID, p *bool) field {
	return field{id, TypeBoolean,
		func() (Value, bool, error) { return BooleanValue(*p), true, nil },
		func(v Value) bool { *p = v.Bool(); return true }}
}

// integerField is an Integer that is always there.
func integerField[T ~int | ~uint16 | ~int64](id ResourceID, p *T) field {
	return field{id, TypeInteger,
		func() (Value, bool, error) { return IntegerValue(int64(*p)), true, nil },
		func(v Value) bool { *p = T(v.Int()); return int64(*p) == v.Int() }}
}

// optionalField is f, left out while present says so.
func optionalField(f field, present func() bool) field {
	get := f.get
	f.get = func() (Value, bool, error) {
		if !present() {
			return Value{}, false, nil
		}
		return get()
	}
	return f
}

// secondsField is a time span in whole seconds.
func secondsField(id ResourceID, p *time.Duration) field {
	return field{id, TypeInteger,
		func() (Value, bool, error) {
			if *p < 0 || *p%time.Second != 0 {
				return Value{}, false, &ValueError{id, fmt.Sprintf("%v is not a whole, positive number of seconds", *p)}
			}
			return IntegerValue(int64(*p / time.Second)), true, nil
		},
		func(v Value) bool {
			*p = time.Duration(v.Int()) * time.Second
			return v.Int() >= 0 && v.Int() <= int64(math.MaxInt64/time.Second)
		}}
}

func opaqueField(id ResourceID, p *[]byte) field {
	return field{id, TypeOpaque,
		func() (Value, bool, error) { return OpaqueValue(*p), true, nil },
		func(v Value) bool { *p = v.Bytes(); return true }}
}

func secretField(id ResourceID, p *Secret) field {
	return field{id, TypeOpaque,
		func() (Value, bool, error) { return OpaqueValue(p.Reveal()), true, nil },
		func(v Value) bool { *p = NewSecret(v.Bytes()); return true }}
}

// linkField is an Objlnk, left out while nil.
func linkField(id ResourceID, p **ObjectLink) field {
	return field{id, TypeObjectLink,
		func() (Value, bool, error) {
			if *p == nil {
				return Value{}, false, nil
			}
			return LinkValue(**p), true, nil
		},
		func(v Value) bool { *p = new(v.Link()); return true }}
}

// resourcesOf returns the Resources of the fields and extra, by ID.
func resourcesOf(fields []field, extra []Resource) ([]Resource, error) {
	out := make([]Resource, 0, len(fields)+len(extra))
	for _, f := range fields {
		v, present, err := f.get()
		if err != nil {
			return nil, err
		}
		if present {
			out = append(out, Single(f.id, v))
		}
	}
	for _, r := range extra {
		if slices.ContainsFunc(fields, func(f field) bool { return f.id == r.ID }) {
			return nil, &ValueError{r.ID, "it has a field of its own and cannot be an extra Resource"}
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b Resource) int { return int(a.ID) - int(b.ID) })
	return out, nil
}

// fillFields sets the fields from the Resources of an Instance and returns the
// Resources that have no field.
func fillFields(in Instance, fields []field) (extra []Resource, err error) {
	for _, r := range in.Resources {
		i := slices.IndexFunc(fields, func(f field) bool { return f.id == r.ID })
		switch {
		case i < 0:
			extra = append(extra, r)
		case r.Multiple || r.Value.Type() != fields[i].typ:
			return nil, &ValueError{r.ID, fmt.Sprintf("it is %v, want %v", r.Value.Type(), fields[i].typ)}
		case !fields[i].set(r.Value):
			return nil, &ValueError{r.ID, fmt.Sprintf("%v is out of range", r.Value)}
		}
	}
	return extra, nil
}
