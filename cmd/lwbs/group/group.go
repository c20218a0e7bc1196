// Package group is lwbs group: who may enrol without a record, by a key or a CA that many devices have in
// common.
package group

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/newfile"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Command is lwbs group.
func Command() *cli.Command {
	return command.Group("group", "enrol devices that have no record, by a key or a CA that many have in common", addCommand(), getCommand(), listCommand(), setCommand(),
		switchCommand("enable", false, "let a group enrol devices again"), switchCommand("disable", true, "let a group enrol no more devices; those that it has go on"),
		denyCommand(), allowCommand(), deleteCommand())
}

func addCommand() *cli.Command {
	return &cli.Command{
		Name: "add", Usage: "add a group, with a new key unless another or a CA is given", ArgsUsage: "NAME",
		Description: `A device without a record whose name matches gets one, with the profile and the tags of the group, at
its first Bootstrap-Request. It authenticates with a key that follows from the key of the group and its
name, which a factory computes with lwbs key derive; or with a certificate that a CA of the group has
issued for its name. Its PSK identity must be its endpoint name. Until then the server answers it as any
unknown device.

   lwbs group add lot7 --profile meter --match 'urn:imei:35*' --max-devices 10000 --group-key-out lot7.key
   lwbs key derive urn:imei:350123450000050 --group-key-file lot7.key --group-key-format hex

A * in a pattern stands for any text; capitals count. A name that matches patterns of several groups
belongs to the one whose pattern has the most other characters, of two with as many to the group whose
name comes first, also while that group is disabled, full or past its end. The command says where patterns
overlap.

The key is printed once, or written to --group-key-out; later only lwbs group get --reveal shows it. Who has it can play every device of
the group that has no key of its own, and enrol more: keep it in the factory, and let the profile give
each device a key of its own (bootstrapServer).`,
		Flags: append(settingFlags("meter"), command.JSONFlag()),
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "NAME")
			if err != nil {
				return err
			}
			for _, option := range []string{"profile", "match"} {
				if !c.IsSet(option) {
					return command.Usagef("--%s is missing: lwbs group add --help has an example", option)
				}
			}
			set, err := settings(c)
			if err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				g, err := api.AddGroup(ctx, args[0], set)
				if err != nil {
					return command.NearProfile(ctx, api, c.String("profile"), err)
				}
				return edited(c, "added", g)
			})
		},
	}
}

func setCommand() *cli.Command {
	return &cli.Command{
		Name: "set", Usage: "change a group", ArgsUsage: "NAME",
		Description: `Settings without an option stay as they are; devices that the group has keep their profile and tags. A
new key becomes the current one, and the one before it is accepted too until --drop-key removes it:

   lwbs group set lot7 --group-key generate   from now on the factory uses this key
   lwbs group get lot7                        how many devices came last with which key
   lwbs group set lot7 --drop-key             once no device needs the former key

--drop-key is refused while a device would be refused after it, unless --lock-out is given. If the key was
stolen, give --group-key generate, and then --drop-key --lock-out: devices that have no key of their own must be
given the new one by hand.`,
		Flags: slices.Concat(settingFlags(""), []cli.Flag{
			&cli.BoolFlag{Name: "drop-key", Usage: "remove the key that was the current one before"},
			&cli.BoolFlag{Name: "lock-out", Usage: "with --drop-key, also if devices are refused from then on"},
			revisionFlag(), command.JSONFlag(),
		}),
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "NAME")
			if err != nil {
				return err
			}
			set, err := settings(c)
			if err != nil {
				return err
			}
			if set.DropKey, set.LockOut = c.Bool("drop-key"), c.Bool("lock-out"); set.LockOut && !set.DropKey {
				return command.Usagef("--lock-out goes with --drop-key")
			}
			if reflect.DeepEqual(set, admin.GroupSettings{}) {
				return command.Usagef("no option says what to change: lwbs group set --help lists them")
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				g, err := change(ctx, c, api, args[0], set)
				if err != nil {
					if set.DropKey && errors.Is(err, store.ErrInvalid) && strings.Contains(err.Error(), "locked out") {
						err = command.Reword(err, err.Error()+": --lock-out")
					}
					return command.NearProfile(ctx, api, c.String("profile"), err)
				}
				return edited(c, "changed", g)
			})
		},
	}
}

// change applies set to a group.
func change(ctx context.Context, c *cli.Context, api admin.API, name string, set admin.GroupSettings) (admin.Group, error) {
	g, err := api.SetGroup(ctx, name, store.Revision(c.Uint64("revision")), set)
	return g, near(ctx, api, name, err)
}

// near adds to an error about an unknown group the name that was probably meant.
func near(ctx context.Context, api admin.API, wanted string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	all, failed := api.Groups(ctx)
	if failed != nil {
		return err
	}
	known := make([]string, len(all))
	for i, g := range all {
		known[i] = g.Name
	}
	return command.Near(err, wanted, known)
}

func revisionFlag() cli.Flag {
	return &cli.Uint64Flag{Name: "revision", Usage: "change it only if it still has this `REVISION`", DefaultText: "any"}
}

// edited prints what an edit did, and the key that it made.
func edited(c *cli.Context, did string, g admin.Group) error {
	if err := writeKey(c, g); err != nil {
		return err
	}
	if c.Bool("json") { // the warnings are in it
		return output.JSON(c.App.Writer, g)
	}
	for _, w := range g.Warnings {
		fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", w)
	}
	fmt.Fprintf(c.App.Writer, "%s group %s (profile %s, revision %d)\n", did, output.Name(g.Name), output.Name(g.Profile), g.Revision)
	if len(g.Keys) > 0 && g.Keys[0].Key != "" && !c.IsSet("group-key-out") {
		fmt.Fprintf(c.App.Writer, "\nkey of the group, for lwbs key derive:\n  %s   (hexadecimal, %d bytes)\n", g.Keys[0].Key, g.Keys[0].Length)
	}
	return nil
}

