// Package ladder draws a session as a ladder diagram in SVG: the device at the left, the server at the right,
// and a rung for each message. Its functions are pure.
//
// Everything that a device sent is text in the drawing, escaped and cut; colours come from the style sheet,
// and what they say is said by a sign, a dash or a word too.
package ladder

import (
	"fmt"
	"html"
	"html/template"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"lwbs/lwm2m"
	"lwbs/store"
)

// The size of a drawing, in its own units.
const (
	width  = 360
	device = 56  // where the line of the device is
	server = 332 // where that of the server is
	middle = (device + server) / 2
	row    = 17 // between two lines of text or rungs
	gap    = 9  // between two operations
)

// maxShown is how many operations are drawn; of more, those in the middle are told by their number.
const maxShown = 120

// maxText is how long a text in the drawing is, in characters.
const maxText = 42

// Draw draws a session. One that is running is drawn as it stands.
func Draw(s store.Session) template.HTML {
	d := &drawing{y: 40}
	d.begin(s)
	first, last := len(s.Operations), len(s.Operations)
	if last > maxShown {
		first, last = maxShown/2, last-maxShown/2
	}
	for i, o := range s.Operations {
		switch {
		case i == first && first < last:
			d.note("fold", fmt.Sprintf("%d more operations", last-first))
		case i < first || i >= last:
			d.operation(o)
		}
	}
	d.end(s)
	return template.HTML(d.svg(about(s)))
}

// A drawing is built from the top down.
type drawing struct {
	body strings.Builder
	y    int
}

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(&d.body, format, args...) }

