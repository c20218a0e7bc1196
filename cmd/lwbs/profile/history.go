package profile

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// toldPlaces is how many of the places in which a revision differs are told in a list.
const toldPlaces = 3

func historyCommand() *cli.Command {
	return &cli.Command{
		Name: "history", Usage: "list the revisions of a profile that are kept, and what each has changed", ArgsUsage: "NAME",
		Description: fmt.Sprintf("Beside a profile its last %d former revisions are kept. They go with it when it is deleted.", store.MaxFormerProfiles),
		Flags:       []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			all, err := api.ProfileRevisions(ctx, args[0])
			if err != nil {
				return command.NearProfile(ctx, api, args[0], err)
			}
			if c.Bool("json") {
				return output.JSON(c.App.Writer, all)
			}
			t := output.NewTable(c.App.Writer, "REVISION", "OF", "CHANGED")
			for i, p := range all {
				changed := "not known: the revision before is not kept"
				switch {
				case i+1 < len(all):
					changed = placesText(profile.Diff(all[i+1], p))
				case p.Revision == 1:
					changed = "created"
				}
				t.Row(fmt.Sprint(p.Revision), output.Clock(p.Updated), changed)
			}
			return t.Flush()
		}, "NAME"),
	}
}

// placesText names the first places that differ.
func placesText(all []profile.Difference) string {
	places := make([]string, len(all))
	for i, d := range all {
		places[i] = d.Place
	}
	if n := len(places); n > toldPlaces {
		places = append(places[:toldPlaces], fmt.Sprintf("and %d more", n-toldPlaces))
	}
	return output.Text(strings.Join(places, ", "))
}

func diffCommand() *cli.Command {
	return &cli.Command{
		Name: "diff", Usage: "show what differs between two revisions of a profile", ArgsUsage: "NAME [REVISION [REVISION]]",
		Description: "With one REVISION it is compared with the profile as it is, without one the revision before is.\nA profile has no secrets, so that none is shown. lwbs profile history lists the revisions.",
		Flags:       []cli.Flag{command.JSONFlag()},
		Action: func(c *cli.Context) error {
			name, revisions, err := diffArguments(c)
			if err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				all, err := api.ProfileRevisions(ctx, name)
				if err != nil {
					return command.NearProfile(ctx, api, name, err)
				}
				if len(revisions) == 0 {
					if len(all) == 1 {
						return fmt.Errorf("profile %s has no revision before %d", output.Name(name), all[0].Revision)
					}
					revisions = []store.Revision{all[1].Revision}
				}
				before, err := revisionIn(all, revisions[0])
				if err != nil {
					return err
				}
				after := all[0]
				if len(revisions) > 1 {
					if after, err = revisionIn(all, revisions[1]); err != nil {
						return err
					}
				}
				return printDiff(c, before, after)
			})
		},
	}
}

// diffArguments are those of lwbs profile diff.
func diffArguments(c *cli.Context) (name string, revisions []store.Revision, err error) {
	if n := c.NArg(); n < 1 || n > 3 {
		return "", nil, command.Usagef("want NAME, and at most two revisions")
	}
	for _, text := range c.Args().Slice()[1:] {
		rev, err := strconv.ParseUint(text, 10, 64)
		if err != nil || rev == 0 {
			return "", nil, command.Usagef("%q is not a revision, such as 3: lwbs profile history %s lists them", text, c.Args().First())
		}
		revisions = append(revisions, store.Revision(rev))
	}
	return c.Args().First(), revisions, nil
}

// revisionIn is one of the revisions of a profile.
func revisionIn(all []store.Profile, rev store.Revision) (store.Profile, error) {
	i := slices.IndexFunc(all, func(p store.Profile) bool { return p.Revision == rev })
	if i < 0 {
		return store.Profile{}, fmt.Errorf("profile %s has no revision %d: %d to %d are kept", output.Name(all[0].Name), rev, all[len(all)-1].Revision, all[0].Revision)
	}
	return all[i], nil
}

// printDiff prints what differs between two revisions.
func printDiff(c *cli.Context, before, after store.Profile) error {
	all := profile.Diff(before, after)
	if c.Bool("json") {
		if all == nil {
			all = []profile.Difference{}
		}
		return output.JSON(c.App.Writer, all)
	}
	w := c.App.Writer
	fmt.Fprintf(w, "profile %s, revision %d to %d: %s\n", output.Name(before.Name), before.Revision, after.Revision, output.Counted(len(all), "difference", "differences"))
	for _, d := range all {
		switch {
		case d.Before == "":
			fmt.Fprintf(w, "+ %s: %s\n", output.Text(d.Place), output.Text(d.After))
		case d.After == "":
			fmt.Fprintf(w, "- %s: %s\n", output.Text(d.Place), output.Text(d.Before))
		default:
			fmt.Fprintf(w, "~ %s: %s -> %s\n", output.Text(d.Place), output.Text(d.Before), output.Text(d.After))
		}
	}
	if len(all) > 0 && profile.ContentOf(before) == profile.ContentOf(after) {
		fmt.Fprintln(w, "devices are given the same by both")
	}
	return nil
}

func rollbackCommand() *cli.Command {
	return &cli.Command{
		Name: "rollback", Usage: "give a profile the content of a former revision", ArgsUsage: "NAME",
		Description: "That is a new revision, as if the former one was applied again, with the same checks and the same\nlook at the devices. Devices are given it at their next bootstrap: lwbs device rebootstrap has more.",
		Flags: append([]cli.Flag{
			&cli.Uint64Flag{Name: "to", Usage: "the former `REVISION`", DefaultText: "the one before"},
			&cli.BoolFlag{Name: "dry-run", Usage: "change nothing, and show what would differ"},
		}, impactFlags()...),
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "NAME")
			if err != nil {
				return err
			}
			o, err := applyOptions(c)
			if err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				return rollBack(ctx, c, api, args[0], o)
			})
		},
	}
}

// rollBack gives the profile the content of a former revision.
func rollBack(ctx context.Context, c *cli.Context, api admin.API, name string, o admin.ApplyOptions) error {
	all, err := api.ProfileRevisions(ctx, name)
	if err != nil {
		return command.NearProfile(ctx, api, name, err)
	}
	now, rev := all[0], store.Revision(c.Uint64("to"))
	switch {
	case c.IsSet("to"):
	case len(all) == 1:
		return fmt.Errorf("profile %s has no revision before %d that is kept", output.Name(name), now.Revision)
	default:
		rev = all[1].Revision
	}
	former, err := revisionIn(all, rev)
	if err != nil {
		return err
	}
	if c.Bool("dry-run") {
		return printDiff(c, now, former)
	}
	former.Revision = now.Revision
	applied, err := api.ApplyProfile(ctx, former, o)
	if err != nil {
		return err
	}
	if applied.Unchanged {
		fmt.Fprintf(c.App.Writer, "profile %s has the content of revision %d already (revision %d)\n", output.Name(name), rev, applied.Profile.Revision)
		return nil
	}
	fmt.Fprintf(c.App.Writer, "rolled profile %s back to revision %d (revision %d)%s\n", output.Name(name), rev, applied.Profile.Revision, usedBy(applied))
	return nil
}
