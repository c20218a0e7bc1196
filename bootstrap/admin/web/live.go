package web

import (
	"bytes"
	"context"
	"encoding/json"
	"html/template"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/web/stream"
	"lwbs/store"
)

// A livePage shows sessions as they run. What happened just before is there already.
type livePage struct {
	Running []store.Session // the newest first
	Recent  []store.Session
	Server  bool
	Failed  bool // only those that failed
}

// maxLive is how many sessions the page begins with.
const maxLive = 40

func (p *Pages) live(r *request) error {
	running, err := p.API.RunningSessions(r.Context())
	if err != nil {
		return err
	}
	status, err := p.API.Status(r.Context())
	if err != nil {
		return err
	}
	page := livePage{Server: status.Server, Failed: r.Form.Get("failed") == "yes"}
	for i := len(running) - 1; i >= 0 && len(page.Running) < maxLive; i-- {
		page.Running = append(page.Running, running[i])
	}
	if page.Recent, err = p.API.Sessions(r.Context(), store.SessionQuery{Limit: maxLive, Failed: page.Failed}); err != nil {
		return err
	}
	if page.Failed {
		page.Running = nil
	}
	return r.show("live", view{Title: "Live", Nav: "live", Command: "lwbs session watch", Body: page, Scripts: []string{"live.js"}, Refresh: 10})
}

// A happening is an event as a page takes it.
type happening struct {
	ID       string        `json:"id"`
	Endpoint string        `json:"endpoint"`
	Failed   bool          `json:"failed"`
	Ended    bool          `json:"ended"`
	Row      template.HTML `json:"row"` // of the table of the live page
}

// watch calls each with the events of the server, rendered.
func (p *Pages) watch(ctx context.Context, each func(stream.Event)) error {
	return p.API.Watch(ctx, admin.WatchOptions{}, func(e admin.Event) error {
		if e.Kind == admin.EventMissed {
			each(stream.Event{Name: stream.Missed, Data: []byte("{}")})
			return nil
		}
		event, err := eventOf(e.Kind, e.Session)
		if err == nil {
			each(event)
		}
		return nil
	})
}

// eventOf renders an event.
func eventOf(kind bootstrap.EventKind, s store.Session) (stream.Event, error) {
	var row bytes.Buffer
	if err := templates["live"].ExecuteTemplate(&row, "live-row", s); err != nil {
		return stream.Event{}, err
	}
	data, err := json.Marshal(happening{s.ID, string(s.Endpoint), s.Cause.Failure() && !s.Ended.IsZero(), !s.Ended.IsZero(), template.HTML(row.Bytes())})
	return stream.Event{Name: string(kind), Key: string(s.Endpoint), Data: data}, err
}

func (p *Pages) serveEvents(r *request) error {
	p.events.Serve(r.w, r.Request, r.owner())
	return nil
}
