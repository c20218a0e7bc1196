// Package lwm2mserver is lwbs lwm2m-server: which LwM2M Servers are told how devices will come.
package lwm2mserver

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// Command is lwbs lwm2m-server.
func Command() *cli.Command {
	return command.Group("lwm2m-server", "hand accounts over: tell LwM2M Servers how devices will come", addCommand(), getCommand(), listCommand(), setCommand(),
		drainCommand(), undrainCommand(), testCommand(), deleteCommand())
}

func addCommand() *cli.Command {
	return &cli.Command{
		Name: "add", Usage: "add an LwM2M Server that is told of accounts", ArgsUsage: "NAME",
		Description: `An account of a profile names it (handOver: NAME). When a device has accepted everything, and before its
bootstrap is complete, the server is told the identity and the key that the device will come with. If
that fails, the bootstrap is not completed: the device keeps its old account, and is given the same key
when it comes next.

   lwbs lwm2m-server add dm --kind leshan --address http://127.0.0.1:8080
   lwbs lwm2m-server test dm

When a device that it was told of is deleted or disabled, or has another account than before, it is told to forget
the device (--on-delete). That is repeated in the background until it is done: lwbs outbox list.

A webhook or a command can be told of events, too, whether an account names it or not:

   lwbs lwm2m-server add alarms --kind webhook --address https://ops.example/hook --event device.failed

The events are device.bootstrapped, device.failed, device.pending, device.disabled, device.deleted and
certificate.expiring.

Kinds:
   leshan        the API of Leshan's server demo, 1.5 or 2.0
   thingsboard   the credentials of the device with the endpoint's name, which must exist there;
                 --secret-file has an API key, or with --user the password
   coiote        the device with the endpoint's name in Coiote IoT DM, which is made in --domain where
                 it is not there; --user, and the password in --secret-file
   webhook       a signed POST of JSON (Standard Webhooks); without --secret-file a secret is made
                 and printed once
   psk-file      a file of lines identity:hexkey, as mosquitto reads it, at the path --address
   command       the program at the path --address reads JSON; exit status 0 is yes, 75 is later;
                 only while the server runs with --allow-commands
   none          it is not told: devices are only assigned to it

Several share the devices of an account that names them (servers: [dm-1, dm-2]): each device has always
the same one, by weight, and is given its --device-uri:

   lwbs lwm2m-server add dm-1 --kind none --device-uri coaps://dm-1.example.com:5684
   lwbs lwm2m-server add dm-2 --kind none --device-uri coaps://dm-2.example.com:5684 --weight 2 --rate 50`,
		Flags: append([]cli.Flag{&cli.StringFlag{Name: "kind", Usage: "how it is told, `KIND`: leshan, thingsboard, coiote, webhook, psk-file, command or none"}}, settingFlags()...),
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "NAME")
			if err != nil {
				return err
			}
			for _, option := range []string{"kind", "address"} {
				if c.String(option) == "" && (option == "kind" || store.LwM2MServerKind(c.String("kind")) != store.KindNone) {
					return command.Usagef("--%s is missing: lwbs lwm2m-server add --help has an example", option)
				}
			}
			kind := store.LwM2MServerKind(c.String("kind"))
			set, err := settings(c, kind)
			if err != nil {
				return err
			}
			set.Kind = &kind
			return command.With(c, true, func(ctx context.Context, api admin.API) error {
				s, err := api.AddLwM2MServer(ctx, args[0], set)
				if err != nil {
					return err
				}
				return edited(c, "added", s)
			})
		},
	}
}

