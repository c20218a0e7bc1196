//go:build browser

package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"lwbs/lwm2m"
)

func (b *tab) logsIn() {
	b.t.Helper()
	b.goes("/devices?q=x") // where it leads to then
	b.sees("Log in")
	b.types("#name", userName)
	b.types("#password", password)
	b.presses(".login button")
	b.sees("No device is like this")
}

// An engineer's day, on each screen.
func TestStory(t *testing.T) {
	chromium(t)
	for _, l := range looks {
		t.Run(l.name, func(t *testing.T) {
			s := newSite(t)
			s.device("urn:imei:490154203237500", "lot6")
			b := open(t, s, l)
			b.goes("/")
			b.sees("Log in")
			b.picture("login")
			b.logsIn()
			b.addsADevice()
			b.readsTheLadder()
			b.importsAFile()
			b.approvesADevice()
			b.editsAProfile()
			b.watches()
			b.seesTheOverview()
			b.looksAfterUsers()
			b.logsOut()
			b.quiet("/nowhere") // which is not there
		})
	}
}

const added = lwm2m.EndpointName("urn:imei:490154203237518")

// addsADevice adds one by the form, which ends in its key and its label.
func (b *tab) addsADevice() {
	b.t.Helper()
	b.goes("/add")
	b.types("#endpoint", string(added))
	b.presses(".fields button.main")
	b.sees("The device is added")
	b.sees("key (hexadecimal)")
	b.picture("added")
	full, err := b.site.api.Device(b.t.Context(), added, true)
	check(b.t, err)
	b.sees(full.Credentials[0].Key)
	b.goes("/device?name=" + string(added))
	b.sees("It was never seen by this database")
	b.presses(`form[action="/device/reveal"] button`)
	b.sees(full.Credentials[0].Key)
	b.goes("/device/label?name=" + string(added))
}

// readsTheLadder sees why a device failed that refused a write, while its page is open.
func (b *tab) readsTheLadder() {
	b.t.Helper()
	b.goes("/device?name=" + string(added))
	check(b.t, b.site.comes(added, nil))
	b.sees("done after") // the page follows by itself
	if err := b.site.comes(added, refuses); err == nil {
		b.t.Error("a device that refuses a write is bootstrapped")
	}
	b.sees("✕ 4.00 Bad Request")
	b.sees("The device refused an operation")
	b.sees("To do:")
	b.inspect("the ladder")
	b.picture("device")
	b.presses("#ladder a")
	b.sees("4.00 Bad Request")
}

// importsAFile imports one with mistakes, which are shown first.
func (b *tab) importsAFile() {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "list.csv")
	text := "IMEI,psk-key,colour\n490154203237519,000102030405060708090a0b0c0d0e0f,red\n490154203237527,00010z,blue\n490154203237535,101112131415161718191a1b1c1d1e1f,red\n"
	check(b.t, os.WriteFile(file, []byte(text), 0o600))
	b.goes("/import")
	b.do("choose a file", chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	b.types("#profile", "meter")
	b.clicks("main details summary")
	b.types("#endpoint", "urn:imei:{{.IMEI}}")
	b.presses("form.fields button.main")
	b.sees("row of 3 would be refused")
	b.sees("Download the refused rows")
	b.picture("import")
	if _, err := b.site.api.Device(b.t.Context(), "urn:imei:490154203237535", false); err == nil {
		b.t.Error("a try has imported")
	}
	b.presses(`form[action="/import/run"] button`)
	b.sees("2 added")
	if _, err := b.site.api.Device(b.t.Context(), "urn:imei:490154203237535", false); err != nil {
		b.t.Error(err)
	}
}

// approvesADevice approves one that waits, in two taps; its session goes on.
func (b *tab) approvesADevice() {
	b.t.Helper()
	b.goes("/pending")
	b.sees("None. Unknown devices")
	bootstrapped := b.site.waits("urn:dev:ops:waits")
	b.sees("urn:dev:ops:waits") // the page follows by itself
	b.sees("1 device waits now")
	b.inspect("a pending device")
	b.picture("pending")
	b.presses("#pending button.main")
	b.sees("The device is approved")
	select {
	case err := <-bootstrapped:
		if err != nil {
			b.t.Errorf("the device that waited: %v", err)
		}
	case <-time.After(stepTime):
		b.t.Error("the device that waited is not bootstrapped")
	}
	b.sees("done after")
}

// editsAProfile makes a mistake, sees its line, and mends it.
func (b *tab) editsAProfile() {
	b.t.Helper()
	b.goes("/profile?name=meter")
	b.sees("What it sends")
	b.presses(`a[href^="/profile/edit"]`)
	b.sees("Nothing is changed")
	b.types("#yaml", "name: meter\naccounts:\n- name: main\n  url: coaps://lwm2m.example.com\n")
	b.sees("line 4")
	b.until("see the mark", `document.querySelector("#lines li.bad")?.textContent === "4"`)
	b.inspect("a mistake")
	b.picture("mistake")
	b.types("#yaml", meterFile+"delete: none\n")
	b.sees("devices have this profile")
	b.presses(`button[value="save"]`)
	b.sees("The profile is saved")
	b.sees("Revision 1 to 2")
	b.picture("profile")
}

