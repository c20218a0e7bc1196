package session

import (
	"cmp"
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

// WhyCommand is lwbs why.
func WhyCommand() *cli.Command {
	return &cli.Command{
		Name: "why", Usage: "explain how the last attempts of a device ended, and what to do", ArgsUsage: "ENDPOINT | --all-failed",
		Description: `ENDPOINT may also be a PSK identity or the fingerprint of a certificate, for a device that did not
get so far as to send its name, or an IP address, for one that sent neither, such as one that uses
the wrong port. The beginning of a name or an identity is enough where no other begins so.
A running session is explained first; then the last attempts of the device, those that others may
have made under its name, and those of unknown devices that may be this one.

--all-failed tells of the whole fleet: why devices are in trouble now, the cause that most of them
have first, with what to do. Devices that have bootstrapped since they failed are not counted.`,
		OnUsageError: command.OnUsageError,
		Flags: []cli.Flag{
			command.JSONFlag(),
			&cli.IntFlag{Name: "limit", Usage: "explain at most `N` attempts; with --all-failed, name at most N devices for each cause", DefaultText: fmt.Sprint(defaultReasons)},
			&cli.BoolFlag{Name: "all-failed", Usage: "group the devices that are in trouble now by cause"},
		},
		Action: func(c *cli.Context) error {
			if c.Bool("all-failed") {
				return whyAllFailed(c)
			}
			args, err := command.Arguments(c, "ENDPOINT")
			if err != nil {
				return err
			}
			n, err := command.LimitOf(c, defaultReasons)
			if err != nil {
				return err
			}
			if n > why.MaxReasons {
				return command.Usagef("--limit %d is not within 1 to %d: lwbs session list --endpoint lists all attempts", n, why.MaxReasons)
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error { return whyDevice(ctx, c, api, args[0], n) })
		},
	}
}

// defaultReasons is how many attempts are explained by default.
const defaultReasons = 3

func whyDevice(ctx context.Context, c *cli.Context, api admin.API, asked string, n int) error {
	w, err := api.Why(ctx, asked, n)
	if err != nil {
		return err
	}
	if w.Endpoint == "" && len(w.Attempts) == 0 && w.Running == nil && w.Never == nil {
		return notSeen(w)
	}
	if c.Bool("json") {
		err = output.JSON(c.App.Writer, w)
	} else {
		printWhy(c.App.Writer, w)
	}
	if w.More {
		fmt.Fprintf(c.App.ErrWriter, "there are older attempts: --limit N explains more, up to %d\n", why.MaxReasons)
	}
	return err
}

// notSeen is the error for a name that is in no record.
func notSeen(w why.Answer) error {
	if w.Address != "" {
		text := fmt.Sprintf("this database has no attempt from %s", w.Address)
		if len(w.Notes) > 0 {
			text = fmt.Sprintf("nothing from %s is among the last attempts", w.Address)
		}
		return command.Reword(store.ErrNotFound, text+": lwbs session list --failed shows the addresses of attempts that failed")
	}
	text := fmt.Sprintf("%q is no device here, and this database has no attempt under this name or identity", w.Name)
	if len(w.Notes) > 0 {
		text += ". " + strings.TrimSuffix(strings.Join(w.Notes, " "), ".")
	}
	if len(w.Near) > 0 {
		text += "; did you mean " + nearText(w.Near) + "?"
	} else {
		text += ": lwbs device list shows the devices, lwbs session list --failed the names and identities of unknown ones"
	}
	return command.Reword(store.ErrNotFound, text)
}

// nearText lists the devices whose name or identity is similar.
func nearText(near []store.NearDevice) string {
	var out []string
	for _, d := range near {
		one := output.Name(d.Endpoint)
		switch {
		case d.Endpoint == "":
			one = "identity " + output.Name(d.Identity)
		case d.Identity != "":
			one += " (identity " + output.Name(d.Identity) + ")"
		}
		out = append(out, one)
	}
	return strings.Join(out, ", or ")
}

func printWhy(out io.Writer, w why.Answer) {
	if w.Running != nil {
		s, state := w.Running.Session, "running"
		if s.Cause == "" && s.Stage == store.StageParked {
			state = "waiting for approval"
		} else if s.Cause == "" && s.Stage == store.StageQueued {
			state = "waiting for its turn"
		} else if s.Proof == store.ProofNone {
			state = "not answered"
		} else if s.Cause != "" {
			state = "ended, and about to be recorded; it has run"
		}
		fmt.Fprintf(out, "%s  %s from %s: %s for %v\n", output.Clock(s.Started), view.Name(s), view.From(s), state, view.Age(s))
		printReason(out, *w.Running)
	}
	if w.Never != nil {
		fmt.Fprintf(out, "%s: no attempt is recorded\n", output.Name(cmp.Or(string(w.Endpoint), w.Name)))
		view.PrintExplanation(out, *w.Never)
	}
	for _, r := range w.Attempts {
		printAttempt(out, r)
	}
	if w.Endpoint == "" && len(w.Near) > 0 {
		fmt.Fprintf(out, "%s is no device here; similar: %s\n", output.Name(w.Name), nearText(w.Near))
	}
	for _, l := range w.Likely {
		fmt.Fprintf(out, "perhaps  ")
		printAttempt(out, l.Reason)
		fmt.Fprintf(out, "  perhaps    %s, since %s\n", output.Name(w.Endpoint), l.Because)
	}
	for _, n := range w.Notes {
		fmt.Fprintf(out, "note: %s\n", n)
	}
}

// printAttempt prints one attempt with its explanation.
func printAttempt(out io.Writer, r why.Reason) {
	s := r.Session
	fmt.Fprintf(out, "%s  %s from %s: %s\n", output.Clock(view.When(s)), view.Name(s), view.From(s), s.Cause)
	printReason(out, r)
}

// printReason prints the explanation of an attempt, and its notes.
func printReason(out io.Writer, r why.Reason) {
	view.PrintExplanation(out, r.Explanation)
	for _, n := range r.Session.Notes {
		fmt.Fprintf(out, "  noted      %s\n", n)
	}
}
