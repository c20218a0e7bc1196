package user

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
)

func passwordCommand() *cli.Command {
	return &cli.Command{
		Name: "password", Usage: "change an own password, for which the old one is needed", ArgsUsage: "[NAME]",
		Description: `Both passwords are asked for on the terminal, or read from files. All web sessions of the user end. On another
machine the user is the one whose token or client certificate is used; over the socket NAME is needed:

   lwbs user password ada
   lwbs --admin https://lwbs.example:8443 --client-cert ada.pem --client-key ada.key user password

An administrator gives a user another password without the old one: lwbs user set NAME --password.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "old-password-file", Usage: "the old password is the line in `FILE` (default: asked for on the terminal)"},
			&cli.StringFlag{Name: "password-file", Usage: "the new password is the line in `FILE`; - for standard input (default: asked for on the terminal)"},
			command.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			change := admin.PasswordChange{User: c.Args().First()}
			switch {
			case c.Args().Len() > 1:
				return command.Usagef("expected one NAME at most: lwbs %s", command.UsageOf(c))
			case c.Args().Len() == 1 && change.User == "":
				return command.Usagef("NAME is empty: lwbs %s", command.UsageOf(c))
			}
			if err := command.NoneEmpty(c, "old-password-file", "password-file"); err != nil {
				return err
			}
			if c.String("old-password-file") == "-" {
				return command.Usagef("--old-password-file is a file, not standard input")
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				p, err := api.Whoami(ctx)
				if err != nil {
					return err
				}
				own, err := p.OwnUser() // before a password is asked for
				if err != nil {
					return err
				}
				if own == "" && change.User == "" {
					return command.Usagef("whose password is to be changed? lwbs user password NAME")
				}
				if change.Old, err = readPassword(c, c.String("old-password-file"), "old password", input.Prompt); err != nil {
					return err
				}
				if change.New, err = readPassword(c, c.String("password-file"), "new password", input.PromptPassword); err != nil {
					return err
				}
				u, err := api.ChangePassword(ctx, change)
				switch {
				case err != nil:
					return err
				case c.Bool("json"):
					return output.JSON(c.App.Writer, u)
				}
				fmt.Fprintf(c.App.Writer, "changed the password of user %s; all web sessions of the user have ended\n", output.Name(u.Name))
				return nil
			})
		},
	}
}

// readPassword reads a password from a file, or asks for it where there is none.
func readPassword(c *cli.Context, file, what string, ask func(context.Context, io.Writer, string) (string, error)) (access.Plaintext, error) {
	if file != "" {
		text, err := input.Password(c.Context, c.App.Reader, file)
		return access.Plaintext(text), err
	}
	text, err := ask(c.Context, c.App.ErrWriter, what)
	if errors.Is(err, input.ErrNoTerminal) {
		err = command.Usagef("there is no terminal to ask for a password: use --old-password-file FILE and --password-file FILE")
	}
	return access.Plaintext(text), err
}
