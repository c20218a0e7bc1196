// Package profile is lwbs profile: what kinds of devices are given.
package profile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/profilefile"
)

// Command is lwbs profile.
func Command() *cli.Command {
	return command.Group("profile", "add, check and show profiles: what a kind of device is given", applyCommand(), getCommand(), listCommand(), historyCommand(), diffCommand(), rollbackCommand(),
		deleteCommand(), checkCommand(), keysCommand(), schemaCommand())
}

func applyCommand() *cli.Command {
	return &cli.Command{
		Name: "apply", Usage: "create or replace the profiles of files", ArgsUsage: "FILE...",
		Description: "Every profile of every file is checked first, and all are applied together: if one is wrong,\nnothing is changed. A profile is also tried on devices that have it. It is refused if it would give\nnothing to some of them, or take a key from them.",
		Flags: append([]cli.Flag{
			fileFlag(),
			&cli.Uint64Flag{Name: "revision", Usage: "replace only this `REVISION`", DefaultText: "any"},
		}, impactFlags()...),
		Action: onFiles(func(c *cli.Context, files []string) error {
			objects, err := command.Objects(c)
			if err != nil {
				return err
			}
			docs, err := readProfiles(c, files, objects)
			if err != nil {
				return err
			}
			if len(docs) > 1 && c.IsSet("revision") {
				return command.Usagef("--revision is for one profile; there are %d", len(docs))
			}
			o, err := applyOptions(c)
			if err != nil {
				return err
			}
			return command.With(c, c.Uint64("revision") == 0, func(ctx context.Context, api admin.API) error {
				return applyProfiles(ctx, c, api, docs, objects, o)
			})
		}),
	}
}

// applyProfiles applies the profiles in docs, and prints what happened to each.
func applyProfiles(ctx context.Context, c *cli.Context, api admin.API, docs []profilefile.Document, objects *object.Registry, o admin.ApplyOptions) error {
	profiles := make([]store.Profile, len(docs))
	for i, d := range docs {
		profiles[i] = d.Profile
		profiles[i].Revision = store.Revision(c.Uint64("revision"))
	}
	applied, err := api.ApplyProfiles(ctx, profiles, o)
	if err != nil {
		return ofDevices(ofServer(err, docs), docs)
	}
	for i, a := range applied {
		did := "replaced"
		switch {
		case a.Created:
			did = "created"
		case a.Unchanged:
			did = "unchanged:"
		}
		warnServer(c.App.ErrWriter, docs[i], a.Warnings, objects)
		tellImpact(c.App.ErrWriter, docs[i], a.Impact, o)
		fmt.Fprintf(c.App.Writer, "%s profile %s (revision %d)%s\n", did, output.Name(a.Profile.Name), a.Profile.Revision, usedBy(a))
	}
	return nil
}

// usedBy says how many devices have a profile that was replaced.
func usedBy(a admin.Applied) string {
	if a.Impact == nil {
		return ""
	}
	return ": " + examinedText(a.Impact)
}

// warnServer prints the warnings of a server that the local check did not print, as the server may
// know other Objects.
func warnServer(out io.Writer, d profilefile.Document, warnings []profile.Finding, objects *object.Registry) {
	told := profile.Check(d.Profile, objects)
	for _, f := range warnings {
		if !slices.Contains(told, f) {
			fmt.Fprintf(out, "warning of the server: %v\n", d.Problem(f.Place, f.Message))
		}
	}
}

func checkCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "check the profiles of files, and change nothing", ArgsUsage: "FILE...",
		Description: "Where there is a server or a database, each profile is also tried on devices that have it.",
		Flags:       append([]cli.Flag{fileFlag()}, impactFlags()...),
		Action: onFiles(func(c *cli.Context, files []string) error {
			objects, err := command.Objects(c)
			if err != nil {
				return err
			}
			docs, err := readProfiles(c, files, objects)
			if err != nil {
				return err
			}
			o, err := applyOptions(c)
			if err != nil {
				return err
			}
			err = command.With(c, false, func(ctx context.Context, api admin.API) error {
				return checkProfiles(ctx, c, api, docs, objects, o)
			})
			if !errors.Is(err, command.ErrNoDatabase) {
				return err
			}
			for _, d := range docs {
				fmt.Fprintf(c.App.Writer, "%s; there is no database with devices to try it on\n", goodText(d))
			}
			return nil
		}),
	}
}

