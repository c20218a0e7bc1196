package object

import (
	"slices"

	"lwbs/lwm2m"
)

// objectVersions are the versions of the Objects in the table, by ID.
var objectVersions = map[lwm2m.ObjectID][]lwm2m.Version{
	lwm2m.ObjectSecurity:      {lwm2m.Version10, lwm2m.Version11, lwm2m.Version12},
	lwm2m.ObjectServer:        {lwm2m.Version10, lwm2m.Version11, lwm2m.Version12},
	lwm2m.ObjectAccessControl: {lwm2m.Version10, lwm2m.Version11},
	lwm2m.ObjectDevice:        {lwm2m.Version10, lwm2m.Version11, lwm2m.Version12},
	4:                         {lwm2m.Version10, lwm2m.Version11, lwm2m.Version12, {Major: 1, Minor: 3}},
	5:                         {lwm2m.Version10, lwm2m.Version11, lwm2m.Version12},
	6:                         {lwm2m.Version10},
	7:                         {lwm2m.Version10},
	10:                        {lwm2m.Version10, lwm2m.Version11},
	11:                        {lwm2m.Version10, lwm2m.Version11},
	lwm2m.ObjectOSCORE:        {lwm2m.Version10, lwm2m.Version11, {Major: 2, Minor: 0}},
	23:                        {lwm2m.Version10},
	24:                        {lwm2m.Version10},
}

// A past is a Resource as it was before a version of its Object.
type past struct {
	object   lwm2m.ObjectID
	before   lwm2m.Version
	resource ResourceDefinition
}

// pasts are the Resources that were changed in more than wording.
var pasts = []past{
	{lwm2m.ObjectServer, lwm2m.Version11, ResourceDefinition{0, "Short Server ID", lwm2m.TypeInteger, single, mandatory, opR, 1, 65535, "", lwm2m.Version10, false, false, nil}},
	{lwm2m.ObjectServer, lwm2m.Version12, ResourceDefinition{13, "Registration Priority Order", lwm2m.TypeUnsigned, single, optional, opNone, 0, maxSeconds, "", lwm2m.Version11, false, false, nil}},
	{lwm2m.ObjectServer, lwm2m.Version12, ResourceDefinition{14, "Initial Registration Delay Timer", lwm2m.TypeUnsigned, single, optional, opNone, 0, maxSeconds, "s", lwm2m.Version11, false, false, nil}},
	{lwm2m.ObjectServer, lwm2m.Version12, ResourceDefinition{15, "Registration Failure Block", lwm2m.TypeBoolean, single, optional, opNone, 0, 0, "", lwm2m.Version11, false, false, nil}},
	{lwm2m.ObjectServer, lwm2m.Version12, ResourceDefinition{16, "Bootstrap on Registration Failure", lwm2m.TypeBoolean, single, optional, opNone, 0, 0, "", lwm2m.Version11, false, false, nil}},
	{lwm2m.ObjectServer, lwm2m.Version12, ResourceDefinition{17, "Communication Retry Count", lwm2m.TypeUnsigned, single, optional, opNone, 1, maxSeconds, "", lwm2m.Version11, false, false, nil}},
	{lwm2m.ObjectServer, lwm2m.Version12, ResourceDefinition{18, "Communication Retry Timer", lwm2m.TypeUnsigned, single, optional, opNone, 0, maxSeconds, "s", lwm2m.Version11, false, false, nil}},
	{lwm2m.ObjectServer, lwm2m.Version12, ResourceDefinition{19, "Communication Sequence Delay Timer", lwm2m.TypeUnsigned, single, optional, opNone, 0, 1<<32 - 1, "s", lwm2m.Version11, false, false, nil}},
	{lwm2m.ObjectServer, lwm2m.Version12, ResourceDefinition{20, "Communication Sequence Retry Count", lwm2m.TypeUnsigned, single, optional, opNone, 1, maxSeconds, "", lwm2m.Version11, false, false, nil}},
	{lwm2m.ObjectAccessControl, lwm2m.Version11, ResourceDefinition{2, "ACL", lwm2m.TypeInteger, multiple, optional, opRW, 0, 65535, "", lwm2m.Version10, false, false, nil}},
	{lwm2m.ObjectDevice, lwm2m.Version12, ResourceDefinition{11, "Error Code", lwm2m.TypeInteger, multiple, mandatory, opR, 0, 8, "", lwm2m.Version10, false, true, nil}},
	{5, lwm2m.Version11, ResourceDefinition{5, "Update Result", lwm2m.TypeInteger, single, mandatory, opR, 0, 9, "", lwm2m.Version10, false, true, nil}},
	{lwm2m.ObjectOSCORE, lwm2m.Version{Major: 2, Minor: 0}, ResourceDefinition{0, "OSCORE Master Secret", lwm2m.TypeString, single, mandatory, opNone, 0, 0, "", lwm2m.Version10, true, false, nil}},
	{lwm2m.ObjectOSCORE, lwm2m.Version{Major: 2, Minor: 0}, ResourceDefinition{1, "OSCORE Sender ID", lwm2m.TypeString, single, mandatory, opNone, 0, 0, "", lwm2m.Version10, false, false, nil}},
	{lwm2m.ObjectOSCORE, lwm2m.Version{Major: 2, Minor: 0}, ResourceDefinition{2, "OSCORE Recipient ID", lwm2m.TypeString, single, mandatory, opNone, 0, 0, "", lwm2m.Version10, false, false, nil}},
	{lwm2m.ObjectOSCORE, lwm2m.Version{Major: 2, Minor: 0}, ResourceDefinition{5, "OSCORE Master Salt", lwm2m.TypeString, single, optional, opNone, 0, 0, "", lwm2m.Version10, true, false, nil}},
	{lwm2m.ObjectOSCORE, lwm2m.Version{Major: 2, Minor: 0}, ResourceDefinition{6, "OSCORE ID Context", lwm2m.TypeString, single, optional, opNone, 0, 0, "", lwm2m.Version11, false, false, nil}},
}

// A loss is a Resource that an Object no longer has from a version on.
type loss struct {
	object   lwm2m.ObjectID
	resource lwm2m.ResourceID
	from     lwm2m.Version
}

var losses = []loss{
	{10, 6, lwm2m.Version11}, // it went to Object 11
}

// pastDefinition returns an Object of the table in a version.
func pastDefinition(id lwm2m.ObjectID, v lwm2m.Version) (Definition, bool) {
	def, ok := Lookup(id)
	if !ok || !slices.Contains(objectVersions[id], v) {
		return Definition{}, false
	}
	out := def
	out.Version, out.Resources = v, nil
	for _, r := range def.Resources {
		lost := func(l loss) bool { return l.object == id && l.resource == r.ID && !v.Before(l.from) }
		if v.Before(r.Since) || slices.ContainsFunc(losses, lost) {
			continue
		}
		i := slices.IndexFunc(pasts, func(p past) bool { return p.object == id && p.resource.ID == r.ID && v.Before(p.before) })
		if i >= 0 {
			r = pasts[i].resource
		}
		out.Resources = append(out.Resources, r)
	}
	return out, true
}
