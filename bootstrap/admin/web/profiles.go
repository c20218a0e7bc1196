package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/store"
	"lwbs/store/profilefile"
)

// A profileList is a page of profiles.
type profileList struct {
	Profiles []store.Profile
	Next     string
}

func (p *Pages) profiles(r *request) error {
	all, err := p.API.Profiles(r.Context(), store.ProfileQuery{After: r.Form.Get("after"), Limit: perPage})
	if err != nil {
		return err
	}
	l := profileList{Profiles: all}
	if len(all) == perPage {
		l.Next = link("/profiles", "after", all[perPage-1].Name)
	}
	return r.show("profiles", view{Title: "Profiles", Nav: "profiles", Command: "lwbs profile list", Body: l})
}

// A profilePage is one revision of a profile.
type profilePage struct {
	Name      string
	Shown     store.Profile
	Now       store.Profile
	YAML      string
	Revisions []store.Profile // the newest first
	Against   store.Revision  // what Shown is compared with; zero for none
	Diff      []profile.Difference
	SameGiven bool // devices are given the same by both
	Sample    *admin.Preview
	SampleOf  string // the device that it is the plan of
	Unsent    string
}

func (p *Pages) profile(r *request) error {
	all, err := p.API.ProfileRevisions(r.Context(), r.FormValue("name"))
	if err != nil {
		return err
	}
	page := &profilePage{Name: all[0].Name, Now: all[0], Shown: all[0], Revisions: all}
	if page.Shown, err = revisionOf(all, r.Form.Get("revision"), all[0]); err != nil {
		return err
	}
	command := shellCommand("lwbs", "profile", "get", page.Name)
	if i := slices.IndexFunc(all, func(q store.Profile) bool { return q.Revision == page.Shown.Revision }); i+1 < len(all) || r.Form.Get("against") != "" {
		before, err := revisionOf(all, r.Form.Get("against"), all[min(i+1, len(all)-1)])
		if err != nil {
			return err
		}
		page.Against, page.Diff = before.Revision, profile.Diff(before, page.Shown)
		page.SameGiven = profile.ContentOf(before) == profile.ContentOf(page.Shown)
		if page.Shown.Revision != page.Now.Revision || r.Form.Get("against") != "" {
			command = shellCommand("lwbs", "profile", "diff", page.Name, before.Revision, page.Shown.Revision)
		}
	}
	if page.YAML, err = yamlOf(page.Shown); err != nil {
		return err
	}
	if page.Sample, page.SampleOf, page.Unsent, err = p.sample(r, page.Shown); err != nil {
		return err
	}
	return r.show("profile", view{Title: page.Name, Nav: "profiles", Command: command, Body: page})
}

// revisionOf is the revision that text names, or another where it is empty.
func revisionOf(all []store.Profile, text string, other store.Profile) (store.Profile, error) {
	if text == "" {
		return other, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	i := slices.IndexFunc(all, func(p store.Profile) bool { return uint64(p.Revision) == n })
	if err != nil || i < 0 {
		return other, fmt.Errorf("profile %q: revision %.20q: %w: %d to %d are kept", other.Name, text, store.ErrNotFound, all[len(all)-1].Revision, all[0].Revision)
	}
	return all[i], nil
}

func yamlOf(p store.Profile) (string, error) {
	b, err := profilefile.Write(p)
	return string(b), err
}

// sample is what the first device of a profile would be sent by it. Unsent is why there is nothing to tell.
func (p *Pages) sample(r *request, of store.Profile) (preview *admin.Preview, device, unsent string, err error) {
	first, err := p.API.Devices(r.Context(), admin.DeviceQuery{Limit: 1, DeviceFilter: admin.DeviceFilter{Profile: of.Name}})
	if err != nil {
		return nil, "", "", err
	}
	if len(first) > 0 {
		device = string(first[0].Endpoint)
	}
	made, err := p.API.Preview(r.Context(), lwEndpoint(device), admin.PreviewOptions{With: &of})
	if err != nil && isAboutRecords(err) {
		return nil, device, err.Error(), nil
	}
	return &made, device, "", err
}

// An editorPage edits a profile as a file.
type editorPage struct {
	Name     string // of the profile that is edited; empty for a new one
	Revision store.Revision
	YAML     string
	Lines    []int // of YAML
	Check    *profileCheck
}

// template0 is where a new profile begins.
const newProfile = `name: meter
accounts:
  - name: main
    uri: coaps://lwm2m.example.com:5684
    shortServerID: 101
    lifetime: 24h
`

func (p *Pages) editor(r *request) error {
	page := &editorPage{YAML: newProfile}
	if name := r.FormValue("name"); name != "" {
		all, err := p.API.ProfileRevisions(r.Context(), name)
		if err != nil {
			return err
		}
		shown, err := revisionOf(all, r.Form.Get("revision"), all[0])
		if err != nil {
			return err
		}
		page.Name, page.Revision = name, all[0].Revision
		if page.YAML, err = yamlOf(shown); err != nil {
			return err
		}
	}
	return p.showEditor(r, http.StatusOK, page)
}

func (p *Pages) showEditor(r *request, status int, page *editorPage) error {
	if page.Check == nil {
		page.Check = p.check(r, page)
	}
	page.count()
	v := view{Title: "New profile", Nav: "profiles", Command: "lwbs profile apply -f profile.yaml", Body: page, Scripts: []string{"profile.js"}}
	if page.Name != "" {
		v.Title = "Edit " + page.Name
	}
	r.render(status, "editor", v)
	return nil
}
