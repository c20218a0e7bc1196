package server

import (
	"context"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/lwm2m"
	"lwbs/store"
)

func (s *Server) outboxReceivers(r request) (reply, error) {
	all, err := s.api.OutboxReceivers(r.Context())
	return reply{body: orEmpty(all)}, err
}

func (s *Server) messages(r request) (reply, error) {
	q := store.MessageQuery{Receiver: r.query.Get("receiver"), Endpoint: lwm2m.EndpointName(r.query.Get("endpoint"))}
	var err error
	if q.Dead, err = r.boolean("dead"); err != nil {
		return reply{}, err
	}
	if after := r.query.Get("after"); after != "" {
		if q.After, err = wire.ParseCursor(after); err != nil {
			return reply{}, err
		}
	}
	n, err := r.limit()
	if err != nil {
		return reply{}, err
	}
	return page(r, n, "after", func(limit int, after string) ([]admin.Message, error) {
		q.Limit = limit
		if after != "" {
			if q.After, err = wire.ParseCursor(after); err != nil {
				return nil, err
			}
		}
		return s.api.Messages(r.Context(), q)
	}, func(m admin.Message) string {
		return wire.FormatCursor(store.MessageCursor{Receiver: m.Receiver, ID: m.ID})
	})
}

func (s *Server) message(r request) (reply, error) {
	id, err := store.ParseMessageID(r.PathValue("id"))
	if err != nil {
		return reply{}, err
	}
	m, err := s.api.Message(r.Context(), id)
	return reply{body: m}, err
}

func (s *Server) retryMessages(r request) (reply, error) { return withMessages(r, s.api.RetryMessages) }
func (s *Server) dropMessages(r request) (reply, error)  { return withMessages(r, s.api.DropMessages) }

func withMessages(r request, do func(context.Context, admin.MessageFilter) (int, error)) (reply, error) {
	var f admin.MessageFilter
	if err := r.body(&f); err != nil {
		return reply{}, err
	}
	n, err := do(r.Context(), f)
	return reply{body: wire.MessagesDone{Messages: n}}, err
}
