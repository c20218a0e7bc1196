package web_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/web"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A failed is the record of a device that refused a write.
func failed(ep lwm2m.EndpointName) store.Session {
	return store.Session{
		Endpoint: ep, Known: true, Proof: store.ProofIdentity, Identity: string(ep), Stage: store.StageWrite, Cause: store.CauseRefused, Detail: "Write /1/0: 4.00 Bad Request",
		Operations: []store.Operation{{Op: lwm2m.OpWrite, Code: lwm2m.CodeBadRequest, Diagnostic: "no such lifetime", Bytes: 20, Took: 31 * time.Millisecond}},
	}
}

func done(ep lwm2m.EndpointName) store.Session {
	return store.Session{Endpoint: ep, Known: true, Proof: store.ProofIdentity, Stage: store.StageDone, Cause: store.CauseDone, Profile: "p", ProfileRevision: 1}
}

// The overview counts devices, and each counter leads to those that it counts.
func TestOverview(t *testing.T) {
	r := newRig(t)
	for _, ep := range []lwm2m.EndpointName{"a", "b", "c"} {
		r.device(ep, admin.DeviceSettings{})
	}
	r.attempt(failed("a"))
	r.attempt(store.Session{Endpoint: "x", Proof: store.ProofIdentity, Stage: store.StageRequest, Cause: store.CauseEndpointUnknown})
	a := r.get(access.Viewer, "/")
	a.want(t, http.StatusOK, "lwbs status", "refused", "endpoint-unknown", `href="/devices?state=failed"`, "coaps://[::]:5684", "To do:")
	if got := counters(a.body); got["failed"] != "1" || got["never"] != "2" || got["done"] != "0" {
		t.Errorf("the counters are %v", got)
	}
	for state, n := range map[string]int{"failed": 1, "never": 2, "done": 0} {
		if rows := names(r.get(access.Viewer, "/devices?state="+state).body); len(rows) != n {
			t.Errorf("%s: %v", state, rows)
		}
	}
	drawn := a.body[strings.Index(a.body, `<svg class="bars"`):]
	if !strings.Contains(drawn[:strings.Index(drawn, "</svg>")], `class="failed"`) {
		t.Error("the day has no failure")
	}
}

