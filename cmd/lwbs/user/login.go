package user

import (
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin/client"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/login"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
)

// LoginCommand is lwbs login.
func LoginCommand() *cli.Command {
	return &cli.Command{
		Name: "login", Usage: "administer a server on another machine: save its address and a token", ArgsUsage: "URL", OnUsageError: command.OnUsageError,
		Description: `The token (lwbs token create) is asked for on the terminal, or read from --token-file. It is saved for this user
only, once the server has accepted it:

   lwbs login https://lwbs.example:8443
   lwbs device list

Commands ask that server where neither --admin nor --db is given and the current folder has no database.
Without saving anything: lwbs --admin https://lwbs.example:8443 --token-file FILE device list. The CAs of --ca-file
are saved, too.`,
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "URL")
			if err != nil {
				return err
			}
			u, err := client.ParseURL(args[0])
			if err != nil {
				return command.Usagef("%v, such as https://lwbs.example:8443", err)
			}
			saved := login.Saved{URL: u.String()}
			if saved.Token, err = tokenFor(c); err != nil {
				return err
			}
			remote := client.Remote{URL: saved.URL, Token: saved.Token}
			if file := c.String("ca-file"); file != "" {
				if remote.CAs, err = input.CAs(c.Context, file); err != nil {
					return err
				}
				var text strings.Builder
				for _, ca := range remote.CAs {
					text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}))
				}
				saved.CAs = text.String()
			}
			api, err := client.DialRemote(c.Context, remote)
			if err != nil {
				return err
			}
			p, err := api.Whoami(c.Context)
			if err = errors.Join(err, api.Close()); err != nil {
				return err
			}
			if err := saved.Save(); err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "logged in to %s as %s, %v\n", saved.URL, output.Name(p.Name), p.Role)
			return nil
		},
	}
}

// tokenFor reads the token to log in with.
func tokenFor(c *cli.Context) (lwm2m.Secret, error) {
	if file := c.String("token-file"); file != "" {
		return command.ReadToken(c, file)
	}
	text, err := input.Prompt(c.Context, c.App.ErrWriter, "token")
	if errors.Is(err, input.ErrNoTerminal) {
		return lwm2m.Secret{}, command.Usagef("there is no terminal to ask for a token: lwbs --token-file FILE login URL")
	}
	return lwm2m.NewSecret([]byte(strings.TrimSpace(text))), err
}

// LogoutCommand is lwbs logout.
func LogoutCommand() *cli.Command {
	return &cli.Command{
		Name: "logout", Usage: "remove what lwbs login saved; the token stays valid until it is revoked", OnUsageError: command.OnUsageError,
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			removed, err := login.Remove()
			switch {
			case err != nil:
				return err
			case !removed:
				fmt.Fprintln(c.App.ErrWriter, "there is no saved login")
			default:
				fmt.Fprintln(c.App.Writer, "logged out")
			}
			return nil
		},
	}
}
