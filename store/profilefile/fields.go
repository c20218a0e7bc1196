package profilefile

import (
	"fmt"
	"maps"
	"reflect"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/grammar"
)

// fieldsOf returns the fields of a section of the grammar. Each stores its value in the field of the
// same name of record, a pointer to a struct. Fields in special replace these or are added.
func (r *reader) fieldsOf(s *grammar.Section, record any, special fields) fields {
	known := make(fields, len(s.Keys)+len(special))
	v := reflect.ValueOf(record).Elem()
	for _, k := range s.Keys {
		if special[k.Name] != nil {
			continue
		}
		into, ok := grammar.Field(v, k.Name)
		if !ok {
			panic(fmt.Sprintf("%s has no field for the key %s", s.Name, k.Name)) // a test of the table fails too
		}
		known[k.Name] = r.fieldOf(k, into)
	}
	maps.Copy(known, special)
	return known
}

// fieldOf returns the field of a key.
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

// integerField returns the field of a whole number of any type, or of a pointer to one.
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

// positive is a field of a duration that cannot be zero.
func (r *reader) positive(into *store.Duration, byDefault string) func(node, string) {
	return func(n node, place string) {
		problems := len(r.problems)
		if r.duration(into)(n, place); *into <= 0 && len(r.problems) == problems {
			r.fail(n.Line, "%s: want more than 0: leave it out for %s", place, byDefault)
		}
	}
}
