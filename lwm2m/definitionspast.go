package lwm2m

import "slices"

// objectVersions are the versions of the Objects in the table, by ID.
var objectVersions = map[ObjectID][]Version{
	ObjectSecurity:      {Version10, Version11, Version12},
	ObjectServer:        {Version10, Version11, Version12},
	ObjectAccessControl: {Version10, Version11},
	ObjectDevice:        {Version10, Version11, Version12},
	4:                   {Version10, Version11, Version12, {1, 3}},
	5:                   {Version10, Version11, Version12},
	6:                   {Version10},
	7:                   {Version10},
	10:                  {Version10, Version11},
	11:                  {Version10, Version11},
	ObjectOSCORE:        {Version10, Version11, {2, 0}},
	23:                  {Version10},
	24:                  {Version10},
}

// A past is how a Resource was in the versions of its Object before one.
type past struct {
	object   ObjectID
	before   Version
	resource ResourceDefinition
}

// pasts are the Resources that were changed, but for wording.
var pasts = []past{
	{ObjectServer, Version11, ResourceDefinition{0, "Short Server ID", TypeInteger, single, mandatory, opR, 1, 65535, "", Version10, false, false, nil}},
	{ObjectServer, Version12, ResourceDefinition{13, "Registration Priority Order", TypeUnsigned, single, optional, opNone, 0, maxSeconds, "", Version11, false, false, nil}},
	{ObjectServer, Version12, ResourceDefinition{14, "Initial Registration Delay Timer", TypeUnsigned, single, optional, opNone, 0, maxSeconds, "s", Version11, false, false, nil}},
	{ObjectServer, Version12, ResourceDefinition{15, "Registration Failure Block", TypeBoolean, single, optional, opNone, 0, 0, "", Version11, false, false, nil}},
	{ObjectServer, Version12, ResourceDefinition{16, "Bootstrap on Registration Failure", TypeBoolean, single, optional, opNone, 0, 0, "", Version11, false, false, nil}},
	{ObjectServer, Version12, ResourceDefinition{17, "Communication Retry Count", TypeUnsigned, single, optional, opNone, 1, maxSeconds, "", Version11, false, false, nil}},
	{ObjectServer, Version12, ResourceDefinition{18, "Communication Retry Timer", TypeUnsigned, single, optional, opNone, 0, maxSeconds, "s", Version11, false, false, nil}},
	{ObjectServer, Version12, ResourceDefinition{19, "Communication Sequence Delay Timer", TypeUnsigned, single, optional, opNone, 0, 1<<32 - 1, "s", Version11, false, false, nil}},
	{ObjectServer, Version12, ResourceDefinition{20, "Communication Sequence Retry Count", TypeUnsigned, single, optional, opNone, 1, maxSeconds, "", Version11, false, false, nil}},
	{ObjectAccessControl, Version11, ResourceDefinition{2, "ACL", TypeInteger, multiple, optional, opRW, 0, 65535, "", Version10, false, false, nil}},
	{ObjectDevice, Version12, ResourceDefinition{11, "Error Code", TypeInteger, multiple, mandatory, opR, 0, 8, "", Version10, false, true, nil}},
	{5, Version11, ResourceDefinition{5, "Update Result", TypeInteger, single, mandatory, opR, 0, 9, "", Version10, false, true, nil}},
	{ObjectOSCORE, Version{2, 0}, ResourceDefinition{0, "OSCORE Master Secret", TypeString, single, mandatory, opNone, 0, 0, "", Version10, true, false, nil}},
	{ObjectOSCORE, Version{2, 0}, ResourceDefinition{1, "OSCORE Sender ID", TypeString, single, mandatory, opNone, 0, 0, "", Version10, false, false, nil}},
	{ObjectOSCORE, Version{2, 0}, ResourceDefinition{2, "OSCORE Recipient ID", TypeString, single, mandatory, opNone, 0, 0, "", Version10, false, false, nil}},
	{ObjectOSCORE, Version{2, 0}, ResourceDefinition{5, "OSCORE Master Salt", TypeString, single, optional, opNone, 0, 0, "", Version10, true, false, nil}},
	{ObjectOSCORE, Version{2, 0}, ResourceDefinition{6, "OSCORE ID Context", TypeString, single, optional, opNone, 0, 0, "", Version11, false, false, nil}},
}

// A loss is a Resource that an Object has no more from a version on.
type loss struct {
	object   ObjectID
	resource ResourceID
	from     Version
}

var losses = []loss{
	{10, 6, Version11}, // it went to Object 11
}

// pastDefinition returns an Object of the table in a version.
func pastDefinition(id ObjectID, v Version) (ObjectDefinition, bool) {
	def, ok := Definition(id)
	if !ok || !slices.Contains(objectVersions[id], v) {
		return ObjectDefinition{}, false
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
