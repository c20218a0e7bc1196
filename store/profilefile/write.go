package profilefile

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/grammar"
	"lwbs/store/yamltree"
)

// Write returns p as a document. Read turns it into p again, without the revision and the times,
// which the owner does not set.
func Write(p store.Profile) ([]byte, error) {
	b, err := yaml.MarshalWithOptions(profile(p), yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("write profile %q: %w", p.Name, err)
	}
	return b, nil
}

func profile(p store.Profile) yaml.MapSlice {
	return section(grammar.Profile, p, values{
		"accounts": func() any { return each(p.Accounts, account) },
		"accessControl": func() any {
			if p.NoAccessControl && len(p.AccessControl) == 0 {
				return noAccessControl
			}
			return each(p.AccessControl, accessControl)
		},
		"objects": func() any { return each(p.Objects, otherObject) },
		"delete":  func() any { return deletePolicy(p.Delete) },
		"bootstrapServer": func() any {
			if p.BootstrapServer == nil {
				return nil
			}
			return section(grammar.BootstrapServer, *p.BootstrapServer, nil)
		},
	})
}

func account(a store.Account) yaml.MapSlice {
	m := section(grammar.Account, a, values{
		"oscore": func() any {
			if a.OSCORE == nil {
				return nil
			}
			return section(grammar.OSCORE, *a.OSCORE, nil)
		},
		securityList: func() any { return nil }, // see below
		serverList:   func() any { return nil },
	})
	m = accountResources(m, securityList, lwm2m.ObjectSecurity, a.SecurityResources)
	return accountResources(m, serverList, lwm2m.ObjectServer, a.ServerResources)
}

func otherObject(o store.ObjectValues) yaml.MapSlice {
	return section(grammar.Object, o, values{"resources": func() any { return resources(o.Resources) }})
}

func accessControl(a store.AccessControl) yaml.MapSlice {
	return section(grammar.AccessControl, a, values{
		"instance": func() any { return int(a.Instance) }, // zero is written too
		"owner":    func() any { return int(a.Owner) },
		"rights": func() any {
			rights := make(yaml.MapSlice, 0, len(a.Rights))
			for _, id := range slices.Sorted(maps.Keys(a.Rights)) {
				rights = append(rights, yaml.MapItem{Key: strconv.Itoa(int(id)), Value: int(a.Rights[id])})
			}
			return rights
		},
	})
}

func deletePolicy(p store.DeletePolicy) any {
	switch p.Mode {
	case "":
		return nil
	case store.DeleteList:
	default:
		return scalar(p.Mode)
	}
	paths := make([]any, len(p.Paths))
	for i, path := range p.Paths {
		paths[i] = path.String()
	}
	return paths
}

// values are the values of keys that differ from their fields; nil leaves a key out.
type values map[string]func() any

// section returns a record as a mapping of a section of the grammar, without zero values.
func section(s *grammar.Section, record any, special values) (m yaml.MapSlice) {
	v := reflect.ValueOf(record)
	for _, k := range s.Keys {
		var value any
		if f := special[k.Name]; f != nil {
			value = f()
		} else if field, ok := grammar.Field(v, k.Name); ok {
			value = plainValue(k, field)
		}
		if value != nil {
			m = append(m, yaml.MapItem{Key: k.Name, Value: value})
		}
	}
	return m
}

// spanText is a time span: from a week on, whole days.
func spanText(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 7*day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}

// plainValue returns the value of a field; nil where it is zero.
func plainValue(k grammar.Key, field reflect.Value) any {
	if field.IsZero() {
		return nil
	}
	if field.Kind() == reflect.Pointer {
		field = field.Elem()
	}
	switch v := field.Interface().(type) {
	case store.Duration:
		return spanText(time.Duration(v))
	case lwm2m.Path:
		return v.String()
	case bool:
		return v
	case []string:
		return texts(v)
	}
	switch {
	case field.Kind() == reflect.String:
		return scalar(field.String())
	case k.Kind == grammar.Mapping:
		return section(k.Of, field.Interface(), nil)
	case field.CanUint():
		return field.Uint()
	}
	return field.Int()
}

// texts returns one text, or a list of several.
func texts(all []string) any {
	if len(all) == 1 && all[0] != "" {
		return scalar(all[0])
	}
	out := make([]any, len(all))
	for i, s := range all {
		out[i] = scalar(s)
	}
	return out
}

// each returns a list of mappings; nil for none.
func each[T any](items []T, write func(T) yaml.MapSlice) any {
	if len(items) == 0 {
		return nil
	}
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = write(item)
	}
	return out
}

// accountResources puts Resources into an account under their names, and those without a name there
// into a list by ID.
func accountResources(m yaml.MapSlice, list string, o lwm2m.ObjectID, values map[lwm2m.ResourceID]store.Literal) yaml.MapSlice {
	def, _ := object.Lookup(o)
	others := maps.Clone(values)
	for _, id := range slices.Sorted(maps.Keys(values)) {
		if d, ok := def.Resource(id); ok && named(o, d) {
			m = append(m, yaml.MapItem{Key: camelCase(d.Name), Value: value(values[id])})
			delete(others, id)
		}
	}
	if len(others) > 0 {
		m = append(m, yaml.MapItem{Key: list, Value: resources(others)})
	}
	return m
}

// resources are the values by Resource ID.
func resources(values map[lwm2m.ResourceID]store.Literal) yaml.MapSlice {
	out := make(yaml.MapSlice, 0, len(values))
	for _, id := range slices.Sorted(maps.Keys(values)) {
		out = append(out, yaml.MapItem{Key: strconv.Itoa(int(id)), Value: value(values[id])})
	}
	return out
}

// A verbatim is a scalar in YAML syntax.
type verbatim string

// MarshalYAML writes the scalar as it is.
func (v verbatim) MarshalYAML() ([]byte, error) { return []byte(v), nil }

// plain is text that is neither punctuation nor a number such as ".inf".
var plain = regexp.MustCompile(`^[A-Za-z0-9/_][A-Za-z0-9/+_.:@=-]*$`)

// scalar returns text, quoted where necessary. The YAML library quotes plain words where necessary,
// except some numbers and some white space.
func scalar(text string) any {
	if yamltree.IsNumber(text) || !plain.MatchString(text) {
		return verbatim(strconv.Quote(text))
	}
	return text
}

func value(l store.Literal) any {
	switch {
	case l.Text != nil:
		return scalar(*l.Text)
	case l.Boolean != nil:
		return *l.Boolean
	case l.Number != nil:
		return verbatim(*l.Number)
	}
	out := make(yaml.MapSlice, 0, len(l.Instances))
	for _, id := range slices.Sorted(maps.Keys(l.Instances)) {
		out = append(out, yaml.MapItem{Key: strconv.Itoa(int(id)), Value: value(l.Instances[id])})
	}
	return out
}
