package server

import (
	"fmt"

	"lwbs/bootstrap/admin/wire"
	"lwbs/store"
)

func (s *Server) profiles(r request) (reply, error) {
	n, err := r.limit()
	if err != nil {
		return reply{}, err
	}
	q := store.ProfileQuery{After: r.query.Get("after")}
	return page(r, n, "after", func(limit int, after string) ([]store.Profile, error) {
		q.Limit = limit
		if after != "" {
			q.After = after
		}
		return s.api.Profiles(r.Context(), q)
	}, func(p store.Profile) string { return p.Name })
}

func (s *Server) profile(r request) (reply, error) {
	p, err := s.api.Profile(r.Context(), r.PathValue("name"))
	return reply{body: p, revision: p.Revision}, err
}

func (s *Server) profileRevisions(r request) (reply, error) {
	all, err := s.api.ProfileRevisions(r.Context(), r.PathValue("name"))
	return reply{body: all}, err
}

func (s *Server) applyProfile(r request) (reply, error) {
	var p store.Profile
	rev, err := r.revision()
	if err == nil {
		err = r.body(&p)
	}
	if err == nil && p.Name != r.PathValue("name") {
		err = fmt.Errorf("%w: the profile's name %q is not the one in the path", wire.ErrBadRequest, p.Name)
	}
	if err != nil {
		return reply{}, err
	}
	if p.Revision, err = sameRevision(p.Revision, rev); err != nil {
		return reply{}, err
	}
	o, err := r.applyOptions()
	if err != nil {
		return reply{}, err
	}
	a, err := s.api.ApplyProfile(r.Context(), p, o)
	return reply{body: a, revision: a.Profile.Revision}, err
}

// sameRevision is the revision that an edit is based on, which may be said in its body
// and in If-Match; zero where it is not.
func sameRevision(body, match store.Revision) (store.Revision, error) {
	if body != 0 && match != 0 && body != match {
		return 0, fmt.Errorf("%w: the revision is %d in If-Match and %d in the body", wire.ErrBadRequest, match, body)
	}
	return max(body, match), nil
}

func (s *Server) applyProfiles(r request) (reply, error) {
	var in wire.ApplyRequest
	if err := r.body(&in); err != nil {
		return reply{}, err
	}
	a, err := s.api.ApplyProfiles(r.Context(), in.Profiles, in.ApplyOptions)
	return reply{body: wire.ApplyAnswer{Applied: a}}, err
}

func (s *Server) deleteProfile(r request) (reply, error) {
	rev, err := r.revision()
	if err == nil {
		err = s.api.DeleteProfile(r.Context(), r.PathValue("name"), rev)
	}
	return reply{body: struct{}{}}, err
}
