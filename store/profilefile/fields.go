package profilefile

import (
	"fmt"
	"maps"
	"reflect"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/grammar"
)

// fieldsOf are the fields of a section of the grammar, each of which puts what it reads
// into the field of record, a pointer to a struct, that has the name of the key. The fields
// in special take the place of these, or come on top.
func (r *reader) fieldsOf(s *grammar.Section, record any, special fields) fields {
	known := make(fields, len(s.Keys)+len(special))
	v := reflect.ValueOf(record).Elem()
	for _, k := range s.Keys {
		if special[k.Name] != nil {
			continue
		}
		into, ok := grammar.Field(v, k.Name)
		if !ok {
			panic(fmt.Sprintf("%s has no field for the key %s", s.Name, k.Name)) // which a test would show
		}
		known[k.Name] = r.fieldOf(k, into)
	}
	maps.Copy(known, special)
	return known
}

// fieldOf is the field of a key.
func (r *reader) fieldOf(k grammar.Key, into reflect.Value) func(node, string) {
	switch into := into.Addr().Interface().(type) {
	case *string:
		switch {
		case k.Kind == grammar.Word:
			return r.oneOf(into, k.Words...)
		case k.Kind == grammar.Version:
			return r.version(into)
		case k.Default != "":
			return r.words(into, k.Default)
		}
		return r.str(into)
	case *bool:
		return r.boolean(into)
	case **bool:
		return optional(into, r.boolean)
	case *store.Duration:
		if k.Positive {
			return r.positive(into, k.Default)
		}
		return r.duration(into)
	case **store.Duration:
		return optional(into, r.duration)
	case *store.Octets:
		return r.octets(into)
	case *lwm2m.Path:
		return r.path(into)
	case *[]string:
		return func(n node, place string) { *into = r.texts(n, place) }
	}
	if k.Kind == grammar.Mapping {
		return func(n node, place string) { r.mapping(n, place, r.fieldsOf(k.Of, into.Addr().Interface(), nil), nil) }
	}
	return r.integerField(k, into)
}

// integerField is a field of a whole number of any type, or of a pointer to one.
func (r *reader) integerField(k grammar.Key, into reflect.Value) func(node, string) {
	return func(n node, place string) {
		i, ok := r.integer(n, place, k.Min, k.Max)
		if !ok {
			return
		}
		number := into
		if into.Kind() == reflect.Pointer {
			into.Set(reflect.New(into.Type().Elem()))
			number = into.Elem()
		}
		if number.CanUint() {
			number.SetUint(uint64(i))
		} else {
			number.SetInt(i)
		}
	}
}

// positive is a field of a time span that cannot be zero.
func (r *reader) positive(into *store.Duration, byDefault string) func(node, string) {
	return func(n node, place string) {
		problems := len(r.problems)
		if r.duration(into)(n, place); *into <= 0 && len(r.problems) == problems {
			r.fail(n.line, "%s: want more than 0: leave it out for %s", place, byDefault)
		}
	}
}
