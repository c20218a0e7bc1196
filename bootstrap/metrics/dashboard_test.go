package metrics_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A panel of deploy/grafana-dashboard.json.
type panel struct {
	Title   string
	Type    string
	GridPos struct{ H, W, X, Y int }
	Targets []struct{ Expr, LegendFormat string }
	Panels  []panel
}

func readDashboard(t *testing.T) (panels []panel, variables []string) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels     []panel
		Templating struct {
			List []struct {
				Query json.RawMessage
				Type  string
			}
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, v := range dashboard.Templating.List {
		var query struct{ Query string }
		if v.Type == "query" && json.Unmarshal(v.Query, &query) == nil {
			variables = append(variables, query.Query)
		}
	}
	return dashboard.Panels, variables
}

// series are the metrics of a scrape, with the labels that each has.
func series(scraped string) map[string]map[string]bool {
	out := make(map[string]map[string]bool)
	for line := range strings.Lines(scraped) {
		m := regexp.MustCompile(`^([a-z_]+)(?:\{([^}]*)\})? `).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if out[m[1]] == nil {
			// Prometheus itself adds these.
			out[m[1]] = map[string]bool{"job": true, "instance": true}
		}
		for _, label := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(m[2], -1) {
			out[m[1]][label[1]] = true
		}
	}
	return out
}

var (
	nameInQuery   = regexp.MustCompile(`\b(?:lwbs|go|process)_[a-z_]+`)
	labelSelected = regexp.MustCompile(`([a-z_]+)=~?"`)
	labelsGrouped = regexp.MustCompile(`by \(([^)]*)\)`)
	labelInLegend = regexp.MustCompile(`\{\{([a-z_]+)\}\}`)
)

// labelsOf are the labels that a query, or its legend, asks for.
func labelsOf(expr, legend string) []string {
	var out []string
	for _, m := range slices.Concat(labelSelected.FindAllStringSubmatch(expr, -1), labelInLegend.FindAllStringSubmatch(legend, -1)) {
		out = append(out, m[1])
	}
	for _, m := range labelsGrouped.FindAllStringSubmatch(expr, -1) {
		out = append(out, strings.Split(m[1], ", ")...)
	}
	return out
}

// The dashboard asks for nothing that there is not, and shows every metric of ours.
func TestDashboardNamesWhatThereIs(t *testing.T) {
	there := series(scrape(t, eventful()))
	panels, variables := readDashboard(t)
	shown := make(map[string]bool)
	check := func(where, expr, legend string) {
		names := nameInQuery.FindAllString(expr, -1)
		if len(names) == 0 {
			t.Errorf("%s: no metric in %q", where, expr)
		}
		for _, name := range names {
			shown[name] = true
			if there[name] == nil {
				t.Errorf("%s: there is no metric %s", where, name)
				continue
			}
			for _, label := range labelsOf(expr, legend) {
				if !there[name][label] {
					t.Errorf("%s: %s has no label %s", where, name, label)
				}
			}
		}
	}
	for _, p := range panels {
		if p.Type == "row" && len(p.Panels) == 0 {
			continue
		}
		if len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			check("panel "+p.Title, target.Expr, target.LegendFormat)
		}
	}
	if len(variables) != 2 {
		t.Errorf("%d variables with queries, want job and instance", len(variables))
	}
	for _, v := range variables {
		check("variable", v, "")
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		family := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count"), "_sum")
		isShown := slices.ContainsFunc(slices.Collect(maps.Keys(shown)), func(s string) bool { return strings.HasPrefix(s, family) })
		if strings.HasPrefix(name, "lwbs_") && !isShown {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// Panels do not lie over each other, and fit the width of 24.
func TestDashboardIsLaidOut(t *testing.T) {
	panels, _ := readDashboard(t)
	taken := make(map[[2]int]string)
	for _, p := range panels {
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("panel %q is at %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("panel %q lies over %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}
