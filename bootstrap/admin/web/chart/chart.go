// Package chart draws small charts as SVG, for pages without scripts. Its functions are pure.
//
// A drawing has no text of its own but titles and descriptions; what is to be read stands beside it in the
// page, so that it is the same size on every screen. Colours come from classes of the style sheet, and each
// series has a pattern or a place of its own, so that nothing depends on colours.
package chart

import (
	"fmt"
	"html"
	"html/template"
	"strings"
)

// A Series is one part of each bar.
type Series struct {
	Name  string // in titles
	Class string // of the style sheet
}

// A Bar has a value for each series, and says what it stands for.
type Bar struct {
	Label  string // in its title, such as "14:00 to 15:00"
	Values []int
}

// Sum is that of all values; one below zero counts as zero.
func (b Bar) Sum() (n int) {
	for _, v := range b.Values {
		n += max(v, 0)
	}
	return n
}

// The size of the drawing of [Stacked], in its own units; the page stretches it.
const (
	barWidth = 10
	barGap   = 2
	height   = 100
	minimum  = 1.5 // of a value that is not zero, so that one failure among thousands is seen
)

// Most is the greatest sum of the bars.
func Most(bars []Bar) (most int) {
	for _, b := range bars {
		most = max(most, b.Sum())
	}
	return most
}

// Stacked draws bars beside each other, with the first series at the bottom. About is what it shows, for
// those who do not see it.
func Stacked(about string, series []Series, bars []Bar) template.HTML {
	var s strings.Builder
	width := len(bars)*(barWidth+barGap) - barGap
	fmt.Fprintf(&s, `<svg class="bars" viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="%s">`, max(width, 1), height, html.EscapeString(about))
	for i, h := range []int{0, height / 2, height} {
		fmt.Fprintf(&s, `<line class="grid%d" x1="0" x2="%d" y1="%d" y2="%d"/>`, i, max(width, 1), h, h)
	}
	most := Most(bars)
	for i, b := range bars {
		x := i * (barWidth + barGap)
		fmt.Fprintf(&s, `<g><title>%s</title><rect class="slot" x="%d" y="0" width="%d" height="%d"/>`, html.EscapeString(titleOf(b, series)), x, barWidth, height)
		y := float64(height)
		for j, h := range heights(b, most) {
			if h == 0 || j >= len(series) {
				continue
			}
			y -= h
			fmt.Fprintf(&s, `<rect class="%s" x="%d" y="%.2f" width="%d" height="%.2f"/>`, html.EscapeString(series[j].Class), x, y, barWidth, h)
		}
		s.WriteString(`</g>`)
	}
	s.WriteString(`</svg>`)
	return template.HTML(s.String())
}

// heights are those of the parts of a bar, where a bar of most fills the drawing.
func heights(b Bar, most int) []float64 {
	out := make([]float64, len(b.Values))
	if most <= 0 {
		return out
	}
	total := 0.0
	for i, v := range b.Values {
		if v > 0 {
			out[i] = max(minimum, float64(v)/float64(most)*height)
		}
		total += out[i]
	}
	if total > height {
		for i := range out {
			out[i] *= height / total
		}
	}
	return out
}

// titleOf is a text such as "14:00 to 15:00: 12 done, 3 failed".
func titleOf(b Bar, series []Series) string {
	var parts []string
	for i, v := range b.Values {
		if v > 0 && i < len(series) {
			parts = append(parts, fmt.Sprintf("%d %s", v, series[i].Name))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing"}
	}
	return b.Label + ": " + strings.Join(parts, ", ")
}

// Share draws one bar of n out of most, lying. The number stands beside it in the page.
func Share(n, most int, class string) template.HTML {
	width := 0.0
	if most > 0 {
		width = max(minimum, float64(min(n, most))/float64(most)*100)
	}
	if n <= 0 {
		width = 0
	}
	return template.HTML(fmt.Sprintf(`<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="slot" x="0" y="0" width="100" height="8"/><rect class="%s" x="0" y="0" width="%.2f" height="8"/></svg>`,
		html.EscapeString(class), width))
}
