package device

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/lwm2m"
	"lwbs/store"
)

func rotateCommand() *cli.Command {
	return &cli.Command{
		Name: "rotate", Usage: "give a device, or many, other keys at the next bootstrap", ArgsUsage: "ENDPOINT",
		Description: "All keys are meant that lwbs makes: those of accounts with key generate, and, where the profile has\nbootstrapServer, the one to bootstrap with; --account and --bootstrap-key pick some of them. A device is\ngiven the other keys when it bootstraps, and is due until then. What it bootstraps with now stays good\nuntil it has come with the other. lwbs rotation list shows who has come.\n\nTo repeat it changes nothing while that is under way." + whereHelp,
		Flags: append(whereFlags(),
			&cli.StringSliceFlag{Name: "account", Usage: "the key of this `ACCOUNT`; may be repeated"},
			&cli.BoolFlag{Name: "bootstrap-key", Usage: "the key to bootstrap with"},
			&cli.BoolFlag{Name: "dry-run", Usage: "change nothing, and say which devices are meant"},
			revisionFlag(), command.JSONFlag()),
		Action: func(c *cli.Context) error {
			if err := command.NoneEmpty(c, "account"); err != nil {
				return err
			}
			keys := c.StringSlice("account")
			if c.Bool("bootstrap-key") {
				keys = append(keys, store.BootstrapServerAccount)
			}
			if len(keys) == 0 {
				keys = []string{admin.RotateAll}
			}
			return editOrMany(c, bulkEdit{do: "ask for other keys of", done: "asked for other keys of"}, admin.DeviceSettings{Rotate: keys})
		},
	}
}

// editOrMany applies set to the device or the devices that the arguments name.
func editOrMany(c *cli.Context, words bulkEdit, set admin.DeviceSettings) error {
	endpoint, filter, err := endpointOrWhere(c)
	if err != nil {
		return err
	}
	return command.With(c, false, func(ctx context.Context, api admin.API) error {
		if c.Bool("dry-run") {
			return dryRun(ctx, c, api, endpoint, filter, words.do)
		}
		if endpoint == "" {
			many := setMany(set)
			many.do, many.done = words.do, words.done
			return many.run(ctx, c, api, filter)
		}
		d, err := api.SetDevice(ctx, lwm2m.EndpointName(endpoint), store.Revision(c.Uint64("revision")), set)
		if err != nil {
			return err
		}
		warnings := d.Warnings
		if d, err = api.Device(ctx, d.Endpoint, false); err != nil { // with its state
			return err
		}
		for _, w := range warnings {
			fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", output.Text(w))
		}
		if c.Bool("json") {
			return output.JSON(c.App.Writer, d)
		}
		return printRotations(c, d)
	})
}

// dryRun says which devices an edit would be about.
func dryRun(ctx context.Context, c *cli.Context, api admin.API, endpoint string, f admin.DeviceFilter, do string) error {
	if endpoint != "" {
		d, err := api.Device(ctx, lwm2m.EndpointName(endpoint), false)
		if err == nil {
			fmt.Fprintf(c.App.Writer, "this would %s %s\n", do, output.Name(d.Endpoint))
		}
		return err
	}
	count, err := api.CountDevices(ctx, f)
	switch {
	case err != nil:
		return err
	case c.Bool("json"):
		return output.JSON(c.App.Writer, count)
	}
	fmt.Fprintf(c.App.Writer, "this would %s %s\n", do, view.CountText(count))
	return nil
}

// printRotations prints which keys of a device are being replaced.
func printRotations(c *cli.Context, d admin.Device) error {
	if len(d.Rotations) == 0 {
		fmt.Fprintf(c.App.Writer, "no key of %s is being replaced\n", output.Name(d.Endpoint))
		return nil
	}
	fmt.Fprintf(c.App.Writer, "%s (%s, last session %s)\n", output.Name(d.Endpoint), view.StateAndDue(d), lastOf(d))
	for _, r := range d.Rotations {
		fmt.Fprintf(c.App.Writer, "  %s\n", rotationText(r))
	}
	return nil
}