// checkProfiles prints what the profiles in docs, which have passed the local check, do to devices.
func checkProfiles(ctx context.Context, c *cli.Context, api admin.API, docs []profilefile.Document, objects *object.Registry, o admin.ApplyOptions) error {
	profiles := make([]store.Profile, len(docs))
	for i, d := range docs {
		profiles[i] = d.Profile
	}
	dry := o
	dry.DryRun = true
	applied, err := api.ApplyProfiles(ctx, profiles, dry)
	if err != nil {
		return ofServer(err, docs)
	}
	var errs []error
	for i, a := range applied {
		warnServer(c.App.ErrWriter, docs[i], a.Warnings, objects)
		tellImpact(c.App.ErrWriter, docs[i], a.Impact, o)
		found := harms(docs[i], unpermitted(a.Impact, o))
		if errs = append(errs, found...); len(found) == 0 {
			fmt.Fprintf(c.App.Writer, "%s; %s\n", goodText(docs[i]), examinedText(a.Impact))
		}
	}
	return errors.Join(errs...)
}

// goodText says that a profile is good, and what is in it.
func goodText(d profilefile.Document) string {
	return fmt.Sprintf("profile %s is good: %s, %s", output.Name(d.Profile.Name),
		output.Counted(len(d.Profile.Accounts), "account", "accounts"), output.Counted(len(d.Profile.Objects), "other object", "other objects"))
}

func getCommand() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "print a profile, in the form that profile apply reads", ArgsUsage: "NAME",
		Flags: []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			p, err := api.Profile(ctx, args[0])
			if err != nil {
				return command.NearProfile(ctx, api, args[0], err)
			}
			if c.Bool("json") {
				return output.JSON(c.App.Writer, p)
			}
			text, err := profilefile.Write(p)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "# revision %d of %s\n%s", p.Revision, p.Updated.Format(time.RFC3339), text)
			return nil
		}, "NAME"),
	}
}

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the profiles by name",
		Flags: []cli.Flag{command.JSONFlag(), command.LimitFlag("all"), &cli.StringFlag{Name: "after", Usage: "start behind this `NAME`"}},
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			n, err := command.LimitOf(c, 0)
			if err == nil {
				err = command.NoneEmpty(c, "after")
			}
			if err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				return command.List[store.Profile]{
					Limit: n, Behind: c.String("after"), Option: "--after",
					Next: func(ctx context.Context, n int, behind string) ([]store.Profile, error) {
						return api.Profiles(ctx, store.ProfileQuery{After: behind, Limit: n})
					},
					Key:      func(p store.Profile) string { return p.Name },
					Headings: []string{"NAME", "REVISION", "ACCOUNTS", "UPDATED"},
					Cells: func(p store.Profile) []string {
						return []string{output.Name(p.Name), fmt.Sprint(p.Revision), fmt.Sprint(len(p.Accounts)), output.Clock(p.Updated)}
					},
				}.Print(ctx, c, api)
			})
		},
	}
}

func deleteCommand() *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "remove a profile that no device has", ArgsUsage: "NAME",
		Flags: []cli.Flag{&cli.Uint64Flag{Name: "revision", Usage: "only this `REVISION`", DefaultText: "any"}},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			if err := api.DeleteProfile(ctx, args[0], store.Revision(c.Uint64("revision"))); err != nil {
				return command.NearProfile(ctx, api, args[0], err)
			}
			fmt.Fprintf(c.App.Writer, "deleted profile %s\n", output.Name(args[0]))
			return nil
		}, "NAME"),
	}
}