// watches sees sessions while they run, and holds them back.
func (b *tab) watches() {
	b.t.Helper()
	b.goes("/live")
	b.sees("4.00 Bad Request") // of before
	b.until("be live", `document.getElementById("live-state").textContent === "live"`)
	check(b.t, b.site.comes("urn:imei:490154203237500", nil))
	b.until("see the session", `[...document.querySelectorAll("#live-rows tr")].some(r => r.textContent.includes("urn:imei:490154203237500") && r.textContent.includes("done"))`)
	b.inspect("live")
	b.picture("live")
	b.clicks("#live-pause")
	check(b.t, b.site.comes("urn:imei:490154203237500", nil))
	b.sees("paused, 1 session waiting")
	b.clicks("#live-pause")
	b.types("#live-find", "imei:490154203237500")
	b.until("find", `[...document.querySelectorAll("#live-rows tr")].filter(r => !r.hidden).length === 2`)
}

// seesTheOverview looks at the fleet, and finds a device.
func (b *tab) seesTheOverview() {
	b.t.Helper()
	for i := range 30 {
		b.site.device(lwm2m.EndpointName(fmt.Sprintf("urn:imei:3591000000%05d", i)), []string{"lot6", "lot7"}[i%2])
	}
	b.goes("/")
	b.sees("refused")
	b.picture("overview")
	b.goes("/devices?tag=lot7")
	b.picture("devices")
	b.clicks(`input[name="pick"]`)
	b.sets("#action", "disable")
	b.presses("fieldset button")
	b.sees("isable 1 device?")
	b.presses("button.main")
	b.sees("isabled 1 device")
	b.goes("/devices")
	b.types("#q", string(added))
	b.presses(".filter button")
	b.sees(string(added))
	b.goes("/profiles")
	b.goes("/nowhere")
}

// looksAfterUsers makes a token, which is shown once, and reads the audit.
func (b *tab) looksAfterUsers() {
	b.t.Helper()
	b.goes("/users")
	b.clicks("details.panel:last-of-type summary")
	b.types("#token-name", "ci")
	b.presses("details.panel:last-of-type button.main")
	b.sees("The token ci is")
	b.sees("shown this once")
	b.picture("users")
	b.goes("/audit")
	b.sees("Audit")
	b.goes("/api")
	b.sees("PUT /v1/profiles")
}

// logsOut ends the session, and nothing is shown any more.
func (b *tab) logsOut() {
	b.t.Helper()
	b.goes("/")
	b.clicks(".person summary")
	b.presses(`form[action="/logout"] button`)
	b.sees("You are logged out")
	b.goes("/devices")
	b.sees("Password")
}

// Without scripts the same is done by forms and links.
func TestWithoutScripts(t *testing.T) {
	chromium(t)
	s := newSite(t)
	s.device("d1")
	b := open(t, s, looks[2])
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	check(t, err)
	b.visits("/")
	b.types("#name", userName)
	b.types("#password", password+kb.Enter)
	b.sees("never seen here")
	if err := s.comes("d1", refuses); err == nil {
		t.Error("it is bootstrapped")
	}
	for _, path := range []string{"/device?name=d1", "/live"} {
		b.visits(path)
		b.sees("4.00 Bad Request")
	}
	bootstrapped := s.waits("waits")
	b.visits("/pending") // which the browser fetches anew
	b.sees("1 device waits now")
	b.clicks("#pending button.main")
	b.sees("The device is approved")
	select {
	case err := <-bootstrapped:
		check(t, err)
	case <-time.After(stepTime):
		t.Error("it is not bootstrapped")
	}
	b.visits("/profile/edit?name=meter")
	b.sees("Nothing is changed")
	b.clicks(".person summary")
	b.clicks(".menu button")
	b.sees("You are logged out")
}

// A keyboard is enough: the first key leads past the navigation, and what has the focus is seen.
func TestKeyboard(t *testing.T) {
	chromium(t)
	s := newSite(t)
	s.device("d1")
	b := open(t, s, looks[0])
	b.logsIn()
	b.goes("/devices")
	b.do("press Tab", chromedp.KeyEvent(kb.Tab))
	if at := value[string](b, `document.activeElement.textContent`); at != "Skip to the content" {
		t.Errorf("Tab leads to %q", at)
	}
	b.do("press Enter", chromedp.KeyEvent(kb.Enter))
	b.until("skip", `location.hash === "#main"`)
	b.do("press Tab", chromedp.KeyEvent(kb.Tab))
	if !value[bool](b, `!!document.activeElement.closest("main") && getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
		t.Errorf("what has the focus is %s", value[string](b, `document.activeElement.outerHTML`))
	}
	b.quiet()
}
