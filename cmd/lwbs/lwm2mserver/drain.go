package lwm2mserver

import (
	"context"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
)

func drainCommand() *cli.Command {
	return &cli.Command{
		Name: "drain", Usage: "assign its devices to other LwM2M Servers", ArgsUsage: "NAME",
		Description: `Of the accounts that name several LwM2M Servers (servers: [dm-1, dm-2]) no device is assigned to this one any
more. Its devices move at their next bootstrap; the others stay where they are. It is refused where an
account has no other server. lwbs device preview shows where a device would go.`,
		Flags:  []cli.Flag{command.JSONFlag()},
		Action: draining(true, "drained"),
	}
}

func undrainCommand() *cli.Command {
	return &cli.Command{
		Name: "undrain", Usage: "assign devices to it again", ArgsUsage: "NAME",
		Description: `Those that were its devices before move back at their next bootstrap, and no others.`,
		Flags:       []cli.Flag{command.JSONFlag()},
		Action:      draining(false, "undrained"),
	}
}

// draining sets whether a server is drained.
func draining(drain bool, did string) cli.ActionFunc {
	return command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
		s, err := api.SetLwM2MServer(ctx, args[0], 0, admin.LwM2MServerSettings{Draining: &drain})
		if err != nil {
			return near(ctx, api, args[0], err)
		}
		return edited(c, did, s)
	}, "NAME")
}
