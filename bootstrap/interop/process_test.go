//go:build interop

package interop_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for anything, foreign time-outs included.
const patience = 3 * time.Minute

// A process is a running program. What it printed is shown when the test fails.
type process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{} // closed when the program has ended and all its output is read
	more  chan struct{} // has an element when there are new lines
	tidy  bool          // whether it must end with status 0 when the test does

	mu    sync.Mutex
	lines []string // of standard output and standard error; guarded by mu

	next int // the line behind the one awaited last; of the test's goroutine
}

// start runs cmd until it ends by itself or the test does, when it gets SIGTERM.
func start(t *testing.T, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{name: name, cmd: cmd, ended: make(chan struct{}), more: make(chan struct{}, 1)}
	stdout, err1 := cmd.StdoutPipe()
	stderr, err2 := cmd.StderrPipe()
	stdin, err3 := cmd.StdinPipe()
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	p.stdin = stdin
	go p.read(stdout, stderr)
	t.Cleanup(func() { p.stop(t) })
	return p
}

// read collects the output, and then the exit status.
func (p *process) read(outputs ...io.Reader) {
	var all sync.WaitGroup
	for _, r := range outputs {
		all.Go(func() {
			for s := bufio.NewScanner(r); s.Scan(); {
				p.add(s.Text())
			}
		})
	}
	all.Wait()
	_ = p.cmd.Wait() // the status is in cmd.ProcessState
	close(p.ended)
}

func (p *process) add(line string) {
	p.mu.Lock()
	p.lines = append(p.lines, line)
	p.mu.Unlock()
	select {
	case p.more <- struct{}{}:
	default:
	}
}

func (p *process) stop(t *testing.T) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Errorf("%s does not end", p.name)
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	if code := p.cmd.ProcessState.ExitCode(); p.tidy && code != 0 {
		t.Errorf("%s ended with status %d", p.name, code)
	}
	if t.Failed() {
		t.Logf("%s, %v, said:\n%s", p.name, p.cmd.ProcessState, strings.Join(p.lines, "\n"))
	}
}

// say writes a line to standard input.
func (p *process) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		t.Fatalf("write to %s: %v", p.name, err)
	}
}

// status waits for the end of the program, and returns its exit status.
func (p *process) status(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("%s does not end within %v", p.name, patience)
	}
	return p.cmd.ProcessState.ExitCode()
}

// awaitLine waits for a line that is wanted, behind the one awaited last.
func (p *process) awaitLine(t *testing.T, what string, wanted func(line string) bool) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		over := p.over()
		if line, ok := p.find(wanted); ok {
			return line
		}
		if over {
			t.Fatalf("%s ended without %s", p.name, what)
		}
		select {
		case <-p.more:
		case <-p.ended:
		case <-deadline:
			t.Fatalf("%s: no %s within %v", p.name, what, patience)
		}
	}
}

// says reports whether a line is there that is wanted, and waits for it; false where the
// program ends without one. It leaves what is awaited as it was.
func (p *process) says(wanted func(line string) bool) bool {
	deadline := time.After(patience)
	for {
		over := p.over()
		p.mu.Lock()
		said := slices.ContainsFunc(p.lines, wanted)
		p.mu.Unlock()
		if said || over {
			return said
		}
		select {
		case <-p.more:
		case <-p.ended:
		case <-deadline:
			return false
		}
	}
}

// over reports whether there will be no more lines.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *process) find(wanted func(string) bool) (line string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.next < len(p.lines) {
		line = p.lines[p.next]
		p.next++
		if wanted(line) {
			return line, true
		}
	}
	return "", false
}

// An event is a line of the programs in testdata; the fields are those of all kinds of
// events together.
type event struct {
	Event string

	// A device that registered, as the Leshan server knows it.
	Endpoint, Identity, Version, Binding string
	Lifetime                             int

	// A request that a Leshan device got.
	Method, Path string

	// How a device answered what the Leshan server asked of it.
	Code string

	// Where the Leshan server listens.
	CoAP, CoAPS, HTTP string

	// Values are the Resources of Objects 0 and 1 of a device, by their paths.
	Values map[string]any
}

func parseEvent(line string) (event, bool) {
	var e event
	err := json.Unmarshal([]byte(line), &e)
	return e, err == nil && e.Event != ""
}

// await waits for the next event with this name.
func (p *process) await(t *testing.T, name string) event {
	t.Helper()
	line := p.awaitLine(t, name, func(line string) bool {
		e, ok := parseEvent(line)
		return ok && e.Event == name
	})
	e, _ := parseEvent(line)
	return e
}

// events waits for the end of the program, and returns all events.
func (p *process) events(t *testing.T) []event {
	t.Helper()
	p.status(t)
	var all []event
	for _, line := range p.lines {
		if e, ok := parseEvent(line); ok {
			all = append(all, e)
		}
	}
	return all
}
