package web_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/pending"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A pending device is approved with a profile, which makes its record.
func TestPendingPage(t *testing.T) {
	r := newRig(t)
	r.profile("q")
	list, err := pending.Open(t.Context(), r.local.Store, slog.New(slog.DiscardHandler), pending.Limits{})
	check(t, err)
	t.Cleanup(list.Close)
	r.local.Pending = list
	ask := func(ep lwm2m.EndpointName, name string) string {
		t.Helper()
		id, err := list.Park(store.PendingDevice{Endpoint: ep, Named: true, Kind: store.CredentialCertificateName, Identity: name, Names: []string{name}, Remote: "192.0.2.1:5684", Transport: "coaps"},
			pending.Wait{Session: "s" + name, Since: time.Now(), Until: time.Now().Add(10 * time.Minute)})
		check(t, err)
		return id
	}
	id := ask("new-1", "new-1")
	other := ask("new-2", "new-2")
	a := r.get(access.Engineer, "/pending")
	a.want(t, http.StatusOK, "2 devices wait now", id, "new-1", "192.0.2.1:5684", "it gives up", `action="/pending/approve"`, "<option>q</option>", `data-renew="session-parked`, `http-equiv="refresh"`)
	r.get(access.Viewer, "/pending").without(t, "/pending/approve", "/pending/reject")
	r.post(access.Engineer, "/pending/approve", "id", id, "profile", "nope").want(t, http.StatusNotFound)
	if a := r.post(access.Engineer, "/pending/approve", "id", id, "profile", "q"); a.status != http.StatusSeeOther || a.header.Get("Location") != "/device?did=approved&name=new-1" {
		t.Fatalf("%d %s %s", a.status, a.header.Get("Location"), a.main())
	}
	if d, err := r.local.Device(t.Context(), "new-1", false); err != nil || d.Profile != "q" {
		t.Errorf("%+v, %v", d, err)
	}
	r.post(access.Engineer, "/pending/reject", "id", other).want(t, http.StatusSeeOther)
	r.get(access.Engineer, "/pending").want(t, http.StatusOK, "rejected")
	r.post(access.Engineer, "/pending/approve", "id", "gone", "profile", "q").want(t, http.StatusNotFound)
}
