package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/store"
)

func deviceListCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list devices by name, with the outcome of their last session",
		Flags: []cli.Flag{
			jsonFlag(), limitFlag("all"),
			&cli.StringFlag{Name: "after", Usage: "start behind this `ENDPOINT`"},
			&cli.StringFlag{Name: "prefix", Usage: "only names that begin with `TEXT`"},
			&cli.StringFlag{Name: "profile", Usage: "only those with the profile `NAME`"},
			&cli.StringFlag{Name: "tag", Usage: "only those with the `TAG`"},
		},
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			n, err := limitOf(c, 0)
			if err == nil {
				err = noneEmpty(c, "after", "prefix", "profile", "tag")
			}
			if err != nil {
				return err
			}
			return with(c, false, func(ctx context.Context, api admin.API) error {
				if err := noteProfile(ctx, c, api); err != nil {
					return err
				}
				return listing[admin.Device]{
					limit: n, behind: c.String("after"), option: "--after",
					next: func(ctx context.Context, n int, behind string) ([]admin.Device, error) {
						return api.Devices(ctx, store.DeviceQuery{After: lwm2m.EndpointName(behind), Limit: n, Prefix: c.String("prefix"), Profile: c.String("profile"), Tag: c.String("tag")})
					},
					key:      func(d admin.Device) string { return string(d.Endpoint) },
					headings: []string{"ENDPOINT", "PROFILE", "STATE", "LAST SESSION"},
					cells: func(d admin.Device) []string {
						return []string{output.Name(d.Endpoint), output.Name(d.Profile), stateOf(d), stateNow(d)}
					},
				}.print(ctx, c, api)
			})
		},
	}
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
