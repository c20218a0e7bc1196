package profilefile

import (
	"bytes"
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// A Document is one profile of a file.
type Document struct {
	Profile store.Profile

	file  string
	spots map[string]spot
}

// Read returns the profiles in the text of a file; file is its name in errors.
// Resources may have the names that objects knows; nil knows those that are built in. An
// error holds every [*Problem] that there is, one for each line of its text.
func Read(file string, b []byte, objects *object.Registry) ([]Document, error) {
	nodes, err := parse(file, bytes.TrimPrefix(b, []byte("\ufeff")))
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 {
		return nil, &Problem{file, 1, "there is no profile in it"}
	}
	var out []Document
	var problems []*Problem
	names := make(map[string]bool)
	for _, n := range nodes {
		r := &reader{file: file, objects: objects, spots: map[string]spot{"": {line: n.line}}}
		p := r.profile(n)
		name, named := r.spots["name"]
		switch {
		case !named && n.kind == mapping:
			r.fail(n.line, "name is missing")
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
		return nil, joined(problems)
	}
	return out, nil
}

// Problem returns the problem with that message at a place of the profile, such as
// "accounts[0].uri", in the words of the document; of a place that was not written it
// is on the line of what encloses it.
func (d Document) Problem(place, message string) *Problem {
	at := place
	for {
		if s, ok := d.spots[at]; ok {
			if place != "" {
				message = s.written + place[len(at):] + ": " + message
			}
			return &Problem{d.file, s.line, message}
		}
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
}

func (r *reader) profile(n node) (p store.Profile) {
	r.mapping(n, "", fields{
		"name":              r.str(&p.Name),
		"format":            r.oneOf(&p.Format, "auto", "tlv", "senml-json", "senml-cbor", "lwm2m-cbor"),
		"discoverFailed":    r.oneOf(&p.DiscoverFailed, "assume", "fail"),
		"bootstrapInstance": integer(r, &p.BootstrapInstance, 0, lwm2m.MaxID-1),
		"verify":            r.oneOf(&p.Verify, "none", "record", "fail"),
		"pack":              r.oneOf(&p.Pack, "allow", "refuse"),
		"secretsOverNoSec":  r.boolean(&p.SecretsOverNoSec),
		"bootstrapServer":   func(n node, place string) { p.BootstrapServer = r.bootstrapServer(n, place) },
		"delete":            func(n node, place string) { p.Delete = r.deletePolicy(n, place) },
		"noAccessControl":   r.boolean(&p.NoAccessControl),

		// What the admin API tells of a profile besides: it is not the owner's.
		"revision": func(node, string) {},
		"created":  func(node, string) {},
		"updated":  func(node, string) {},
		"device":   func(n node, place string) { p.Device = r.device(n, place) },
		"accounts": func(n node, place string) {
			r.each(n, place, func(n node, place string) { p.Accounts = append(p.Accounts, r.account(n, place)) })
		},
		"accessControl": func(n node, place string) {
			if n.kind == text && n.scalar == noAccessControl {
				p.NoAccessControl = true
				return
			}
			r.each(n, place, func(n node, place string) { p.AccessControl = append(p.AccessControl, r.accessControl(n, place)) })
		},
		"objects": func(n node, place string) {
			r.each(n, place, func(n node, place string) { p.Objects = append(p.Objects, r.object(n, place)) })
		},
	}, nil)
	return p
}

// noAccessControl is the word for deliberately no access control.
const noAccessControl = "none"

func (r *reader) accessControl(n node, place string) (a store.AccessControl) {
	a.Owner = lwm2m.AnyInstance
	r.mapping(n, place, fields{
		"object":   integer(r, &a.Object, 1, lwm2m.MaxID-1),
		"instance": integer(r, &a.Instance, 0, lwm2m.MaxID),
		"owner":    integer(r, &a.Owner, 1, lwm2m.MaxID),
		"rights": func(n node, place string) {
			if !r.want(n, place, mapping) {
				return
			}
			a.Rights = make(map[uint16]uint8, len(n.entries))
			for _, e := range n.entries {
				at := join(place, e.key)
				r.spots[at] = spot{e.line, at}
				var id uint16
				var bits uint8
				integer(r, &id, 0, lwm2m.MaxID-1)(node{kind: number, line: e.line, scalar: e.key}, at)
				integer(r, &bits, 0, 31)(e.value, at)
				a.Rights[id] = bits
			}
		},
	}, nil)
	return a
}

func (r *reader) object(n node, place string) (o store.ObjectValues) {
	var resources *node // read last: their names depend on path and version
	r.mapping(n, place, fields{
		"path":      r.path(&o.Path),
		"version":   r.version(&o.Version),
		"partial":   r.boolean(&o.Partial),
		"resources": func(n node, _ string) { resources = &n },
	}, nil)
	switch path, ok := r.spots[join(place, "path")]; {
	case n.kind != mapping:
	case !ok:
		r.fail(n.line, "%s: path is missing", place)
	case o.Path.Depth() != 2:
		r.fail(path.line, "%s: want the path of an Object Instance, such as /3/0", path.written)
	case resources == nil:
		r.fail(n.line, "%s: resources are missing", place)
	default:
		o.Resources = make(map[lwm2m.ResourceID]store.Literal)
		r.resources(o.Resources, *resources, join(place, "resources"), r.definition(o.Path.Object(), o.Version))
	}
	return o
}

func (r *reader) deletePolicy(n node, place string) (p store.DeletePolicy) {
	if n.kind == mapping { // as the admin API has it
		r.mapping(n, place, fields{
			"mode":  r.oneOf(&p.Mode, store.DeleteDiscovered, store.DeleteReplaced, store.DeleteAll, store.DeleteList, store.DeleteNone),
			"paths": func(n node, place string) { p.Paths = r.deletePolicy(n, place).Paths },
		}, nil)
		return p
	}
	if n.kind != list {
		r.oneOf(&p.Mode, store.DeleteDiscovered, store.DeleteReplaced, store.DeleteAll, store.DeleteNone)(n, place)
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

func (r *reader) device(n node, place string) (d store.DeviceLimits) {
	r.mapping(n, place, fields{
		"emptyResources": r.oneOf(&d.EmptyResources, "write", "omit"),
		"blockSize":      integer(r, &d.BlockSize, 16, 1024),
		"writes":         r.oneOf(&d.Writes, "instance", "object", "resource"),
		"order":          r.oneOf(&d.Order, "security-first", "server-first"),
		"maxPayload":     integer(r, &d.MaxPayload, 0, 1<<16),
		"maxAccounts":    integer(r, &d.MaxAccounts, 0, 1<<16),
		"maxIdentity":    integer(r, &d.MaxIdentity, 0, 1<<16),
		"maxKey":         integer(r, &d.MaxKey, 0, 1<<16),
		"maxURI":         integer(r, &d.MaxURI, 0, 1<<16),
		"ackTimeout":     r.ackTimeout(&d.AckTimeout),
	}, nil)
	return d
}

// ackTimeout is a time span that cannot be zero.
func (r *reader) ackTimeout(into *store.Duration) func(node, string) {
	return func(n node, place string) {
		problems := len(r.problems)
		if r.duration(into)(n, place); *into <= 0 && len(r.problems) == problems {
			r.fail(n.line, "%s: want more than 0: leave it out for 2s", place)
		}
	}
}
