// Package pending is lwbs pending: unknown devices that wait for approval.
package pending

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/client"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Command is lwbs pending.
func Command() *cli.Command {
	return command.Group("pending", "approve or reject unknown devices that wait for it", listCommand(), approveCommand(), rejectCommand())
}

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list unknown devices: those that are waiting now, those that are away, and those that were rejected",
		Description: `Unknown devices wait where lwbs serve was told so: --unknown-devices park. A device that waits is asked
something now and then until it is approved, is rejected, goes, or has waited for --park-time. It stays
on the list while it is away, also over a restart of the server, and keeps its ID.

In the column AUTHENTICATED are the names in its certificate, which a trusted CA vouches for, or its
enrolment group. A name that the device gave and that is not among them is marked with a question mark.

With --watch each change is told on a line of its own, until interrupted; that needs a running server.`,
		Flags: []cli.Flag{command.JSONFlag(), &cli.BoolFlag{Name: "watch", Usage: "go on, and tell of devices that begin and cease to wait; with --json, an event a line"}},
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				if c.Bool("watch") {
					return watch(ctx, c, api)
				}
				return list(ctx, c, api)
			})
		},
	}
}

func list(ctx context.Context, c *cli.Context, api admin.API) error {
	all, err := api.PendingDevices(ctx)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return errors.Join(output.JSON(c.App.Writer, all), command.WarnUnreadable(ctx, c.App.ErrWriter, api))
	}
	_, served := api.(*client.Client)
	switch {
	case len(all) > 0:
		t := output.NewTable(c.App.Writer, "ID", "ENDPOINT", "STATE", "AUTHENTICATED", "FROM", "FIRST SEEN", "LAST SEEN")
		for _, p := range all {
			t.Row(p.ID, nameOf(p), stateOf(p), namesOf(p), output.Text(p.Transport+"://"+p.Remote), output.Clock(p.First), output.Clock(p.Last))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	case served:
		fmt.Fprintln(c.App.ErrWriter, "no unknown device waits; they wait where lwbs serve has --unknown-devices park, and in enrolment groups with --approve")
	}
	if !served {
		fmt.Fprintln(c.App.ErrWriter, "note: no server is running with this database: none of these devices is waiting now; one that is approved is served when it comes again")
	}
	return command.WarnUnreadable(ctx, c.App.ErrWriter, api)
}

// nameOf is the name that a device gave, in doubt where its certificate does not have it.
func nameOf(p admin.PendingDevice) string {
	switch {
	case p.Endpoint == "":
		return "(no name)"
	case p.NameUnproved:
		return output.Name(p.Endpoint) + " ?"
	}
	return output.Name(p.Endpoint)
}

func stateOf(p admin.PendingDevice) string {
	switch {
	case !p.Rejected.IsZero():
		return "rejected"
	case p.Session == "":
		return "away"
	}
	return "waiting, " + time.Until(p.Until).Round(time.Second).String() + " left"
}

// namesOf is what a device authenticated with.
func namesOf(p admin.PendingDevice) string {
	switch {
	case p.Kind == "":
		return "no"
	case p.Group != "":
		return "by group " + output.Name(p.Group)
	case len(p.Names) > 0:
		return "as " + output.Names(p.Names)
	}
	return output.Text(p.Identity)
}

// watch tells of what changes.
func watch(ctx context.Context, c *cli.Context, api admin.API) error {
	if _, served := api.(*client.Client); !served {
		return admin.ErrNoServer
	}
	if !c.Bool("json") {
		if err := list(ctx, c, api); err != nil {
			return err
		}
	}
	err := api.Watch(ctx, view.WatchOptions(c.App.ErrWriter), func(e admin.Event) error {
		if missed := view.PrintMissed(c.App.ErrWriter, e); missed && !c.Bool("json") || !missed && e.Session.Pending == "" {
			return nil
		}
		return view.PrintEvent(c.App.Writer, e, c.Bool("json"))
	})
	if err == nil && ctx.Err() == nil {
		return errors.New("the server stopped")
	}
	return err
}

