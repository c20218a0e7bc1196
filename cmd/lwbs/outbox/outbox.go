// Package outbox is lwbs outbox: what LwM2M Servers are still to be told.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/client"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Command is lwbs outbox.
func Command() *cli.Command {
	return command.Group("outbox", "what LwM2M Servers are still to be told: messages that wait, and dead letters", listCommand(), getCommand(), retryCommand(), dropCommand())
}

// filterFlags select messages.
func filterFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "receiver", Usage: "only messages for this LwM2M Server, `NAME`"},
		&cli.StringFlag{Name: "endpoint", Usage: "only messages about this device, `NAME`"},
		&cli.BoolFlag{Name: "dead", Usage: "dead letters, in place of messages that wait"},
	}
}

// shown is how many messages the table has where nothing else is said.
const shown = 100

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the messages that wait, or the dead letters",
		Description: `A message tells an LwM2M Server to forget a device that was deleted or disabled, or of an event that the
server asks for (lwbs lwm2m-server add --event). A running server delivers it, and tries again after ever
longer pauses, up to an hour, where the receiver cannot be reached. A message that is refused 20 times or fails
for 3 days becomes a dead letter: it is kept and not delivered any more. lwbs status sums all of it up.`,
		Flags: append(filterFlags(), command.JSONFlag(), &cli.IntFlag{Name: "limit", Usage: "list at most `N` messages", DefaultText: "100, with --json all"}),
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, _ []string) error {
			limit := c.Int("limit")
			switch {
			case limit < 0 || c.IsSet("limit") && limit == 0:
				return command.Usagef("--limit %d is not a number from 1", limit)
			case limit == 0 && !c.Bool("json"):
				limit = shown
			}
			all, more, err := read(ctx, api, store.MessageQuery{Receiver: c.String("receiver"), Endpoint: lwm2m.EndpointName(c.String("endpoint")), Dead: c.Bool("dead")}, limit)
			switch {
			case err != nil:
				return err
			case c.Bool("json"):
				return errors.Join(output.JSON(c.App.Writer, all), command.WarnUnreadable(ctx, c.App.ErrWriter, api))
			}
			return errors.Join(printList(c, api, all, more), command.WarnUnreadable(ctx, c.App.ErrWriter, api))
		}),
	}
}

// page is how many messages are read at a time.
const page = 1000

// read reads at most limit messages, all where it is zero, and reports whether there are more.
func read(ctx context.Context, api admin.API, q store.MessageQuery, limit int) (all []admin.Message, more bool, err error) {
	all = []admin.Message{}
	for {
		if q.Limit = page; limit > 0 {
			q.Limit = min(page, limit+1-len(all))
		}
		some, err := api.Messages(ctx, q)
		if err != nil {
			return nil, false, err
		}
		all = append(all, some...)
		switch n := len(some); {
		case limit > 0 && len(all) > limit:
			return all[:limit], true, nil
		case n < q.Limit:
			return all, false, nil
		default:
			q.After = store.MessageCursor{Receiver: some[n-1].Receiver, ID: some[n-1].ID}
		}
	}
}

