package ddf

import (
	"strings"

	"lwbs/lwm2m"
)

// types are the data types of the schema; nothing stands for a Resource that is executed.
var types = map[string]lwm2m.Type{
	"":                 lwm2m.TypeNone,
	"String":           lwm2m.TypeString,
	"Integer":          lwm2m.TypeInteger,
	"Unsigned Integer": lwm2m.TypeUnsigned,
	"Float":            lwm2m.TypeFloat,
	"Boolean":          lwm2m.TypeBoolean,
	"Opaque":           lwm2m.TypeOpaque,
	"Time":             lwm2m.TypeTime,
	"Objlnk":           lwm2m.TypeObjectLink,
	"Corelnk":          lwm2m.TypeCoreLink,
}

// operations are the letters of the schema.
var operations = map[rune]lwm2m.Operations{'R': lwm2m.Readable, 'W': lwm2m.Writable, 'E': lwm2m.Executable}

func (r *reader) resource(i item, since lwm2m.Version) lwm2m.ResourceDefinition {
	id, ok := number(i.ID)
	if !ok {
		r.fail(i.line, "Item: the ID %q is not a number from 0 to 65534", i.ID)
	}
	d := lwm2m.ResourceDefinition{
		ID:        lwm2m.ResourceID(id),
		Name:      r.text(i.line, "Name", i.Name),
		Multiple:  r.oneOf(i.line, "MultipleInstances", i.MultipleInstances, "Multiple", "Single"),
		Mandatory: r.oneOf(i.line, "Mandatory", i.Mandatory, "Mandatory", "Optional"),
		Unit:      strings.TrimSpace(i.Units),
		Since:     since,
	}
	for _, letter := range strings.TrimSpace(i.Operations) {
		op, ok := operations[letter]
		if !ok {
			r.fail(i.line, "Operations %q of Resource %d: want letters of R, W and E", i.Operations, id)
			break
		}
		d.Operations |= op
	}
	if d.Type, ok = types[strings.TrimSpace(i.Type)]; !ok {
		r.fail(i.line, "Type %q of Resource %d is none that there is", i.Type, id)
	}
	if d.Operations == lwm2m.Executable {
		d.Type = lwm2m.TypeNone // a few files of the registry have one
	}
	limit(&d, i.Range)
	return d
}
