package server

import (
	"lwbs/bootstrap/admin/why"
	"lwbs/lwm2m"
	"lwbs/store"
)

func (s *Server) sessions(r request) (reply, error) {
	n, err := r.limit()
	if err != nil {
		return reply{}, err
	}
	q := store.SessionQuery{
		Endpoint: lwm2m.EndpointName(r.query.Get("endpoint")), Identity: r.query.Get("identity"),
		Before: r.query.Get("before"),
	}
	for _, f := range []struct {
		name  string
		value *bool
	}{{"failed", &q.Failed}, {"own", &q.Own}, {"unknown", &q.Unknown}} {
		if *f.value, err = r.boolean(f.name); err != nil {
			return reply{}, err
		}
	}
	return page(r, n, "before", func(limit int, before string) ([]store.Session, error) {
		q.Limit = limit
		if before != "" {
			q.Before = before
		}
		return s.api.Sessions(r.Context(), q)
	}, func(s store.Session) string { return s.ID })
}

func (s *Server) explanation(r request) (reply, error) {
	reason, err := s.api.Explain(r.Context(), r.PathValue("id"))
	return reply{body: reason}, err
}

func (s *Server) why(r request) (reply, error) {
	n := 0
	if r.query.Get("limit") != "" {
		var err error
		if n, err = r.limit(); err != nil {
			return reply{}, err
		}
	}
	why, err := s.api.Why(r.Context(), r.PathValue("name"), n)
	return reply{body: why}, err
}

func (s *Server) runningSessions(r request) (reply, error) {
	running, err := s.api.RunningSessions(r.Context())
	return reply{body: running}, err
}

func (s *Server) failures(r request) (reply, error) {
	n, err := r.number("examples", why.MaxFailureExamples)
	if err != nil {
		return reply{}, err
	}
	f, err := s.api.Failures(r.Context(), n)
	return reply{body: f}, err
}

func (s *Server) session(r request) (reply, error) {
	session, err := s.api.Session(r.Context(), r.PathValue("id"))
	return reply{body: session}, err
}
