package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/profilefile"
)

// A profileCheck is what is known of a profile before it is saved.
type profileCheck struct {
	Marks    []mistake // errors, in the order of their lines
	Warnings []mistake
	Name     string
	Impact   *profile.Impact // nil where no device has it
	Harms    bool            // devices lose something
	Created  bool            // there is no profile of this name yet
	Same     bool            // nothing differs from what is saved
	Sample   *admin.Preview
	SampleOf string
	Unsent   string
	Limits   store.DeviceLimits
}

// A mistake is something about a line of a profile; line zero is about all of it.
type mistake struct {
	Line int
	Text string
}

// OK reports whether it can be saved.
func (c *profileCheck) OK() bool { return len(c.Marks) == 0 }

// Marked reports whether a line has a mistake, for the numbers beside it.
func (e *editorPage) Marked(line int) bool {
	for _, m := range e.Check.Marks {
		if m.Line == line {
			return true
		}
	}
	return false
}

// maxLines is how many line numbers stand beside a profile; of a longer one the marks tell theirs.
const maxLines = 2000

func (e *editorPage) count() {
	n := min(1+strings.Count(strings.TrimSuffix(e.YAML, "\n"), "\n"), maxLines)
	e.Lines = make([]int, n)
	for i := range e.Lines {
		e.Lines[i] = i + 1
	}
}

// Rows is how high the field is, in lines.
func (e *editorPage) Rows() int { return max(16, len(e.Lines)+1) }

// formFile stands for the form in messages, where it would be the name of a file.
const formFile = "profile"

// check finds out what is wrong with a profile, and what it would mean. It changes nothing.
func (p *Pages) check(r *request, e *editorPage) *profileCheck {
	c := new(profileCheck)
	doc, err := p.document(e.YAML)
	if err != nil {
		c.Marks = mistakesOf(err)
		return c
	}
	q := doc.Profile
	q.Revision = e.Revision
	c.Name, c.Limits = q.Name, q.Device
	if q.Name != e.Name {
		q.Revision = 0
	}
	if err := q.Validate(); err != nil {
		c.Marks = []mistake{{Text: err.Error()}}
		return c
	}
	for _, f := range profile.Check(q, p.Objects) {
		problem := doc.Problem(f.Place, f.Message)
		if f.Warning {
			c.Warnings = append(c.Warnings, mistake{problem.Line, problem.Message})
		} else {
			c.Marks = append(c.Marks, mistake{problem.Line, problem.Message})
		}
	}
	if !c.OK() {
		return c
	}
	applied, err := p.API.ApplyProfile(r.Context(), q, admin.ApplyOptions{DryRun: true, Examine: examined})
	invalid := new(admin.InvalidError)
	switch {
	case errors.As(err, &invalid):
		for _, f := range invalid.Findings {
			problem := doc.Problem(f.Place, f.Message)
			c.Marks = append(c.Marks, mistake{problem.Line, problem.Message})
		}
		return c
	case err != nil:
		c.Marks = []mistake{{Text: err.Error()}}
		return c
	}
	c.Impact, c.Same = applied.Impact, applied.Unchanged
	c.Harms = c.Impact != nil && !c.Impact.Harmless()
	if _, err := p.API.Profile(r.Context(), q.Name); errors.Is(err, store.ErrNotFound) {
		c.Created = true
	}
	if c.Sample, c.SampleOf, c.Unsent, err = p.sample(r, q); err != nil {
		c.Unsent = err.Error()
	}
	return c
}

// examined is how many devices of a profile are looked at while it is edited; more when it is saved.
const examined = 500

// document reads the one profile of a form.
func (p *Pages) document(text string) (profilefile.Document, error) {
	docs, err := profilefile.Read(formFile, []byte(text), p.Objects)
	if err != nil {
		return profilefile.Document{}, err
	}
	if len(docs) > 1 {
		return profilefile.Document{}, docs[1].Problem("", "a second profile: a page edits one; lwbs profile apply takes files with several")
	}
	return docs[0], nil
}

// mistakesOf are the problems that an error of profilefile has, one for each.
func mistakesOf(err error) (all []mistake) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range several.Unwrap() {
			all = append(all, mistakesOf(e)...)
		}
		return all
	}
	if problem := new(profilefile.Problem); errors.As(err, &problem) {
		return []mistake{{problem.Line, problem.Message}}
	}
	return []mistake{{Text: err.Error()}}
}

// formOf reads the form of the editor.
func (r *request) formOf() *editorPage {
	e := &editorPage{Name: r.FormValue("name"), YAML: strings.ReplaceAll(r.FormValue("yaml"), "\r\n", "\n")}
	n, _ := strconv.ParseUint(r.FormValue("revision"), 10, 64)
	e.Revision = store.Revision(n)
	return e
}

// checkProfile answers with the part of the editor that tells of the check.
func (p *Pages) checkProfile(r *request) error {
	e := r.formOf()
	e.Check = p.check(r, e)
	e.count()
	r.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	return templates["editor"].ExecuteTemplate(r.w, "check", e)
}

// saveProfile saves a profile, or shows it with what is wrong with it.
func (p *Pages) saveProfile(r *request) error {
	e := r.formOf()
	e.Check = p.check(r, e)
	permitted := r.FormValue("all-the-same") == "yes"
	if r.FormValue("do") == "check" || !e.Check.OK() || e.Check.Harms && !permitted {
		status := http.StatusOK
		if !e.Check.OK() {
			status = http.StatusUnprocessableEntity
		}
		return p.showEditor(r, status, e)
	}
	doc, err := p.document(e.YAML)
	if err != nil {
		return err
	}
	q := doc.Profile
	if q.Revision = e.Revision; q.Name != e.Name {
		// A new profile, which must not replace one that somebody else has made meanwhile.
		if _, err := p.API.Profile(r.Context(), q.Name); err == nil {
			return fmt.Errorf("profile %q: %w: open it, and edit it there", q.Name, store.ErrExists)
		}
		q.Revision = 0
	}
	applied, err := p.API.ApplyProfile(r.Context(), q, admin.ApplyOptions{ReplaceKeys: permitted, AllowFailing: permitted})
	if harm := new(admin.HarmError); errors.As(err, &harm) {
		e.Check.Impact, e.Check.Harms = &harm.Harms[0].Impact, true
		return p.showEditor(r, http.StatusConflict, e)
	}
	if errors.Is(err, store.ErrConflict) { // what was typed is not lost
		e.Check.Marks = []mistake{{Text: "Somebody else changed it since this page was opened, and nothing is saved: open the profile in another tab, and bring both together there."}}
		return p.showEditor(r, http.StatusPreconditionFailed, e)
	}
	if err != nil {
		return err
	}
	did := "saved"
	if applied.Unchanged {
		did = "same"
	}
	return r.see("/profile", did, "name", q.Name)
}

func lwEndpoint(name string) lwm2m.EndpointName { return lwm2m.EndpointName(name) }

// isAboutRecords reports whether an error says that the records make no sense together, and not that they
// could not be read.
func isAboutRecords(err error) bool {
	return errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrNotFound)
}
