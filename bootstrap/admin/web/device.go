package web

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/web/ladder"
	"lwbs/bootstrap/admin/why"
	"lwbs/bootstrap/admin/wire"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A devicePage is one device: why it is as it is, its last session, its record.
type devicePage struct {
	admin.Device
	Why      why.Answer
	Verdict  *verdict
	Shown    *store.Session // whose ladder is drawn; nil for none
	Ladder   template.HTML
	Sessions []store.Session // the newest last, as a strip
	Preview  *admin.Preview
	Unsent   string // why there is no preview
	Servers  []string
	Revealed bool
	Made     bool // the keys were made just now
	QR       template.HTML
	Accounts []account
	DueText  string
	Profiles []string
}

// An account is one of a device, with its name.
type account struct {
	Name string
	admin.Account
}

// A verdict is the sentence on top: what is the matter with the device.
type verdict struct {
	State  admin.DeviceState
	When   time.Time
	Reason why.Reason
	Text   string
	Remedy string
	Since  []why.Reason // newer attempts under its name that nothing proves to be its own
}

// strip is how many older sessions a device page shows.
const strip = 30

func (p *Pages) device(r *request) error {
	d, err := p.API.Device(r.Context(), r.endpoint(), false)
	if errors.Is(err, store.ErrNotFound) {
		return p.unknownDevice(r, string(r.endpoint()))
	}
	if err != nil {
		return err
	}
	return p.showDevice(r, &devicePage{Device: d}, false)
}

// unknownDevice tells what is known of a name that no device has.
func (p *Pages) unknownDevice(r *request, name string) error {
	answer, err := p.API.Why(r.Context(), name, 5)
	if err != nil {
		return err
	}
	if answer.Endpoint != "" && string(answer.Endpoint) != name {
		return r.see("/device", "", "name", string(answer.Endpoint))
	}
	r.render(http.StatusNotFound, "unknown", view{
		Title: "No such device", Nav: "devices", Command: shellCommand("lwbs", "why", lwm2m.EndpointName(name)), Body: answer,
	})
	return nil
}

// showDevice shows a device, of which d.Device is known.
func (p *Pages) showDevice(r *request, d *devicePage, secret bool) error {
	ctx, ep := r.Context(), d.Endpoint
	var err error
	if d.Why, err = p.API.Why(ctx, string(ep), 3); err != nil {
		return err
	}
	d.judge()
	if d.Sessions, err = p.API.Sessions(ctx, store.SessionQuery{Endpoint: ep, Limit: strip}); err != nil {
		return err
	}
	slices.Reverse(d.Sessions)
	if d.Shown != nil {
		d.Ladder = ladder.Draw(*d.Shown)
	}
	switch preview, err := p.API.Preview(ctx, ep, admin.PreviewOptions{}); {
	case err == nil:
		d.Preview = &preview
	case errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrNotFound):
		d.Unsent = err.Error()
	default:
		return err
	}
	status, err := p.API.Status(ctx)
	if err != nil {
		return err
	}
	d.Servers = addressesFor(status.Listens, r.Host, d.NoSec)
	d.QR = qrCode(string(ep))
	for _, name := range slices.Sorted(maps.Keys(d.Device.Accounts)) {
		d.Accounts = append(d.Accounts, account{name, d.Device.Accounts[name]})
	}
	var due []string
	for _, reason := range d.Due {
		due = append(due, dueWords[reason])
	}
	d.DueText = strings.Join(due, "; ")
	if r.who.Role >= editRole {
		if d.Profiles, err = p.profileNames(r); err != nil {
			return err
		}
	}
	v := view{Title: string(ep), Nav: "devices", Command: shellCommand("lwbs", "why", ep), Body: d, Secret: secret}
	if !secret {
		v.Renew, v.Key = "session-started operation session-ended session-approved session-queued", string(ep)
	}
	return r.show("device", v)
}

var dueWords = map[profile.DueReason]string{
	profile.DueProfile: "its profile gives something else since", profile.DueRecord: "its record gives something else since",
	profile.DueRotation: "other keys were asked for", profile.DueAge: "a key is older than its profile permits",
}