func approveCommand() *cli.Command {
	return &cli.Command{
		Name: "approve", Usage: "make the record of an unknown device: its session goes on at once, if it waits", ArgsUsage: "ID",
		Description: `The record takes the device by what it came with: the name in its certificate, the certificate itself
where that has no name, or plain CoAP. If the device is not waiting now, it is served when it comes
again. A device that was rejected can be approved, too.

A name that is not in the certificate of the device may be that of another device. It has to be
repeated with --endpoint. A device that gave no name and has none in its certificate needs one, too.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "profile", Usage: "what it is given: the profile `NAME`; a device of a group has that of its group"},
			&cli.StringFlag{Name: "endpoint", Usage: "the name of its record, `ENDPOINT`"},
			&cli.StringSliceFlag{Name: "tag", Usage: "give it the tag `TAG`; may be repeated"},
			&cli.StringSliceFlag{Name: "var", Usage: "set a variable for the templates of the profile, `NAME=VALUE`; may be repeated"},
			command.JSONFlag(),
		},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			if err := command.NoneEmpty(c, "profile", "endpoint"); err != nil {
				return err
			}
			vars, err := command.Assignments(c, "var", "NAME=VALUE")
			if err != nil {
				return err
			}
			id, err := idOf(args[0])
			if err != nil {
				return err
			}
			waited := waitsNow(ctx, api, id)
			d, err := api.ApprovePending(ctx, id, admin.Approval{Endpoint: lwm2m.EndpointName(c.String("endpoint")), Profile: c.String("profile"), Tags: c.StringSlice("tag"), Vars: vars})
			if err != nil {
				return command.NearProfile(ctx, api, c.String("profile"), err)
			}
			if c.Bool("json") {
				return output.JSON(c.App.Writer, d)
			}
			for _, w := range d.Warnings {
				fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", w)
			}
			printApproved(c.App.Writer, d, waited)
			return nil
		}, "ID"),
	}
}

// waitsNow reports whether the session of a device waits.
func waitsNow(ctx context.Context, api admin.API, id string) bool {
	all, err := api.PendingDevices(ctx)
	for _, p := range all {
		if err == nil && p.ID == id {
			return p.Session != ""
		}
	}
	return false
}

// printApproved tells what an approval did, and the keys that it generated.
func printApproved(out io.Writer, d admin.Device, waited bool) {
	next := "it is served when it comes again"
	if waited {
		next = "it was waiting, and its session goes on"
	}
	fmt.Fprintf(out, "approved %s (profile %s, revision %d): %s; lwbs why %s tells how it went\n", output.Name(d.Endpoint), output.Name(d.Profile), d.Revision, next, output.Name(d.Endpoint))
	view.PrintAccountKeys(out, d)
}

func rejectCommand() *cli.Command {
	return &cli.Command{
		Name: "reject", Usage: "refuse an unknown device, now and when it comes again", ArgsUsage: "ID",
		Description: `Its session ends, if it waits: over DTLS with close_notify. When it comes again it is answered 4.00, also
after a restart of the server, until lwbs pending approve, or lwbs device add, makes a record of it.`,
		Flags: []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			id, err := idOf(args[0])
			if err != nil {
				return err
			}
			p, err := api.RejectPending(ctx, id)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return output.JSON(c.App.Writer, p)
			}
			_, err = fmt.Fprintf(c.App.Writer, "rejected %s, as %s\n", nameOf(p), p.ID)
			return err
		}, "ID"),
	}
}

// idOf reads the ID of a pending device, also in capitals.
func idOf(text string) (string, error) {
	id := strings.ToLower(strings.TrimSpace(text))
	if !store.IsPendingID(id) {
		return "", command.Usagef("%q is not the ID of a pending device, such as k7wq2mxe: lwbs pending list shows them", text)
	}
	return id, nil
}
