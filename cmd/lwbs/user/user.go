// Package user is lwbs user and lwbs token: who may use the pages and the API from elsewhere.
package user

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// Command is lwbs user.
func Command() *cli.Command {
	return command.Group("user", "users of the web pages and of the API from elsewhere (serve --web)", addCommand(), listCommand(), setCommand(), passwordCommand(), deleteCommand())
}

// roleUsage tells what the roles are.
const roleUsage = "what the user may do, `ROLE`: viewer (reads all but secrets), engineer (and edits devices, approves pending ones) or admin (everything)"

func settingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "role", Usage: roleUsage},
		&cli.StringFlag{Name: "password-file", Usage: "the password is the line in `FILE`; - for standard input (default: asked for on the terminal)"},
		&cli.BoolFlag{Name: "generate-password", Usage: "make a password, and print it once"},
		&cli.BoolFlag{Name: "no-password", Usage: "no password: the user authenticates by a client certificate or tokens only"},
		&cli.StringFlag{Name: "note", Usage: "free `TEXT`"},
	}
}

// settings reads the options; a password is asked for where none of them is about it and ask is set.
func settings(c *cli.Context, ask bool) (set admin.UserSettings, err error) {
	set.GeneratePassword, set.DropPassword = c.Bool("generate-password"), c.Bool("no-password")
	ways := 0
	for _, option := range []string{"password-file", "generate-password", "no-password"} {
		if c.IsSet(option) {
			ways++
		}
	}
	if ways > 1 {
		return set, command.Usagef("--password-file, --generate-password and --no-password exclude each other")
	}
	if c.IsSet("role") {
		role, err := access.ParseRole(c.String("role"))
		if err != nil {
			return set, command.Usagef("--role: %v", err)
		}
		set.Role = &role
	}
	if c.IsSet("note") {
		set.Note = new(c.String("note"))
	}
	switch file := c.String("password-file"); {
	case c.IsSet("password-file"):
		if file == "" {
			return set, command.Usagef("--password-file is empty")
		}
		text, err := input.Password(c.Context, c.App.Reader, file)
		if err != nil {
			return set, err
		}
		set.Password = new(access.Plaintext(text))
	case ask && ways == 0:
		text, err := input.PromptPassword(c.Context, c.App.ErrWriter, "password")
		if errors.Is(err, input.ErrNoTerminal) {
			return set, command.Usagef("there is no terminal to ask for a password: use --password-file FILE, --generate-password or --no-password")
		}
		if err != nil {
			return set, err
		}
		set.Password = new(access.Plaintext(text))
	}
	return set, nil
}

func addCommand() *cli.Command {
	return &cli.Command{
		Name: "add", Usage: "add a user", ArgsUsage: "NAME",
		Description: `The password is asked for on the terminal, read from a file, or made:

   lwbs user add ada --role admin
   lwbs user add ops@example.com --role viewer --generate-password
   lwbs user add bob --role engineer --password-file - < secret

It has 10 characters or more, and is stored as a hash (argon2id). NAME has lower-case letters, digits and
the signs . - _ @ +.`,
		Flags: append(settingFlags(), command.JSONFlag()),
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "NAME")
			if err != nil {
				return err
			}
			if c.String("role") == "" {
				return command.Usagef("--role is missing: want %s", strings.Join(access.RoleNames(), ", "))
			}
			if err := (store.User{Name: args[0], Role: c.String("role")}).Validate(); err != nil { // before a password is asked for
				return err
			}
			set, err := settings(c, true)
			if err != nil {
				return err
			}
			return command.With(c, true, func(ctx context.Context, api admin.API) error {
				u, err := api.AddUser(ctx, args[0], set)
				if err != nil {
					return err
				}
				return edited(c, "added", u)
			})
		},
	}
}