var (
	counterOf = regexp.MustCompile(`href="/devices\?state=(\w+)" class="\w+"><span[^>]*>[^<]*</span><b>([^<]*)</b>`)
	nameOf    = regexp.MustCompile(`<th scope="row"><span class="copied"><a class="mono" href="[^"]*">([^<]*)</a>`)
	hiddenOf  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

func counters(page string) map[string]string {
	all := make(map[string]string)
	for _, m := range counterOf.FindAllStringSubmatch(page, -1) {
		all[m[1]] = m[2]
	}
	return all
}

// names are the devices that a page lists.
func names(page string) (all []string) {
	for _, m := range nameOf.FindAllStringSubmatch(page, -1) {
		all = append(all, m[1])
	}
	return all
}

// A fleet that has nothing says the next step.
func TestEmptyPages(t *testing.T) {
	r := newRig(t)
	for path, text := range map[string]string{
		"/": "There are no devices yet", "/devices": `<a href="/import">import a list</a>`, "/devices?q=zz": "There are no devices yet", "/pending": "--unknown-devices park", "/live": "Nothing has come yet",
	} {
		r.get(access.Engineer, path).want(t, http.StatusOK, text)
	}
	r.device("d", admin.DeviceSettings{})
	r.get(access.Engineer, "/devices?q=zz").want(t, http.StatusOK, "No device is like this", "/add?name=zz")
	check(t, r.local.DeleteDevice(t.Context(), "d", 0))
	check(t, r.local.DeleteProfile(t.Context(), "p", 0))
	r.get(access.Admin, "/").want(t, http.StatusOK, `href="/profile/edit"`)
	r.get(access.Engineer, "/add").want(t, http.StatusOK, "There is no profile yet")
	r.get(access.Admin, "/profiles").want(t, http.StatusOK, "Make the first one")
}

// Pages of devices follow each other, each device is on one of them, and the address has the whole filter.
func TestPagesOfDevices(t *testing.T) {
	r := newRig(t)
	for i := range 120 {
		r.device(lwm2m.EndpointName(fmt.Sprintf("d%03d", i)), admin.DeviceSettings{Tags: &[]string{fmt.Sprint("t", i%2)}})
	}
	for _, address := range []string{"/devices?tag=t1&q=d", "/devices?state=never&tag=t1"} {
		seen := make(map[string]bool)
		path, pages := address, 0
		for path != "" && pages < 9 {
			a := r.get(access.Viewer, path)
			for _, name := range names(a.body) {
				if seen[name] {
					t.Errorf("%s is there twice", name)
				}
				seen[name] = true
			}
			path, pages = "", pages+1
			if m := regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(a.body); m != nil {
				path = strings.ReplaceAll(m[1], "&amp;", "&")
				if !strings.Contains(path, "tag=t1") {
					t.Errorf("the next page is %s", path)
				}
			}
		}
		if len(seen) != 60 || pages != 2 {
			t.Errorf("%s: %d devices on %d pages", address, len(seen), pages)
		}
	}
	a := r.get(access.Viewer, "/devices?tag=t1&q=d&state=failed&profile=p&seen=7d")
	a.want(t, http.StatusOK, "lwbs device list --prefix d --profile p --tag t1 --state failed --seen-within 7d", `value="7d"`, `<option selected>failed</option>`)
	for _, wrong := range []string{"state=x", "seen=x", "unseen=-1h", "expires=0"} {
		r.get(access.Viewer, "/devices?"+wrong).want(t, http.StatusBadRequest)
	}
}

// A device is found by its name, an identity, a fingerprint, and the beginning of each.
func TestSearchOfDevices(t *testing.T) {
	r := newRig(t)
	print := strings.Repeat("ab", 31) + "cd"
	r.device("meter-1", admin.DeviceSettings{PSK: &admin.PSK{Identity: "identity-of-1"}})
	r.device("meter-2", admin.DeviceSettings{Certificates: &[]string{print}, NoSec: new(false)})
	for text, want := range map[string]string{"meter": "meter-1", "identity-of-1": "meter-1", "identity-o": "meter-1", print: "meter-2", print[:12]: "meter-2", "meter-2": "meter-2", "metr-1": "meter-1"} {
		r.get(access.Viewer, "/devices?q="+text).want(t, http.StatusOK, `href="/device?name=`+want+`"`)
	}
	// The page of a device is found by an identity too.
	a := r.get(access.Viewer, "/device?name=identity-of-1")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/device?name=meter-1" {
		t.Errorf("%d %s", a.status, a.header.Get("Location"))
	}
}

// The page of a device begins with why it is as it is, and what to do.
func TestDevicePage(t *testing.T) {
	r := newRig(t)
	r.device("d", admin.DeviceSettings{Note: new("in the cellar")})
	r.get(access.Viewer, "/device?name=d").want(t, http.StatusOK, "It was never seen by this database", "in the cellar", "No attempt of it is recorded", `aria-label="QR code`, "coaps://example.com:5684")
	r.attempt(done("d"))
	id := r.attempt(failed("d"))
	r.attempt(store.Session{Endpoint: "d", Known: true, Proof: store.ProofNone, Stage: store.StageHandshake, Cause: store.CauseKeyDiffers})
	a := r.get(access.Viewer, "/device?name=d")
	a.want(t, http.StatusOK, "The device refused an operation", "To do:", "4.00 Bad Request", "“no such lifetime”", `<svg class="ladder"`, "lwbs why d", "Since then, under its name", "What it would be sent now")
	if i, j := strings.Index(a.body, "The device refused an operation"), strings.Index(a.body, "<svg class"); i > strings.Index(a.body, `class="ladder"`) || j < 0 {
		t.Error("the sentence is not on top")
	}
	r.get(access.Viewer, "/session?id="+id).want(t, http.StatusOK, "4.00 Bad Request", "no such lifetime", "<table", "lwbs session get "+id, "31 ms")
	r.get(access.Viewer, "/session?id=nope").want(t, http.StatusNotFound)
}

