package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"lwbs/bootstrap/admin/access"
)

// A page is one method of one path.
type page struct {
	pattern string      // as http.ServeMux has it
	role    access.Role // that it needs at least; zero: everyone may see it
	maxBody int64       // bytes of a form; zero where it takes none
	serve   func(p *Pages, r *request) error
}

// Bodies of forms.
const (
	smallForm   = 16 << 10
	profileForm = 3 << 20 // a profile file, percent-encoded
	importForm  = maxTable + 64<<10
)

// table has every page. A test walks it with each role, and with none.
var table = []page{
	{"GET /{$}", access.Viewer, 0, (*Pages).overview},
	{"GET /devices", access.Viewer, 0, (*Pages).devices},
	{"POST /devices/bulk", access.Engineer, bulkForm, (*Pages).bulk},
	{"GET /device", access.Viewer, 0, (*Pages).device},
	{"POST /device/reveal", access.Admin, smallForm, (*Pages).reveal},
	{"POST /device/edit", access.Engineer, smallForm, (*Pages).editDevice},
	{"GET /device/delete", access.Engineer, 0, (*Pages).askDelete},
	{"POST /device/delete", access.Engineer, smallForm, (*Pages).deleteDevice},
	{"GET /device/label", access.Viewer, 0, (*Pages).label},
	{"GET /session", access.Viewer, 0, (*Pages).session},
	{"GET /pending", access.Viewer, 0, (*Pages).pending},
	{"POST /pending/approve", access.Engineer, smallForm, (*Pages).approve},
	{"POST /pending/reject", access.Engineer, smallForm, (*Pages).reject},
	{"GET /profiles", access.Viewer, 0, (*Pages).profiles},
	{"GET /profile", access.Viewer, 0, (*Pages).profile},
	{"GET /profile/edit", access.Admin, 0, (*Pages).editor},
	{"POST /profile/edit", access.Admin, profileForm, (*Pages).saveProfile},
	{"POST /profile/check", access.Admin, profileForm, (*Pages).checkProfile},
	{"GET /add", access.Engineer, 0, (*Pages).add},
	{"POST /add", access.Engineer, smallForm, (*Pages).addDevice},
	{"GET /import", access.Engineer, 0, (*Pages).importPage},
	{"POST /import", access.Engineer, importForm, (*Pages).tryImport},
	{"POST /import/run", access.Engineer, smallForm, (*Pages).runImport},
	{"GET /import/rejects", access.Engineer, 0, (*Pages).rejects},
	{"GET /live", access.Viewer, 0, (*Pages).live},
	{eventsPattern, access.Viewer, 0, (*Pages).serveEvents},
	{"GET /audit", access.Admin, 0, (*Pages).audit},
	{"GET /audit.jsonl", access.Admin, 0, (*Pages).auditLines},
	{"GET /api", access.Viewer, 0, (*Pages).reference},
	{"GET /users", access.Admin, 0, (*Pages).users},
	{"POST /users", access.Admin, smallForm, (*Pages).addUser},
	{"POST /users/edit", access.Admin, smallForm, (*Pages).editUser},
	{"GET /users/delete", access.Admin, 0, (*Pages).askUser},
	{"POST /tokens", access.Admin, smallForm, (*Pages).createToken},
	{"POST /tokens/revoke", access.Admin, smallForm, (*Pages).revokeToken},
	{"GET /login", 0, 0, (*Pages).login},
	{"POST /login", 0, smallForm, (*Pages).logIn},
	{"GET /login/oidc", 0, 0, (*Pages).beginOIDC},
	{"GET /login/oidc/return", 0, 0, (*Pages).finishOIDC},
	{"GET /password", access.Viewer, 0, (*Pages).password},
	{"POST /password", access.Viewer, smallForm, (*Pages).changePassword},
	{"POST /logout", access.Viewer, smallForm, (*Pages).logOut},
}

// elsewhere is what is served at any other path.
var elsewhere = page{"/", access.Viewer, 0, (*Pages).notFound}

const (
	eventsPattern = "GET /events"
	assetPattern  = "GET /assets/{version}/{name}"
)

// roles are those of the pages by their patterns.
var roles = func() map[string]access.Role {
	all := map[string]access.Role{assetPattern: 0, elsewhere.pattern: elsewhere.role}
	for _, at := range table {
		all[at.pattern] = at.role
	}
	return all
}()

// needed is the role that a request needs.
func (p *Pages) needed(r *http.Request) access.Role {
	_, pattern := p.mux.Handler(r)
	if role, known := roles[pattern]; known {
		return role
	}
	return elsewhere.role // what the mux itself answers
}

// notPermitted answers a request that no one is known to have sent, or whose principal may not send it.
func (p *Pages) notPermitted(w http.ResponseWriter, r *http.Request, err error) {
	_, pattern := p.mux.Handler(r)
	forbidden := new(access.ForbiddenError)
	switch {
	case errors.As(err, &forbidden):
		p.refuse(w, r.WithContext(access.With(r.Context(), forbidden.Principal)), http.StatusForbidden, roleText(forbidden.Principal, forbidden.Needed))
	case !errors.Is(err, access.ErrUnauthenticated):
		(&request{Request: r, w: w, pages: p}).fail(err)
	case r.Method != http.MethodGet && r.Method != http.MethodHead || pattern == eventsPattern:
		p.refuse(w, r, http.StatusUnauthorized, "No one is logged in, or the session has ended: log in, and do it again.")
	default:
		http.Redirect(w, r, "/login?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
	}
}

// roleText says that a principal lacks a role.
func roleText(who access.Principal, needed access.Role) string {
	return fmt.Sprintf("This needs the role %s, and %s has the role %s: ask an administrator.", needed, who.Name, who.Role)
}
