package profile

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/lwm2m/object"
	"lwbs/store/profilefile"
)

func fileFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "file", Aliases: []string{"f"}, Usage: "read profiles from `FILE`, YAML or JSON, - for standard input; the same as the argument FILE"}
}

// onFiles returns the action of a command that takes profile files.
func onFiles(do func(c *cli.Context, files []string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		files := append(c.StringSlice("file"), c.Args().Slice()...)
		if len(files) == 0 {
			return command.Usagef("no FILE is named, nor - for standard input: lwbs %s", command.UsageOf(c))
		}
		seen := make(map[string]bool)
		for _, file := range files {
			if strings.TrimSpace(file) == "" {
				return command.Usagef("FILE is empty: lwbs %s", command.UsageOf(c))
			}
			if seen[file] {
				return command.Usagef("FILE %s is named twice", file)
			}
			seen[file] = true
		}
		return do(c, files)
	}
}

// readProfiles reads profile files, checks what is in them, and warns.
func readProfiles(c *cli.Context, files []string, objects *object.Registry) ([]profilefile.Document, error) {
	var all []profilefile.Document
	var errs []error
	names := make(map[string]string) // the file that has a profile of this name
	for _, file := range files {
		docs, err := readProfileFile(c, file, objects)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, d := range docs {
			if other, ok := names[d.Profile.Name]; ok {
				errs = append(errs, d.Problem("name", fmt.Sprintf("a second profile with the name %q, the first is in %s", d.Profile.Name, other)))
			}
			names[d.Profile.Name] = file
			errs = append(errs, checkDocument(c, d, objects)...)
		}
		all = append(all, docs...)
	}
	return all, errors.Join(errs...)
}

func readProfileFile(c *cli.Context, file string, objects *object.Registry) ([]profilefile.Document, error) {
	var in io.Reader = c.App.Reader
	name := "standard input"
	if file != "-" {
		f, err := input.Open(c.Context, file)
		if err != nil {
			return nil, fmt.Errorf("read profile: %w", err)
		}
		defer f.Close()
		in, name = input.Interruptible(c.Context, f), file
	}
	text, err := io.ReadAll(io.LimitReader(in, profilefile.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read profile from %s: %w", name, err)
	}
	if len(text) > profilefile.MaxSize {
		return profilefile.Read(name, text, objects)
	}
	plain, err := input.Text(text, "a profile in YAML or JSON")
	if err != nil {
		return nil, fmt.Errorf("%s:1: %w", name, err)
	}
	return profilefile.Read(name, plain, objects)
}

// checkDocument returns the errors of a profile, and prints its warnings.
func checkDocument(c *cli.Context, d profilefile.Document, objects *object.Registry) (errs []error) {
	if err := d.Profile.Validate(); err != nil { // limits first: other checks take time in proportion to the size
		return []error{d.Problem("", err.Error())}
	}
	for _, f := range profile.Check(d.Profile, objects) {
		problem := d.Problem(f.Place, f.Message)
		if f.Warning {
			fmt.Fprintf(c.App.ErrWriter, "warning: %v\n", problem)
			continue
		}
		errs = append(errs, problem)
	}
	return errs
}

// ofServer reports errors that only the server finds, as it may know other Objects, with the lines
// of the files.
func ofServer(err error, docs []profilefile.Document) error {
	var invalid *admin.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	var errs []error
	for _, f := range invalid.Findings {
		var i int
		place := f.Place
		if _, err := fmt.Sscanf(place, "profiles[%d]", &i); err != nil || i < 0 || i >= len(docs) {
			return err
		}
		_, place, _ = strings.Cut(place, ".")
		errs = append(errs, fmt.Errorf("the server: %w", docs[i].Problem(place, f.Message)))
	}
	return errors.Join(errs...)
}
