package profilefile

import (
	"encoding/json"
	"fmt"
	"strconv"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/yamltree"
)

// resources reads a mapping from Resources of an Object, by ID or name, to their
// values.
func (r *reader) resources(into map[lwm2m.ResourceID]store.Literal, n node, place string, def object.Definition) {
	if !r.want(n, place, mapping) {
		return
	}
	for _, e := range n.Entries {
		written := join(place, e.Key)
		id, ok := resourceID(e.Key, def)
		switch {
		case !ok && len(def.Resources) == 0:
			r.fail(e.Line, "%s: %q is no Resource ID, and names of Object %d are not known: add its definition (--objects FOLDER)", place, e.Key, def.ID)
			continue
		case !ok:
			r.fail(e.Line, "%s: %q is neither a Resource ID nor the name of one%s", place, e.Key, DidYouMean(e.Key, resourceNames(def)))
			continue
		}
		d, ok := def.Resource(id)
		if !ok {
			d.ID, d.Name = id, fmt.Sprintf("Resource %d", id)
		}
		r.resource(into, e, def.ID, d, fmt.Sprintf("%s[%d]", place, id), written)
	}
}

// definition returns the definition of an Object, in the version if that is known; for an unknown
// Object it has the ID only.
func (r *reader) definition(id lwm2m.ObjectID, version string) object.Definition {
	if v, err := lwm2m.ParseVersion(version); err == nil {
		if def, ok := r.objects.ObjectVersion(id, v); ok {
			return def
		}
	}
	def, _ := r.objects.Object(id)
	def.ID = id
	return def
}

// resource reads the value of one Resource.
func (r *reader) resource(into map[lwm2m.ResourceID]store.Literal, e entry, o lwm2m.ObjectID, d object.ResourceDefinition, place, written string) {
	r.spots[place] = spot{e.Line, written}
	switch _, twice := into[d.ID]; {
	case twice:
		r.fail(e.Line, "%s: %s is there twice", written, d.Name)
	case d.Secret:
		r.secret(into, e, o, d, written)
	default:
		if l, ok := r.literal(e.Value, written, d.Type); ok {
			into[d.ID] = l
		}
	}
}

// secret reads the word for a value that is in the device records. Secrets of Objects 0 and 21 are
// there by account.
func (r *reader) secret(into map[lwm2m.ResourceID]store.Literal, e entry, o lwm2m.ObjectID, d object.ResourceDefinition, written string) {
	switch ofAccounts := o == lwm2m.ObjectSecurity || o == lwm2m.ObjectOSCORE; {
	case ofAccounts:
		r.fail(e.Line, "%s: %s is a secret: profiles hold none", written, d.Name)
	case e.Value.Kind != text || e.Value.Scalar != store.KeySupplied:
		r.fail(e.Line, "%s: %s is a secret: profiles hold none; write supplied, and give it to the device with lwbs device set --secret-file", written, d.Name)
	default:
		into[d.ID] = store.Literal{Text: new(store.KeySupplied)}
	}
}

func resourceID(key string, def object.Definition) (lwm2m.ResourceID, bool) {
	if id, err := strconv.ParseUint(key, 10, 16); err == nil {
		return lwm2m.ResourceID(id), id != lwm2m.MaxID
	}
	d, ok := def.ResourceNamed(key)
	return d.ID, ok
}

// literal reads the value of a Resource: a scalar, a list, or a mapping by Resource
// Instance ID. typ is the type in its definition, [lwm2m.TypeNone] where there is none.
//
// The value of a text Resource is kept as it was written: a number or boolean of JSON keeps its
// spelling, and one that only YAML has, such as 0123 or True, becomes text.
func (r *reader) literal(n node, place string, typ lwm2m.Type) (store.Literal, bool) {
	isText := typ == lwm2m.TypeString || typ == lwm2m.TypeCoreLink
	switch {
	case n.Kind == text, isText && (n.Kind == number || n.Kind == boolean) && !json.Valid([]byte(n.Scalar)):
		return store.Literal{Text: &n.Scalar}, true
	case n.Kind == boolean:
		return store.Literal{Boolean: new(isTrue(n))}, true
	case n.Kind == number:
		return r.numberLiteral(n, place, typ)
	case n.Kind == list, n.Kind == mapping:
		return r.instances(n, place, typ)
	case n.Scalar != "":
		r.fail(n.Line, "%s: want a value, not %v: "+yamltree.QuoteIt, place, n.Kind, n.Scalar)
	default:
		r.fail(n.Line, "%s: want a value, not %v", place, n.Kind)
	}
	return store.Literal{}, false
}

// numberLiteral reads a number. A Resource of unknown type may be text for the server, so only a
// number that keeps its digits is accepted for it.
func (r *reader) numberLiteral(n node, place string, typ lwm2m.Type) (store.Literal, bool) {
	exact, ok := r.number(n, place)
	switch {
	case !ok:
		return store.Literal{}, false
	case typ == lwm2m.TypeNone && exact.String() != n.Scalar:
		r.fail(n.Line, "%s: the type of this Resource is not known here: write %s, or "+yamltree.QuoteIt, place, exact, n.Scalar)
		return store.Literal{}, false
	}
	return store.Literal{Number: &exact}, true
}

func (r *reader) instances(n node, place string, typ lwm2m.Type) (store.Literal, bool) {
	out := store.Literal{Instances: make(map[lwm2m.ResourceInstanceID]store.Literal)}
	for i, item := range n.Items {
		n.Entries = append(n.Entries, entry{Key: strconv.Itoa(i), Line: item.Line, Value: item})
	}
	ok := true
	for _, e := range n.Entries {
		id, err := strconv.ParseUint(e.Key, 10, 16)
		if err != nil || id == lwm2m.MaxID || e.Value.Kind == list || e.Value.Kind == mapping {
			r.fail(e.Line, "%s: want single values by Resource Instance ID, not %q", place, e.Key)
			ok = false
			continue
		}
		l, good := r.literal(e.Value, place, typ)
		if _, twice := out.Instances[lwm2m.ResourceInstanceID(id)]; twice {
			r.fail(e.Line, "%s: Resource Instance %d is there twice", place, id)
			good = false
		}
		out.Instances[lwm2m.ResourceInstanceID(id)] = l
		ok = ok && good
	}
	return out, ok
}
