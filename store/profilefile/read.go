package profilefile

import (
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/grammar"
	"lwbs/store/yamltree"
)

// A Document is one profile of a file.
type Document struct {
	Profile store.Profile

	file  string
	spots map[string]spot
}

// Read returns the profiles in the text of a file; file is its name in errors. Objects has the names
// of Resources; nil stands for the built-in ones. The error has every [*Problem], one a line.
func Read(file string, b []byte, objects *object.Registry) ([]Document, error) {
	nodes, problems := yamltree.Parse(file, b)
	if len(problems) > 0 {
		return nil, yamltree.Joined(problems)
	}
	if len(nodes) == 0 {
		return nil, &Problem{File: file, Line: 1, Message: "there is no profile in it"}
	}
	var out []Document
	names := make(map[string]bool)
	for _, n := range nodes {
		r := &reader{file: file, objects: objects, spots: map[string]spot{"": {line: n.Line}}}
		p := r.profile(n)
		name, named := r.spots["name"]
		switch {
		case !named && n.Kind == mapping:
			r.fail(n.Line, "name is missing")
		case p.Name == "" && len(r.problems) == 0:
			r.fail(name.line, "name is empty")
		case p.Name != "" && names[p.Name]:
			r.fail(name.line, "name: a second profile with the name %q", p.Name)
		}
		names[p.Name] = true
		problems = append(problems, r.problems...)
		out = append(out, Document{Profile: p, file: file, spots: r.spots})
	}
	if len(problems) > 0 {
		return nil, yamltree.Joined(problems)
	}
	return out, nil
}

// Problem returns the problem with that message at a place of the profile, such as
// "accounts[0].uri", as the document spells it. For a place that the document does not have, the
// line is that of the enclosing one.
func (d Document) Problem(place, message string) *Problem {
	at := place
	for {
		if s, ok := d.spots[at]; ok {
			if place != "" {
				message = s.written + place[len(at):] + ": " + message
			}
			return &Problem{File: d.file, Line: s.line, Message: message}
		}
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
}

func (r *reader) profile(n node) (p store.Profile) {
	r.mapping(n, "", r.fieldsOf(grammar.Profile, &p, fields{
		"bootstrapServer": func(n node, place string) { p.BootstrapServer = r.bootstrapServer(n, place) },
		"delete":          func(n node, place string) { p.Delete = r.deletePolicy(n, place) },
		"accounts": func(n node, place string) {
			r.each(n, place, func(n node, place string) { p.Accounts = append(p.Accounts, r.account(n, place)) })
		},
		"accessControl": func(n node, place string) {
			if n.Kind == text && n.Scalar == noAccessControl {
				p.NoAccessControl = true
				return
			}
			r.each(n, place, func(n node, place string) { p.AccessControl = append(p.AccessControl, r.accessControl(n, place)) })
		},
		"objects": func(n node, place string) {
			r.each(n, place, func(n node, place string) { p.Objects = append(p.Objects, r.object(n, place)) })
		},

		// Members of the admin API that are not read: the owner does not set the times.
		"noAccessControl": r.boolean(&p.NoAccessControl),
		"revision":        func(node, string) {},
		"created":         func(node, string) {},
		"updated":         func(node, string) {},
	}), nil)
	return p
}

// noAccessControl is the word for access control that is left out deliberately.
const noAccessControl = "none"

func (r *reader) accessControl(n node, place string) (a store.AccessControl) {
	a.Owner = lwm2m.AnyInstance
	r.mapping(n, place, r.fieldsOf(grammar.AccessControl, &a, fields{
		"rights": func(n node, place string) { a.Rights = r.rights(n, place) },
	}), nil)
	return a
}

// rights reads access rights by Short Server ID.
func (r *reader) rights(n node, place string) map[uint16]uint8 {
	if !r.want(n, place, mapping) {
		return nil
	}
	rights := make(map[uint16]uint8, len(n.Entries))
	for _, e := range n.Entries {
		at := join(place, e.Key)
		r.spots[at] = spot{e.Line, at}
		id, _ := r.integer(node{Kind: number, Line: e.Line, Scalar: e.Key}, at, 0, lwm2m.MaxID-1)
		bits, _ := r.integer(e.Value, at, 0, lwm2m.AllRights)
		rights[uint16(id)] = uint8(bits)
	}
	return rights
}

func (r *reader) object(n node, place string) (o store.ObjectValues) {
	var resources *node // read last: their names depend on path and version
	r.mapping(n, place, r.fieldsOf(grammar.Object, &o, fields{
		"resources": func(n node, _ string) { resources = &n },
	}), nil)
	switch path, ok := r.spots[join(place, "path")]; {
	case n.Kind != mapping:
	case !ok:
		r.fail(n.Line, "%s: path is missing", place)
	case o.Path.Depth() != 2:
		r.fail(path.line, "%s: want the path of an Object Instance, such as /3/0", path.written)
	case resources == nil:
		r.fail(n.Line, "%s: resources are missing", place)
	default:
		o.Resources = make(map[lwm2m.ResourceID]store.Literal)
		r.resources(o.Resources, *resources, join(place, "resources"), r.definition(o.Path.Object(), o.Version))
	}
	return o
}

func (r *reader) deletePolicy(n node, place string) (p store.DeletePolicy) {
	rule, _ := grammar.Profile.Key("delete")
	if n.Kind == mapping { // the form of the admin API
		r.mapping(n, place, fields{
			"mode":  r.oneOf(&p.Mode, append(rule.Words, store.DeleteList)...),
			"paths": func(n node, place string) { p.Paths = r.deletePolicy(n, place).Paths },
		}, nil)
		return p
	}
	if n.Kind != list {
		r.oneOf(&p.Mode, rule.Words...)(n, place)
		return p
	}
	p.Mode = store.DeleteList
	r.each(n, place, func(n node, place string) {
		var path lwm2m.Path
		r.path(&path)(n, place)
		p.Paths = append(p.Paths, path)
	})
	return p
}