// Keys are on a page only where an administrator asked for them by a form of its own.
func TestRevealOfKeys(t *testing.T) {
	r := newRig(t)
	r.device("d", admin.DeviceSettings{})
	full, err := r.local.Device(t.Context(), "d", true)
	check(t, err)
	key := full.Credentials[0].Key
	for _, role := range []access.Role{access.Viewer, access.Engineer, access.Admin} {
		r.get(role, "/device?name=d&reveal=true").without(t, key, full.Accounts["main"].Key)
	}
	r.get(access.Admin, "/device/reveal?name=d").want(t, http.StatusNotFound)
	r.post(access.Engineer, "/device/reveal", "name", "d").without(t, key)
	r.post(access.Admin, "/device/reveal", "name", "d").want(t, http.StatusOK, key, "Hide the keys")
}

// A form edits the revision that it was made from, and no other.
func TestEditOfADevice(t *testing.T) {
	r := newRig(t)
	r.profile("q")
	d := r.device("d", admin.DeviceSettings{})
	rev := fmt.Sprint(d.Revision)
	a := r.post(access.Engineer, "/device/edit", "name", "d", "revision", rev, "do", "edited", "profile", "q", "tags", "x, y", "note", "n")
	if a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.main())
	}
	r.get(access.Viewer, a.header.Get("Location")).want(t, http.StatusOK, "The change is saved", `/profile?name=q`, ">x</a>", ">y</a>")
	r.post(access.Engineer, "/device/edit", "name", "d", "revision", rev, "do", "disabled").want(t, http.StatusPreconditionFailed, "Somebody else changed it")
	if d, err := r.local.Device(t.Context(), "d", false); err != nil || d.Disabled || d.Profile != "q" {
		t.Errorf("%+v, %v", d, err)
	}
	r.post(access.Engineer, "/device/edit", "name", "d", "do", "disabled").want(t, http.StatusBadRequest)
	for _, do := range []string{"disabled", "enabled", "rotate"} {
		d, err := r.local.Device(t.Context(), "d", false)
		check(t, err)
		if a := r.post(access.Engineer, "/device/edit", "name", "d", "revision", fmt.Sprint(d.Revision), "do", do); a.status != http.StatusSeeOther {
			t.Errorf("%s: %d %s", do, a.status, a.main())
		}
	}
	d, err := r.local.Device(t.Context(), "d", false)
	check(t, err)
	if d.Disabled || !d.Rotating {
		t.Errorf("disabled %v, rotating %v", d.Disabled, d.Rotating)
	}
	r.get(access.Engineer, "/device/delete?name=d").want(t, http.StatusOK, "Delete 1 device?", "Cancel")
	r.post(access.Engineer, "/device/delete", "name", "d", "revision", rev).want(t, http.StatusPreconditionFailed)
	r.post(access.Engineer, "/device/delete", "name", "d", "revision", fmt.Sprint(d.Revision)).want(t, http.StatusSeeOther)
	if _, err := r.local.Device(t.Context(), "d", false); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the deleted device: %v", err)
	}
}

