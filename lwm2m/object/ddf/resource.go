package ddf

import (
	"strconv"
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// resource returns the definition of a Resource; ok is false where its ID is not clear, or
// whether it has several Instances.
func (r *reader) resource(i item, since lwm2m.Version) (d object.ResourceDefinition, ok bool) {
	id, ok := number(i.ID)
	if !ok {
		r.lose(i.line, "Item: the ID %q is not a number from 0 to 65534: it is left out", i.ID)
		return d, false
	}
	multiple, known := wordOf(instances, i.MultipleInstances)
	if !known {
		r.lose(i.line, "MultipleInstances is %q: want Multiple or Single: Resource %d is left out", i.MultipleInstances, id)
		return d, false
	}
	r.differs(i.line, "MultipleInstances", i.MultipleInstances, instances[multiple])
	d = object.ResourceDefinition{ID: lwm2m.ResourceID(id), Name: strings.TrimSpace(i.Name), Multiple: multiple, Unit: strings.TrimSpace(i.Units), Since: since}
	if d.Name == "" {
		d.Name = "Resource " + strconv.Itoa(int(id))
		r.note(i.line, "Name is missing: it is called %s", d.Name)
	}
	d.Mandatory = r.mandatory(i.line, i.Mandatory)
	r.access(&d, i)
	if problem := limit(&d, i.Range); problem != "" {
		r.note(i.line, "RangeEnumeration of Resource %d: %s", id, problem)
	}
	return d, true
}

// access sets what servers may do with a Resource, and the type of its values.
func (r *reader) access(d *object.ResourceDefinition, i item) {
	var known bool
	d.Operations, known = operationsOf(i.Operations)
	switch text := strings.TrimSpace(i.Operations); {
	case !known:
		r.note(i.line, "Operations %q of Resource %d: want letters of R, W and E: it is not known what servers may do with it", text, d.ID)
	case strings.Trim(text, "RWE") != "":
		r.note(i.line, "Operations %q of Resource %d: want letters of R, W and E: they are read as such", text, d.ID)
	}
	t, schema, known := typeOf(i.Type)
	if !known {
		r.lose(i.line, "Type %q of Resource %d is none that there is: values of it are not known", i.Type, d.ID)
	} else if text := strings.TrimSpace(i.Type); text != schema {
		r.note(i.line, "Type %q of Resource %d is read as %q", text, d.ID, schema)
	}
	if d.Type = t; d.Operations == object.Executable {
		d.Type = lwm2m.TypeNone // a few files of the registry have one
	}
}
