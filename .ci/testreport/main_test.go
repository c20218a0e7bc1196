package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// read makes a report of the lines of text, and returns what it prints.
func read(t *testing.T, text string) (r *report, printed func() string) {
	t.Helper()
	var out strings.Builder
	r = &report{out: &out, running: make(map[string]bool), output: make(map[test][]string)}
	r.read(lines(strings.NewReader(text)), time.Hour)
	return r, out.String
}

// Packages are told of as they end, and of their tests those that fail.
func TestReport(t *testing.T) {
	const passing = `{"Action":"start","Package":"a"}
{"Action":"output","Package":"a","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"pass","Package":"a","Test":"TestX","Elapsed":0.1}
{"Action":"output","Package":"a","Output":"PASS\n"}
{"Action":"pass","Package":"a","Elapsed":1.25}
{"Action":"output","Package":"b","Output":"ok  \tb\t(cached)\n"}
{"Action":"pass","Package":"b","Elapsed":0}
{"Action":"output","Package":"c","Output":"?   \tc\t[no test files]\n"}
{"Action":"skip","Package":"c","Elapsed":0}
`
	r, printed := read(t, passing)
	const want = "ok    a  1.2 s\nok    b  as before\n2 packages passed, 1 of them not run again as nothing changed\n"
	if ok := r.end(); !ok || printed() != want {
		t.Errorf("passed: %v, printed\n%s, want\n%s", ok, printed(), want)
	}

	const failing = `{"Action":"output","Package":"a","Test":"TestX","Output":"    x_test.go:7: \"1\" < 2\n"}
{"Action":"output","Package":"a","Test":"TestX","Output":"--- FAIL: TestX (0.00s)\n"}
{"Action":"fail","Package":"a","Test":"TestX","Elapsed":0}
{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}
{"Action":"fail","Package":"a","Elapsed":0.1}
{"ImportPath":"b [b.test]","Action":"build-output","Output":"b_test.go:3: undefined: x\n"}
{"ImportPath":"b [b.test]","Action":"build-fail"}
{"Action":"fail","Package":"b","Elapsed":0,"FailedBuild":"b [b.test]"}
go: something
`
	r, printed = read(t, passing+failing)
	ok := r.end()
	for _, want := range []string{"ok    a  1.2 s\n", "    x_test.go:7: \"1\" < 2\n--- FAIL: TestX (0.00s)\nFAIL\ta\t0.1s\n", "b_test.go:3: undefined: x\n", "go: something\n", "FAILED: a, b\n"} {
		if ok || !strings.Contains(printed(), want) {
			t.Errorf("passed: %v, printed\n%s, want %q", ok, printed(), want)
		}
	}
	if strings.Contains(printed(), "=== RUN") {
		t.Errorf("a test that passes is told of:\n%s", printed())
	}
}

// While nothing ends, a line says what is running.
func TestReportWhileNothingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		r := &report{out: &out, running: make(map[string]bool), output: make(map[test][]string)}
		in := make(chan []byte)
		go func() {
			defer close(in)
			time.Sleep(every + time.Second)
			in <- []byte(`{"Action":"start","Package":"b"}`)
			in <- []byte(`{"Action":"start","Package":"a"}`)
			time.Sleep(every)
		}()
		r.read(in, every)
		if want := "      compiling and linking tests\n      running a, b\n"; out.String() != want {
			t.Errorf("printed %q, want %q", out.String(), want)
		}
	})
}
