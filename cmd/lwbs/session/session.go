// Package session is what the history tells: lwbs session, lwbs why and lwbs status.
package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/client"
	"lwbs/bootstrap/admin/why"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Command is lwbs session.
func Command() *cli.Command {
	return command.Group("session", "show the history: sessions and other attempts", listCommand(), getCommand(), watchCommand(), traceCommand())
}

// defaultSessions is the default length of a table: the history may have a million records.
const defaultSessions = 100

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list sessions and failed attempts: those that are running, then the newest first",
		Description: `Running sessions are listed with the stage that they have reached and their age in the column TOOK;
with --json they are those without a cause. One whose device waits for approval has the stage parked.`,
		Flags: []cli.Flag{
			command.JSONFlag(), command.LimitFlag("100; with --json all"),
			&cli.StringFlag{Name: "endpoint", Usage: "only those of `ENDPOINT`, and of others under its name"},
			&cli.StringFlag{Name: "identity", Usage: "only those with the PSK `IDENTITY`, or the fingerprint of a certificate"},
			&cli.BoolFlag{Name: "failed", Usage: "only those that failed, grouped by device and cause; with --json, each by itself"},
			&cli.StringFlag{Name: "before", Usage: "start behind the session with this `ID`"},
		},
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			byDefault := defaultSessions
			if c.Bool("json") {
				byDefault = 0
			}
			n, err := command.LimitOf(c, byDefault)
			if err == nil {
				err = command.NoneEmpty(c, "endpoint", "identity", "before")
			}
			if err != nil {
				return err
			}
			q := store.SessionQuery{Endpoint: lwm2m.EndpointName(c.String("endpoint")), Identity: c.String("identity"), Before: c.String("before"), Limit: n, Failed: c.Bool("failed")}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				if q.Failed && !c.Bool("json") {
					return listFailures(ctx, c.App.Writer, api, q, n)
				}
				return listSessions(ctx, c, api, q)
			})
		},
	}
}

func listSessions(ctx context.Context, c *cli.Context, api admin.API, q store.SessionQuery) error {
	running, err := runningSessions(ctx, api, q)
	if err != nil {
		return err
	}
	err = command.List[store.Session]{
		Limit: q.Limit, Behind: q.Before, Option: "--before", First: running,
		Next: func(ctx context.Context, n int, behind string) ([]store.Session, error) {
			q.Limit, q.Before = n, behind
			return api.Sessions(ctx, q)
		},
		Key:      func(s store.Session) string { return s.ID },
		Headings: []string{"STARTED", "ENDPOINT", "FROM", "STAGE", "CAUSE", "TOOK", "ID"},
		Cells: func(s store.Session) []string {
			cause, time := string(s.Cause), took(s)
			switch {
			case s.Cause == "" && s.Stage == store.StageParked:
				cause, time = "waiting", view.Age(s)
			case s.Cause == "" && s.Stage == store.StageQueued:
				cause, time = "waiting", view.Age(s)
			case s.Cause == "":
				cause, time = "running", view.Age(s)
			}
			return []string{output.Clock(s.Started), view.Name(s), view.From(s), string(s.Stage), cause, time.String(), s.ID}
		},
	}.Print(ctx, c, api)
	if _, served := api.(*client.Client); err == nil && !served && !c.Bool("json") {
		fmt.Fprintln(c.App.ErrWriter, "note: no server is running with this database; sessions at a server with another one are not known here")
	}
	return err
}

// runningSessions returns the running sessions that q selects, the newest first.
func runningSessions(ctx context.Context, api admin.API, q store.SessionQuery) ([]store.Session, error) {
	if q.Failed || q.Before != "" {
		return nil, nil
	}
	running, err := api.RunningSessions(ctx)
	slices.Reverse(running)
	return slices.DeleteFunc(running, func(s store.Session) bool {
		return q.Endpoint != "" && s.Endpoint != q.Endpoint && s.Claimed != q.Endpoint || q.Identity != "" && s.Identity != q.Identity
	}), err
}

func took(s store.Session) time.Duration {
	if s.Ended.IsZero() {
		return 0
	}
	return s.Ended.Sub(s.Started).Round(time.Millisecond)
}

func getCommand() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "show one session, operation by operation, as a ladder of requests and answers", ArgsUsage: "ID",
		Flags: []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			r, err := api.Explain(ctx, args[0])
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return output.JSON(c.App.Writer, r.Session)
			}
			return printSession(c.App.Writer, r)
		}, "ID"),
	}
}

func printSession(out io.Writer, r why.Reason) error {
	s := r.Session
	lasted := fmt.Sprintf("took %v", took(s))
	if s.Cause == "" && s.Stage == store.StageParked {
		lasted = fmt.Sprintf("waiting for approval for %v", view.Age(s))
	} else if s.Cause == "" && s.Stage == store.StageQueued {
		lasted = fmt.Sprintf("waiting for its turn for %v", view.Age(s))
	} else if s.Cause == "" {
		lasted = fmt.Sprintf("running for %v", view.Age(s))
	}
	fmt.Fprintf(out, "session %s of %s, from %s, %s, %s\n", s.ID, view.Name(s), view.From(s), output.Clock(s.Started), lasted)
	switch {
	case s.Identity == "":
	case s.Pending != "" && s.Group != "" && !s.Proof.Counts():
		fmt.Fprintf(out, "authenticated as %q, by group %s\n", s.Identity, output.Name(s.Group))
	case s.Pending != "" && !s.Proof.Counts():
		fmt.Fprintf(out, "authenticated with the certificate %s, which no record names\n", s.Identity)
	case s.Proof.Counts():
		fmt.Fprintf(out, "authenticated as %q\n", s.Identity)
	default:
		fmt.Fprintf(out, "gave the identity %q and did not prove it\n", s.Identity)
	}
	if s.Links != "" {
		fmt.Fprintf(out, "the device has %s\n", s.Links)
	}
	printLadder(out, s)
	for _, q := range s.Quirks {
		fmt.Fprintf(out, "tolerated: the device %s\n", q)
	}
	for _, n := range s.Notes {
		fmt.Fprintf(out, "noted: %s\n", n)
	}
	view.PrintExplanation(out, r.Explanation)
	return nil
}

func watchCommand() *cli.Command {
	return &cli.Command{
		Name: "watch", Usage: "show sessions as they happen, until interrupted; needs a running server",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON, an event a line"}, &cli.StringFlag{Name: "endpoint", Usage: "only those of `ENDPOINT`"}},
		Action: command.OnServer(func(ctx context.Context, c *cli.Context, api admin.API) error {
			if err := command.NoneEmpty(c, "endpoint"); err != nil {
				return err
			}
			err := api.Watch(ctx, view.WatchOptions(c.App.ErrWriter), func(e admin.Event) error {
				if only := lwm2m.EndpointName(c.String("endpoint")); only != "" && e.Kind != admin.EventMissed && e.Session.Endpoint != only && e.Session.Claimed != only {
					return nil
				}
				return printEvent(c, e)
			})
			if err == nil && ctx.Err() == nil {
				return errors.New("the server stopped")
			}
			return err
		}),
	}
}

func printEvent(c *cli.Context, e admin.Event) error {
	if view.PrintMissed(c.App.ErrWriter, e) && !c.Bool("json") {
		return nil
	}
	return view.PrintEvent(c.App.Writer, e, c.Bool("json"))
}
