package web

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/lwm2m"
	"lwbs/store"
)

// perPage is how many devices, or sessions, a page lists.
const perPage = 50

// A filter selects devices. All of it stands in the address of a page.
type filter struct {
	Search  string // the beginning of an endpoint name; a whole identity or fingerprint, or its beginning
	Profile string
	Tag     string
	Group   string
	State   string // a state, or "rotating"
	Seen    string // a span: came within it
	Unseen  string // a span: has not come for it
	Expires string // a span: has a certificate that expires within it
}

// rotating stands among the states of a filter.
const rotating = "rotating"

func filterOf(v url.Values) filter {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	return filter{get("q"), get("profile"), get("tag"), get("group"), get("state"), get("seen"), get("unseen"), get("expires")}
}

// values are f as it stands in an address.
func (f filter) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"q": f.Search, "profile": f.Profile, "tag": f.Tag, "group": f.Group, "state": f.State, "seen": f.Seen, "unseen": f.Unseen, "expires": f.Expires} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// Fields are the names and values of f, for hidden fields of a form.
func (f filter) Fields() url.Values { return f.values() }

// Empty reports whether f selects all devices.
func (f filter) Empty() bool { return f == filter{} }

// More reports whether f has a part that is in the second row of the form.
func (f filter) More() bool { return f.Group+f.Seen+f.Unseen+f.Expires != "" }

// selection is f as the API takes it.
func (f filter) selection(now time.Time) (s admin.DeviceFilter, err error) {
	s = admin.DeviceFilter{Prefix: f.Search, Profile: f.Profile, Tag: f.Tag, Group: f.Group}
	if s.Rotating = f.State == rotating; !s.Rotating && f.State != "" {
		if s.State, err = admin.ParseDeviceState(f.State); err != nil {
			return s, fmt.Errorf("%w: %w or rotating", wire.ErrBadRequest, err)
		}
	}
	for _, part := range []struct {
		text string
		to   *time.Time
		sign time.Duration
	}{{f.Seen, &s.SeenSince, -1}, {f.Unseen, &s.NotSeenSince, -1}, {f.Expires, &s.ExpiresBefore, 1}} {
		if part.text == "" {
			continue
		}
		d, err := parseSpan(part.text)
		if err != nil {
			return s, err
		}
		*part.to = now.Add(part.sign * d)
	}
	return s, nil
}

// parseSpan reads a span of time such as 90m, 36h or 7d.
func parseSpan(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, is := strings.CutSuffix(text, "d"); is && err != nil {
		var n uint64
		if n, err = strconv.ParseUint(days, 10, 16); err == nil {
			d = time.Duration(n) * 24 * time.Hour
		}
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%w: %.40q is not a time such as 90m, 36h or 7d", wire.ErrBadRequest, text)
	}
	return d, nil
}

// options are those of the command line for the same filter, behind a command; where is for commands that take
// --where.
func (f filter) options(where bool) (words []any) {
	for _, o := range []struct{ name, value string }{
		{"prefix", f.Search}, {"profile", f.Profile}, {"tag", f.Tag}, {"group", f.Group}, {"state", f.State},
		{"seen-within", f.Seen}, {"not-seen-for", f.Unseen}, {"expires-within", f.Expires},
	} {
		switch {
		case o.value == "":
		case where:
			words = append(words, "--where", o.name+"="+o.value)
		default:
			words = append(words, "--"+o.name, o.value)
		}
	}
	return words
}

// A list is a page of devices.
type list struct {
	Filter   filter
	States   []string
	Profiles []string
	Rows     iter.Seq[admin.Device]
	Total    int // devices in the database

	// Known while the rows are shown, or behind them.
	Shown   int
	Next    string // the address of the next page; empty for none
	First   string // that of the first page; empty where this is it
	Failure string // why there are no more rows

	// Likely are devices that have what was searched for as an identity, or the beginning of one, or a similar name.
	// Where there was no time to compare it with all names, Similar is the address of the page that does.
	Likely  []likely
	Similar string
}

// A likely is a device that a search may have meant.
type likely struct {
	Endpoint lwm2m.EndpointName
	Identity string
}

