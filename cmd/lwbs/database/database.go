// Package database is lwbs db: the database file itself.
package database

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/client"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/newfile"
	"lwbs/cmd/lwbs/internal/output"
)

// Command is lwbs db.
func Command() *cli.Command {
	return command.Group("db", "check, repair, back up and count the database", checkCommand(), salvageCommand(), backupCommand(), statsCommand())
}

func backupCommand() *cli.Command {
	return &cli.Command{
		Name: "backup", Usage: "write a compacted copy of the database, also while the server runs", ArgsUsage: "FILE",
		Description: `The copy has no trace of deleted records. Its secrets are sealed with the same key: keep a
copy of the key file too, in another place. While a server runs, the server writes FILE, as its user
and as it sees the file system; one that is asked over HTTPS sends it. With - for FILE the copy goes to standard output.`,
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "FILE")
			if err != nil {
				return err
			}
			if args[0] == "-" {
				return backupToOutput(c)
			}
			file, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				if remote, is := api.(*client.Client); is && remote.Remote() {
					if err := newfile.Write(file, "FILE", func(w io.Writer) error { return api.WriteBackup(ctx, w) }); err != nil {
						return err
					}
					fmt.Fprintf(c.App.Writer, "backed up to %s\n", file)
					return nil
				}
				if err := api.Backup(ctx, file); err != nil {
					return err
				}
				by := ""
				if _, served := api.(*client.Client); served {
					by = ": the server wrote it, as its user and as it sees the file system"
				}
				fmt.Fprintf(c.App.Writer, "backed up to %s%s\n", file, by)
				return nil
			})
		},
	}
}

func statsCommand() *cli.Command {
	return &cli.Command{
		Name: "stats", Usage: "count the records of the database, and show its size",
		Flags: []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, _ []string) error {
			st, err := api.Status(ctx)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return output.JSON(c.App.Writer, st.Store)
			}
			s := st.Store
			fmt.Fprintf(c.App.Writer, "devices   %d\nprofiles  %d\nsessions  %d\nsize      %d bytes, %d of them free\nschema    %d\n",
				s.Devices, s.Profiles, s.Sessions, s.Bytes, s.Free, s.Schema)
			return nil
		}),
	}
}

// backupToOutput writes a copy of the database to standard output, without the escapes for
// terminals.
func backupToOutput(c *cli.Context) error {
	out := output.Raw(c.App.Writer)
	if output.Terminal(out) != nil {
		return command.Usagef("standard output is a terminal: lwbs db backup - > copy.db, or lwbs db backup FILE")
	}
	return command.With(c, false, func(ctx context.Context, api admin.API) error { return api.WriteBackup(ctx, out) })
}