// writeKey writes the key that an edit made to the file of --group-key-out. Where that fails, the edit stays, and
// it says how to get the key.
func writeKey(c *cli.Context, g admin.Group) error {
	if !c.IsSet("group-key-out") {
		return nil
	}
	if len(g.Keys) == 0 || g.Keys[0].Key == "" {
		return command.Usagef("no key was made that --group-key-out could write; the group was edited all the same (revision %d)", g.Revision)
	}
	err := newfile.Write(c.String("group-key-out"), "--group-key-out", func(w io.Writer) error {
		_, err := fmt.Fprintln(w, g.Keys[0].Key)
		return err
	})
	if err != nil {
		return fmt.Errorf("group %s has a new key, which was not written: lwbs group get %s --reveal shows it: %w", output.Name(g.Name), output.Name(g.Name), err)
	}
	return nil
}

func getCommand() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "show a group", ArgsUsage: "NAME",
		Description: "While it has two keys, its devices are counted by the key with which they came last. That reads the\nrecord of each, which takes about ten seconds for a million.",
		Flags:       []cli.Flag{command.JSONFlag(), &cli.BoolFlag{Name: "reveal", Usage: "show its keys too; a server logs who asked"}},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			g, err := api.Group(ctx, args[0], c.Bool("reveal"))
			if err != nil {
				return near(ctx, api, args[0], err)
			}
			if c.Bool("json") {
				return output.JSON(c.App.Writer, g)
			}
			return print(c.App.Writer, g)
		}, "NAME"),
	}
}

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the groups, and whether they enrol devices",
		Flags: []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, _ []string) error {
			all, err := api.Groups(ctx)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return output.JSON(c.App.Writer, all)
			}
			t := output.NewTable(c.App.Writer, "GROUP", "PROFILE", "DEVICES", "STATE", "BY", "MATCHES")
			for _, g := range all {
				t.Row(output.Name(g.Name), output.Name(g.Profile), devicesText(g), string(g.State), means(g), output.Names(g.Match))
			}
			return errors.Join(t.Flush(), command.WarnUnreadable(ctx, c.App.ErrWriter, api))
		}),
	}
}

// switchCommand is enable or disable.
func switchCommand(verb string, disabled bool, usage string) *cli.Command {
	return &cli.Command{
		Name: verb, Usage: usage, ArgsUsage: "NAME",
		Description: map[bool]string{true: "The names that it matches stay its own: no other group enrols them. To refuse the devices that it has:\nlwbs device disable --where group=NAME."}[disabled],
		Flags:       []cli.Flag{revisionFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			g, err := change(ctx, c, api, args[0], admin.GroupSettings{Disabled: &disabled})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "%sd group %s (revision %d)\n", verb, output.Name(g.Name), g.Revision)
			return nil
		}, "NAME"),
	}
}

func denyCommand() *cli.Command {
	return &cli.Command{
		Name: "deny", Usage: "neither enrol nor serve a device of a group from now on", ArgsUsage: "NAME ENDPOINT",
		Description: "A record that the device has stays, and is refused; a running session ends. lwbs group allow takes it\nback.",
		Flags:       []cli.Flag{revisionFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			g, err := change(ctx, c, api, args[0], admin.GroupSettings{Deny: []lwm2m.EndpointName{lwm2m.EndpointName(args[1])}})
			if err != nil {
				return err
			}
			for _, w := range g.Warnings {
				fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", w)
			}
			fmt.Fprintf(c.App.Writer, "group %s denies %s (revision %d)\n", output.Name(g.Name), output.Name(args[1]), g.Revision)
			return nil
		}, "NAME", "ENDPOINT"),
	}
}

func allowCommand() *cli.Command {
	return &cli.Command{
		Name: "allow", Usage: "take back that a device is denied", ArgsUsage: "NAME ENDPOINT",
		Flags: []cli.Flag{revisionFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			ep := lwm2m.EndpointName(args[1])
			was, err := api.Group(ctx, args[0], false)
			if err != nil {
				return near(ctx, api, args[0], err)
			}
			if !slices.Contains(was.Denied, ep) {
				return fmt.Errorf("group %s does not deny %s", output.Name(args[0]), output.Name(ep))
			}
			g, err := change(ctx, c, api, args[0], admin.GroupSettings{Allow: []lwm2m.EndpointName{ep}})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "group %s does not deny %s any more (revision %d)\n", output.Name(g.Name), output.Name(ep), g.Revision)
			return nil
		}, "NAME", "ENDPOINT"),
	}
}

func deleteCommand() *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "remove a group that has no devices", ArgsUsage: "NAME",
		Description: "The keys of its devices follow from its own, so that they could not come any more. First delete them\n(lwbs device delete --where group=NAME), or give them keys of their own and take them out of the group\n(lwbs device set ENDPOINT --group none --psk generate). To enrol no more: lwbs group disable.",
		Flags:       []cli.Flag{revisionFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			if err := api.DeleteGroup(ctx, args[0], store.Revision(c.Uint64("revision"))); err != nil {
				if errors.Is(err, store.ErrInUse) {
					err = command.Reword(err, fmt.Sprintf("%v: lwbs group delete --help says what to do with them", err))
				}
				return near(ctx, api, args[0], err)
			}
			fmt.Fprintf(c.App.Writer, "deleted group %s\n", output.Name(args[0]))
			return nil
		}, "NAME"),
	}
}
