package ddf

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// object returns the definition of an Object; ok is false where it is not clear which
// Object that is, in which version, or whether it has several Instances.
func (r *reader) object(o element) (def object.Definition, ok bool) {
	id, version, ok := r.objectID(o)
	if !ok {
		return def, false
	}
	multiple, known := wordOf(instances, o.MultipleInstances)
	if !known {
		r.lose(o.line, "MultipleInstances is %q: want Multiple or Single: Object %d is left out", o.MultipleInstances, id)
		return def, false
	}
	r.differs(o.line, "MultipleInstances", o.MultipleInstances, instances[multiple])
	def = object.Definition{ID: id, Name: strings.TrimSpace(o.Name), Version: version, Multiple: multiple}
	if def.Name == "" {
		def.Name = "Object " + strconv.Itoa(int(id))
		r.note(o.line, "Name is missing: it is called %s", def.Name)
	}
	def.Mandatory = r.mandatory(o.line, o.Mandatory)
	for _, i := range o.Items {
		if res, ok := r.resource(i, version); ok {
			def.Resources = r.add(def.Resources, res, i.line)
		}
	}
	slices.SortFunc(def.Resources, func(a, b object.ResourceDefinition) int { return cmp.Compare(a.ID, b.ID) })
	return def, true
}

// add appends a Resource to those of an Object, unless one with its ID is there.
func (r *reader) add(all []object.ResourceDefinition, res object.ResourceDefinition, line int) []object.ResourceDefinition {
	i := slices.IndexFunc(all, func(e object.ResourceDefinition) bool { return e.ID == res.ID })
	switch {
	case i < 0:
		return append(all, res)
	case reflect.DeepEqual(all[i], res):
		r.note(line, "Resource %d is there twice, the same", res.ID)
	default:
		r.lose(line, "Resource %d is there twice: the first, %s, counts, and this is left out", res.ID, all[i].Name)
	}
	return all
}

// objectID reads the ID of an Object and its version, which is 1.0 where nothing is said
// (Core 1.1.1 §7.2.2). A few files have both in one: "22:1.1".
func (r *reader) objectID(o element) (_ lwm2m.ObjectID, v lwm2m.Version, ok bool) {
	text, version := strings.TrimSpace(o.ID), strings.TrimSpace(o.Version)
	if text == "" {
		r.lose(o.line, "the Object has no ObjectID: this is no definition of one")
		return 0, v, false
	}
	before, behind, both := strings.Cut(text, ":")
	if both && (version == "" || version == behind) {
		r.note(o.line, "ObjectID %q is read as %s in version %s", text, before, behind)
		text, version = before, behind
	}
	id, ok := number(text)
	if !ok {
		r.lose(o.line, "ObjectID %q is not a number from 0 to 65534: the Object is left out", text)
		return 0, v, false
	}
	v, ok = r.version(o.line, version, id)
	return lwm2m.ObjectID(id), v, ok
}

// version reads "1.1", and what cannot mean anything else: "v1.1" and "1".
func (r *reader) version(line int, text string, id uint16) (v lwm2m.Version, ok bool) {
	if text == "" {
		return lwm2m.Version10, true
	}
	v, err := lwm2m.ParseVersion(text)
	if err == nil {
		return v, true
	}
	plain := strings.TrimSpace(strings.TrimLeft(strings.ToLower(text), "v"))
	if !strings.Contains(plain, ".") {
		plain += ".0"
	}
	v, other := lwm2m.ParseVersion(plain)
	if other != nil {
		r.lose(line, "ObjectVersion: %v: Object %d is left out", err, id)
		return v, false
	}
	r.note(line, "ObjectVersion %q is read as %v", text, v)
	return v, true
}

// number reads an ID.
func number(text string) (uint16, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	return uint16(n), err == nil && n != lwm2m.MaxID
}
