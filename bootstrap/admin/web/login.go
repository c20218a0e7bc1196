package web

import (
	"net/http"
	"net/url"
	"strings"

	"lwbs/bootstrap/admin/access"
)

// A loginPage asks for a name and a password.
type loginPage struct {
	Next    string // where to go then, on this site
	Name    string
	Failure string

	Issuer  string // that of OIDC; empty for none
	Problem string // of it; empty for none
}

// nextOf is where to go after a log-in: a path here, whatever the address of the page says.
func nextOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(text, "//") || strings.Contains(text, `\`) || strings.HasPrefix(u.Path, "/login") {
		return "/"
	}
	return u.RequestURI()
}

func (p *Pages) login(r *request) error {
	if p.Access == nil {
		return p.notFound(r)
	}
	p.showLogin(r, http.StatusOK, loginPage{Next: nextOf(r.Form.Get("next"))})
	return nil
}

func (p *Pages) logIn(r *request) error {
	if p.Access == nil {
		return p.notFound(r)
	}
	next := nextOf(r.FormValue("next"))
	cookie, err := p.Access.Login(r.Context(), p.Access.Source(r.Request), r.FormValue("name"), r.FormValue("password"))
	if err != nil {
		p.showLogin(r, http.StatusUnauthorized, loginPage{Next: next, Name: r.FormValue("name"), Failure: err.Error()})
		return nil
	}
	http.SetCookie(r.w, cookie)
	http.Redirect(r.w, r.Request, next, http.StatusSeeOther)
	return nil
}

func (p *Pages) logOut(r *request) error {
	if p.Access == nil {
		return p.notFound(r)
	}
	cookie, err := p.Access.Logout(r.Context())
	if err != nil {
		return err
	}
	http.SetCookie(r.w, cookie)
	way := r.who.Way
	r.who = access.Principal{}
	if p.OIDC != nil && way == access.WayOIDC {
		if to := p.OIDC.LogOut(r.Request); to != "" {
			return p.goOn(r, to)
		}
	}
	return r.see("/login", "left")
}

// editRole is the role that edits devices.
const editRole = access.Engineer
