package server

import "lwbs/bootstrap/admin"

func (s *Server) pendingDevices(r request) (reply, error) {
	all, err := s.api.PendingDevices(r.Context())
	return reply{body: all}, err
}

func (s *Server) approvePending(r request) (reply, error) {
	var a admin.Approval
	if err := r.body(&a); err != nil {
		return reply{}, err
	}
	d, err := s.api.ApprovePending(r.Context(), r.PathValue("id"), a)
	return reply{body: d, revision: d.Revision}, err
}

func (s *Server) rejectPending(r request) (reply, error) {
	p, err := s.api.RejectPending(r.Context(), r.PathValue("id"))
	return reply{body: p}, err
}
