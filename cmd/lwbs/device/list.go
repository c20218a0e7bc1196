package device

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/lwm2m"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list devices by name, with the outcome of their last session",
		Description: "A device is done when it was bootstrapped, and due when it would be given something else now: by its\nprofile, by its record, since other keys were asked for (rotation), or since a key is older than its\nprofile permits (age). With --state, --seen-within, --not-seen-for or --expires-within each device is\nlooked at, which takes a minute or two for a million devices.",
		Flags: slices.Concat([]cli.Flag{
			command.JSONFlag(), command.LimitFlag("all"),
			&cli.StringFlag{Name: "after", Usage: "start behind this `ENDPOINT`"},
			&cli.BoolFlag{Name: "count", Usage: "say how many there are, by state, in place of the list"},
		}, command.FilterFlags()),
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			n, err := command.LimitOf(c, 0)
			if err == nil {
				err = command.NoneEmpty(c, "after", "prefix", "profile", "tag", "group")
			}
			var filter admin.DeviceFilter
			if err == nil {
				filter, err = command.FilterOf(c)
			}
			if err == nil && c.Bool("count") && (c.IsSet("after") || c.IsSet("limit")) {
				err = command.Usagef("--count counts all: it takes no --after and no --limit")
			}
			if err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				if err := command.NoteProfile(ctx, c, api); err != nil {
					return err
				}
				if c.Bool("count") {
					return printCount(ctx, c, api, filter)
				}
				return command.List[admin.Device]{
					Limit: n, Behind: c.String("after"), Option: "--after",
					Next: func(ctx context.Context, n int, behind string) ([]admin.Device, error) {
						return api.Devices(ctx, admin.DeviceQuery{After: lwm2m.EndpointName(behind), Limit: n, DeviceFilter: filter})
					},
					Key:      func(d admin.Device) string { return string(d.Endpoint) },
					Headings: []string{"ENDPOINT", "PROFILE", "STATE", "LAST SESSION"},
					Cells: func(d admin.Device) []string {
						return []string{output.Name(d.Endpoint), output.Name(d.Profile), view.StateAndDue(d), stateNow(d)}
					},
				}.Print(ctx, c, api)
			})
		},
	}
}

// printCount prints how many devices a filter selects.
func printCount(ctx context.Context, c *cli.Context, api admin.API, f admin.DeviceFilter) error {
	count, err := api.CountDevices(ctx, f)
	switch {
	case err != nil:
		return err
	case c.Bool("json"):
		err = output.JSON(c.App.Writer, count)
	default:
		_, err = fmt.Fprintln(c.App.Writer, view.CountText(count))
	}
	return errors.Join(err, command.WarnUnreadable(ctx, c.App.ErrWriter, api))
}
