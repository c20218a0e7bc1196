package importer

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
)

// assignProfiles gives each imported draft the name of a profile, one name to drafts with the same
// profile, and returns the profiles by name.
func assignProfiles(drafts []draft, prefix string) []store.Profile {
	groups := grouped(drafts)
	named := make(map[string]store.Profile)
	for _, g := range groups {
		p := g.profile
		p.Name = free(g.name(prefix, len(groups) == 1), named)
		named[p.Name] = p
		for _, d := range g.members {
			d.Device.Profile = p.Name
		}
	}
	var out []store.Profile
	for _, name := range slices.Sorted(maps.Keys(named)) {
		out = append(out, named[name])
	}
	return out
}

// A group is a set of drafts that share one profile.
type group struct {
	profile store.Profile
	members []*draft
}

// grouped returns the groups, in the order of their first members. Devices whose server URIs differ
// only in the endpoint name share a profile with a template.
func grouped(drafts []draft) []*group {
	var shapes []shape
	alike := make(map[string]int)  // drafts, by the profile with a template
	kinds := make(map[string]bool) // exact profiles seen
	for i := range drafts {
		if drafts[i].Outcome != Imported {
			continue
		}
		s := shapeOf(&drafts[i])
		shapes = append(shapes, s)
		if !kinds[s.exactKey] {
			kinds[s.exactKey] = true
			alike[s.templateKey]++
		}
	}
	var out []*group
	found := make(map[string]*group)
	for _, s := range shapes {
		key, p := s.exactKey, s.exact
		if alike[s.templateKey] > 1 {
			key, p = s.templateKey, s.template
		}
		g, ok := found[key]
		if !ok {
			g = &group{profile: p}
			found[key] = g
			out = append(out, g)
		}
		g.members = append(g.members, s.draft)
	}
	return out
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
	switch first := g.members[0].Device.Endpoint; {
	case only && first != "":
		return prefix
	case len(g.members) == 1 && first != "":
		what = string(first)
	case len(g.profile.Accounts) > 0 && first != "":
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
