package simulate

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"time"

	"lwbs/bootstrap/fleet"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"short":     short,
	"mebibytes": func(n uint64) string { return fmt.Sprintf("%.4g", float64(n)/(1<<20)) },
}).Parse(pageText))

// A cause is one of the report, with its share among the failures in percent.
type cause struct {
	fleet.CauseCount
	Share int
}

// writePage writes the report as a page without scripts that needs no other file.
func writePage(w io.Writer, r fleet.Report) error {
	var causes []cause
	for _, c := range r.Causes {
		causes = append(causes, cause{c, 100 * c.Count / max(r.Failed, 1)})
	}
	return page.Execute(w, struct {
		Report   fleet.Report
		UnderWay int // where the run was interrupted
		Plots    []plot
		Causes   []cause
	}{r, r.Due - r.Done - r.Failed, plotsOf(r), causes})
}

// plotsOf draws the course of a run.
func plotsOf(r fleet.Report) []plot {
	due, done, failed := series{name: "came", class: "due"}, series{name: "bootstrapped", class: "done"}, series{name: "failed", class: "failed"}
	p50, p99 := series{name: "p50", class: "p50"}, series{name: "p99", class: "p99"}
	for _, s := range r.Course {
		for curve, n := range map[*series]int{&due: s.Due, &done: s.Done, &failed: s.Failed} {
			curve.values = append(curve.values, float64(n)/r.Slot.Seconds())
		}
		for curve, d := range map[*series]time.Duration{&p50: s.P50, &p99: s.P99} {
			v := d.Seconds()
			if d == 0 {
				v = math.NaN()
			}
			curve.values = append(curve.values, v)
		}
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
	latency := func(v float64) string { return short(time.Duration(v * float64(time.Second))) }
	return []plot{
		newPlot("Devices in a second", r.Slot, false, number, due, done, failed),
		newPlot("Latency of those that were bootstrapped then", r.Slot, true, latency, p50, p99),
	}
}
