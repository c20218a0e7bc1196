package web

import (
	"errors"
	"net/http"
	"time"

	"lwbs/bootstrap/admin/access"
)

// OIDC logs people in at an issuer of OpenID Connect.
type OIDC interface {
	// Status is the name of the issuer, and what is wrong with it, empty for nothing, since when.
	Status() (name, problem string, since time.Time)

	// Begin sends a browser to the issuer, and from there to next. Its error is for the browser.
	Begin(w http.ResponseWriter, r *http.Request, next string) error

	// Finish reads what the issuer sent a browser back with: who it is, a detail for the audit, and where to go. Its
	// error is for the browser; one that wraps access.ErrNoLogIn is no try.
	Finish(w http.ResponseWriter, r *http.Request, source string) (who access.Principal, detail, next string, err error)

	// LogOut is where a browser logs out of the issuer; empty where the issuer has no such place.
	LogOut(r *http.Request) string
}

// showLogin shows the page that asks for a password, with the way to the issuer if there is one.
func (p *Pages) showLogin(r *request, status int, page loginPage) {
	if p.OIDC != nil {
		name, problem, since := p.OIDC.Status()
		page.Issuer = name
		if problem != "" {
			page.Problem = problem + ", since " + since.UTC().Format("2006-01-02 15:04 UTC")
		}
	}
	r.render(status, "login", view{Title: "Log in", Body: page})
}

func (p *Pages) beginOIDC(r *request) error {
	if p.Access == nil || p.OIDC == nil {
		return p.notFound(r)
	}
	next := nextOf(r.Form.Get("next"))
	if err := p.OIDC.Begin(r.w, r.Request, next); err != nil {
		p.showLogin(r, http.StatusServiceUnavailable, loginPage{Next: next, Failure: err.Error()})
	}
	return nil
}

func (p *Pages) finishOIDC(r *request) error {
	if p.Access == nil || p.OIDC == nil {
		return p.notFound(r)
	}
	source := p.Access.Source(r.Request)
	giveBack, err := p.Access.Try(source)
	if err != nil {
		p.showLogin(r, http.StatusTooManyRequests, loginPage{Next: "/", Failure: err.Error()})
		return nil
	}
	who, detail, next, err := p.OIDC.Finish(r.w, r.Request, source)
	if err == nil || errors.Is(err, access.ErrNoLogIn) {
		giveBack()
	}
	if err != nil {
		p.showLogin(r, http.StatusUnauthorized, loginPage{Next: "/", Failure: err.Error()})
		return nil
	}
	cookie, err := p.Access.Begin(r.Context(), who, detail)
	switch {
	case errors.Is(err, access.ErrWrong):
		p.showLogin(r, http.StatusUnauthorized, loginPage{Next: "/", Failure: err.Error()})
		return nil
	case err != nil:
		return err
	}
	http.SetCookie(r.w, cookie)
	http.Redirect(r.w, r.Request, nextOf(next), http.StatusSeeOther)
	return nil
}

// goOn says that the browser is logged out here, and sends it to the issuer to log out there. It is a page and no
// redirect: browsers refuse a redirect to another site that answers a form.
func (p *Pages) goOn(r *request, to string) error {
	name, _, _ := p.OIDC.Status()
	return r.show("left", view{Title: "Logged out", Onward: to, Body: leftPage{name, to}})
}

// A leftPage is shown after a log-out here, before the one at the issuer.
type leftPage struct{ Issuer, To string }