// svg is the whole drawing, with the two lines behind everything.
func (d *drawing) svg(about string) string {
	var s strings.Builder
	fmt.Fprintf(&s, `<svg class="ladder" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, d.y+6, clean(about, 200))
	for _, end := range []struct {
		x    int
		name string
	}{{device, "device"}, {server, "server"}} {
		fmt.Fprintf(&s, `<text class="end" x="%d" y="14" text-anchor="middle">%s</text><line class="life" x1="%d" x2="%d" y1="22" y2="%d"/>`, end.x, end.name, end.x, end.x, d.y)
	}
	return s.String() + d.body.String() + `</svg>`
}

// arrow draws a message, with what it says above it and at the side how long something took.
func (d *drawing) arrow(class string, up bool, text, side string) {
	from, to, head := server, device, 6
	if up {
		from, to, head = device, server, -6
	}
	d.add(`<g class="%s">`, class)
	if side != "" {
		d.add(`<text class="side" x="%d" y="%d" text-anchor="end">%s</text>`, device-8, d.y+3, clean(side, 12))
	}
	d.add(`<text x="%d" y="%d" text-anchor="middle">%s</text>`, middle, d.y-4, clean(text, maxText))
	d.add(`<path d="M%d %dH%dm%d -4L%d %dl%d 4"/></g>`, from, d.y, to, head, to, d.y, head)
	d.y += row
}

// lost draws a message that was not answered: an arrow that ends before the other side.
func (d *drawing) lost(text string) {
	d.add(`<g class="bad"><text x="%d" y="%d" text-anchor="middle">%s</text><path class="dash" d="M%d %dH%d"/>`, middle, d.y-4, clean("✕ "+text, maxText), device, d.y, middle)
	d.add(`<path d="M%d %dl8 8m0 -8l-8 8"/></g>`, middle-4, d.y-4)
	d.y += row
}

// ghost draws retransmissions of the message before.
func (d *drawing) ghost(times int) {
	d.add(`<g class="ghost"><text x="%d" y="%d" text-anchor="middle">%s</text><path class="dash" d="M%d %dH%d"/></g>`,
		middle, d.y-4, clean(fmt.Sprintf("↻ sent again, %s", counted(times, "time", "times")), maxText), server, d.y, device)
	d.y += row
}

// note draws a text across both lines.
func (d *drawing) note(class, text string) {
	lines := wrapped(text, maxText)
	d.y += 4
	d.add(`<g class="%s"><rect x="%d" y="%d" width="%d" height="%d" rx="3"/>`, class, device-14, d.y-12, server-device+28, len(lines)*14+6)
	for _, line := range lines {
		d.add(`<text x="%d" y="%d" text-anchor="middle">%s</text>`, middle, d.y, clean(line, maxText+1))
		d.y += 14
	}
	d.add(`</g>`)
	d.y += gap + 6
}

// begin draws what came before the operations.
func (d *drawing) begin(s store.Session) {
	if s.Transport == store.TransportDTLS {
		class, text := "fold", "DTLS handshake"
		if s.Stage == store.StageHandshake || s.Stage == store.StageDatagram {
			class = "bad"
			if text = "✕ DTLS handshake: " + string(s.Cause); s.Cause == "" {
				class, text = "fold", "DTLS handshake is under way"
			}
		} else if s.Identity != "" {
			text += " as " + s.Identity
		}
		d.note(class, text)
	}
	if s.Stage == store.StageHandshake || s.Stage == store.StageDatagram {
		return
	}
	name := s.Endpoint
	if s.Claimed != "" {
		name = s.Claimed
	}
	text := "Bootstrap-Request"
	if name != "" {
		text = "Request ep=" + string(name)
	}
	d.arrow("up", true, text, "")
	switch {
	case len(s.Operations) > 0 || s.Cause.Success():
		d.arrow("ok", false, "2.04 Changed", "")
	case s.Stage == store.StageParked:
		d.note("fold", "waits for approval")
	case s.Stage == store.StageQueued:
		d.note("fold", "waits for its turn")
	}
}

// operation draws one request of the server and its answer.
func (d *drawing) operation(o store.Operation) {
	d.y += gap
	d.arrow("down", false, operationText(o), "")
	if n := o.Transmissions - 1; n > 0 {
		d.ghost(n)
	}
	if n := o.Repeated; n > 0 {
		d.note("ghost", fmt.Sprintf("asked %s with the same answer", counted(n, "more time", "more times")))
	}
	switch {
	case o.Code == 0:
		text := o.Error
		if text == "" {
			text = "no answer"
		}
		d.lost(text)
		return
	case o.Code.Success():
		text := o.Code.String()
		if o.Bytes > 0 && !carries(o) {
			text += fmt.Sprintf(" · %d B", o.Bytes)
		}
		d.arrow("ok", true, text, took(o.Took))
		return
	}
	class, sign := "bad", "✕ "
	if o.Tolerated {
		class, sign = "warn", "! "
	}
	d.arrow(class, true, sign+o.Code.String(), took(o.Took))
	if o.Diagnostic != "" {
		d.note(class+" said", "“"+o.Diagnostic+"”")
	}
	if o.Tolerated {
		d.note("ghost", "the session went on")
	}
}

// end draws how it ended.
func (d *drawing) end(s store.Session) {
	if d.y += gap; s.Ended.IsZero() {
		d.note("fold", "is running")
		return
	}
	if s.Stage == store.StageHandshake {
		return // the handshake tells it
	}
	span := ""
	if t := s.Ended.Sub(s.Started); t > 0 && s.Attempts <= 1 {
		span = " after " + took(t)
	}
	switch {
	case s.Cause.Success():
		d.note("ok", "✓ "+string(s.Cause)+span)
	case s.Cause.Failure():
		d.note("bad", "✕ "+string(s.Cause)+span)
	default:
		d.note("fold", string(s.Cause)+span)
	}
}

// operationText is a text such as "Write /0/1 · TLV · 123 B".
func operationText(o store.Operation) string {
	word := string(o.Op)
	if word != "" {
		word = strings.ToUpper(word[:1]) + word[1:]
	}
	parts := []string{word}
	if o.Op != lwm2m.OpFinish && o.Op != lwm2m.OpPack {
		parts[0] += " " + o.Path.String()
	}
	if o.Bytes > 0 && carries(o) {
		parts = append(parts, o.Format.String(), fmt.Sprintf("%d B", o.Bytes))
	}
	return strings.Join(parts, " · ")
}

// carries reports whether the payload of an operation is in the request, and not in the answer.
func carries(o store.Operation) bool { return o.Op == lwm2m.OpWrite || o.Op == lwm2m.OpPack }

// about tells the drawing in a sentence, for those who do not see it.
func about(s store.Session) string {
	accepted := 0
	for _, o := range s.Operations {
		if o.Code.Success() {
			accepted++
		}
	}
	end := "it is running"
	if s.Cause != "" {
		end = "it ended with " + string(s.Cause)
	}
	return fmt.Sprintf("%s, %d accepted; %s. The table of operations has the same.", counted(len(s.Operations), "operation", "operations"), accepted, end)
}

// took is a duration as it stands at the side, in at most six characters.
func took(t time.Duration) string {
	switch ms := t.Milliseconds(); {
	case t <= 0:
		return ""
	case ms < 1:
		return "<1 ms"
	case ms < 10_000:
		return fmt.Sprintf("%d ms", ms)
	case t < 10*time.Minute:
		return fmt.Sprintf("%d s", int(t.Seconds()))
	}
	return t.Truncate(time.Minute).String()
}

func counted(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// clean is text that can stand in the drawing, cut at limit characters, with a point for each that is not visible.
func clean(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:limit-1]) + "…"
	}
	return html.EscapeString(text)
}

// wrapped divides a text into lines, at spaces where there are any, at most four.
func wrapped(text string, limit int) (lines []string) {
	rest := []rune(text)
	for len(rest) > limit && len(lines) < 3 {
		cut := limit
		for i := limit; i > limit/2; i-- {
			if rest[i] == ' ' {
				cut = i
				break
			}
		}
		lines = append(lines, string(rest[:cut]))
		rest = []rune(strings.TrimLeft(string(rest[cut:]), " "))
	}
	return append(lines, string(rest))
}
