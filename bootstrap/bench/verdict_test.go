//go:build linux

package bench_test

import (
	"fmt"
	"io"
	"sync"
	"testing"
)

// verdicts are printed together at the end.
var verdicts verdictList

// A verdict says in plain words what came out.
type verdict struct {
	figure string // what was to be reached, such as "10,000 PSK devices at once"
	value  float64
	target float64 // the most that value may be
	unit   string
}

// String is such as "reached: storm of PSK devices, the last served after 4.1 s, target 6 s".
func (v verdict) String() string {
	how := "reached"
	if v.value > v.target {
		how = "NOT REACHED"
	}
	return fmt.Sprintf("%s: %s %.3g %s, target at most %g %s", how, v.figure, v.value, v.unit, v.target, v.unit)
}

// report reports v as a metric of b too.
func (v verdict) report(b *testing.B, metric string) {
	b.ReportMetric(v.value, metric)
	b.Log(v)
	verdicts.add(v)
}

type verdictList struct {
	mu  sync.Mutex
	all []fmt.Stringer // guarded by mu
}

func (l *verdictList) add(v fmt.Stringer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, v)
}

func (l *verdictList) print(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range l.all {
		fmt.Fprintln(w, v)
	}
}