func setCommand() *cli.Command {
	return &cli.Command{
		Name: "set", Usage: "change a user", ArgsUsage: "NAME",
		Description: `Settings without an option stay as they are. --password asks for another password on the terminal. Another
password, and --disable, end the web sessions of the user; the tokens of a disabled user are refused.

   lwbs user set ada --password
   lwbs user set ada --role viewer
   lwbs user set bob --disable`,
		Flags: append(settingFlags(),
			&cli.BoolFlag{Name: "password", Usage: "ask for another password on the terminal"},
			&cli.BoolFlag{Name: "disable", Usage: "refuse the user from now on"},
			&cli.BoolFlag{Name: "enable", Usage: "no longer refuse the user"},
			&cli.Uint64Flag{Name: "revision", Usage: "only this `REVISION`", DefaultText: "any"},
			command.JSONFlag()),
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "NAME")
			if err != nil {
				return err
			}
			if c.Bool("disable") && c.Bool("enable") {
				return command.Usagef("--disable and --enable exclude each other")
			}
			set, err := settings(c, c.Bool("password"))
			if err != nil {
				return err
			}
			if c.Bool("disable") || c.Bool("enable") {
				set.Disabled = new(c.Bool("disable"))
			}
			if reflect.DeepEqual(set, admin.UserSettings{}) {
				return command.Usagef("no option says what to change: lwbs user set --help lists them")
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				u, err := api.SetUser(ctx, args[0], store.Revision(c.Uint64("revision")), set)
				if err != nil {
					return near(ctx, api, args[0], err)
				}
				return edited(c, "changed", u)
			})
		},
	}
}

// edited tells what an edit did.
func edited(c *cli.Context, what string, u admin.User) error {
	if c.Bool("json") {
		return output.JSON(c.App.Writer, u)
	}
	fmt.Fprintf(c.App.Writer, "%s user %s, %s%s\n", what, output.Name(u.Name), u.Role, output.Parenthesis(state(u)))
	if u.Password != "" {
		fmt.Fprintf(c.App.Writer, "password: %s\n", u.Password)
		fmt.Fprintln(c.App.ErrWriter, "note: it is shown this one time only")
	}
	return nil
}

// state tells what keeps a user from logging in; empty for nothing.
func state(u admin.User) string {
	switch {
	case u.Disabled:
		return "disabled"
	case !u.HasPassword:
		return "without a password"
	}
	return ""
}

// near adds to an error about an unknown user the one that was probably meant.
func near(ctx context.Context, api admin.API, name string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var known []string
	all, _ := api.Users(ctx)
	for _, u := range all {
		known = append(known, u.Name)
	}
	return command.Near(err, name, known)
}

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the users", Flags: []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, _ []string) error {
			all, err := api.Users(ctx)
			switch {
			case err != nil:
				return err
			case c.Bool("json"):
				return errors.Join(output.JSON(c.App.Writer, all), command.WarnUnreadable(ctx, c.App.ErrWriter, api))
			case len(all) == 0:
				fmt.Fprintln(c.App.ErrWriter, "there are no users: lwbs user add NAME --role admin")
				return command.WarnUnreadable(ctx, c.App.ErrWriter, api)
			}
			t := output.NewTable(c.App.Writer, "NAME", "ROLE", "STATE", "PASSWORD SET", "NOTE")
			for _, u := range all {
				set := ""
				if !u.PasswordSet.IsZero() {
					set = output.Clock(u.PasswordSet)
				}
				t.Row(output.Name(u.Name), u.Role, state(u), set, output.Text(u.Note))
			}
			return errors.Join(t.Flush(), command.WarnUnreadable(ctx, c.App.ErrWriter, api))
		}),
	}
}

func deleteCommand() *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "remove a user, with the tokens and web sessions of the user", ArgsUsage: "NAME",
		Flags: []cli.Flag{&cli.Uint64Flag{Name: "revision", Usage: "only this `REVISION`", DefaultText: "any"}},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			if err := api.DeleteUser(ctx, args[0], store.Revision(c.Uint64("revision"))); err != nil {
				return near(ctx, api, args[0], err)
			}
			fmt.Fprintf(c.App.Writer, "deleted user %s\n", output.Name(args[0]))
			return nil
		}, "NAME"),
	}
}
