package user

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// TokenCommand is lwbs token.
func TokenCommand() *cli.Command {
	return command.Group("token", "tokens with which programs use the API from elsewhere (serve --web)", createCommand(), tokensCommand(), revokeCommand())
}

// never is the word for a token that does not expire.
const never = "never"

func createCommand() *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "make a token, and print it once", ArgsUsage: "NAME",
		Description: `The token is the only line on standard output; only a hash of it is stored. Programs send it in the header
Authorization, lwbs itself with --token-file:

   lwbs token create ci --role engineer --expires 30d > ci.token
   lwbs --admin https://lwbs.example:8443 --token-file ci.token device list

A token of a user (--user) may do no more than the user, and goes with the user.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "role", Usage: "what it may do, `ROLE`: viewer, engineer or admin"},
			&cli.StringFlag{Name: "expires", Value: "90d", Usage: "until when it is accepted: a `TIME` from now, such as 12h or 30d, or never"},
			&cli.StringFlag{Name: "user", Usage: "the user, `NAME`, whose token it is (default: no one's)"},
			&cli.StringFlag{Name: "note", Usage: "free `TEXT`"},
			command.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "NAME")
			if err != nil {
				return err
			}
			if c.String("role") == "" {
				return command.Usagef("--role is missing: want %s", strings.Join(access.RoleNames(), ", "))
			}
			set := admin.TokenSettings{User: c.String("user"), Note: c.String("note")}
			if set.Role, err = access.ParseRole(c.String("role")); err != nil {
				return command.Usagef("--role: %v", err)
			}
			if err := command.NoneEmpty(c, "user", "expires"); err != nil {
				return err
			}
			if text := c.String("expires"); text != never {
				span, err := command.Span(text)
				if err != nil || span <= 0 {
					return command.Usagef("--expires %q is neither a time such as 12h or 30d, nor never", text)
				}
				set.Expires = time.Now().Add(span).UTC().Truncate(time.Second)
			}
			return command.With(c, true, func(ctx context.Context, api admin.API) error {
				t, err := api.CreateToken(ctx, args[0], set)
				switch {
				case err != nil && set.User != "":
					return near(ctx, api, set.User, err)
				case err != nil:
					return err
				case c.Bool("json"):
					return output.JSON(c.App.Writer, t)
				}
				fmt.Fprintln(c.App.Writer, t.Token)
				fmt.Fprintf(c.App.ErrWriter, "token %s, %s, %s; it is shown this one time only\n", output.Name(t.Name), t.Role, until(t))
				return nil
			})
		},
	}
}

// until tells when a token expires.
func until(t admin.Token) string {
	switch {
	case t.Expires.IsZero():
		return "never expires"
	case !time.Now().Before(t.Expires):
		return "expired on " + output.Clock(t.Expires)
	}
	return "expires on " + output.Clock(t.Expires)
}

func tokensCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the tokens, with their last use", Flags: []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, _ []string) error {
			all, err := api.Tokens(ctx)
			switch {
			case err != nil:
				return err
			case c.Bool("json"):
				return errors.Join(output.JSON(c.App.Writer, all), command.WarnUnreadable(ctx, c.App.ErrWriter, api))
			case len(all) == 0:
				fmt.Fprintln(c.App.ErrWriter, "there are no tokens: lwbs token create NAME --role viewer")
				return command.WarnUnreadable(ctx, c.App.ErrWriter, api)
			}
			t := output.NewTable(c.App.Writer, "NAME", "ROLE", "USER", "EXPIRY", "LAST USED", "FROM", "NOTE")
			for _, k := range all {
				used := "never"
				if !k.LastUsed.IsZero() {
					used = output.Clock(k.LastUsed)
				}
				t.Row(output.Name(k.Name), k.Role, output.Name(k.User), until(k), used, output.Text(k.LastFrom), output.Text(k.Note))
			}
			return errors.Join(t.Flush(), command.WarnUnreadable(ctx, c.App.ErrWriter, api))
		}),
	}
}

func revokeCommand() *cli.Command {
	return &cli.Command{
		Name: "revoke", Usage: "revoke a token: it is refused from now on", ArgsUsage: "NAME",
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			if err := api.RevokeToken(ctx, args[0], 0); err != nil {
				if !errors.Is(err, store.ErrNotFound) {
					return err
				}
				var known []string
				all, _ := api.Tokens(ctx)
				for _, t := range all {
					known = append(known, t.Name)
				}
				return command.Near(err, args[0], known)
			}
			fmt.Fprintf(c.App.Writer, "revoked token %s\n", output.Name(args[0]))
			return nil
		}, "NAME"),
	}
}