func (p *Pages) devices(r *request) error {
	f := filterOf(r.Form)
	selected, err := f.selection(time.Now())
	if err != nil {
		return err
	}
	status, err := p.API.Status(r.Context())
	if err != nil {
		return err
	}
	l := &list{Filter: f, Total: status.Store.Devices}
	for _, s := range admin.DeviceStates() {
		l.States = append(l.States, string(s))
	}
	l.States = append(l.States, rotating)
	if l.Profiles, err = p.profileNames(r); err != nil {
		return err
	}
	after := lwm2m.EndpointName(r.Form.Get("after"))
	if after != "" {
		l.First = "/devices?" + f.values().Encode()
	}
	v := view{Title: "Devices", Nav: "devices", Body: l, Command: shellCommand(append([]any{"lwbs", "device", "list"}, f.options(false)...)...)}
	if selected.NeedsHistory() {
		return p.search(r, l, selected, after, v)
	}
	page, err := p.API.Devices(r.Context(), admin.DeviceQuery{After: after, Limit: perPage, DeviceFilter: selected})
	if err != nil {
		return err
	}
	if f.Search != "" && after == "" && len(page) < perPage { // else there is enough to look at
		if err = p.likely(r, l, page); err != nil {
			return err
		}
	}
	l.Rows = l.each(page)
	if len(page) == perPage {
		l.next(page[perPage-1].Endpoint)
	}
	return r.show("devices", v)
}

// next sets the address of the page behind a device.
func (l *list) next(last lwm2m.EndpointName) {
	v := l.Filter.values()
	v.Set("after", string(last))
	l.Next = "/devices?" + v.Encode()
}

func (l *list) each(page []admin.Device) iter.Seq[admin.Device] {
	return func(yield func(admin.Device) bool) {
		for _, d := range page {
			if l.Shown++; !yield(d) {
				return
			}
		}
	}
}

// searchStep is how many devices are searched for at a time: the page shows them as they are found.
const searchStep = 25

// search shows the devices that can only be found by looking at each, as they are found.
func (p *Pages) search(r *request, l *list, selected admin.DeviceFilter, after lwm2m.EndpointName, v view) error {
	select {
	case p.searches <- struct{}{}:
		defer func() { <-p.searches }()
	case <-time.After(patience):
		r.w.Header().Set("Retry-After", "10")
		p.refuse(r.w, r.Request, http.StatusServiceUnavailable, "Other searches through all devices are under way: wait until they are done, or filter by name, profile or tag only.")
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	}
	out := newFlushing(r)
	l.Rows = func(yield func(admin.Device) bool) {
		for l.Shown < perPage {
			out.flush()
			page, err := p.API.Devices(r.Context(), admin.DeviceQuery{After: after, Limit: searchStep, DeviceFilter: selected})
			if err != nil {
				l.Failure = wire.ProblemOf(err).Detail
				return
			}
			for _, d := range page {
				if l.Shown++; !yield(d) {
					return
				}
				after = d.Endpoint
			}
			if len(page) < searchStep {
				return
			}
		}
		l.next(after)
	}
	r.complete(&v)
	err := templates["devices"].ExecuteTemplate(out, "layout", v)
	out.close()
	if err != nil && r.Context().Err() == nil {
		p.Log.ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
	}
	return nil
}

// similarTime is for how long a page waits for similar names, which takes as long as there are names. The form has
// similarKey where it is to wait until all are compared.
const (
	similarTime = 40 * time.Millisecond
	similarKey  = "similar"
)

// likely adds devices that have what was searched for as an identity or fingerprint, or as its beginning, or that have a
// similar name, and are not on the page.
func (p *Pages) likely(r *request, l *list, page []admin.Device) error {
	ctx := r.Context()
	if r.Form.Get(similarKey) != "all" {
		short, cancel := context.WithTimeout(ctx, similarTime)
		defer cancel()
		ctx = short
	}
	answer, err := p.API.Why(ctx, l.Filter.Search, 1)
	switch {
	case ctx.Err() != nil && r.Context().Err() == nil:
		v := l.Filter.values()
		v.Set(similarKey, "all")
		l.Similar = "/devices?" + v.Encode()
		return nil
	case err != nil:
		return err
	}
	found := answer.Near
	if answer.Endpoint != "" && answer.Identity != "" {
		found = append([]store.NearDevice{{Endpoint: answer.Endpoint, Identity: answer.Identity}}, found...)
	}
	shown := make(map[lwm2m.EndpointName]bool)
	for _, d := range page {
		shown[d.Endpoint] = true
	}
	for _, d := range found {
		if !shown[d.Endpoint] {
			shown[d.Endpoint] = true
			l.Likely = append(l.Likely, likely{d.Endpoint, d.Identity})
		}
	}
	return nil
}

// maxNames is how many profiles are offered where one is chosen; another can be typed.
const maxNames = 200

// profileNames are the names of the first profiles.
func (p *Pages) profileNames(r *request) (names []string, err error) {
	all, err := p.API.Profiles(r.Context(), store.ProfileQuery{Limit: maxNames})
	for _, profile := range all {
		names = append(names, profile.Name)
	}
	return names, err
}
