package handover

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"time"

	"lwbs/lwm2m"
)

// A command is a program that reads the JSON of one event from its standard input. It exits with 0
// where it has taken it, with 75 (EX_TEMPFAIL of sysexits.h) to be asked again, and with anything else
// to refuse. What it writes to its standard error is the reason.
type command struct {
	program   string
	arguments []string
}

const (
	exitAgain  = 75
	maxOutput  = 4 << 10 // bytes of what a program writes that are kept
	killedWait = time.Second
)

func (c *command) Put(ctx context.Context, a Account) error    { return c.tell(ctx, a, eventCredentials) }
func (c *command) Remove(ctx context.Context, a Account) error { return c.tell(ctx, a, eventRemoved) }

func (c *command) tell(ctx context.Context, a Account, kind string) error {
	message, err := a.message(kind)
	if err != nil {
		return err
	}
	return c.run(ctx, message, a.secrets())
}

func (c *command) told(ctx context.Context, _ string, body []byte) error {
	return c.run(ctx, body, nil)
}

// run runs the program with a message. An error does not repeat the secrets to hide.
func (c *command) run(ctx context.Context, message []byte, hide []lwm2m.Secret) error {
	var output limited
	run := exec.CommandContext(ctx, c.program, c.arguments...)
	run.Stdin, run.Stdout, run.Stderr = bytes.NewReader(message), nil, &output
	run.Dir, run.Env = "/", []string{"PATH=" + os.Getenv("PATH")}
	run.WaitDelay = killedWait
	ownGroup(run)
	err := run.Run()
	var exit *exec.ExitError
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay) && run.ProcessState.Success(): // what it left running has its standard error
		return nil
	case ctx.Err() != nil:
		return unavailable("the program did not end in time")
	case !errors.As(err, &exit):
		return ofServer("the program cannot be run: %v", err)
	}
	reason := "the program ends with " + exit.ProcessState.String()
	first, _, _ := strings.Cut(strings.TrimSpace(output.String()), "\n")
	if first = conceal(first, hide); first != "" {
		reason += ": " + first
	}
	if exit.ExitCode() == exitAgain {
		return unavailable("%s", reason)
	}
	return refused("%s", reason)
}

// A limited keeps the beginning of what is written to it.
type limited struct{ bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if room := maxOutput - l.Len(); room > 0 {
		l.Buffer.Write(b[:min(len(b), room)])
	}
	return len(b), nil
}
