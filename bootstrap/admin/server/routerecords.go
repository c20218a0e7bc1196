package server

import (
	"context"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A records answers the routes of records of one kind that have a name of type K and a revision. V is a record
// as it is shown, and S what an edit of it changes.
type records[K ~string, V, S any] struct {
	name     string // of the segment of the path that is the name
	add      func(admin.API, context.Context, K, S) (V, error)
	set      func(admin.API, context.Context, K, store.Revision, S) (V, error)
	get      func(admin.API, context.Context, K, bool) (V, error)
	remove   func(admin.API, context.Context, K, store.Revision) error
	revision func(V) store.Revision
}

var (
	devices = records[lwm2m.EndpointName, admin.Device, admin.DeviceSettings]{
		"endpoint", admin.API.AddDevice, admin.API.SetDevice, admin.API.Device, admin.API.DeleteDevice,
		func(d admin.Device) store.Revision { return d.Revision },
	}
	groups = records[string, admin.Group, admin.GroupSettings]{
		"name", admin.API.AddGroup, admin.API.SetGroup, admin.API.Group, admin.API.DeleteGroup,
		func(g admin.Group) store.Revision { return g.Revision },
	}
	lwm2mServers = records[string, admin.LwM2MServer, admin.LwM2MServerSettings]{
		"name", admin.API.AddLwM2MServer, admin.API.SetLwM2MServer, admin.API.LwM2MServer, admin.API.DeleteLwM2MServer,
		func(s admin.LwM2MServer) store.Revision { return s.Revision },
	}
)

// key is the name in the path of a request.
func (k records[K, V, S]) key(r request) K { return K(r.PathValue(k.name)) }

func (k records[K, V, S]) reply(v V, err error) (reply, error) {
	return reply{body: v, revision: k.revision(v)}, err
}

// post answers POST, which makes a record.
func (k records[K, V, S]) post(s *Server, r request) (reply, error) {
	var set S
	if err := r.body(&set); err != nil {
		return reply{}, err
	}
	return k.reply(k.add(s.api, r.Context(), k.key(r), set))
}

// patch answers PATCH, which changes one.
func (k records[K, V, S]) patch(s *Server, r request) (reply, error) {
	var set S
	rev, err := r.revision()
	if err == nil {
		err = r.body(&set)
	}
	if err != nil {
		return reply{}, err
	}
	return k.reply(k.set(s.api, r.Context(), k.key(r), rev, set))
}

// read answers GET, with secrets where the query asks for them.
func (k records[K, V, S]) read(s *Server, r request) (reply, error) {
	reveal, err := r.boolean("reveal")
	if err != nil {
		return reply{}, err
	}
	return k.reply(k.get(s.api, r.Context(), k.key(r), reveal))
}

// delete answers DELETE.
func (k records[K, V, S]) delete(s *Server, r request) (reply, error) {
	rev, err := r.revision()
	if err == nil {
		err = k.remove(s.api, r.Context(), k.key(r), rev)
	}
	return reply{body: struct{}{}}, err
}

// groups answers GET /v1/groups.
func (s *Server) groups(r request) (reply, error) {
	all, err := s.api.Groups(r.Context())
	return reply{body: all}, err
}

// lwm2mServers answers GET /v1/lwm2m-servers.
func (s *Server) lwm2mServers(r request) (reply, error) {
	all, err := s.api.LwM2MServers(r.Context())
	return reply{body: all}, err
}

// testLwM2MServer answers POST /v1/lwm2m-servers/{name}/test.
func (s *Server) testLwM2MServer(r request) (reply, error) {
	t, err := s.api.TestLwM2MServer(r.Context(), r.PathValue("name"))
	return reply{body: t}, err
}