// An edit of many devices says how many it hits, and then what became of them.
func TestBulkEdit(t *testing.T) {
	r := newRig(t)
	var revs []string
	for i := range 5 {
		d := r.device(lwm2m.EndpointName(fmt.Sprint("d", i)), admin.DeviceSettings{Tags: &[]string{"lot"}})
		revs = append(revs, fmt.Sprintf("%d:%s", d.Revision, d.Endpoint))
	}
	r.post(access.Engineer, "/devices/bulk", "action", "disable").want(t, http.StatusBadRequest, "choose devices first")
	r.post(access.Engineer, "/devices/bulk", "action", "tag", "pick", revs[0]).want(t, http.StatusBadRequest, "say which tag")
	r.post(access.Engineer, "/devices/bulk", "action", "disable", "pick", revs[0], "pick", revs[1]).want(t, http.StatusOK, "disable 2 devices?", "d0, d1", "refused until")
	all := r.post(access.Engineer, "/devices/bulk", "action", "delete", "all", "yes", "tag", "lot")
	all.want(t, http.StatusOK, "delete 5 devices?", "lwbs device delete --where tag=lot")
	count := func(f admin.DeviceFilter) int {
		c, err := r.local.CountDevices(t.Context(), f)
		check(t, err)
		return c.Devices
	}
	if count(admin.DeviceFilter{State: admin.DeviceDisabled}) != 0 || count(admin.DeviceFilter{}) != 5 {
		t.Fatal("a question has changed something")
	}
	_, err := r.local.SetDevice(t.Context(), "d1", 0, admin.DeviceSettings{Note: new("meanwhile")})
	check(t, err)
	r.post(access.Engineer, "/devices/bulk", "action", "disable", "confirmed", "yes", "pick", revs[0], "pick", revs[1]).want(t, http.StatusOK, "disabled 1 device", "edited them meanwhile: 1 device")
	r.post(access.Engineer, "/devices/bulk", "action", "profile", "profile-value", "none", "confirmed", "yes", "pick", revs[2]).want(t, http.StatusNotFound, "none")
	r.post(access.Engineer, "/devices/bulk", "action", "tag", "tag-value", strings.Repeat("x", 5000), "confirmed", "yes", "pick", revs[2]).want(t, http.StatusOK, "Refused: 1 device", "d2: ")
	r.post(access.Engineer, "/devices/bulk", "action", "untag", "tag-value", "lot", "confirmed", "yes", "all", "yes", "state", "disabled").want(t, http.StatusOK, "removed the tag from 1 device")
	// The form has all that was chosen, so that the second page does what the first one asked.
	values := []string{"x", "y"}
	for _, m := range hiddenOf.FindAllStringSubmatch(all.main(), -1) {
		values = append(values, m[1], m[2])
	}
	r.post(access.Engineer, "/devices/bulk", values...).want(t, http.StatusOK, "deleted 4 devices")
	if n := count(admin.DeviceFilter{}); n != 1 {
		t.Errorf("%d devices are left", n)
	}
}

// A label has the name in a QR code, and no key.
func TestLabelPage(t *testing.T) {
	r := newRig(t)
	r.device("urn:imei:490154203237518", admin.DeviceSettings{})
	full, err := r.local.Device(t.Context(), "urn:imei:490154203237518", true)
	check(t, err)
	a := r.get(access.Viewer, "/device/label?name=urn:imei:490154203237518")
	a.want(t, http.StatusOK, "<figcaption", `<svg class="qr" viewBox="0 0 33 33"`) // version 2: 25 modules, and the margin
	a.without(t, full.Credentials[0].Key)
	if err := xml.Unmarshal([]byte(web.QRCode("x")), new(struct{})); err != nil {
		t.Error(err)
	}
	if web.QRCode(strings.Repeat("x", 5000)) != "" {
		t.Error("a code of 5000 bytes")
	}
}

// A device is added by a form that ends in what is to be put into it, with the key for this one time.
func TestAddPage(t *testing.T) {
	r := newRig(t)
	r.get(access.Engineer, "/add?name=new").want(t, http.StatusOK, `value="new"`, `value="p" list`)
	a := r.post(access.Engineer, "/add", "endpoint", " new ", "profile", "p", "way", "psk", "tags", "lot7, b", "note", "n")
	full, err := r.local.Device(t.Context(), "new", true)
	check(t, err)
	a.want(t, http.StatusOK, full.Credentials[0].Key, full.Accounts["main"].Key, "The device is added", "QR code", "Keys are shown this once")
	r.get(access.Engineer, "/device?name=new").without(t, full.Credentials[0].Key)
	r.post(access.Engineer, "/add", "endpoint", "new", "profile", "p", "way", "psk").want(t, http.StatusConflict, "There is a device of this name already", `value="new"`)
	r.post(access.Engineer, "/add", "endpoint", "other", "profile", "none", "way", "psk").want(t, http.StatusUnprocessableEntity, `value="other"`, `value="none"`)
	r.post(access.Engineer, "/add", "endpoint", "given", "profile", "p", "way", "given", "key", "00:01 02-03").want(t, http.StatusOK)
	if d, err := r.local.Device(t.Context(), "given", true); err != nil || d.Credentials[0].Key != "00010203" {
		t.Errorf("%+v, %v", d.Credentials, err)
	}
	for _, key := range []string{"", "xyz", "012"} {
		bad := r.post(access.Engineer, "/add", "endpoint", "bad", "profile", "p", "way", "given", "key", key)
		bad.want(t, http.StatusUnprocessableEntity, "not hexadecimal")
		if key != "" {
			bad.without(t, `value="`+key)
		}
	}
	r.post(access.Engineer, "/add", "endpoint", "plain", "profile", "p", "way", "nosec").want(t, http.StatusOK, "plain CoAP is permitted")
}

