package chart

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

var series = []Series{{"done", "done"}, {"failed", "failed"}}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	got = strings.ReplaceAll(got, "><", ">\n<") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it):\n%s", file, got)
	}
}

// wellFormed reports what is wrong with a drawing as XML.
func wellFormed(t *testing.T, drawn string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(drawn))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in %s", err, drawn)
		}
	}
}

func TestStackedChart(t *testing.T) {
	drawn := string(Stacked("the last 4 hours", series, []Bar{
		{"10:00", []int{40, 0}}, {"11:00", []int{0, 0}}, {"12:00", []int{100, 1}}, {"13:00", []int{1, 30}},
	}))
	wellFormed(t, drawn)
	golden(t, "stacked.svg", drawn)
}

// A chart of nothing is drawn too, and what others wrote stays text.
func TestChartOfNothingAndOfMarkup(t *testing.T) {
	wellFormed(t, string(Stacked("", nil, nil)))
	drawn := string(Stacked(`"><script>`, series, []Bar{{`<b>&`, []int{1, 2, 3}}}))
	wellFormed(t, drawn)
	if strings.Contains(drawn, "<script>") || strings.Contains(drawn, "<b>") {
		t.Errorf("markup: %s", drawn)
	}
}

// A part that is not zero can be seen, and no bar is higher than the drawing.
func TestHeightsOfAChart(t *testing.T) {
	for _, values := range [][]int{{1_000_000, 1}, {0, 1}, {1, 1_000_000, 1}, {0, 0}, {-3, 2}} {
		b := Bar{Values: values}
		total := 0.0
		for i, h := range heights(b, Most([]Bar{b})) {
			if total += h; (values[i] > 0) != (h > 0) {
				t.Errorf("%v: part %d has the height %f", values, i, h)
			}
		}
		if total > height+1e-9 {
			t.Errorf("%v: the height is %f", values, total)
		}
	}
}

func TestShareOfAChart(t *testing.T) {
	for _, pair := range [][2]int{{0, 0}, {0, 10}, {1, 1000}, {10, 10}, {20, 10}, {-1, 5}} {
		wellFormed(t, string(Share(pair[0], pair[1], "failed")))
	}
	if !strings.Contains(string(Share(1, 2, "failed")), `width="50.00"`) {
		t.Errorf("half is %s", Share(1, 2, "failed"))
	}
}
