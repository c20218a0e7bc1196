package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/store"
)

func whyCommand() *cli.Command {
	return &cli.Command{
		Name: "why", Usage: "tell in plain words how the last attempts of a device ended, and what to do", ArgsUsage: "ENDPOINT",
		Description: `In place of the endpoint name, a PSK identity or the fingerprint of a certificate will do, for a
device that never got so far as to tell its name; or an IP address, for one that told nothing, such
as one that sends to the wrong port. A session that is running comes first. Told
are the last attempts of the device, and those under its name that it may not have made; and
attempts of unknown devices that may have been this one.`,
		OnUsageError: onUsageError,
		Flags:        []cli.Flag{jsonFlag(), limitFlag(fmt.Sprint(defaultReasons))},
		Action: func(c *cli.Context) error {
			args, err := arguments(c, "ENDPOINT")
			if err != nil {
				return err
			}
			n, err := limitOf(c, defaultReasons)
			if err != nil {
				return err
			}
			if n > admin.MaxReasons {
				return usagef("--limit %d is not within 1 to %d: lwbs session list --endpoint lists all attempts", n, admin.MaxReasons)
			}
			return with(c, false, func(ctx context.Context, api admin.API) error { return why(ctx, c, api, args[0], n) })
		},
	}
}

// defaultReasons is how many attempts are explained where nothing else is said.
const defaultReasons = 3

func why(ctx context.Context, c *cli.Context, api admin.API, asked string, n int) error {
	w, err := api.Why(ctx, asked, n)
	if err != nil {
		return err
	}
	if w.Endpoint == "" && len(w.Attempts) == 0 {
		return notSeen(w)
	}
	if c.Bool("json") {
		err = printJSON(c.App.Writer, w)
	} else {
		printWhy(c.App.Writer, w)
	}
	if w.More {
		fmt.Fprintf(c.App.ErrWriter, "there are older attempts: --limit N explains more, up to %d\n", admin.MaxReasons)
	}
	return err
}

// notSeen is the error where nothing is known of a name.
func notSeen(w admin.Why) error {
	if w.Address != "" {
		text := fmt.Sprintf("this database has seen nothing from %s", w.Address)
		if len(w.Notes) > 0 {
			text = fmt.Sprintf("nothing from %s is among the last attempts", w.Address)
		}
		return &worded{text + ": lwbs session list --failed shows where those came from that failed", store.ErrNotFound}
	}
	text := fmt.Sprintf("%q is no device here, and this database has never seen anything of this name or identity", w.Name)
	if len(w.Near) > 0 {
		text += "; did you mean " + nearText(w.Near) + "?"
	} else {
		text += ": lwbs device list shows the devices, lwbs session list --failed what unknown ones gave"
	}
	return &worded{text, store.ErrNotFound}
}

// nearText names devices that a name may be meant for.
func nearText(near []store.NearDevice) string {
	var out []string
	for _, d := range near {
		one := name(d.Endpoint)
		if d.Identity != "" {
			one += " (identity " + name(d.Identity) + ")"
		}
		out = append(out, one)
	}
	return strings.Join(out, ", or ")
}

func printWhy(out io.Writer, w admin.Why) {
	if w.Running != nil {
		s, state := w.Running.Session, "running"
		if s.Proof == store.ProofNone {
			state = "not answered"
		}
		fmt.Fprintf(out, "%s  %s from %s: %s for %v\n", clock(s.Started), nameOf(s), from(s), state, age(s))
		printReason(out, *w.Running)
	}
	if w.Never != nil {
		fmt.Fprintf(out, "%s was never seen\n", name(w.Endpoint))
		printExplanation(out, *w.Never)
	}
	for _, r := range w.Attempts {
		printAttempt(out, r)
	}
	if w.Endpoint == "" && len(w.Near) > 0 {
		fmt.Fprintf(out, "%s is no device here; near to it: %s\n", name(w.Name), nearText(w.Near))
	}
	for _, l := range w.Likely {
		fmt.Fprintf(out, "perhaps  ")
		printAttempt(out, l.Reason)
		fmt.Fprintf(out, "  perhaps    %s, since %s\n", name(w.Endpoint), l.Because)
	}
	for _, n := range w.Notes {
		fmt.Fprintf(out, "note: %s\n", n)
	}
}

// printAttempt tells of one attempt, and explains it.
func printAttempt(out io.Writer, r admin.Reason) {
	s := r.Session
	fmt.Fprintf(out, "%s  %s from %s: %s\n", clock(whenOf(s)), nameOf(s), from(s), s.Cause)
	printReason(out, r)
}

// whenOf is when an attempt began, or when the last of those was over that have one record.
func whenOf(s store.Session) time.Time {
	if s.Attempts > 1 {
		return lastTime(s)
	}
	return s.Started
}

// printReason explains one attempt, and tells what was noted besides.
func printReason(out io.Writer, r admin.Reason) {
	printExplanation(out, r.Explanation)
	for _, n := range r.Session.Notes {
		fmt.Fprintf(out, "  noted      %s\n", n)
	}
}
