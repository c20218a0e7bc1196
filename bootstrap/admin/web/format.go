package web

import (
	"embed"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"strings"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/web/chart"
	"lwbs/lwm2m"
	"lwbs/store"
)

//go:embed templates
var templateFiles embed.FS

// templates are the pages by name, each with the layout.
var templates = readTemplates()

func readTemplates() map[string]*template.Template {
	common := template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	all := make(map[string]*template.Template)
	names, _ := fs.Glob(templateFiles, "templates/*.html")
	for _, name := range names {
		if base := strings.TrimSuffix(path.Base(name), ".html"); base != "layout" && base != "parts" {
			all[base] = template.Must(template.Must(common.Clone()).ParseFS(templateFiles, name))
		}
	}
	return all
}

// functions are those of the templates.
var functions = template.FuncMap{
	"asset":   assetURL,
	"ago":     ago,
	"clock":   clock,
	"took":    took,
	"link":    link,
	"state":   stateMark,
	"outcome": outcomeMark,
	"count":   count,
	"counted": counted,
	"bytes":   byteText,
	"share":   chart.Share,
	"shell":   shellCommand,
	"who":     whoText,
	"icon":    icon,
	"join":    strings.Join,
	"rest":    func(all, part int) int { return all - part },

	"lastOperation": lastOperation,
}

// clock is a time as it is written down.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// ago is a time as people say it, with the time itself in its title.
func ago(t time.Time) template.HTML {
	if t.IsZero() {
		return "never"
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, t.UTC().Format(time.RFC3339), clock(t), agoText(time.Since(t))))
}

// agoText is how long something was ago, or for a negative d how far ahead it is.
func agoText(d time.Duration) string {
	form := "%s ago"
	if d < 0 {
		d, form = -d, "in %s"
	}
	if d < 5*time.Second {
		return "now"
	}
	return fmt.Sprintf(form, span(d))
}

// span is a time in the largest unit of which there are two or more.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// took is how long something took.
func took(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Millisecond:
		return "<1 ms"
	case d < 10*time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return span(d)
}

// link is the address of a page with a query of names and values; empty values are left out.
func link(path string, query ...any) string {
	values := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		if v := fmt.Sprint(query[i+1]); v != "" {
			values.Set(fmt.Sprint(query[i]), v)
		}
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// stateSigns stand before the words of states, so that they are told apart without colours.
var stateSigns = map[admin.DeviceState]string{
	admin.DeviceDone: "✓", admin.DeviceDue: "↻", admin.DeviceFailed: "✕", admin.DeviceRunning: "▸", admin.DeviceNever: "○", admin.DeviceDisabled: "⊘",
}

func mark(class, sign, text string) template.HTML {
	return template.HTML(fmt.Sprintf(`<span class="mark %s"><span aria-hidden="true">%s</span> %s</span>`, html.EscapeString(class), html.EscapeString(sign), html.EscapeString(text)))
}

// stateMark is the state of a device.
func stateMark(s admin.DeviceState) template.HTML {
	if s == "" {
		return ""
	}
	return mark(string(s), stateSigns[s], string(s))
}

// outcomeMark is how an attempt ended.
func outcomeMark(s store.Session) template.HTML {
	switch {
	case s.Ended.IsZero() && s.Stage == store.StageParked:
		return mark("due", "◷", "waits for approval")
	case s.Ended.IsZero():
		return mark("running", "▸", "running: "+string(s.Stage))
	case s.Cause.Success():
		return mark("done", "✓", string(s.Cause))
	case s.Cause.Failure():
		return mark("failed", "✕", string(s.Cause))
	}
	return mark("never", "○", string(s.Cause))
}

// whoText names the device of an attempt, as far as it is known.
func whoText(s store.Session) string {
	switch {
	case s.Claimed != "" && s.Endpoint == "":
		return fmt.Sprintf("unknown, as %s", s.Claimed)
	case s.Claimed != "":
		return fmt.Sprintf("%s as %s", s.Endpoint, s.Claimed)
	case s.Endpoint != "":
		return string(s.Endpoint)
	case s.Network != "":
		return "network " + s.Network
	case s.Identity != "":
		return "identity " + s.Identity
	}
	return "unknown"
}

// lastOperation is that of a session; nil for none.
func lastOperation(s store.Session) *store.Operation {
	if len(s.Operations) == 0 {
		return nil
	}
	return &s.Operations[len(s.Operations)-1]
}

// count is a number with spaces between thousands.
func count(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// counted is a number of things.
func counted(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + several
}

// byteText is a number of bytes as people say it.
func byteText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 || v >= 100 {
		return fmt.Sprintf("%.0f %s", v, units[i])
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

// shellCommand is a command for a shell. What is no plain word is quoted, so that a name which a device
// chose is one word of it, whatever is in it, and no option.
func shellCommand(words ...any) string {
	var out []string
	for _, w := range words {
		if ep, is := w.(lwm2m.EndpointName); is && strings.HasPrefix(string(ep), "-") {
			out = append(out, "--")
		}
		text := fmt.Sprint(w)
		if strings.IndexFunc(text, needsQuotes) >= 0 || text == "" || text[0] == '~' {
			text = "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

// needsQuotes reports whether a letter means something to a shell, or may.
func needsQuotes(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@%+", r))
}

// icons are drawings of 16 by 16, each a path.
var icons = map[string]string{
	"overview": "M2 9h4v5H2zM6 5h4v9H6zM10 2h4v12h-4z",
	"devices":  "M2 3h12v3H2zM2 10h12v3H2zM4 4.5h1M4 11.5h1",
	"pending":  "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 5v3l2 2",
	"profiles": "M4 2h6l3 3v9H4zM6 7h5M6 9.5h5M6 12h3",
	"add":      "M8 3v10M3 8h10",
	"live":     "M1 8h3l2-5 3 10 2-5h4",
	"audit":    "M3 3h10M3 6.5h10M3 10h6M3 13.5h4",
	"users":    "M8 2.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM3 14c0-3 2-5 5-5s5 2 5 5",
	"more":     "M3 4h10M3 8h10M3 12h10",
}

func icon(name string) template.HTML {
	return template.HTML(`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="` + icons[name] + `"/></svg>`)
}
