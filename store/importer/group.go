package importer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"net/url"
	"slices"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Shapes find out which entries share a profile. Devices whose server URIs differ only in the endpoint
// name share one with a template.
type shapes struct {
	seed  maphash.Seed
	kinds map[uint64]bool   // exact profiles that were seen, by a hash
	kin   map[uint64]*kin   // by a hash of the profile with a template
	named map[uint64]string // by either hash
	n     int               // entries
}

// A kin is the exact profiles that one with a template stands for.
type kin struct {
	group
	exact  int      // how many there are of them that no other kin had before
	groups []*group // of each; none as soon as they are one group
}

// A group is a set of entries that share one profile.
type group struct {
	profile          store.Profile
	hash             uint64
	entries, devices int
	first            lwm2m.EndpointName // of its first member
	order            int                // of that, among the entries
}

func newShapes() *shapes {
	return &shapes{seed: maphash.MakeSeed(), kinds: make(map[uint64]bool), kin: make(map[uint64]*kin), named: make(map[uint64]string)}
}

// note counts an entry.
func (x *shapes) note(s shape) {
	exact, template := maphash.String(x.seed, s.exactKey), maphash.String(x.seed, s.templateKey)
	x.n++
	one := group{hash: exact, entries: 1, first: s.draft.Device.Endpoint, order: x.n}
	if one.first != "" {
		one.devices = 1
	}
	k := x.kin[template]
	if k == nil {
		k = &kin{group: group{profile: s.template, hash: template}}
		x.kin[template] = k
	}
	if !x.kinds[exact] {
		x.kinds[exact] = true
		k.exact++
	}
	if k.exact > 1 {
		for _, g := range k.groups {
			k.join(*g)
		}
		k.groups = nil
		k.join(one)
		return
	}
	for _, g := range k.groups {
		if g.hash == exact {
			g.join(one)
			return
		}
	}
	one.profile = s.exact
	k.groups = append(k.groups, &one)
}

// join adds the members of another group, whose profile is not looked at.
func (g *group) join(other group) {
	if g.entries == 0 || other.order < g.order {
		g.first, g.order = other.first, other.order
	}
	g.entries += other.entries
	g.devices += other.devices
}

// groups are those that there are when all entries were noted, in the order of their first members.
func (x *shapes) groups() []*group {
	var out []*group
	exact := make(map[uint64]*group)
	for _, k := range x.kin {
		if k.exact > 1 {
			out = append(out, &k.group)
			continue
		}
		for _, g := range k.groups {
			if same := exact[g.hash]; same != nil {
				same.join(*g)
				continue
			}
			exact[g.hash] = g
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b *group) int { return cmp.Compare(a.order, b.order) })
	return out
}

// name gives each group the name of a profile, and returns the profiles by name.
func (x *shapes) name(prefix string) []Profile {
	groups := x.groups()
	named := make(map[string]Profile)
	for _, g := range groups {
		p := Profile{g.profile, g.entries, g.devices}
		p.Name = free(g.name(prefix, len(groups) == 1), named)
		named[p.Name], x.named[g.hash] = p, p.Name
	}
	var out []Profile
	for _, name := range slices.Sorted(maps.Keys(named)) {
		out = append(out, named[name])
	}
	return out
}

// nameOf is the name of the profile of an entry.
func (x *shapes) nameOf(s shape) string {
	template := maphash.String(x.seed, s.templateKey)
	if k := x.kin[template]; k != nil && k.exact > 1 {
		return x.named[template]
	}
	return x.named[maphash.String(x.seed, s.exactKey)]
}

// A shape is a draft's profile as it stands, and with a template for the endpoint name.
type shape struct {
	draft                 *draft
	exact, template       store.Profile
	exactKey, templateKey string
}

func shapeOf(d *draft) shape {
	// If the other server gave no access control to several accounts, none is wanted.
	d.profile.NoAccessControl = len(d.profile.Accounts) > 1 && len(d.profile.AccessControl) == 0
	s := shape{draft: d, exact: d.profile, template: d.profile}
	s.exact.Accounts, s.template.Accounts = slices.Clone(d.profile.Accounts), slices.Clone(d.profile.Accounts)
	for i, a := range d.profile.Accounts {
		s.exact.Accounts[i].URI = literally(a.URI)
		s.template.Accounts[i].URI = templated(a.URI, d.Device.Endpoint)
	}
	s.exactKey, s.templateKey = keyOf(s.exact), keyOf(s.template)
	return s
}

// keyOf returns a text that is equal for equal profiles.
func keyOf(p store.Profile) string {
	b, err := json.Marshal(p)
	if err != nil {
		return err.Error() // of a value that is nothing, which no reader makes
	}
	return string(b)
}

// literally returns the template that gives text.
func literally(text string) string { return strings.ReplaceAll(text, "{{", `{{"{{"}}`) }

// templated returns the template that gives uri for this endpoint.
func templated(uri string, ep lwm2m.EndpointName) string {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || ep == "" {
		return literally(uri)
	}
	parts := strings.Split(rest, string(ep))
	for i := range parts {
		parts[i] = literally(parts[i])
	}
	return literally(scheme) + "://" + strings.Join(parts, "{{.Endpoint}}")
}

// name returns the name of the group's profile: after the only device that has it, else after the
// LwM2M Server.
func (g *group) name(prefix string, only bool) string {
	what := "any"
	switch {
	case only && g.first != "":
		return prefix
	case g.entries == 1 && g.first != "":
		what = string(g.first)
	case len(g.profile.Accounts) > 0 && g.first != "":
		what = hostOf(g.profile.Accounts[0].URI)
	}
	name := prefix + "-" + what
	if (store.Profile{Name: name}).Validate() != nil {
		return prefix
	}
	return name
}

func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" {
		return "server"
	}
	return u.Hostname()
}

// free returns name, with a number behind it where it is taken.
func free[T any](name string, taken map[string]T) string {
	out := name
	for n := 2; ; n++ {
		if _, ok := taken[out]; !ok {
			return out
		}
		out = fmt.Sprintf("%s-%d", name, n)
	}
}