func (r *rig) upload(role access.Role, name, file string, form ...string) answer {
	r.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i := 0; i+1 < len(form); i += 2 {
		check(r.t, m.WriteField(form[i], form[i+1]))
	}
	if name != "" {
		part, err := m.CreateFormFile("file", name)
		check(r.t, err)
		_, err = io.WriteString(part, file)
		check(r.t, err)
	}
	check(r.t, m.Close())
	q := httptest.NewRequest(http.MethodPost, "/import", &b)
	q.Header.Set("Content-Type", m.FormDataContentType())
	return r.do(role, q)
}

// A file is tried first, with what is wrong on top; then it is imported without being sent once more.
func TestImportPage(t *testing.T) {
	r := newRig(t)
	r.get(access.Engineer, "/import").want(t, http.StatusOK, "at most 8 MiB")
	r.tries.result = web.TableResult{
		Rows: 3, Added: 2, Refused: 1, Wrong: []web.TableRow{{Line: 3, Endpoint: "d2", Text: "the key has 3 digits"}},
		Columns: []web.TableColumn{{Heading: "IMEI", As: "endpoint"}, {Heading: "Colour"}}, Rejects: []byte("IMEI,error\nd2,the key\n"),
	}
	a := r.upload(access.Engineer, "list.csv", "IMEI;Colour\n", "format", "csv", "keys", "base64", "map", "IMEI=endpoint\n\n", "profile", "p", "tags", "lot7")
	a.want(t, http.StatusOK, "1 row of 3 would be refused", "the key has 3 digits", "not read", "Import the other 2 rows", "Nothing is changed", "lwbs import csv list.csv --key-format base64 --map IMEI=endpoint --profile p --tag lot7 --dry-run")
	if i, j := strings.Index(a.main(), "the key has 3 digits"), strings.Index(a.main(), "Colour"); i > j {
		t.Error("errors are not first")
	}
	if o := r.tries.got; !o.DryRun || o.Profile != "p" || o.Keys != "base64" || fmt.Sprint(o.Map, o.Tags) != "[IMEI=endpoint] [lot7]" {
		t.Errorf("%+v", o)
	}
	id := regexp.MustCompile(`name="staged" value="([^"]*)"`).FindStringSubmatch(a.body)[1]
	home := r.get(access.Engineer, "/import/rejects?staged="+id)
	home.want(t, http.StatusOK, "d2,the key")
	if !strings.Contains(home.header.Get("Content-Disposition"), "attachment") || !strings.HasPrefix(home.header.Get("Content-Type"), "text/csv") {
		t.Errorf("%v", home.header)
	}
	r.post(access.Engineer, "/import/run", "staged", id).want(t, http.StatusOK, "Imported", "2 added")
	if r.tries.got.DryRun || r.tries.file != "IMEI;Colour\n" {
		t.Errorf("%+v %q", r.tries.got, r.tries.file)
	}
	r.post(access.Engineer, "/import/run", "staged", "guessed").want(t, http.StatusNotFound, "choose it again")
	r.upload(access.Engineer, "", "").want(t, http.StatusUnprocessableEntity, "Choose a file")
	// What cannot be read says why, and the file need not be sent again with another choice.
	r.tries.err = errors.New("the table has no column endpoint")
	wrong := r.upload(access.Engineer, "x.csv", "Name\nd\n", "format", "csv")
	wrong.want(t, http.StatusUnprocessableEntity, "no column endpoint")
	id = regexp.MustCompile(`name="staged" value="([^"]*)"`).FindStringSubmatch(wrong.body)[1]
	r.tries.err = nil
	r.upload(access.Engineer, "", "", "staged", id, "map", "Name=endpoint", "format", "csv").want(t, http.StatusOK, "x.csv")
	if r.tries.file != "Name\nd\n" {
		t.Errorf("%q", r.tries.file)
	}
}