// judge sets what is told first: of the session that is running, of the newest attempt that is its own, of
// that it never came.
func (d *devicePage) judge() {
	v := &verdict{State: d.State}
	switch {
	case d.Why.Running != nil:
		v.Reason = *d.Why.Running
	case d.Why.Never != nil:
		v.Text, v.Remedy = d.Why.Never.Happened, d.Why.Never.Remedy
	case len(d.Why.Attempts) > 0:
		v.Reason = d.Why.Attempts[0]
		for i, a := range d.Why.Attempts {
			if a.Session.Endpoint == d.Endpoint && a.Session.Proof.Counts() {
				v.Reason, v.Since = a, d.Why.Attempts[:i]
				break
			}
		}
	default:
		return
	}
	if s := v.Reason.Session; s.ID != "" {
		v.Text, v.Remedy, v.When = v.Reason.Happened, v.Reason.Remedy, s.Ended
		if v.When.IsZero() {
			v.When = s.Started
		}
		d.Shown = &s
	}
	d.Verdict = v
}

// addressesFor are the addresses that a device comes to: those of the listeners, where a listener of all
// interfaces has the host that the browser used. Noted is whether plain CoAP is meant.
func addressesFor(listens []string, host string, plain bool) (all []string) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	for _, l := range listens {
		scheme, address, _ := strings.Cut(l, "://")
		if plain != (scheme == "coap") {
			continue
		}
		name, port, err := net.SplitHostPort(address)
		if ip := net.ParseIP(name); err == nil && ip != nil && ip.IsUnspecified() {
			name = cmp.Or(host, "HOST")
		}
		all = append(all, scheme+"://"+net.JoinHostPort(name, port))
	}
	return all
}

// reveal shows a device with its keys. It is a POST, so that no link, history or prefetch does it.
func (p *Pages) reveal(r *request) error {
	d, err := p.API.Device(r.Context(), r.endpoint(), true)
	if err != nil {
		return err
	}
	return p.showDevice(r, &devicePage{Device: d, Revealed: true}, true)
}

// editDevice changes one device as a form says.
func (p *Pages) editDevice(r *request) error {
	rev, err := r.revision()
	if err != nil {
		return err
	}
	var set admin.DeviceSettings
	did := r.FormValue("do")
	switch did {
	case "enabled", "disabled":
		set.Disabled = new(did == "disabled")
	case "rotate":
		set.Rotate = []string{admin.RotateAll}
	case "edited":
		name, note := r.text("profile"), r.text("note")
		tags := fields(r.FormValue("tags"))
		set.Profile, set.Note, set.Tags = &name, &note, &tags
	default:
		return fmt.Errorf("%w: the form does not say what is to be done", wire.ErrBadRequest)
	}
	if _, err := p.API.SetDevice(r.Context(), r.endpoint(), rev, set); err != nil {
		return err
	}
	return r.see("/device", did, "name", string(r.endpoint()))
}

// fields are the words of a list with commas or spaces between.
func fields(text string) []string {
	out := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	if out == nil {
		out = []string{}
	}
	return out
}

// askDelete asks whether a device is to be deleted.
func (p *Pages) askDelete(r *request) error {
	d, err := p.API.Device(r.Context(), r.endpoint(), false)
	if err != nil {
		return err
	}
	return r.show("delete", view{Title: "Delete a device", Nav: "devices", Command: shellCommand("lwbs", "device", "delete", d.Endpoint), Body: d})
}

func (p *Pages) deleteDevice(r *request) error {
	rev, err := r.revision()
	if err != nil {
		return err
	}
	if err := p.API.DeleteDevice(r.Context(), r.endpoint(), rev); err != nil {
		return err
	}
	return r.see("/devices", "deleted")
}

// A sessionPage is one attempt.
type sessionPage struct {
	Reason why.Reason
	store.Session
	Ladder template.HTML
}

func (p *Pages) session(r *request) error {
	reason, err := p.API.Explain(r.Context(), r.FormValue("id"))
	if err != nil {
		return err
	}
	s := reason.Session
	v := view{Title: "Session " + s.ID, Nav: "devices", Command: shellCommand("lwbs", "session", "get", s.ID), Body: sessionPage{reason, s, ladder.Draw(s)}}
	if s.Ended.IsZero() {
		v.Renew, v.Key, v.Refresh = "operation session-ended session-approved session-queued", string(s.Endpoint), 5
	}
	return r.show("session", v)
}
