package session

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/why"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/store"
)

// whyAllFailed is lwbs why --all-failed.
func whyAllFailed(c *cli.Context) error {
	if _, err := command.Arguments(c); err != nil {
		return err
	}
	n, err := command.LimitOf(c, defaultReasons)
	if err != nil {
		return err
	}
	if n > why.MaxFailureExamples {
		return command.Usagef("--limit %d is not within 1 to %d: lwbs session list --failed lists all", n, why.MaxFailureExamples)
	}
	return command.With(c, false, func(ctx context.Context, api admin.API) error {
		f, err := api.Failures(ctx, n)
		if err != nil {
			return err
		}
		if c.Bool("json") {
			err = output.JSON(c.App.Writer, f)
		} else {
			printFailures(c.App.Writer, f)
		}
		if err != nil {
			return err
		}
		return command.WarnUnreadable(ctx, c.App.ErrWriter, api)
	})
}

func printFailures(out io.Writer, f why.Failures) {
	if len(f.Causes) == 0 {
		fmt.Fprintf(out, "No device is known to be in trouble now; %s of the history were looked at.\n", output.Counted(f.Records, "failure", "failures"))
	}
	for _, c := range f.Causes {
		fmt.Fprintf(out, "%s: %s; the last %s\n", c.Cause, affected(c), output.Clock(c.Last))
		who := "of the newest, "
		if c.Devices+c.Unproved+c.Unknown == 1 {
			who = ""
		}
		fmt.Fprintf(out, "  such as    %s\n", examples(c))
		fmt.Fprintf(out, "  came to    %s%s\n  happened   %s\n", who, c.Stage, c.Happened)
		if c.Remedy != "" {
			fmt.Fprintf(out, "  to do      %s\n", c.Remedy)
		}
	}
	if f.Running > 0 {
		fmt.Fprintf(out, "running now: %s; a device that failed before is counted until its session ends\n", output.Counted(f.Running, "session", "sessions"))
	}
	for _, n := range f.Notes {
		fmt.Fprintf(out, "note: %s\n", n)
	}
}

// affected tells whom a cause concerns, and how sure that is.
func affected(c why.FailureCause) string {
	var parts []string
	if c.Devices > 0 {
		parts = append(parts, output.Counted(c.Devices, "device", "devices"))
	}
	if c.Unproved > 0 {
		parts = append(parts, output.Counted(c.Unproved, "device by its name or identity only", "devices by their name or identity only"))
	}
	if c.Unknown > 0 {
		parts = append(parts, output.Counted(c.Unknown, "unknown peer", "unknown peers"))
	}
	return strings.Join(parts, ", ")
}

// examples names some of those that a cause concerns, and how to list the others.
func examples(c why.FailureCause) string {
	var names []string
	for _, e := range c.Examples {
		name := view.Name(store.Session{Endpoint: e.Endpoint, Claimed: e.Claimed, Identity: e.Identity, Network: e.Network})
		if e.Endpoint == "" && e.Claimed == "" && e.Identity == "" && e.Network == "" {
			name = view.From(store.Session{Transport: e.Transport, Remote: e.Remote})
		}
		names = append(names, name)
	}
	text := strings.Join(names, ", ")
	if more := c.Devices + c.Unproved + c.Unknown - len(names); more > 0 {
		text += fmt.Sprintf(", and %d more (--limit)", more)
	}
	return text
}