// A tried file is for the one who brought it.
func TestImportOfAnother(t *testing.T) {
	r := newRig(t)
	r.tries.result = web.TableResult{Rows: 1, Added: 1, Rejects: []byte("x")}
	a := r.upload(access.Engineer, "list.csv", "x", "format", "csv")
	id := regexp.MustCompile(`name="staged" value="([^"]*)"`).FindStringSubmatch(a.body)[1]
	q := httptest.NewRequest(http.MethodGet, "/import/rejects?staged="+id, nil)
	r.do(0, q.WithContext(access.With(q.Context(), access.Principal{Name: "bob", Role: access.Admin}))).want(t, http.StatusNotFound)
	r.get(access.Engineer, "/import/rejects?staged="+id).want(t, http.StatusOK)
}

// Sessions that run, and what was before, are on the live page without scripts.
func TestLivePage(t *testing.T) {
	r := newRig(t)
	r.device("a", admin.DeviceSettings{})
	r.attempt(done("a"))
	r.attempt(failed("a"))
	running := store.Session{ID: newID(time.Now()), Endpoint: "a", Known: true, Proof: store.ProofIdentity, Started: time.Now(), Stage: store.StageWrite, Remote: "192.0.2.1:5683", Transport: store.TransportDTLS}
	r.local.Active = func() []store.Session { return []store.Session{running} }
	a := r.get(access.Viewer, "/live")
	a.want(t, http.StatusOK, "running: write", "✓", "✕", "no such lifetime", "lwbs session watch", `http-equiv="refresh"`)
	if strings.Count(a.body, "<tr id=") != 3 {
		t.Error("not three sessions")
	}
	r.get(access.Viewer, "/live?failed=yes").without(t, "running: write", "mark done")
}

// The check reports what the tests of markup look for.
func TestInlineIsFound(t *testing.T) {
	for _, text := range []string{`<p onclick="x">`, `<p class="a" style="x">`, `<script>x</script>`, `<script type="module"> x`, `<a href="javascript:x">`, `<img src="//x">`, `<form action="http://x">`, "<style>"} {
		if inlineIn(text) == "" {
			t.Errorf("%s is not found", text)
		}
	}
	if found := inlineIn(`<script type="module" src="/assets/x.js"></script><p title="a onclick=b">`); found != "" {
		t.Error(found)
	}
}

// A page weighs little: its text, and all that it refers to.
func TestWeightOfPages(t *testing.T) {
	r := newRig(t)
	long := strings.Repeat("urn:imei:", 12)
	var last string
	for i := range 60 {
		d := r.device(lwm2m.EndpointName(fmt.Sprintf("%s%06d", long, i)), admin.DeviceSettings{Tags: &[]string{"lot7", "north", fmt.Sprint("t", i)}})
		last = r.attempt(failed(d.Endpoint))
	}
	assets := 0
	for name, n := range web.Assets() {
		assets += n
		t.Logf("%s: %d bytes", name, n)
	}
	for _, path := range []string{"/", "/devices", "/devices?state=failed", "/device?name=" + long + "000001", "/session?id=" + last, "/pending", "/profiles", "/profile?name=p", "/profile/edit?name=p", "/add", "/import", "/live", "/api"} {
		a := r.get(access.Admin, path)
		a.want(t, http.StatusOK)
		t.Logf("%s: %d bytes", path, a.wire)
		if n := a.wire + assets; n > 60<<10 {
			t.Errorf("%s: %d bytes with all that it refers to, at most 60 KiB", path, n)
		}
	}
}

// What pages refer to is kept by the browser, under an address that changes with the content.
func TestAssets(t *testing.T) {
	r := newRig(t)
	page := r.get(access.Viewer, "/")
	for _, m := range regexp.MustCompile(`(?:href|src)="(/assets/[^"]*)"`).FindAllStringSubmatch(page.body, -1) {
		a := r.get(0, m[1])
		a.want(t, http.StatusOK)
		if !strings.Contains(a.header.Get("Cache-Control"), "immutable") || a.header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %v", m[1], a.header)
		}
	}
	old := r.get(0, "/assets/0123456789abcdef/style.css")
	if old.want(t, http.StatusOK); strings.Contains(old.header.Get("Cache-Control"), "immutable") {
		t.Error("an address of another version is kept")
	}
	q := httptest.NewRequest(http.MethodGet, web.AssetURL("style.css"), nil)
	if a := r.do(0, q); a.header.Get("Content-Encoding") != "" || !strings.Contains(a.body, ":root") {
		t.Errorf("a browser without gzip gets %v", a.header)
	}
}
