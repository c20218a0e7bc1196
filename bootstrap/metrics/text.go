package metrics

import (
	"bytes"
	"strconv"
	"strings"
)

// Kinds of metrics, as the text format names them.
const (
	counterKind   = "counter"
	gaugeKind     = "gauge"
	histogramKind = "histogram"
	summaryKind   = "summary"
)

// contentType is that of the text format, version 0.0.4.
//
// Spec: https://prometheus.io/docs/instrumenting/exposition_formats/
const contentType = "text/plain; version=0.0.4; charset=utf-8"

// A writer writes metrics in the text format.
type writer struct{ bytes.Buffer }

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	valueEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// family begins a metric: its samples follow.
func (w *writer) family(name, kind, help string) {
	for _, part := range []string{"# HELP ", name, " ", helpEscapes.Replace(help), "\n# TYPE ", name, " ", kind, "\n"} {
		w.WriteString(part)
	}
}

// A label is the name and the value of one.
type label struct{ name, value string }

// sample writes one value.
func (w *writer) sample(name string, value float64, labels ...label) {
	w.WriteString(name)
	for i, l := range labels {
		w.WriteByte("{,"[min(i, 1)])
		w.WriteString(l.name + `="` + valueEscapes.Replace(l.value) + `"`)
	}
	if len(labels) > 0 {
		w.WriteByte('}')
	}
	w.WriteByte(' ')
	w.WriteString(number(value))
	w.WriteByte('\n')
}

// single writes a metric that has one value.
func (w *writer) single(name, kind, help string, value float64) {
	w.family(name, kind, help)
	w.sample(name, value)
}

// number is a value as the format has it; infinity is "+Inf".
func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
