package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A bulkAction is what is done with many devices.
type bulkAction struct {
	Name   string // in the form
	Do     string // before "3 devices"
	Done   string
	Needs  string // a value that it takes: "tag" or "profile"; empty for none
	Warns  string // what to think of before
	Danger bool

	// set is the edit; nil deletes.
	set func(value string) admin.DeviceSettings

	// command is that of the command line, with the options for the value.
	command func(value string) []any
}

var bulkActions = []bulkAction{
	{Name: "rotate", Do: "give other keys to", Done: "asked for other keys for", Warns: "Each is given them at its next bootstrap.",
		set:     func(string) admin.DeviceSettings { return admin.DeviceSettings{Rotate: []string{admin.RotateAll}} },
		command: func(string) []any { return []any{"rotate"} }},
	{Name: "disable", Do: "disable", Done: "disabled", Warns: "They are refused until they are enabled again.",
		set:     func(string) admin.DeviceSettings { return admin.DeviceSettings{Disabled: new(true)} },
		command: func(string) []any { return []any{"disable"} }},
	{Name: "enable", Do: "enable", Done: "enabled",
		set:     func(string) admin.DeviceSettings { return admin.DeviceSettings{Disabled: new(false)} },
		command: func(string) []any { return []any{"enable"} }},
	{Name: "tag", Do: "add a tag to", Done: "added the tag to", Needs: "tag",
		set:     func(v string) admin.DeviceSettings { return admin.DeviceSettings{AddTags: []string{v}} },
		command: func(v string) []any { return []any{"set", "--add-tag", v} }},
	{Name: "untag", Do: "remove a tag from", Done: "removed the tag from", Needs: "tag",
		set:     func(v string) admin.DeviceSettings { return admin.DeviceSettings{RemoveTags: []string{v}} },
		command: func(v string) []any { return []any{"set", "--remove-tag", v} }},
	{Name: "profile", Do: "give another profile to", Done: "gave the profile to", Needs: "profile", Warns: "They are given what it says at their next bootstrap.",
		set:     func(v string) admin.DeviceSettings { return admin.DeviceSettings{Profile: &v} },
		command: func(v string) []any { return []any{"set", "--profile", v} }},
	{Name: "delete", Do: "delete", Done: "deleted", Danger: true, Warns: "Their keys are gone with them: a device that comes again is unknown then.",
		command: func(string) []any { return []any{"delete"} }},
}

const (
	// maxBulk is how many devices are edited at once from a page; the command line has no such limit.
	maxBulk = 10_000

	// bulkForm is the size of a form with as many names as a page lists.
	bulkForm = perPage*(3*lwm2m.MaxEndpointName+40) + smallForm

	bulkAtOnce = 32 // edits that are under way at a time
	maxRefused = 20 // refusals that are told one by one
)

// A bulkPage asks for a confirmation, or tells what was done.
type bulkPage struct {
	Action   bulkAction
	Value    string
	Filter   filter
	All      bool     // all that the filter selects
	Picked   []string // else these: revision and name
	Names    []string // the first ones
	Devices  int      // that it hits
	TooMany  bool
	Asked    bool // it was confirmed
	Done     int
	Changed  int // by somebody else meanwhile, and left
	Refused  int
	Refusals []string
	Command  string
}

func (p *Pages) bulk(r *request) error {
	b, err := bulkOf(r)
	if err != nil {
		return err
	}
	selected, err := b.Filter.selection(time.Now())
	if err != nil {
		return err
	}
	words := append([]any{"lwbs", "device"}, b.Action.command(b.Value)...)
	if b.All {
		b.Command = shellCommand(append(words, b.Filter.options(true)...)...)
	}
	if !b.All {
		b.Devices = len(b.Picked)
		for _, pick := range b.Picked[:min(len(b.Picked), 10)] {
			_, name, _ := strings.Cut(pick, ":")
			b.Names = append(b.Names, name)
		}
		if len(b.Picked) == 1 {
			b.Command = shellCommand(append(words, lwm2m.EndpointName(b.Names[0]))...)
		}
	} else if b.Devices, err = p.selectedDevices(r, b.Filter, selected); err != nil {
		return err
	}
	b.TooMany = b.Devices > maxBulk
	if b.Asked = r.FormValue("confirmed") == "yes"; b.Asked && !b.TooMany {
		if err := p.noted(r, b, func() error { return p.runBulk(r, b, selected) }); err != nil {
			return err
		}
	}
	return r.show("bulk", view{Title: "Devices", Nav: "devices", Command: b.Command, Body: b})
}

