package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/profilefile"
)

func profileCommand() *cli.Command {
	return group("profile", "what a kind of device is given", profileApplyCommand(), profileGetCommand(), profileListCommand(),
		profileDeleteCommand(), profileCheckCommand())
}

func fileFlag() cli.Flag {
	return &cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "the profile's `FILE`, YAML or JSON, - for standard input"}
}

// onFile returns the action of a command that takes a profile file, and no arguments.
func onFile(do cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if c.String("file") == "" { // a file as an argument lands here, too
			return usagef("--file is missing: name the profile's file, or - for standard input")
		}
		if _, err := arguments(c); err != nil {
			return err
		}
		return do(c)
	}
}

// readProfiles reads a profile file, checks what is in it, and warns.
func readProfiles(c *cli.Context, objects *lwm2m.Registry) ([]profilefile.Document, error) {
	file := c.String("file")
	var in io.Reader = c.App.Reader
	name := "standard input"
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read profile: %w", err)
		}
		defer f.Close()
		in, name = f, file
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read profile from %s: %w", name, err)
	}
	docs, err := profilefile.Read(name, text, objects)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, d := range docs {
		for _, f := range bootstrap.CheckProfile(d.Profile, objects) {
			problem := d.Problem(f.Place, f.Message)
			if f.Warning {
				fmt.Fprintf(c.App.ErrWriter, "warning: %v\n", problem)
				continue
			}
			errs = append(errs, problem)
		}
	}
	return docs, errors.Join(errs...)
}

func profileApplyCommand() *cli.Command {
	return &cli.Command{
		Name: "apply", Usage: "create or replace the profiles of a file",
		Description: "Every profile is checked first; if one of them is wrong, nothing is changed.",
		Flags: []cli.Flag{
			fileFlag(),
			&cli.Uint64Flag{Name: "revision", Usage: "replace only this `REVISION`", DefaultText: "0: any"},
		},
		Action: onFile(func(c *cli.Context) error {
			objects, err := objectsOf(c)
			if err != nil {
				return err
			}
			docs, err := readProfiles(c, objects)
			if err != nil {
				return err
			}
			if len(docs) > 1 && c.IsSet("revision") {
				return usagef("--revision is for a file with one profile; %s has %d", c.String("file"), len(docs))
			}
			return with(c, true, func(ctx context.Context, api admin.API) error {
				for _, d := range docs {
					d.Profile.Revision = store.Revision(c.Uint64("revision"))
					applied, err := api.ApplyProfile(ctx, d.Profile)
					if err != nil {
						return err
					}
					did := "replaced"
					if applied.Created {
						did = "created"
					}
					warnServer(c.App.ErrWriter, d, applied.Warnings, objects)
					fmt.Fprintf(c.App.Writer, "%s profile %s (revision %d)\n", did, applied.Profile.Name, applied.Profile.Revision)
				}
				return nil
			})
		}),
	}
}

// warnServer tells the warnings of a server that were not told before, since it knows
// other Objects than objects.
func warnServer(out io.Writer, d profilefile.Document, warnings []bootstrap.Finding, objects *lwm2m.Registry) {
	told := bootstrap.CheckProfile(d.Profile, objects)
	for _, f := range warnings {
		if !slices.Contains(told, f) {
			fmt.Fprintf(out, "warning of the server: %v\n", d.Problem(f.Place, f.Message))
		}
	}
}

func profileCheckCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "check the profiles of a file, and change nothing",
		Flags: []cli.Flag{fileFlag()},
		Action: onFile(func(c *cli.Context) error {
			objects, err := objectsOf(c)
			if err != nil {
				return err
			}
			docs, err := readProfiles(c, objects)
			if err != nil {
				return err
			}
			for _, d := range docs {
				fmt.Fprintf(c.App.Writer, "profile %s is good: %s, %s\n", d.Profile.Name,
					counted(len(d.Profile.Accounts), "account", "accounts"), counted(len(d.Profile.Objects), "other object", "other objects"))
			}
			return nil
		}),
	}
}

func profileGetCommand() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "print a profile, as profile apply takes it", ArgsUsage: "NAME",
		Flags: []cli.Flag{jsonFlag()},
		Action: onRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			p, err := api.Profile(ctx, args[0])
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c.App.Writer, p)
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

func profileListCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the profiles by name",
		Flags: []cli.Flag{jsonFlag(), limitFlag(), &cli.StringFlag{Name: "after", Usage: "start behind this `NAME`"}},
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			n, err := limitOf(c)
			if err != nil {
				return err
			}
			return with(c, false, func(ctx context.Context, api admin.API) error {
				page, err := api.Profiles(ctx, store.ProfileQuery{After: c.String("after"), Limit: n})
				if err != nil {
					return err
				}
				if c.Bool("json") {
					return printJSON(c.App.Writer, orEmpty(page))
				}
				w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "NAME\tREVISION\tACCOUNTS\tUPDATED")
				for _, p := range page {
					fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", p.Name, p.Revision, len(p.Accounts), clock(p.Updated))
				}
				if err := w.Flush(); err != nil || len(page) < n {
					return err
				}
				fmt.Fprintf(c.App.ErrWriter, "there may be more: --after %s\n", page[len(page)-1].Name)
				return nil
			})
		},
	}
}

// orEmpty makes the JSON of an empty list [] and not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func profileDeleteCommand() *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "remove a profile that no device has", ArgsUsage: "NAME",
		Flags: []cli.Flag{&cli.Uint64Flag{Name: "revision", Usage: "only this `REVISION`", DefaultText: "0: any"}},
		Action: onRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			if err := api.DeleteProfile(ctx, args[0], store.Revision(c.Uint64("revision"))); err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "deleted profile %s\n", args[0])
			return nil
		}, "NAME"),
	}
}
