package metrics_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// The alerts of deploy/prometheus ask for nothing that there is not; each tells what to do, and has a test in which it fires.
func TestAlertsNameWhatThereIs(t *testing.T) {
	var rules struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Expr        string            `yaml:"expr"`
				For         string            `yaml:"for"`
				Labels      map[string]string `yaml:"labels"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	var tests struct {
		Tests []struct {
			Alerts []struct {
				Name     string `yaml:"alertname"`
				Expected []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	for name, into := range map[string]any{"lwbs.rules.yml": &rules, "lwbs.rules.test.yml": &tests} {
		text, err := os.ReadFile("../../deploy/prometheus/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	var fired []string
	for _, test := range tests.Tests {
		for _, a := range test.Alerts {
			if len(a.Expected) > 0 {
				fired = append(fired, a.Name)
			}
		}
	}
	there := series(scrape(t, eventful()))
	alerts := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			alerts++
			names := nameInQuery.FindAllString(r.Expr, -1)
			if len(names) == 0 && !strings.HasPrefix(r.Expr, "up{") {
				t.Errorf("%s: no metric in %q", r.Alert, r.Expr)
			}
			for _, name := range names {
				for _, label := range labelsOf(r.Expr, "") {
					if !there[name][label] && !otherHas(there, names, label) {
						t.Errorf("%s: %s has no label %s", r.Alert, name, label)
					}
				}
			}
			for _, name := range append(names, nameInQuery.FindAllString(r.Annotations["description"], -1)...) {
				if there[name] == nil {
					t.Errorf("%s: there is no metric %s", r.Alert, name)
				}
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || !slices.Contains([]string{"warning", "critical"}, r.Labels["severity"]) {
				t.Errorf("%s says too little: %v %v", r.Alert, r.Labels, r.Annotations)
			}
			if !slices.Contains(fired, r.Alert) {
				t.Errorf("%s fires in no test", r.Alert)
			}
		}
	}
	if alerts < 10 {
		t.Errorf("there are %d alerts", alerts)
	}
}

// otherHas reports whether another metric of a query has a label.
func otherHas(there map[string]map[string]bool, names []string, label string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return there[name][label] })
}
