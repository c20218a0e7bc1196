package server

import (
	"fmt"
	"net/http"
	"strconv"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/lwm2m"
	"lwbs/store"
)

// filterParameters are those of [admin.DeviceFilter].
var filterParameters = []string{"expiresBefore", "group", "notSeenSince", "prefix", "profile", "rotating", "seenSince", "state", "tag"}

func (s *Server) devices(r request) (reply, error) {
	n, err := r.limit()
	if err != nil {
		return reply{}, err
	}
	q := admin.DeviceQuery{After: lwm2m.EndpointName(r.query.Get("after"))}
	if q.DeviceFilter, err = r.deviceFilter(); err != nil {
		return reply{}, err
	}
	return page(r, n, "after", func(limit int, after string) ([]admin.Device, error) {
		q.Limit = limit
		if after != "" {
			q.After = lwm2m.EndpointName(after)
		}
		return s.api.Devices(r.Context(), q)
	}, func(d admin.Device) string { return string(d.Endpoint) })
}

func (s *Server) fleet(r request) (reply, error) {
	f, err := r.deviceFilter()
	if err != nil {
		return reply{}, err
	}
	count, err := s.api.CountDevices(r.Context(), f)
	return reply{body: count}, err
}

// deviceFilter reads the parameters of [admin.DeviceFilter].
func (r request) deviceFilter() (f admin.DeviceFilter, err error) {
	f = admin.DeviceFilter{Prefix: r.query.Get("prefix"), Profile: r.query.Get("profile"), Tag: r.query.Get("tag"), Group: r.query.Get("group")}
	if text := r.query.Get("state"); text != "" {
		if f.State, err = admin.ParseDeviceState(text); err != nil {
			return f, fmt.Errorf("%w: state: %w", wire.ErrBadRequest, err)
		}
	}
	if f.SeenSince, err = r.moment("seenSince"); err == nil {
		f.NotSeenSince, err = r.moment("notSeenSince")
	}
	if err == nil {
		f.Rotating, err = r.boolean("rotating")
	}
	if err == nil {
		f.ExpiresBefore, err = r.moment("expiresBefore")
	}
	return f, err
}

func (s *Server) preview(r request) (reply, error) {
	var o admin.PreviewOptions
	if err := r.body(&o); err != nil {
		return reply{}, err
	}
	v, err := s.api.Preview(r.Context(), r.endpoint(), o)
	return reply{body: v}, err
}

func (s *Server) renameDevice(r request) (reply, error) {
	var rename wire.RenameRequest
	rev, err := r.revision()
	if err == nil {
		err = r.body(&rename)
	}
	if err != nil {
		return reply{}, err
	}
	d, err := s.api.RenameDevice(r.Context(), r.endpoint(), rename.To, rev)
	return reply{body: d, revision: d.Revision}, err
}

// beginBulk answers POST /v1/bulk.
func (s *Server) beginBulk(r request) (reply, error) {
	var b admin.Bulk
	if err := r.body(&b); err != nil {
		return reply{}, err
	}
	id, err := s.api.BeginBulk(r.Context(), b)
	return reply{body: wire.Bulk{ID: id}}, err
}

// endBulk answers POST /v1/bulk/{id}/end.
func (s *Server) endBulk(r request) (reply, error) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		return reply{}, fmt.Errorf("%w: %s is no number of an edit", wire.ErrBadRequest, wire.Quoted(r.PathValue("id")))
	}
	return reply{body: struct{}{}}, s.api.EndBulk(r.Context(), store.AuditID(id))
}

// withBulk is r with the edit of many devices that it says it belongs to.
func withBulk(r *http.Request) *http.Request {
	id, err := strconv.ParseUint(r.Header.Get(wire.BulkHeader), 10, 64)
	if err != nil {
		return r
	}
	return r.WithContext(admin.WithBulk(r.Context(), store.AuditID(id)))
}
