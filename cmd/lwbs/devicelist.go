package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/store"
)

func deviceListCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list devices by name, with the outcome of their last session",
		Description: "A device is done when it was bootstrapped, and due when its record or its profile was edited since.\nWith --state, --seen-within or --not-seen-for the last session of each device is read, which takes a\nminute or two for a million devices.",
		Flags: slices.Concat([]cli.Flag{
			jsonFlag(), limitFlag("all"),
			&cli.StringFlag{Name: "after", Usage: "start behind this `ENDPOINT`"},
			&cli.BoolFlag{Name: "count", Usage: "say how many there are, by state, in place of the list"},
		}, filterFlags()),
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			n, err := limitOf(c, 0)
			if err == nil {
				err = noneEmpty(c, "after", "prefix", "profile", "tag")
			}
			var filter admin.DeviceFilter
			if err == nil {
				filter, err = filterOf(c)
			}
			if err == nil && c.Bool("count") && (c.IsSet("after") || c.IsSet("limit")) {
				err = usagef("--count counts all: it takes no --after and no --limit")
			}
			if err != nil {
				return err
			}
			return with(c, false, func(ctx context.Context, api admin.API) error {
				if err := noteProfile(ctx, c, api); err != nil {
					return err
				}
				if c.Bool("count") {
					return printCount(ctx, c, api, filter)
				}
				return listing[admin.Device]{
					limit: n, behind: c.String("after"), option: "--after",
					next: func(ctx context.Context, n int, behind string) ([]admin.Device, error) {
						return api.Devices(ctx, admin.DeviceQuery{After: lwm2m.EndpointName(behind), Limit: n, DeviceFilter: filter})
					},
					key:      func(d admin.Device) string { return string(d.Endpoint) },
					headings: []string{"ENDPOINT", "PROFILE", "STATE", "LAST SESSION"},
					cells: func(d admin.Device) []string {
						return []string{output.Name(d.Endpoint), output.Name(d.Profile), stateText(d.State), stateNow(d)}
					},
				}.print(ctx, c, api)
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
		_, err = fmt.Fprintln(c.App.Writer, countText(count))
	}
	return errors.Join(err, warnUnreadable(ctx, c.App.ErrWriter, api))
}

// noteProfile warns that a list is empty because there is no profile of the requested name.
func noteProfile(ctx context.Context, c *cli.Context, api admin.API) error {
	wanted := c.String("profile")
	if wanted == "" {
		return nil
	}
	_, err := api.Profile(ctx, wanted)
	if errors.Is(err, store.ErrNotFound) {
		fmt.Fprintf(c.App.ErrWriter, "warning: %v\n", nearProfile(ctx, api, wanted, err))
		return nil
	}
	return err
}
