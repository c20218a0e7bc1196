package grammar

import (
	"fmt"
	"reflect"

	"lwbs/store"
)

// A Problem is a value that its key does not accept.
type Problem struct {
	Place string // such as accounts[0].key
	Err   error
}

// Check returns the words and numbers of p that their keys do not accept. The Bootstrap-Server checks
// what is required, and what depends on more than one key.
func Check(p store.Profile) (found []Problem) {
	rule, _ := Profile.Key("delete")
	if p.Delete.Mode != store.DeleteList {
		found = report(found, "delete", rule.CheckWord(p.Delete.Mode))
	}
	return append(found, checkSection(Profile, "", reflect.ValueOf(p))...)
}

func checkSection(s *Section, place string, record reflect.Value) (found []Problem) {
	for _, k := range s.Keys {
		v, ok := Field(record, k.Name)
		if !ok {
			continue
		}
		found = append(found, checkValue(k, place+k.Name, v)...)
	}
	return found
}

func checkValue(k Key, place string, v reflect.Value) (found []Problem) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch k.Kind {
	case Word:
		return report(nil, place, k.CheckWord(v.String()))
	case Integer:
		if k.Required {
			return nil
		}
		if v.CanUint() {
			return report(nil, place, k.CheckInteger(int64(v.Uint())))
		}
		return report(nil, place, k.CheckInteger(v.Int()))
	case Mapping:
		return checkSection(k.Of, place+".", v)
	case List, AccessRules:
		for i := range v.Len() {
			found = append(found, checkSection(k.Of, fmt.Sprintf("%s[%d].", place, i), v.Index(i))...)
		}
	}
	return found
}

func report(found []Problem, place string, err error) []Problem {
	if err == nil {
		return found
	}
	return append(found, Problem{place, err})
}
