package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/wire"
)

// A usersPage lists users and tokens.
type usersPage struct {
	Users  []admin.User
	Tokens []admin.Token
	Roles  []string
	Now    time.Time

	// What was made just now, for the one time that it is shown.
	User  *admin.User
	Token *admin.Token

	Failure string
}

func (p *Pages) users(r *request) error { return p.showUsers(r, http.StatusOK, usersPage{}) }

// showUsers shows users and tokens, with what was made just now.
func (p *Pages) showUsers(r *request, status int, page usersPage) (err error) {
	if page.Users, err = p.API.Users(r.Context()); err != nil {
		return err
	}
	if page.Tokens, err = p.API.Tokens(r.Context()); err != nil {
		return err
	}
	page.Roles, page.Now = access.RoleNames(), time.Now()
	secret := page.User != nil || page.Token != nil
	r.render(status, "users", view{Title: "Users and tokens", Nav: "users", Command: "lwbs user list", Body: page, Secret: secret})
	return nil
}

// edited shows what came of an edit of a user or token: a refusal as a text on the page.
func (p *Pages) edited(r *request, page usersPage, err error) error {
	status := http.StatusOK
	if err != nil {
		if status = wire.ProblemOf(err).Status; status >= http.StatusInternalServerError || status == http.StatusPreconditionFailed {
			return err
		}
		page.Failure = err.Error()
	}
	return p.showUsers(r, status, page)
}

// addUser adds a user with a password that is made and shown once.
func (p *Pages) addUser(r *request) error {
	role, err := access.ParseRole(r.text("role"))
	if err != nil {
		return fmt.Errorf("%w: %w", wire.ErrBadRequest, err)
	}
	note := r.text("note")
	u, err := p.API.AddUser(r.Context(), strings.ToLower(r.text("name")), admin.UserSettings{Role: &role, GeneratePassword: true, Note: &note})
	if err != nil {
		return p.edited(r, usersPage{}, err)
	}
	return p.edited(r, usersPage{User: &u}, nil)
}

// editUser changes a user as a form says.
func (p *Pages) editUser(r *request) error {
	rev, err := r.revision()
	if err != nil {
		return err
	}
	name := r.FormValue("name")
	var set admin.UserSettings
	switch do := r.FormValue("do"); do {
	case "delete":
		if err := p.API.DeleteUser(r.Context(), name, rev); err != nil {
			return p.edited(r, usersPage{}, err)
		}
		return r.see("/users", "user-deleted")
	case "enable", "disable":
		set.Disabled = new(do == "disable")
	case "password":
		set.GeneratePassword = true
	case "role":
		role, err := access.ParseRole(r.text("role"))
		if err != nil {
			return fmt.Errorf("%w: %w", wire.ErrBadRequest, err)
		}
		set.Role = &role
	default:
		return fmt.Errorf("%w: the form does not say what is to be done", wire.ErrBadRequest)
	}
	u, err := p.API.SetUser(r.Context(), name, rev, set)
	switch {
	case err != nil:
		return p.edited(r, usersPage{}, err)
	case set.GeneratePassword:
		return p.edited(r, usersPage{User: &u}, nil)
	}
	return r.see("/users", "user-edited")
}

// askUser asks whether a user is to be deleted.
func (p *Pages) askUser(r *request) error {
	u, err := p.API.User(r.Context(), r.FormValue("name"))
	if err != nil {
		return err
	}
	return r.show("deleteuser", view{Title: "Delete a user", Nav: "users", Command: shellCommand("lwbs", "user", "delete", u.Name), Body: u})
}

// createToken makes a token, and shows it once.
func (p *Pages) createToken(r *request) error {
	role, err := access.ParseRole(r.text("role"))
	if err != nil {
		return fmt.Errorf("%w: %w", wire.ErrBadRequest, err)
	}
	set := admin.TokenSettings{Role: role, User: r.text("user"), Note: r.text("note")}
	if text := r.text("for"); text != "" {
		d, err := parseSpan(text)
		if err != nil {
			return p.edited(r, usersPage{}, err)
		}
		set.Expires = time.Now().Add(d)
	}
	t, err := p.API.CreateToken(r.Context(), r.text("name"), set)
	if err != nil {
		return p.edited(r, usersPage{}, err)
	}
	return p.edited(r, usersPage{Token: &t}, nil)
}

func (p *Pages) revokeToken(r *request) error {
	rev, err := r.revision()
	if err != nil {
		return err
	}
	if err := p.API.RevokeToken(r.Context(), r.FormValue("name"), rev); err != nil {
		return p.edited(r, usersPage{}, err)
	}
	return r.see("/users", "revoked")
}
