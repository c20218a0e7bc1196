// Package audit is lwbs audit: who changed or revealed what.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// Command is lwbs audit.
func Command() *cli.Command {
	return command.Group("audit", "who changed or revealed what, when and from where", listCommand())
}

// shown is how many entries the table has where nothing else is said.
const shown = 100

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list what was changed and revealed, the newest first",
		Description: `Every change and every look at a secret over the admin API, the pages and the command line has an entry, and
each log-in. What the server does by itself for devices is in the history (lwbs session list). An import is one
entry, with its counts. Entries tell which settings were changed, and never their secrets. The last 100,000 are
kept.

   lwbs audit list --name ada --within 7d
   lwbs audit list --action device --target urn:imei:490154203237518
   lwbs audit list --json > audit.jsonl        all of them, an object a line`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "only what this user or token, `NAME`, did"},
			&cli.StringFlag{Name: "action", Usage: "only this `ACTION`, such as \"device set\", or all of a kind, such as device"},
			&cli.StringFlag{Name: "target", Usage: "only what was done to the record `NAME`"},
			&cli.StringFlag{Name: "within", Usage: "only what was done within this `TIME`, such as 36h or 7d"},
			&cli.Uint64Flag{Name: "before", Usage: "only entries before this `NUMBER`: the next page"},
			&cli.IntFlag{Name: "limit", Usage: "list at most `N` entries", DefaultText: "100, with --json all"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON, an object a line"},
		},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, _ []string) error {
			q := store.AuditQuery{Name: c.String("name"), Action: c.String("action"), Target: c.String("target"), Before: store.AuditID(c.Uint64("before"))}
			if err := command.NoneEmpty(c, "name", "action", "target", "within"); err != nil {
				return err
			}
			if text := c.String("within"); text != "" {
				span, err := command.Span(text)
				if err != nil {
					return command.Usagef("--within %q: %v", text, err)
				}
				q.Since = time.Now().Add(-span)
			}
			limit := c.Int("limit")
			switch {
			case limit < 0 || c.IsSet("limit") && limit == 0:
				return command.Usagef("--limit %d is not a number from 1", limit)
			case limit == 0 && !c.Bool("json"):
				limit = shown
			}
			return errors.Join(list(ctx, c, api, q, limit), command.WarnUnreadable(ctx, c.App.ErrWriter, api))
		}),
	}
}

// page is how many entries are read at a time.
const page = 1000

// list prints at most limit entries, all where it is zero.
func list(ctx context.Context, c *cli.Context, api admin.API, q store.AuditQuery, limit int) error {
	lines := json.NewEncoder(c.App.Writer)
	t := output.NewTable(c.App.Writer, "NUMBER", "TIME", "WHO", "BY", "FROM", "ACTION", "TARGET", "DETAIL")
	n, more := 0, false
	for last := false; !last && !more; {
		q.Limit = page
		some, err := api.Audit(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range some {
			if more = limit > 0 && n == limit; more {
				break
			}
			if n++; !c.Bool("json") {
				t.Row(fmt.Sprint(e.ID), output.Clock(e.At), output.Name(e.Name), output.Text(e.Way), output.Text(e.Address), output.Text(e.Action), output.Name(e.Target), output.Text(e.Detail))
			} else if err := lines.Encode(e); err != nil {
				return err
			}
			q.Before = e.ID
		}
		last = len(some) < page
	}
	switch {
	case c.Bool("json"):
		return nil
	case n == 0:
		fmt.Fprintln(c.App.ErrWriter, "there are no such entries")
		return nil
	}
	err := t.Flush()
	if more {
		fmt.Fprintf(c.App.ErrWriter, "note: there are more; the next ones: lwbs audit list --before %d%s\n", q.Before, options(c))
	}
	return err
}

// options repeats the filters of a command.
func options(c *cli.Context) (text string) {
	for _, name := range []string{"name", "action", "target", "within"} {
		if v := c.String(name); v != "" {
			if strings.ContainsAny(v, " '\"") {
				v = "'" + strings.ReplaceAll(v, "'", `'\''`) + "'"
			}
			text += " --" + name + " " + v
		}
	}
	return text
}