// RotationCommand is lwbs rotation.
func RotationCommand() *cli.Command {
	return command.Group("rotation", "show and withdraw the replacement of keys: who has come for other keys, and who has not", rotationListCommand(), rotationGetCommand(), rotationCancelCommand())
}

func rotationListCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the keys that are being replaced, by device, since when, and whether the device has come",
		Description: "A key that was asked for is made when the device bootstraps. One that was made is listed until the\ndevice has accepted it in a bootstrap that succeeded, or, of a key to bootstrap with, has come with it.",
		Flags:       append([]cli.Flag{command.JSONFlag(), command.LimitFlag("all devices"), &cli.StringFlag{Name: "after", Usage: "start behind this `ENDPOINT`"}}, command.FilterFlags()...),
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			n, err := command.LimitOf(c, 0)
			if err == nil {
				err = command.NoneEmpty(c, "after")
			}
			var filter admin.DeviceFilter
			if err == nil {
				filter, err = command.FilterOf(c)
			}
			if err != nil {
				return err
			}
			filter.Rotating = true
			return command.With(c, false, func(ctx context.Context, api admin.API) error { return listRotations(ctx, c, api, n, filter) })
		},
	}
}

// listRotations prints the devices that a filter selects, a line for each key.
func listRotations(ctx context.Context, c *cli.Context, api admin.API, n int, filter admin.DeviceFilter) error {
	return command.List[admin.Device]{
		Limit: n, Behind: c.String("after"), Option: "--after",
		Next: func(ctx context.Context, n int, behind string) ([]admin.Device, error) {
			return api.Devices(ctx, admin.DeviceQuery{After: lwm2m.EndpointName(behind), Limit: n, DeviceFilter: filter})
		},
		Key:      func(d admin.Device) string { return string(d.Endpoint) },
		Headings: []string{"ENDPOINT", "KEY", "STAGE", "SINCE", "STATE", "LAST SESSION"},
		Rows: func(d admin.Device) (rows [][]string) {
			for _, r := range d.Rotations {
				rows = append(rows, []string{output.Name(d.Endpoint), output.Name(r.Account), string(r.Stage), sinceText(r), view.StateAndDue(d), stateNow(d)})
			}
			return rows
		},
	}.Print(ctx, c, api)
}

// sinceText is when a key was asked for or made.
func sinceText(r admin.Rotation) string {
	if r.Since.IsZero() {
		return "unknown"
	}
	return output.Clock(r.Since)
}

func rotationGetCommand() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "show which keys of a device are being replaced, and how far that is", ArgsUsage: "ENDPOINT",
		Flags: []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			d, err := api.Device(ctx, lwm2m.EndpointName(args[0]), false)
			switch {
			case err != nil:
				return err
			case c.Bool("json"):
				if d.Rotations == nil {
					d.Rotations = []admin.Rotation{}
				}
				return output.JSON(c.App.Writer, d.Rotations)
			}
			return printRotations(c, d)
		}, "ENDPOINT"),
	}
}

func rotationCancelCommand() *cli.Command {
	return &cli.Command{
		Name: "cancel", Usage: "withdraw what lwbs device rotate asked for, of a device or many", ArgsUsage: "ENDPOINT",
		Description: "A key that was made already is not withdrawn: the device may have it." + whereHelp,
		Flags:       append(whereFlags(), &cli.BoolFlag{Name: "dry-run", Usage: "change nothing, and say which devices are meant"}, revisionFlag(), command.JSONFlag()),
		Action: func(c *cli.Context) error {
			return editOrMany(c, bulkEdit{do: "withdraw the rotation of", done: "withdrew the rotation of"}, admin.DeviceSettings{CancelRotation: true})
		},
	}
}