// noted does an edit of many devices as one entry of the audit.
func (p *Pages) noted(r *request, b *bulkPage, do func() error) error {
	note := admin.Bulk{Action: admin.BulkSet, Detail: b.Action.Name}
	if b.Action.set == nil {
		note.Action = admin.BulkDelete
	}
	if b.Value != "" {
		note.Detail += " " + b.Value
	}
	if note.Detail += ", those that were picked"; b.All {
		note.Detail = strings.TrimSuffix(note.Detail, ", those that were picked") + ", with " + url.Values(b.Filter.Fields()).Encode()
	}
	return admin.RunBulk(r.Context(), p.API, note, func(ctx context.Context) error {
		r.Request = r.Request.WithContext(ctx)
		return do()
	})
}

// bulkOf reads the form of a bulk action.
func bulkOf(r *request) (*bulkPage, error) {
	b := &bulkPage{Filter: filterOf(r.PostForm), All: r.FormValue("all") == "yes", Picked: r.PostForm["pick"]}
	for _, a := range bulkActions {
		if a.Name == r.FormValue("action") {
			b.Action = a
		}
	}
	if b.Action.Name == "" {
		return nil, fmt.Errorf("%w: choose what is to be done with the devices", wire.ErrBadRequest)
	}
	if b.Action.Needs != "" {
		if b.Value = r.text(b.Action.Needs + "-value"); b.Value == "" {
			return nil, fmt.Errorf("%w: to %s devices, say which %s", wire.ErrBadRequest, b.Action.Do, b.Action.Needs)
		}
	}
	if !b.All && len(b.Picked) == 0 {
		return nil, fmt.Errorf("%w: choose devices first, or all that the filter selects", wire.ErrBadRequest)
	}
	return b, nil
}

// selectedDevices is how many devices a filter selects.
func (p *Pages) selectedDevices(r *request, f filter, selected admin.DeviceFilter) (int, error) {
	if f.Empty() {
		s, err := p.API.Status(r.Context())
		return s.Store.Devices, err
	}
	count, err := p.API.CountDevices(r.Context(), selected)
	return count.Devices, err
}

// runBulk does it.
func (p *Pages) runBulk(r *request, b *bulkPage, selected admin.DeviceFilter) error {
	if b.Action.Needs == "profile" {
		if _, err := p.API.Profile(r.Context(), b.Value); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, bulkAtOnce)
	each := func(ep lwm2m.EndpointName, rev store.Revision) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			err := p.bulkEdit(r, b, ep, rev)
			mu.Lock()
			defer mu.Unlock()
			b.note(ep, err)
		})
	}
	defer group.Wait()
	if !b.All {
		for _, pick := range b.Picked {
			rev, name, _ := strings.Cut(pick, ":")
			n, err := strconv.ParseUint(rev, 10, 64)
			if err != nil {
				return fmt.Errorf("%w: the form was not made by this page", wire.ErrBadRequest)
			}
			each(lwm2m.EndpointName(name), store.Revision(n))
		}
		return nil
	}
	_ = http.NewResponseController(r.w).SetWriteDeadline(time.Now().Add(pageTime))
	q := admin.DeviceQuery{Limit: 1000, DeviceFilter: selected}
	for edited := 0; edited < maxBulk; {
		page, err := p.API.Devices(r.Context(), q)
		if err != nil {
			return err
		}
		for _, d := range page {
			each(d.Endpoint, d.Revision)
			edited++
			q.After = d.Endpoint
		}
		if len(page) < q.Limit {
			return nil
		}
	}
	return nil
}

// bulkEdit edits one of the devices, unless somebody else has edited it since it was selected.
func (p *Pages) bulkEdit(r *request, b *bulkPage, ep lwm2m.EndpointName, rev store.Revision) error {
	if b.Action.set == nil {
		return p.API.DeleteDevice(r.Context(), ep, rev)
	}
	_, err := p.API.SetDevice(r.Context(), ep, rev, b.Action.set(b.Value))
	return err
}

// note counts what became of one.
func (b *bulkPage) note(ep lwm2m.EndpointName, err error) {
	switch {
	case err == nil:
		b.Done++
	case errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound):
		b.Changed++
	default:
		b.Refused++
		if len(b.Refusals) < maxRefused {
			b.Refusals = append(b.Refusals, fmt.Sprintf("%s: %v", ep, err))
		}
	}
}

// Back is the address of the list that the devices were chosen from.
func (b *bulkPage) Back() string { return "/devices?" + url.Values(b.Filter.Fields()).Encode() }
