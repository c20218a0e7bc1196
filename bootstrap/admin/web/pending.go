package web

import (
	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
)

// A pendingPage lists unknown devices that wait for approval.
type pendingPage struct {
	Devices  []admin.PendingDevice
	Waiting  int
	Profiles []string
	Server   bool
	Limit    int // of those listed
	More     int
}

// maxPending is how many pending devices a page lists.
const maxPending = 100

func (p *Pages) pending(r *request) error {
	all, err := p.API.PendingDevices(r.Context())
	if err != nil {
		return err
	}
	status, err := p.API.Status(r.Context())
	if err != nil {
		return err
	}
	list := pendingPage{Devices: all[:min(len(all), maxPending)], Server: status.Server, Limit: maxPending, More: max(0, len(all)-maxPending)}
	for _, d := range all {
		if d.Session != "" {
			list.Waiting++
		}
	}
	if r.who.Role >= editRole {
		if list.Profiles, err = p.profileNames(r); err != nil {
			return err
		}
	}
	return r.show("pending", view{
		Title: "Pending devices", Nav: "pending", Command: "lwbs pending list", Body: list,
		Renew: "session-parked session-approved session-ended", Refresh: 10,
	})
}

func (p *Pages) approve(r *request) error {
	a := admin.Approval{Endpoint: lwm2m.EndpointName(r.text("endpoint")), Profile: r.text("profile")}
	d, err := p.API.ApprovePending(r.Context(), r.FormValue("id"), a)
	if err != nil {
		return err
	}
	return r.see("/device", "approved", "name", string(d.Endpoint))
}

func (p *Pages) reject(r *request) error {
	if _, err := p.API.RejectPending(r.Context(), r.FormValue("id")); err != nil {
		return err
	}
	return r.see("/pending", "rejected")
}
