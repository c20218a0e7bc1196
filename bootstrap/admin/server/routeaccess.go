package server

import (
	"context"
	"fmt"
	"strconv"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/store"
)

// users answers the routes of one user. Nothing of a user can be revealed.
var users = records[string, admin.User, admin.UserSettings]{
	"name", admin.API.AddUser, admin.API.SetUser,
	func(api admin.API, ctx context.Context, name string, _ bool) (admin.User, error) {
		return api.User(ctx, name)
	},
	admin.API.DeleteUser,
	func(u admin.User) store.Revision { return u.Revision },
}

// users answers GET /v1/users.
func (s *Server) users(r request) (reply, error) {
	all, err := s.api.Users(r.Context())
	return reply{body: orEmpty(all)}, err
}

// tokens answers GET /v1/tokens.
func (s *Server) tokens(r request) (reply, error) {
	all, err := s.api.Tokens(r.Context())
	return reply{body: orEmpty(all)}, err
}

func (s *Server) createToken(r request) (reply, error) {
	var set admin.TokenSettings
	if err := r.body(&set); err != nil {
		return reply{}, err
	}
	t, err := s.api.CreateToken(r.Context(), r.PathValue("name"), set)
	return reply{body: t, revision: t.Revision}, err
}

func (s *Server) revokeToken(r request) (reply, error) {
	rev, err := r.revision()
	if err == nil {
		err = s.api.RevokeToken(r.Context(), r.PathValue("name"), rev)
	}
	return reply{body: struct{}{}}, err
}

func (s *Server) principal(r request) (reply, error) {
	p, err := s.api.Whoami(r.Context())
	return reply{body: p}, err
}

// changePassword answers POST /v1/principal/password.
func (s *Server) changePassword(r request) (reply, error) {
	var c admin.PasswordChange
	if err := r.body(&c); err != nil {
		return reply{}, err
	}
	u, err := s.api.ChangePassword(r.Context(), c)
	return reply{body: u, revision: u.Revision}, err
}

// audit answers GET /v1/audit.
func (s *Server) audit(r request) (reply, error) {
	q := store.AuditQuery{Name: r.query.Get("name"), Action: r.query.Get("action"), Target: r.query.Get("target")}
	n, err := r.limit()
	if err == nil {
		q.Since, err = r.moment("since")
	}
	if err == nil {
		q.Until, err = r.moment("until")
	}
	if err == nil {
		q.Before, err = auditID(r.query.Get("before"))
	}
	if err != nil {
		return reply{}, err
	}
	return page(r, n, "before", func(limit int, before string) ([]store.AuditEntry, error) {
		q.Limit = limit
		if before != "" {
			if q.Before, err = auditID(before); err != nil {
				return nil, err
			}
		}
		return s.api.Audit(r.Context(), q)
	}, func(e store.AuditEntry) string { return strconv.FormatUint(uint64(e.ID), 10) })
}

// auditID reads the number of an entry; zero where there is none.
func auditID(text string) (store.AuditID, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%w: before=%s is no number of an entry", wire.ErrBadRequest, wire.Quoted(text))
	}
	return store.AuditID(n), nil
}