func setCommand() *cli.Command {
	return &cli.Command{
		Name: "set", Usage: "change an LwM2M Server", ArgsUsage: "NAME",
		Description: `Settings without an option stay as they are. A new secret of a webhook signs beside the one it had, until
that is dropped:

   lwbs lwm2m-server set dm --new-secret           receivers may have either from now on
   lwbs lwm2m-server set dm --drop-former-secret   once all have the new one`,
		Flags: append(settingFlags(),
			&cli.BoolFlag{Name: "new-secret", Usage: "make a new secret for a webhook, and print it once"},
			&cli.BoolFlag{Name: "drop-former-secret", Usage: "sign with the present secret only"},
			&cli.Uint64Flag{Name: "revision", Usage: "only this `REVISION`", DefaultText: "any"}),
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "NAME")
			if err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				old, err := api.LwM2MServer(ctx, args[0], false)
				if err != nil {
					return near(ctx, api, args[0], err)
				}
				set, err := settings(c, old.Kind)
				if err != nil {
					return err
				}
				set.GenerateSecret, set.DropFormer = c.Bool("new-secret"), c.Bool("drop-former-secret")
				if reflect.DeepEqual(set, admin.LwM2MServerSettings{}) {
					return command.Usagef("no option says what to change: lwbs lwm2m-server set --help lists them")
				}
				s, err := api.SetLwM2MServer(ctx, args[0], store.Revision(c.Uint64("revision")), set)
				if err != nil {
					return near(ctx, api, args[0], err)
				}
				return edited(c, "changed", s)
			})
		},
	}
}

func getCommand() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "show an LwM2M Server", ArgsUsage: "NAME",
		Flags: []cli.Flag{command.JSONFlag(), &cli.BoolFlag{Name: "reveal", Usage: "show its secrets too, which a server logs"}},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			s, err := api.LwM2MServer(ctx, args[0], c.Bool("reveal"))
			switch {
			case err != nil:
				return near(ctx, api, args[0], err)
			case c.Bool("json"):
				return output.JSON(c.App.Writer, s)
			}
			show(c.App.Writer, s)
			return nil
		}, "NAME"),
	}
}

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the LwM2M Servers by name",
		Flags: []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, _ []string) error {
			all, err := api.LwM2MServers(ctx)
			switch {
			case err != nil:
				return err
			case c.Bool("json"):
				return output.JSON(c.App.Writer, all)
			}
			return printList(c.App.Writer, all)
		}),
	}
}

func testCommand() *cli.Command {
	return &cli.Command{
		Name: "test", Usage: "try whether an LwM2M Server can be told", ArgsUsage: "NAME",
		Description: `It is told of a device named lwbs-hand-over-test, which does not exist, and to forget it again. ThingsBoard and
Coiote are only asked whether they have it. With a running server it is tried from there, and else from here.`,
		Flags: []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			t, err := api.TestLwM2MServer(ctx, args[0])
			if err != nil {
				return near(ctx, api, args[0], err)
			}
			if c.Bool("json") {
				if err := output.JSON(c.App.Writer, t); err != nil {
					return err
				}
			}
			if t.Failure != "" {
				return errors.New("LwM2M Server " + output.Name(args[0]) + ": " + t.Failure)
			}
			if !c.Bool("json") {
				fmt.Fprintf(c.App.Writer, "LwM2M Server %s can be told; it took %v\n", output.Name(args[0]), t.Took.Round(time.Millisecond))
			}
			return nil
		}, "NAME"),
	}
}

func deleteCommand() *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "remove an LwM2M Server that no profile names", ArgsUsage: "NAME",
		Flags: []cli.Flag{&cli.Uint64Flag{Name: "revision", Usage: "only this `REVISION`", DefaultText: "any"}},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			if err := api.DeleteLwM2MServer(ctx, args[0], store.Revision(c.Uint64("revision"))); err != nil {
				return near(ctx, api, args[0], err)
			}
			fmt.Fprintf(c.App.Writer, "deleted LwM2M Server %s\n", output.Name(args[0]))
			return nil
		}, "NAME"),
	}
}

// near adds to an error about an unknown server the name that was probably meant.
func near(ctx context.Context, api admin.API, wanted string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	all, failed := api.LwM2MServers(ctx)
	if failed != nil {
		return err
	}
	known := make([]string, len(all))
	for i, s := range all {
		known[i] = s.Name
	}
	return command.Near(err, wanted, known)
}
