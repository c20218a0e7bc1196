package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/settings"
)

// ConfigCommand is lwbs config.
func ConfigCommand() *cli.Command {
	return command.Group("config", "the configuration file of lwbs serve", configCheckCommand(), configShowCommand(), configExampleCommand())
}

func configCheckCommand() *cli.Command {
	const noFiles = "no-files"
	return &cli.Command{
		Name: "check", Usage: "find every mistake in a configuration file", ArgsUsage: "FILE",
		Description: `Each mistake is one line, with the line of the file. The files that it names are read too, such as certificates; where they
are on another machine, --no-files leaves them out. Options and the environment are not looked at. The exit status is 0 for a file without a
mistake, else 1.`,
		Flags: []cli.Flag{&cli.BoolFlag{Name: noFiles, Usage: "do not look at the files that it names"}},
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "FILE")
			if err != nil {
				return err
			}
			keys := settings.Keys(c.App)
			file, wrongForm := settings.Read(c.Context, args[0], keys)
			if file == nil {
				return wrongForm
			}
			set, err := settings.OfFile(c, keys, file)
			if err != nil {
				return errors.Join(wrongForm, err)
			}
			errs := append(settings.Each(check(set.Context)), wrongForm)
			if !c.Bool(noFiles) {
				errs = append(errs, checkFiles(c.Context, set))
			}
			found := settings.Each(set.Explain(errors.Join(errs...)))
			formOf := settings.Each(wrongForm)
			found = slices.DeleteFunc(found, func(err error) bool { return !slices.Contains(formOf, err) && file.OfWrong(err) })
			if len(found) > 0 {
				return errors.Join(found...)
			}
			fmt.Fprintf(c.App.Writer, "%s: no mistakes\n", args[0])
			return nil
		},
	}
}

// checkFiles reports the files that are named and cannot be read, and certificates that do not load.
func checkFiles(ctx context.Context, set *settings.Set) error {
	var errs []error
	for _, k := range set.Keys {
		if !k.NamesFile() || set.Origin(k.Name) == (settings.Origin{}) {
			continue
		}
		for _, name := range set.Texts(k) {
			f, err := input.Open(ctx, name)
			if err == nil {
				err = f.Close()
			}
			if err != nil {
				errs = append(errs, command.Usagef("--%s %q: %v", k.Name, name, errors.Unwrap(err)))
			}
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	files, err := tlsFilesOf(set.Context)
	if err != nil {
		return nil // which check reports
	}
	_, err = files.load(ctx)
	errs = append(errs, err)
	if web := webFilesOf(set.Context); len(web.keys) > 0 && web.keys[0] != "" {
		_, err := web.load(ctx)
		errs = append(errs, err)
	}
	if dir := set.String("objects"); dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			errs = append(errs, command.Usagef("--objects %q is not a folder", dir))
		}
	}
	return errors.Join(errs...)
}

func configShowCommand() *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "show the settings that lwbs serve would have, and where each comes from",
		Description: `It takes the options of lwbs serve: with the same options, environment and --config, it shows what the server has. Where
a setting comes from is a line of the file, a variable of the environment, an option, or the default.

   lwbs config show --config lwbs.yaml
   lwbs config show --config lwbs.yaml --log debug --json`,
		Flags: append(options(), command.JSONFlag()),
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			set, err := settings.Of(c)
			if err != nil {
				return err
			}
			if err := set.Explain(check(set.Context)); err != nil {
				return err
			}
			return show(c, set)
		},
	}
}

// A shownSetting is a setting as --json shows it.
type shownSetting struct {
	Key   string   `json:"key"`
	Value any      `json:"value"`
	From  string   `json:"from"`
	File  string   `json:"file,omitempty"`
	Line  int      `json:"line,omitempty"`
	Env   []string `json:"environment,omitempty"` // the variables that give it
}

func show(c *cli.Context, set *settings.Set) error {
	if !c.Bool("json") {
		t := output.NewTable(c.App.Writer, "KEY", "VALUE", "FROM")
		for _, k := range set.Keys {
			text := settings.WithoutPassword(set.Text(k))
			if text == "" || set.Origin(k.Name) == (settings.Origin{}) && k.Default != "" {
				text = k.DefaultShown(text)
			}
			t.Row(k.Name, cmp.Or(text, "-"), set.Origin(k.Name).String())
		}
		return t.Flush()
	}
	all := make([]shownSetting, 0, len(set.Keys))
	for _, k := range set.Keys {
		o := set.Origin(k.Name)
		s := shownSetting{Key: k.Name, From: o.Kind(), File: o.File, Line: o.Line, Env: k.Env}
		switch texts := set.Texts(k); {
		case k.Many():
			s.Value = append([]string{}, texts...)
		case slices.Contains([]string{"true", "false"}, texts[0]) && k.Value == "":
			s.Value = texts[0] == "true"
		default:
			s.Value = settings.WithoutPassword(texts[0])
		}
		all = append(all, s)
	}
	return output.JSON(c.App.Writer, all)
}

func configExampleCommand() *cli.Command {
	return &cli.Command{
		Name: "example", Usage: "print a configuration file with every key, each as a comment",
		Description: "   lwbs config example > lwbs.yaml",
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			return settings.Example(c.App.Writer, settings.Keys(c.App))
		},
	}
}
