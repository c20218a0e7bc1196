//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// A guideStep is a command of the guide, with the lines of its input, and what it prints.
type guideStep struct {
	line    int // of the guide
	command string
	output  []string
}

// guideSteps reads the blocks that are marked as console: a command begins with "$ ", and a line
// that ends with <<END goes on until END.
func guideSteps(t *testing.T, file string) (steps []guideStep) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	inside, input := false, false
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		last := len(steps) - 1
		switch command, ok := strings.CutPrefix(line, "$ "); {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case input:
			steps[last].command += "\n" + line
			input = line != "END"
		case ok:
			steps = append(steps, guideStep{line: n, command: command})
			input = strings.HasSuffix(command, "<<END")
		case last < 0:
			t.Fatalf("%s:%d: output without a command", file, n)
		default:
			steps[last].output = append(steps[last].output, line)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// The commands of the field guide do what the guide says.
func TestFieldGuide(t *testing.T) { testGuide(t, "../../docs/field-guide.md") }

// The commands of the fleet guide do what the guide says.
func TestFleetGuide(t *testing.T) { testGuide(t, "../../docs/fleet-guide.md") }

// testGuide runs the commands of a guide, one after the other in one shell. The port of DTLS is a free one in
// place of 5684.
func testGuide(t *testing.T, file string) {
	t.Helper()
	t.Parallel()
	steps := guideSteps(t, file)
	if len(steps) < 20 {
		t.Fatalf("the guide has %d commands", len(steps))
	}
	dir, port := t.TempDir(), freePort(t)
	var script strings.Builder
	script.WriteString("trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n")
	for i, s := range steps {
		command := strings.ReplaceAll(s.command, ":5684", ":"+port)
		at := filepath.Join(dir, fmt.Sprint("out", i))
		if background, ok := strings.CutSuffix(command, " &"); ok {
			fmt.Fprintf(&script, "%s &\n: >%s\n", background, at)
			continue
		}
		fmt.Fprintf(&script, "{ %s\n} >%s 2>&1\n", command, at)
	}
	bin, work := filepath.Join(dir, "bin"), filepath.Join(dir, "work")
	for _, d := range []string{bin, work} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(bin, "lwbs"), []byte("#!/bin/sh\n"+beLwbs+"=1 exec '"+testProgram(t)+"' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", "-c", script.String())
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) } // it ends its server
	c.WaitDelay = patience
	c.Dir, c.Env = work, append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "TZ=UTC", "LWBS_DB=lwbs.db")
	if out, err := c.CombinedOutput(); err != nil {
		t.Logf("the shell ended with %v: %s", err, out)
	}
	for i, s := range steps {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprint("out", i)))
		if err != nil {
			t.Fatalf("line %d: %s was not run: %v", s.line, s.command, err)
		}
		got := strings.ReplaceAll(string(b), ":"+port, ":5684")
		if !guidePattern(s.output).MatchString(got) {
			t.Errorf("line %d: $ %s\nprints\n%s\nand not\n%s", s.line, s.command, got, strings.Join(s.output, "\n"))
		}
	}
}

// guidePattern matches the output that the guide shows, in which "..." stands for anything: within
// its line, or for any lines where it is a line.
func guidePattern(lines []string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`\A`)
	for _, line := range lines {
		if line == "..." {
			b.WriteString(`(?:[^\n]*\n)*`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, `[^\n]*`) + `[ ]*\n`)
	}
	return regexp.MustCompile(b.String() + `\z`)
}

// freePort is a UDP port of this machine that was free a moment ago.
func freePort(t *testing.T) string {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, port, err := net.SplitHostPort(c.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestGuidePattern(t *testing.T) {
	for _, tt := range []struct {
		lines  []string
		output string
		want   bool
	}{
		{nil, "", true},
		{nil, "surprise\n", false},
		{[]string{"a (b)"}, "a (b)\n", true},
		{[]string{"a"}, "a\nb\n", false},
		{[]string{"it took ... s"}, "it took 1.5 s\n", true},
		{[]string{"it took ... s"}, "it took\n1.5 s\n", false},
		{[]string{"a", "...", "z"}, "a\nb\nc\nz\n", true},
		{[]string{"a", "...", "z"}, "a\nz\n", true},
		{[]string{"a", "...", "z"}, "a\nb\n", false},
	} {
		if got := guidePattern(tt.lines).MatchString(tt.output); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.output, tt.lines, got)
		}
	}
}
