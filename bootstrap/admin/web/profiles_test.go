package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/store"
)

const meter = `name: meter
accounts:
  - name: main
    uri: coaps://lwm2m.example.com:5684
    shortServerID: 101
`

func (r *rig) save(name string, rev store.Revision, yaml string, more ...string) answer {
	return r.post(access.Admin, "/profile/edit", append([]string{"name", name, "revision", fmt.Sprint(rev), "yaml", yaml, "do", "save"}, more...)...)
}

// A profile is checked before it is saved, with the lines of its mistakes.
func TestProfileEditor(t *testing.T) {
	r := newRig(t)
	r.get(access.Admin, "/profile/edit").want(t, http.StatusOK, "New profile", "shortServerID: 101", "It can be saved", "there is no profile <span class=\"mono\">meter</span> yet", "What it sends", "/0/1")
	wrong := r.save("", 0, strings.Replace(meter, "uri: coaps", "url: coaps", 1))
	wrong.want(t, http.StatusUnprocessableEntity, "<strong>line 4</strong>", `<li class="bad">4</li>`, "url: coaps://lwm2m.example.com", "disabled>Save")
	if _, err := r.local.Profile(t.Context(), "meter"); err == nil {
		t.Fatal("a profile with a mistake is saved")
	}
	for yaml, want := range map[string]string{
		"":                                      "there is no profile in it",
		meter + "---\n" + meter:                 "second profile",
		meter + "delete: sometimes\n":           "<strong>line 6</strong>",
		"name: [":                               "<strong>line 1</strong>",
		meter + "    identity: \"{{.Nope}}\"\n": "<strong>line 6</strong>",
	} {
		r.post(access.Admin, "/profile/check", "yaml", yaml, "name", "", "revision", "0").want(t, http.StatusOK, want)
	}
	if a := r.save("", 0, strings.ReplaceAll(meter, "\n", "\r\n")); a.status != http.StatusSeeOther || a.header.Get("Location") != "/profile?did=saved&name=meter" {
		t.Fatalf("%d %s %s", a.status, a.header.Get("Location"), a.main())
	}
	r.get(access.Viewer, "/profile?name=meter&did=saved").want(t, http.StatusOK, "The profile is saved", "uri: coaps://lwm2m.example.com:5684", "to a made-up device", "lwbs profile get meter")
	r.save("", 0, meter).want(t, http.StatusConflict, "open it, and edit it there")
	if a := r.save("meter", 1, meter); a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "did=same") {
		t.Errorf("%d %s", a.status, a.header.Get("Location"))
	}
}

// Two people who edit one profile do not undo each other.
func TestProfileOfTwoEditors(t *testing.T) {
	r := newRig(t)
	r.save("", 0, meter).want(t, http.StatusSeeOther)
	form := r.get(access.Admin, "/profile/edit?name=meter")
	form.want(t, http.StatusOK, `name="revision" value="1"`)
	r.save("meter", 1, meter+"    lifetime: 1h\n").want(t, http.StatusSeeOther)
	r.save("meter", 1, meter+"    lifetime: 2h\n").want(t, http.StatusPreconditionFailed, "Somebody else changed it", "lifetime: 2h")
	if p, err := r.local.Profile(t.Context(), "meter"); err != nil || p.Revision != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	// Revisions are listed and compared, and one is a beginning for going back.
	r.get(access.Viewer, "/profile?name=meter").want(t, http.StatusOK, "Revision 1 to 2", "lifetime: ", "revision 2")
	r.get(access.Viewer, "/profile?name=meter&revision=1").want(t, http.StatusOK, "revision 1 of 2")
	r.get(access.Viewer, "/profile?name=meter&revision=2&against=1").want(t, http.StatusOK, "lwbs profile diff meter 1 2")
	r.get(access.Admin, "/profile/edit?name=meter&revision=1").want(t, http.StatusOK, `name="revision" value="2"`)
	r.get(access.Viewer, "/profile?name=meter&revision=9").want(t, http.StatusNotFound, "1 to 2 are kept")
}

// Who would lose something is told before, and it is saved only where that was permitted.
func TestProfileThatHarms(t *testing.T) {
	r := newRig(t)
	r.save("", 0, meter).want(t, http.StatusSeeOther)
	r.device("d1", admin.DeviceSettings{Profile: new("meter")})
	changed := meter + "    identity: \"{{.Vars.serial}}\"\n"
	r.post(access.Admin, "/profile/check", "yaml", changed, "name", "meter", "revision", "1").want(t, http.StatusOK, "1 device has this profile", "would be given nothing", "d1", `name="all-the-same"`)
	r.save("meter", 1, changed).want(t, http.StatusOK, "Devices would lose something")
	if p, err := r.local.Profile(t.Context(), "meter"); err != nil || p.Revision != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	r.save("meter", 1, changed, "all-the-same", "yes").want(t, http.StatusSeeOther)
	r.get(access.Viewer, "/device?name=d1").want(t, http.StatusOK, "it would be given nothing")
	// The plan and the bytes of a profile are those of a device that has it.
	r.get(access.Admin, "/profile/edit?name=meter").want(t, http.StatusOK, "d1")
	r.post(access.Admin, "/profile/check", "yaml", meter+"device:\n  maxPayload: 40\n", "name", "meter", "revision", "2").want(t, http.StatusOK, "40 bytes a Write", "to <span class=\"mono\">d1</span>")
}
