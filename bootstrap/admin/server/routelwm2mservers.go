package server

import (
	"lwbs/bootstrap/admin"
)

func (s *Server) lwm2mServers(r request) (reply, error) {
	all, err := s.api.LwM2MServers(r.Context())
	return reply{body: all}, err
}

func (s *Server) lwm2mServer(r request) (reply, error) {
	reveal, err := r.boolean("reveal")
	if err != nil {
		return reply{}, err
	}
	v, err := s.api.LwM2MServer(r.Context(), r.PathValue("name"), reveal)
	return reply{body: v, revision: v.Revision}, err
}

func (s *Server) addLwM2MServer(r request) (reply, error) {
	var set admin.LwM2MServerSettings
	if err := r.body(&set); err != nil {
		return reply{}, err
	}
	v, err := s.api.AddLwM2MServer(r.Context(), r.PathValue("name"), set)
	return reply{body: v, revision: v.Revision}, err
}

func (s *Server) setLwM2MServer(r request) (reply, error) {
	var set admin.LwM2MServerSettings
	rev, err := r.revision()
	if err == nil {
		err = r.body(&set)
	}
	if err != nil {
		return reply{}, err
	}
	v, err := s.api.SetLwM2MServer(r.Context(), r.PathValue("name"), rev, set)
	return reply{body: v, revision: v.Revision}, err
}

func (s *Server) deleteLwM2MServer(r request) (reply, error) {
	rev, err := r.revision()
	if err == nil {
		err = s.api.DeleteLwM2MServer(r.Context(), r.PathValue("name"), rev)
	}
	return reply{body: struct{}{}}, err
}

func (s *Server) testLwM2MServer(r request) (reply, error) {
	t, err := s.api.TestLwM2MServer(r.Context(), r.PathValue("name"))
	return reply{body: t}, err
}
