package web

import (
	"fmt"
	"net/http"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/wire"
)

// A passwordPage asks for another password of whoever is logged in.
type passwordPage struct {
	Failure string
	Least   int // characters
}

// password shows the form, to users who have logged in by a password.
func (p *Pages) password(r *request) error {
	if err := hasPassword(r.who); err != nil {
		return err
	}
	return p.showPassword(r, http.StatusOK, "")
}

func hasPassword(who access.Principal) error {
	if who.Way != access.WayPassword {
		return fmt.Errorf("%w: %s has not logged in by a password", access.ErrForbidden, who.Name)
	}
	return nil
}

func (p *Pages) showPassword(r *request, status int, failure string) error {
	r.render(status, "password", view{Title: "Change your password", Command: shellCommand("lwbs", "user", "password", r.who.Name), Body: passwordPage{failure, access.MinPassword}, Secret: true})
	return nil
}

// changePassword changes the password, which ends all sessions of the user, and begins another one here.
func (p *Pages) changePassword(r *request) error {
	if err := hasPassword(r.who); err != nil {
		return err
	}
	if r.FormValue("new") != r.FormValue("again") {
		return p.showPassword(r, http.StatusUnprocessableEntity, "The two new passwords differ: nothing was changed.")
	}
	_, err := p.API.ChangePassword(r.Context(), admin.PasswordChange{Old: access.Plaintext(r.FormValue("old")), New: access.Plaintext(r.FormValue("new"))})
	if err != nil {
		status := wire.ProblemOf(err).Status
		if status == http.StatusInternalServerError || status == http.StatusPreconditionFailed {
			return err
		}
		return p.showPassword(r, status, err.Error())
	}
	if p.Access != nil {
		cookie, err := p.Access.Renew(r.Context())
		if err != nil {
			return r.see("/login", "password")
		}
		http.SetCookie(r.w, cookie)
	}
	return r.see("/", "password")
}
