package web

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"lwbs/bootstrap/admin/wire"
	"lwbs/store"
)

// An auditPage tells who changed or revealed what.
type auditPage struct {
	Entries              []store.AuditEntry
	Name, Action, Target string
	Since                string // a span
	Next, Export         string
}

func (p *Pages) audit(r *request) error {
	q, page, err := auditQuery(r, time.Now())
	if err != nil {
		return err
	}
	q.Limit = perPage
	if page.Entries, err = p.API.Audit(r.Context(), q); err != nil {
		return err
	}
	names := []any{"name", page.Name, "action", page.Action, "target", page.Target, "since", page.Since}
	page.Export = link("/audit.jsonl", names...)
	if n := len(page.Entries); n == perPage {
		page.Next = link("/audit", append(names, "before", page.Entries[n-1].ID)...)
	}
	words := []any{"lwbs", "audit", "list"}
	for _, o := range [][2]string{{"name", page.Name}, {"action", page.Action}, {"target", page.Target}} {
		if o[1] != "" {
			words = append(words, "--"+o[0], o[1])
		}
	}
	return r.show("audit", view{Title: "Audit", Nav: "audit", Command: shellCommand(words...), Body: page})
}

// auditQuery reads which entries are asked for.
func auditQuery(r *request, now time.Time) (q store.AuditQuery, page *auditPage, err error) {
	page = &auditPage{Name: r.text("name"), Action: r.text("action"), Target: r.FormValue("target"), Since: r.text("since")}
	q = store.AuditQuery{Name: page.Name, Action: page.Action, Target: page.Target}
	if page.Since != "" {
		d, err := parseSpan(page.Since)
		if err != nil {
			return q, page, err
		}
		q.Since = now.Add(-d)
	}
	if before := r.FormValue("before"); before != "" {
		n, err := strconv.ParseUint(before, 10, 64)
		if err != nil {
			return q, page, fmt.Errorf("%w: %.20q is not the number of an entry", wire.ErrBadRequest, before)
		}
		q.Before = store.AuditID(n)
	}
	return q, page, nil
}

// auditLines is the audit as JSON lines, the newest first.
func (p *Pages) auditLines(r *request) error {
	q, _, err := auditQuery(r, time.Now())
	if err != nil {
		return err
	}
	q.Limit = 1000
	page, err := p.API.Audit(r.Context(), q)
	if err != nil {
		return err
	}
	h := r.w.Header()
	h.Set("Content-Type", "application/jsonl; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="audit.jsonl"`)
	out := bufio.NewWriter(r.w)
	lines := json.NewEncoder(out)
	for err == nil {
		for _, e := range page {
			if err := lines.Encode(e); err != nil {
				return nil // the browser has gone
			}
		}
		if len(page) < q.Limit {
			return out.Flush()
		}
		_ = http.NewResponseController(r.w).SetWriteDeadline(time.Now().Add(pageTime))
		q.Before = page[len(page)-1].ID
		page, err = p.API.Audit(r.Context(), q)
	}
	_ = out.Flush()
	panic(http.ErrAbortHandler) // so that the browser does not take a part for all
}
