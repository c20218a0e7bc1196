package server

import (
	"lwbs/bootstrap/admin"
)

func (s *Server) groups(r request) (reply, error) {
	all, err := s.api.Groups(r.Context())
	return reply{body: all}, err
}

func (s *Server) group(r request) (reply, error) {
	reveal, err := r.boolean("reveal")
	if err != nil {
		return reply{}, err
	}
	g, err := s.api.Group(r.Context(), r.PathValue("name"), reveal)
	return reply{body: g, revision: g.Revision}, err
}

func (s *Server) addGroup(r request) (reply, error) {
	var set admin.GroupSettings
	if err := r.body(&set); err != nil {
		return reply{}, err
	}
	g, err := s.api.AddGroup(r.Context(), r.PathValue("name"), set)
	return reply{body: g, revision: g.Revision}, err
}

func (s *Server) setGroup(r request) (reply, error) {
	var set admin.GroupSettings
	rev, err := r.revision()
	if err == nil {
		err = r.body(&set)
	}
	if err != nil {
		return reply{}, err
	}
	g, err := s.api.SetGroup(r.Context(), r.PathValue("name"), rev, set)
	return reply{body: g, revision: g.Revision}, err
}

func (s *Server) deleteGroup(r request) (reply, error) {
	rev, err := r.revision()
	if err == nil {
		err = s.api.DeleteGroup(r.Context(), r.PathValue("name"), rev)
	}
	return reply{body: struct{}{}}, err
}
