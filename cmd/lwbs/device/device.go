// Package device is lwbs device: the records of devices.
package device

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Command is lwbs device.
func Command() *cli.Command {
	return command.Group("device", "add, change and show devices: which device may bootstrap, and with what", addCommand(), getCommand(), listCommand(), setCommand(),
		previewCommand(), factoryCommand(), labelCommand(), renameCommand(), deleteCommand(), rotateCommand(), rebootstrapCommand(), switchCommand("enable", false), switchCommand("disable", true))
}

func addCommand() *cli.Command {
	return &cli.Command{
		Name: "add", Usage: "add a device", ArgsUsage: "ENDPOINT",
		Description: "ENDPOINT is the Endpoint Client Name of the device, such as urn:imei:490154203237518. Put the\nprinted identity and key into the device. Later, only lwbs device get --reveal shows the key.\nA device with a certificate needs no key here.\n\nWith --from-session an unknown device is added as it came in that session (lwbs session list): with\nits name, unless ENDPOINT gives another, its PSK identity or certificate, and plain CoAP permitted if\nit came so. Its pre-shared key is not known from that: --psk-key-file or --psk generate gives it.",
		Flags:       slices.Concat([]cli.Flag{&cli.StringFlag{Name: "from-session", Usage: "add an unknown device as it came in the session `ID`"}}, settingFlags(), []cli.Flag{command.JSONFlag()}),
		Action: func(c *cli.Context) error {
			endpoint, err := endpointToAdd(c)
			if err != nil {
				return err
			}
			if !c.IsSet("profile") && !c.IsSet("group") {
				return command.Usagef("--profile is missing: lwbs profile list shows those there are")
			}
			set, err := settings(c)
			if err == nil && set.PSKIdentity != nil {
				err = command.Usagef("--psk-identity needs --psk generate or --psk-key-file: an identity goes with a key")
			}
			if err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				ep := lwm2m.EndpointName(endpoint)
				if c.IsSet("from-session") {
					if ep, err = adopt(ctx, c, api, endpoint, &set); err != nil {
						return err
					}
				}
				d, err := api.AddDevice(ctx, ep, set)
				if err != nil {
					return command.NearProfile(ctx, api, c.String("profile"), err)
				}
				warnName(c, d.Endpoint)
				return edited(c, "added", d)
			})
		},
	}
}

// endpointToAdd returns the name of a new device; empty where a session is to tell it.
func endpointToAdd(c *cli.Context) (string, error) {
	if c.IsSet("from-session") {
		if err := command.NoneEmpty(c, "from-session"); err != nil || c.NArg() == 0 {
			return "", err
		}
	}
	args, err := command.Arguments(c, "ENDPOINT")
	if err != nil {
		return "", err
	}
	return args[0], nil
}

// warnName warns of a name that the device probably does not use: one that begins or ends with
// a space, or has invisible characters.
func warnName(c *cli.Context, ep lwm2m.EndpointName) {
	s := string(ep)
	switch _, odd := output.Escaped(s, ""); {
	case s != strings.TrimSpace(s):
		fmt.Fprintf(c.App.ErrWriter, "warning: the name %s begins or ends with a space: the device must send the same space\n", output.Name(ep))
	case odd:
		fmt.Fprintf(c.App.ErrWriter, "warning: the name %s has invisible characters: the device must send the same characters\n", output.Name(ep))
	}
}

func setCommand() *cli.Command {
	return &cli.Command{
		Name: "set", Usage: "change a device, or many", ArgsUsage: "ENDPOINT",
		Description: "Settings without an option stay as they are. A new key replaces the key that the device\nbootstraps with, and new certificates replace its certificates; --psk none removes the key of a\ndevice that has moved to certificates. --psk-identity alone changes the identity of its key." + whereHelp,
		Flags:       slices.Concat(settingFlags(), whereFlags(), []cli.Flag{revisionFlag(), command.JSONFlag()}),
		Action: func(c *cli.Context) error {
			endpoint, filter, err := endpointOrWhere(c)
			if err != nil {
				return err
			}
			set, err := settings(c)
			if err != nil {
				return err
			}
			if reflect.DeepEqual(set, admin.DeviceSettings{}) {
				return command.Usagef("no option says what to change: lwbs device set --help lists them")
			}
			if what := forOneOnly(set); endpoint == "" && what != "" {
				return command.Usagef("%s is for one device, not for all of --where", what)
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				if endpoint == "" {
					if set.Profile != nil {
						if _, err := api.Profile(ctx, *set.Profile); err != nil {
							return command.NearProfile(ctx, api, *set.Profile, err)
						}
					}
					return setMany(set).run(ctx, c, api, filter)
				}
				d, err := api.SetDevice(ctx, lwm2m.EndpointName(endpoint), store.Revision(c.Uint64("revision")), set)
				if err != nil {
					return command.NearProfile(ctx, api, c.String("profile"), err)
				}
				return edited(c, "changed", d)
			})
		},
	}
}

func revisionFlag() cli.Flag {
	return &cli.Uint64Flag{Name: "revision", Usage: "change it only if it still has this `REVISION`", DefaultText: "any"}
}

