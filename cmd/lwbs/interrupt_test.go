package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A command that waits for standard input can be interrupted, and changes nothing.
func TestInterruptWhileReading(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add dev-1 --profile meter --psk generate")
	before := sh.ok("device get dev-1 --json")
	sh.write("random.hex", "9f86d081884c7d659a2feaa0c55ad015\n")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := exec.Command(exe, "--db", sh.path("x.db"), "device", "set", "dev-1", "--account-key-file", "main="+sh.path("random.hex"), "--secret-file", "/24/0/8=-")
	p.Env = append(os.Environ(), beLwbs+"=1")
	stdin, err := p.StdinPipe() // open, and silent
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	errs, err := p.StderrPipe()
	if err != nil || p.Start() != nil {
		t.Fatal("the command does not start", err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	lines := bufio.NewReader(errs)
	if line, err := lines.ReadString('\n'); !strings.HasPrefix(line, "read the key of account main") {
		t.Fatalf("%q, %v", line, err)
	}
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil || string(rest) != "lwbs: interrupted\n" {
		t.Errorf("it says %q, %v", rest, err)
	}
	var exit *exec.ExitError
	if err := p.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
		t.Errorf("it ends with %v, want status %d", err, exitFailed)
	}
	if after := sh.ok("device get dev-1 --json"); after != before {
		t.Errorf("the record was\n%s\nand is\n%s", before, after)
	}
}

// An import that is interrupted says what was done; the same command goes on from there.
func TestInterruptWhileImporting(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.serve()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := exec.Command(exe, "--db", sh.path("x.db"), "import", "csv", "-", "--profile", "meter")
	p.Env = append(os.Environ(), beLwbs+"=1")
	stdin, err := p.StdinPipe() // which stays open
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	var out, errs bytes.Buffer
	p.Stdout, p.Stderr = &out, &errs
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	var table strings.Builder
	table.WriteString("endpoint\n")
	for i := range 20_000 {
		fmt.Fprintf(&table, "dev-%d\n", i)
	}
	if _, err := io.WriteString(stdin, table.String()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); sh.ok("device list --count --json --prefix dev-1") == sh.ok("device list --count --json --prefix none"); {
		if time.Now().After(deadline) {
			t.Fatal("no row was put")
		}
	}
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := p.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
		t.Errorf("it ends with %v, want status %d", err, exitFailed)
	}
	contains(t, "the report", out.String(), " added, 0 changed, 0 the same, 0 refused")
	contains(t, "the error", errs.String(), "lwbs: interrupted: the rows told of above are kept, and maybe some more; the same command goes on from there")
	sh.write("all.csv", table.String())
	again := sh.ok("import csv $D/all.csv --profile meter")
	contains(t, "the same command", again, "20000 rows: ", " 0 changed, ", " 0 refused")
	lacks(t, "the same command", again, "20000 added")
}