func printList(c *cli.Context, api admin.API, all []admin.Message, more bool) error {
	if len(all) > 0 {
		t := output.NewTable(c.App.Writer, "ID", "RECEIVER", "TYPE", "ENDPOINT", "SINCE", "FAILED", "LAST ERROR")
		for _, m := range all {
			t.Row(m.ID.String(), output.Name(m.Receiver), string(m.Type), output.Name(m.Endpoint), output.Clock(m.Queued), failed(m), output.Text(m.Error))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(c.App.ErrWriter, "there are no such %s\n", map[bool]string{true: "dead letters", false: "messages"}[c.Bool("dead")])
	}
	if more {
		fmt.Fprintf(c.App.ErrWriter, "note: there are more than these %d; --limit lists more\n", len(all))
	}
	if _, served := api.(*client.Client); !served && len(all) > 0 && !c.Bool("dead") {
		fmt.Fprintln(c.App.ErrWriter, "note: no server is running with this database: they are delivered when one is started")
	}
	return nil
}

// failed tells how often a message could not be delivered.
func failed(m admin.Message) string {
	if m.Tries == 0 {
		return ""
	}
	return output.Counted(m.Tries, "time", "times")
}

func getCommand() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "show a message, with what is delivered", ArgsUsage: "ID", Flags: []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			id, err := store.ParseMessageID(args[0])
			if err != nil {
				return err
			}
			m, err := api.Message(ctx, id)
			switch {
			case err != nil:
				return err
			case c.Bool("json"):
				return output.JSON(c.App.Writer, m)
			}
			row := func(name, text string) {
				if text != "" {
					fmt.Fprintf(c.App.Writer, "%-10s %s\n", name, text)
				}
			}
			row("id", m.ID.String())
			row("receiver", output.Name(m.Receiver))
			row("type", string(m.Type))
			row("endpoint", output.Name(m.Endpoint))
			row("since", output.Clock(m.Queued))
			row("failed", failed(m))
			if m.Error != "" {
				row("error", output.Text(m.Error)+at(m.Tried))
			}
			if !m.Dead.IsZero() {
				row("state", "dead letter since "+output.Clock(m.Dead)+": lwbs outbox retry "+m.ID.String()+" delivers it again")
			}
			row("body", output.Text(string(m.Body)))
			return nil
		}, "ID"),
	}
}

func at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", at " + output.Clock(t)
}

func retryCommand() *cli.Command {
	return changeCommand("retry", "deliver messages as soon as possible", "queued again", `Dead letters, or messages that wait for their receiver, are delivered as soon as possible, behind the
others:

   lwbs outbox retry 17
   lwbs outbox retry --dead --receiver hook

A receiver tells a message that it has already by the header webhook-id, which stays the same.`, func(ctx context.Context, api admin.API, f admin.MessageFilter) (int, error) {
		return api.RetryMessages(ctx, f)
	})
}

func dropCommand() *cli.Command {
	return changeCommand("drop", "remove messages, which are not delivered then", "dropped", `An LwM2M Server that is not told to forget a device goes on to accept it.

   lwbs outbox drop 17
   lwbs outbox drop --dead --receiver hook`, func(ctx context.Context, api admin.API, f admin.MessageFilter) (int, error) {
		return api.DropMessages(ctx, f)
	})
}

// changeCommand is a command on the messages that its arguments or options select.
func changeCommand(name, usage, did, description string, do func(context.Context, admin.API, admin.MessageFilter) (int, error)) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "ID...", Description: description,
		Flags: append(filterFlags(), command.JSONFlag()),
		Action: func(c *cli.Context) error {
			f := admin.MessageFilter{Receiver: c.String("receiver"), Endpoint: lwm2m.EndpointName(c.String("endpoint")), Dead: c.Bool("dead")}
			for _, text := range c.Args().Slice() {
				if strings.HasPrefix(text, "-") {
					return command.Usagef("there is no option %s", text)
				}
				id, err := store.ParseMessageID(text)
				if err != nil {
					return command.Usagef("%q is not the number of a message: lwbs outbox list has them", text)
				}
				f.IDs = append(f.IDs, id)
			}
			switch selected := f.Receiver != "" || f.Endpoint != "" || f.Dead; {
			case len(f.IDs) == 0 && !selected:
				return command.Usagef("nothing says which messages: give their numbers, or --receiver, --endpoint or --dead")
			case len(f.IDs) > 0 && selected:
				return command.Usagef("messages are selected by their numbers, or by options, and not by both")
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				n, err := do(ctx, api, f)
				if c.Bool("json") && (err == nil || n > 0) {
					return errors.Join(output.JSON(c.App.Writer, map[string]int{"messages": n}), err)
				}
				if err == nil || n > 0 {
					fmt.Fprintf(c.App.Writer, "%s %s\n", output.Counted(n, "message", "messages"), did)
				}
				return err
			})
		},
	}
}
