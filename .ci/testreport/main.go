// Command testreport reads what "go test -json" writes, and prints each package as it ends
// and the output of each test that fails. While no package ends it says now and then which
// are running. Its status is 1 where something failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// every is after how long without a word a line says what is running.
const every = 15 * time.Second

func main() {
	r := &report{out: os.Stdout, running: make(map[string]bool), output: make(map[test][]string)}
	r.read(lines(os.Stdin), every)
	if !r.end() {
		os.Exit(1)
	}
}

// lines sends the lines of in, and closes the channel at its end.
func lines(in io.Reader) <-chan []byte {
	out := make(chan []byte)
	go func() {
		defer close(out)
		b := bufio.NewReader(in)
		for {
			line, err := b.ReadBytes('\n')
			if len(line) > 0 {
				out <- line
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// An event is one line: the fields of "go doc test2json" that are read here.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64 // seconds
}

// A test is one of a package; its name is empty for the package itself.
type test struct{ pkg, name string }

// A report is what is known of the tests so far.
type report struct {
	out            io.Writer
	running        map[string]bool
	output         map[test][]string
	passed, cached int
	failed         []string
}

func (r *report) read(in <-chan []byte, every time.Duration) {
	quiet := time.NewTimer(every)
	for {
		select {
		case line, ok := <-in:
			if !ok {
				return
			}
			if r.take(line) {
				quiet.Reset(every)
			}
		case <-quiet.C:
			fmt.Fprintf(r.out, "      %s\n", r.now())
			quiet.Reset(every)
		}
	}
}

// now is what happens meanwhile.
func (r *report) now() string {
	var names []string
	for name := range r.running {
		names = append(names, name)
	}
	if len(names) == 0 {
		return "compiling and linking tests"
	}
	slices.Sort(names)
	return "running " + strings.Join(names, ", ")
}

// take takes one line, and reports whether it printed something.
func (r *report) take(line []byte) (printed bool) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		r.out.Write(line) // of the go command itself
		return true
	}
	of := test{e.Package, e.Test}
	switch e.Action {
	case "start":
		r.running[e.Package] = true
	case "build-output":
		io.WriteString(r.out, e.Output)
		return true
	case "output":
		r.output[of] = append(r.output[of], e.Output)
	case "pass", "skip", "fail":
		if e.Test == "" {
			return r.ended(e)
		}
		if e.Action == "fail" {
			printed = r.print(of)
		}
		delete(r.output, of)
	}
	return printed
}

func (r *report) print(of test) (printed bool) {
	for _, text := range r.output[of] {
		io.WriteString(r.out, text)
		printed = true
	}
	return printed
}

// ended takes the end of a package. A package without tests is not told of.
func (r *report) ended(e event) bool {
	of := test{pkg: e.Package}
	defer delete(r.output, of)
	delete(r.running, e.Package)
	switch e.Action {
	case "skip":
		return false
	case "fail":
		r.print(of)
		r.failed = append(r.failed, e.Package)
		return true
	}
	r.passed++
	took := fmt.Sprintf("%.1f s", e.Elapsed)
	if strings.Contains(strings.Join(r.output[of], ""), "\t(cached)") {
		r.cached++
		took = "as before"
	}
	fmt.Fprintf(r.out, "ok    %s  %s\n", e.Package, took)
	return true
}

// end sums up, and reports whether everything passed.
func (r *report) end() bool {
	fmt.Fprintf(r.out, "%d packages passed, %d of them not run again as nothing changed\n", r.passed, r.cached)
	if len(r.failed) > 0 {
		slices.Sort(r.failed)
		fmt.Fprintf(r.out, "FAILED: %s\n", strings.Join(r.failed, ", "))
	}
	return len(r.failed) == 0
}
