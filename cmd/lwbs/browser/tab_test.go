//go:build browser

package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A look is a screen and a colour scheme.
type look struct {
	name          string
	width, height int64
	dark          bool
}

var looks = []look{
	{"desktop-light", 1280, 800, false}, {"desktop-dark", 1280, 800, true}, {"phone-light", 360, 740, false}, {"phone-dark", 360, 740, true},
}

// chromium is the browser that is tested with.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("BROWSER") == "require" {
		t.Fatal("there is no Chromium: apt-get install chromium")
	}
	t.Skip("there is no Chromium: apt-get install chromium")
	return ""
}

// A tab is one page of the browser, in a profile of its own.
type tab struct {
	t    *testing.T
	ctx  context.Context
	site *site
	look look

	mu       sync.Mutex
	problems []string // that the console reported; guarded by mu
}

// stepTime is for how long one step waits for what it expects, on a machine that is busy with other things.
const stepTime = 2 * time.Minute

func open(t *testing.T, s *site, l look) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(stepTime),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancelTab := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser
		cancelTab()
		cancel()
	})
	b := &tab{t: t, ctx: ctx, site: s, look: l}
	check(t, chromedp.Listen(ctx, b.hear)) // starts the browser
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	_, err := chromedp.Call(ctx, cdplog.Enable, cdp.Empty{})
	check(t, err)
	_, err = chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 500})
	check(t, err)
	_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	check(t, err)
	return b
}

// hear notes what the console reports: errors, what a script threw, what the policy refused.
func (b *tab) hear(event any) {
	text := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text = fmt.Sprintf("exception: %s %s:%d", e.ExceptionDetails.Text, e.ExceptionDetails.URL, e.ExceptionDetails.LineNumber)
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			text = "console: " + string(e.Type)
			for _, a := range e.Args {
				text += fmt.Sprintf(" %s%s", a.Value, a.Description)
			}
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Level == cdplog.EntryLevelWarning {
			text = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	}
	if text != "" {
		b.mu.Lock()
		b.problems = append(b.problems, text)
		b.mu.Unlock()
	}
}

// do does something within a time.
func (b *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v, %s", what, err, b.state())
	}
}

// state is where the tab is, and what it shows.
func (b *tab) state() string {
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + " " + (document.querySelector("main")?.innerText ?? "")`))
	return fmt.Sprintf("at %.2000s", text)
}

// value is that of an expression of JavaScript.
func value[T any](b *tab, expression string, options ...chromedp.EvaluateOption) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		b.t.Fatalf("%.200s: %v, %s", expression, err, b.state())
	}
	return v
}

// until waits for an expression to be true, also while pages follow each other.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		if err == nil && is {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.t.Fatalf("%s: it does not become true that %s: %v, %s", what, expression, err, b.state())
		}
	}
}

// goes opens a page, and looks at it.
func (b *tab) goes(path string) {
	b.t.Helper()
	b.visits(path)
	b.inspect(path)
}

// visits opens a page.
func (b *tab) visits(path string) {
	b.t.Helper()
	b.do("open "+path, chromedp.Navigate(b.site.url+path), chromedp.WaitVisible(chromedp.CSS("main")))
}

// sees waits until the page has a text.
func (b *tab) sees(text string) {
	b.t.Helper()
	quoted, _ := json.Marshal(text)
	b.until("see "+text, `(document.querySelector("main")?.textContent ?? "").includes(`+string(quoted)+`)`)
}

// types replaces the text of a field.
func (b *tab) types(selector, text string) {
	b.t.Helper()
	b.do("wait for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
	b.sets(selector, "")
	b.do("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// sets sets the value of a field.
func (b *tab) sets(selector, text string) {
	b.t.Helper()
	at, _ := json.Marshal(selector)
	to, _ := json.Marshal(text)
	value[int](b, fmt.Sprintf(`document.querySelector(%s).value = %s; 0`, at, to))
}

// clicks clicks something.
func (b *tab) clicks(selector string) {
	b.t.Helper()
	b.do("click "+selector, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.ScrollIntoView(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

// presses clicks something that leads to another page, and looks at that.
func (b *tab) presses(selector string) {
	b.t.Helper()
	value[bool](b, `window.before = true`)
	b.clicks(selector)
	b.until("press "+selector, `!window.before && document.readyState === "complete" && !!document.querySelector("main")`)
	b.inspect("after " + selector)
}

// inspect reports what is wrong with a page that is shown: it is wider than the screen, or not accessible.
func (b *tab) inspect(what string) {
	b.t.Helper()
	wide := value[[]string](b, `document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, pre, .gutter")).map(e => e.tagName + "." + e.getAttribute("class")).slice(0, 5).concat(["page"])`)
	if len(wide) > 0 {
		b.t.Errorf("%s, %s: wider than the screen: %v", b.look.name, what, wide)
	}
	b.accessible(what)
}

// A violation is what axe finds.
type violation struct {
	ID    string
	Help  string
	Nodes []string
}

// accessible reports what axe finds.
func (b *tab) accessible(what string) {
	b.t.Helper()
	source := axe(b.t)
	if source == "" {
		return
	}
	value[int](b, source+`;0`)
	found := value[[]violation](b, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + " " + n.failureSummary)})))`, chromedp.EvalAwaitPromise)
	for _, v := range found {
		b.t.Errorf("%s, %s: %s: %s: %q", b.look.name, what, v.ID, v.Help, v.Nodes)
	}
}

var axeSource = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(filepath.FromSlash("../../../testdata/axe/node_modules/axe-core/axe.min.js"))
	return string(text), err
})

// axe is the source of axe-core; empty where it is not installed, which fails in CI.
func axe(t *testing.T) string {
	t.Helper()
	text, err := axeSource()
	if err != nil && os.Getenv("BROWSER") == "require" {
		t.Fatal(err)
	}
	return text
}

// quiet reports what the console has reported, but for texts that are expected.
func (b *tab) quiet(expected ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, problem := range b.problems {
		known := false
		for _, text := range expected {
			known = known || strings.Contains(problem, text)
		}
		if !known {
			b.t.Errorf("%s: the console has %s", b.look.name, problem)
		}
	}
}

// picture keeps a picture of the page for the documentation, where LWBS_PICTURES names a folder.
func (b *tab) picture(name string) {
	b.t.Helper()
	folder := os.Getenv("LWBS_PICTURES")
	if folder == "" {
		return
	}
	value[int](b, `scrollTo(0, 0); document.activeElement?.blur(); 0`)
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	check(b.t, err)
	check(b.t, os.WriteFile(filepath.Join(folder, name+"-"+b.look.name+".png"), png, 0o644))
}