// edited prints what an edit did, and the keys that it generated.
func edited(c *cli.Context, did string, d admin.Device) error {
	if c.Bool("json") { // the warnings are in it
		return output.JSON(c.App.Writer, d)
	}
	for _, w := range d.Warnings {
		fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", w)
	}
	w := c.App.Writer
	fmt.Fprintf(w, "%s %s (profile %s, revision %d)\n", did, output.Name(d.Endpoint), output.Name(d.Profile), d.Revision)
	view.PrintKeys(w, d)
	return nil
}

func getCommand() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "show a device", ArgsUsage: "ENDPOINT",
		Flags: []cli.Flag{command.JSONFlag(), &cli.BoolFlag{Name: "reveal", Usage: "show its keys too; a server logs who asked"}},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			d, err := api.Device(ctx, lwm2m.EndpointName(args[0]), c.Bool("reveal"))
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return output.JSON(c.App.Writer, d)
			}
			return printDevice(c.App.Writer, d, changesFor(ctx, api, d))
		}, "ENDPOINT"),
	}
}

// toldChanges is how many places are told that a profile has changed in.
const toldChanges = 3

// changesFor tells what the profile of a device gives otherwise than what it holds; empty where that is
// unknown.
func changesFor(ctx context.Context, api admin.API, d admin.Device) string {
	if d.Holds == nil || !slices.Contains(d.Due, profile.DueProfile) {
		return ""
	}
	if d.Holds.Profile != d.Profile {
		return fmt.Sprintf(": it holds what profile %s gave", output.Name(d.Holds.Profile))
	}
	all, err := api.ProfileRevisions(ctx, d.Profile)
	i := slices.IndexFunc(all, func(p store.Profile) bool { return p.Revision == d.Holds.Revision })
	if err != nil || i < 0 {
		return ": the revision that it holds is not kept any more"
	}
	var places []string
	for _, each := range profile.Diff(all[i], all[0]) {
		places = append(places, each.Place)
	}
	if len(places) == 0 {
		return ": it is assigned another LwM2M Server, or that has another address: lwbs device preview tells which"
	}
	if n := len(places); n > toldChanges {
		places = append(places[:toldChanges], fmt.Sprintf("and %d more", n-toldChanges))
	}
	return fmt.Sprintf(" in revision %d: %s", all[0].Revision, strings.Join(places, ", "))
}

func renameCommand() *cli.Command {
	return &cli.Command{
		Name: "rename", Usage: "give a device another name; its keys, identities and history stay", ArgsUsage: "ENDPOINT NAME",
		Description: "For a device whose name differs from its record. Templates over .Endpoint then give other values,\nsuch as its identity towards LwM2M Servers; a warning says so.",
		Flags:       []cli.Flag{revisionFlag(), command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			d, err := api.RenameDevice(ctx, lwm2m.EndpointName(args[0]), lwm2m.EndpointName(args[1]), store.Revision(c.Uint64("revision")))
			if err != nil {
				return err
			}
			warnName(c, d.Endpoint)
			return edited(c, "renamed "+output.Name(args[0])+" to", d)
		}, "ENDPOINT", "NAME"),
	}
}

func deleteCommand() *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "remove a device, or many; their history stays", ArgsUsage: "ENDPOINT",
		Description: strings.TrimSpace(whereHelp),
		Flags:       append(whereFlags(), revisionFlag(), command.JSONFlag()),
		Action: func(c *cli.Context) error {
			endpoint, filter, err := endpointOrWhere(c)
			if err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				if endpoint == "" {
					groups := new(deletedFrom)
					return errors.Join(deleteMany(groups).run(ctx, c, api, filter), groups.tell(ctx, c, api))
				}
				was, _ := api.Device(ctx, lwm2m.EndpointName(endpoint), false) // also a damaged one is deleted
				if err := api.DeleteDevice(ctx, lwm2m.EndpointName(endpoint), store.Revision(c.Uint64("revision"))); err != nil {
					return err
				}
				fmt.Fprintf(c.App.Writer, "deleted %s\n", output.Name(endpoint))
				return noteComesBack(ctx, c, api, was)
			})
		},
	}
}

// switchCommand is enable or disable.
func switchCommand(verb string, disabled bool) *cli.Command {
	return &cli.Command{
		Name: verb, Usage: verb + " a device, or many: a disabled one is refused, and its history says so", ArgsUsage: "ENDPOINT",
		Description: strings.TrimSpace(whereHelp),
		Flags:       append(whereFlags(), revisionFlag(), command.JSONFlag()),
		Action: func(c *cli.Context) error {
			endpoint, filter, err := endpointOrWhere(c)
			if err != nil {
				return err
			}
			set := admin.DeviceSettings{Disabled: &disabled}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				if endpoint == "" {
					many := setMany(set)
					many.do, many.done = verb, verb+"d"
					return many.run(ctx, c, api, filter)
				}
				d, err := api.SetDevice(ctx, lwm2m.EndpointName(endpoint), store.Revision(c.Uint64("revision")), set)
				if err != nil {
					return err
				}
				fmt.Fprintf(c.App.Writer, "%sd %s (revision %d)\n", verb, output.Name(d.Endpoint), d.Revision)
				return nil
			})
		},
	}
}
