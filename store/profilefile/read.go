package profilefile

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
)

// maxSize of a file, in bytes.
const maxSize = 1 << 20

// A Document is one profile of a file.
type Document struct {
	Profile store.Profile

	file  string
	lines map[string]int
}

// Read returns the profiles in the text of a file; file is its name in errors. An
// error holds every [*Problem] that there is, one for each line of its text.
func Read(file string, b []byte) ([]Document, error) {
	nodes, err := parse(file, b)
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
		r := &reader{file: file, lines: map[string]int{"": n.line}}
		p := r.profile(n)
		if p.Name == "" && len(r.problems) == 0 {
			r.fail(n.line, "name is missing")
		}
		if names[p.Name] {
			r.fail(r.lines["name"], "a second profile with the name %q", p.Name)
		}
		names[p.Name] = true
		problems = append(problems, r.problems...)
		out = append(out, Document{Profile: p, file: file, lines: r.lines})
	}
	if len(problems) > 0 {
		return nil, joined(problems)
	}
	return out, nil
}

// Problem returns the problem with that message at a place of the document, such as
// "accounts[0].uri"; of a place that was not written it is on the line of what
// encloses it.
func (d Document) Problem(place, message string) *Problem {
	at := place
	for {
		if line, ok := d.lines[at]; ok {
			if place != "" {
				message = place + ": " + message
			}
			return &Problem{d.file, line, message}
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
		"secretsOverNoSec":  r.boolean(&p.SecretsOverNoSec),
		"delete":            func(n node, place string) { p.Delete = r.deletePolicy(n, place) },
		"device":            func(n node, place string) { p.Device = r.device(n, place) },
		"accounts": func(n node, place string) {
			r.each(n, place, func(n node, place string) { p.Accounts = append(p.Accounts, r.account(n, place)) })
		},
		"accessControl": func(n node, place string) {
			r.each(n, place, func(n node, place string) { p.AccessControl = append(p.AccessControl, r.accessControl(n, place)) })
		},
		"objects": func(n node, place string) {
			r.each(n, place, func(n node, place string) { p.Objects = append(p.Objects, r.object(n, place)) })
		},
	}, nil)
	return p
}

func (r *reader) account(n node, place string) (a store.Account) {
	storing := true
	r.mapping(n, place, fields{
		"name":            r.str(&a.Name),
		"uri":             r.str(&a.URI),
		"shortServerID":   integer(r, &a.ShortServerID, 1, lwm2m.MaxID-1),
		"security":        r.oneOf(&a.Security, "psk", "rpk", "certificate", "nosec"),
		"identity":        r.str(&a.Identity),
		"key":             func(n node, place string) { r.key(&a.Key, n, place) },
		"keyLength":       integer(r, &a.KeyLength, 1, store.MaxKey),
		"serverPublicKey": func(n node, place string) { r.bytes(&a.ServerPublicKey, n, place) },
		"lifetime":        r.duration(&a.Lifetime),
		"binding":         r.str(&a.Binding),
		"notificationStoring": func(n node, place string) {
			r.boolean(&storing)(n, place)
			a.NotificationStoring = &storing
		},
	}, func(e entry, place string) bool { return r.accountResource(&a, e, place) })
	return a
}

// key takes the words for where a key comes from. A key itself does not belong in a
// profile, and the message does not repeat it.
func (r *reader) key(into *string, n node, place string) {
	switch n.scalar {
	case store.KeyGenerate, store.KeyRenew, store.KeySupplied:
		*into = n.scalar
	default:
		r.fail(n.line, "%s: want generate, renew or supplied: a key of its own is not for a profile but for the device record (lwbs device set --account-key-file)", place)
	}
}

// accountResource reads a Resource of Object 0 or 1 that stands in an account under
// its name.
func (r *reader) accountResource(a *store.Account, e entry, place string) bool {
	for _, of := range []struct {
		object lwm2m.ObjectID
		into   *map[lwm2m.ResourceID]store.Literal
		taken  []string // names of Resources that have a key of their own
	}{
		{lwm2m.ObjectServer, &a.ServerResources, []string{"Short Server ID", "Lifetime", "Notification Storing When Disabled or Offline", "Binding"}},
		{lwm2m.ObjectSecurity, &a.SecurityResources, []string{"LwM2M Server URI", "Bootstrap-Server", "Security Mode", "Secret Key", "Short Server ID"}},
	} {
		def, _ := lwm2m.Definition(of.object)
		d, ok := def.ResourceNamed(e.key)
		if !ok {
			continue
		}
		for _, name := range of.taken {
			if name == d.Name {
				return false
			}
		}
		if !d.Settable() {
			r.fail(e.line, "%s: %s is not for a Bootstrap-Server to write", place, d.Name)
			return true
		}
		if l, ok := r.literal(e.value, place); ok {
			if *of.into == nil {
				*of.into = make(map[lwm2m.ResourceID]store.Literal)
			}
			(*of.into)[d.ID] = l
		}
		return true
	}
	return false
}

// bytes reads "hex:…" or "base64:…".
func (r *reader) bytes(into *[]byte, n node, place string) {
	if !r.want(n, place, text) {
		return
	}
	var err error
	if digits, ok := strings.CutPrefix(n.scalar, "hex:"); ok {
		*into, err = hex.DecodeString(digits)
	} else if digits, ok := strings.CutPrefix(n.scalar, "base64:"); ok {
		*into, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(digits), ""))
	} else {
		err = fmt.Errorf("neither")
	}
	if err != nil {
		r.fail(n.line, "%s: bytes are written as hex:… or base64:…", place)
	}
}

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
				r.lines[at] = e.line
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
	var resources *entry
	r.mapping(n, place, fields{"path": r.path(&o.Path)}, func(e entry, _ string) bool {
		if e.key == "resources" {
			resources = &e
		}
		return e.key == "resources"
	})
	if o.Path.Depth() != 2 {
		r.fail(n.line, "%s: want the path of an Object Instance, such as /3/0", join(place, "path"))
		return o
	}
	if resources == nil {
		r.fail(n.line, "%s: resources are missing", place)
		return o
	}
	def, _ := lwm2m.Definition(o.Path.Object())
	o.Resources = r.resources(resources.value, join(place, "resources"), def)
	return o
}

func (r *reader) deletePolicy(n node, place string) (p store.DeletePolicy) {
	if n.kind != list {
		r.oneOf(&p.Mode, store.DeleteDiscovered, store.DeleteAll, store.DeleteNone)(n, place)
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
		"maxIdentity":    integer(r, &d.MaxIdentity, 0, 1<<16),
		"maxKey":         integer(r, &d.MaxKey, 0, 1<<16),
		"maxURI":         integer(r, &d.MaxURI, 0, 1<<16),
		"ackTimeout":     r.duration(&d.AckTimeout),
	}, nil)
	return d
}
