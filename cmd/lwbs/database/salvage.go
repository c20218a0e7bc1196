package database

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

func salvageCommand() *cli.Command {
	return &cli.Command{
		Name: "salvage", Usage: "write what can be read of a damaged database to a new one", ArgsUsage: "FILE",
		Description: `The damaged database is not changed, and no server may run with it. The command prints what was
kept and what is known to be lost. The secrets in FILE are sealed with the same key: put FILE in the
place of the damaged file, or name the key with --key-file.

   lwbs db salvage fresh.db
   mv lwbs.db damaged.db; mv fresh.db lwbs.db`,
		Flags:  []cli.Flag{command.JSONFlag()},
		Action: salvage,
	}
}

func salvage(c *cli.Context) error {
	args, err := command.Arguments(c, "FILE")
	if err != nil {
		return err
	}
	fresh, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	if _, err := command.SocketFile(c); err != nil { // such as of a server on another machine
		return err
	}
	if server, err := command.DialServer(c); err != nil || server != nil {
		if server != nil {
			err = errors.Join(errServerRuns, server.Close())
		}
		return err
	}
	file, _, err := command.FindStore(c, false)
	if err != nil {
		return err
	}
	keyring, err := seal.KeyringFor(command.KeyFile(c, file), false)
	if err != nil {
		return err
	}
	report, err := bolt.SalvageFile(c.Context, file, fresh, keyring)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return output.JSON(c.App.Writer, report)
	}
	tellSalvage(c, report, fresh)
	return nil
}

// errServerRuns: the command needs a database that no server has open.
var errServerRuns = errors.New("a server runs with this database: stop it first")

// toldLost is how many names of each kind are printed.
const toldLost = 20

func tellSalvage(c *cli.Context, s bolt.Salvage, fresh string) {
	errs := c.App.ErrWriter
	for i, line := range s.Damage {
		if i == toldLost {
			fmt.Fprintf(errs, "warning: and %d more\n", len(s.Damage)-i)
			break
		}
		fmt.Fprintf(errs, "warning: %s\n", line)
	}
	if len(s.Damage) == 0 {
		fmt.Fprintln(errs, "no damage was found")
	}
	out := c.App.Writer
	fmt.Fprintf(out, "salvaged into %s: %s, %s, %s, %s, %s\n", fresh, output.Counted(s.Devices.Kept, "device", "devices"), output.Counted(s.Profiles.Kept, "profile", "profiles"), output.Counted(s.Groups.Kept, "enrolment group", "enrolment groups"), output.Counted(s.Servers.Kept, "LwM2M Server", "LwM2M Servers"), output.Counted(s.Sessions.Kept, "session", "sessions"))
	const applyAgain = "lost, and empty in the new database: apply it again"
	for _, kind := range []struct {
		name string
		bolt.Salvaged
		empty string
	}{
		{"device", s.Devices, ""}, {"profile", s.Profiles, applyAgain}, {"session", s.Sessions, ""},
		{"group", s.Groups, "lost, and disabled without a key in the new database: give it its key and patterns again by lwbs group set"},
		{"LwM2M Server", s.Servers, ""},
	} {
		tellNames(out, "lost", kind.name, kind.Lost)
		tellNames(out, "kept as they were before the last edit, which is lost", kind.name, kind.Older)
		tellNames(out, kind.empty, kind.name, kind.Empty)
	}
	if len(s.Servers.Lost) > 0 {
		fmt.Fprintln(out, "no device whose account is handed over to a lost LwM2M Server is bootstrapped: add it again under its name by lwbs lwm2m-server add")
	}
	fmt.Fprintf(out, "its secrets are sealed with the same key as before: put it in place of %s\n", c.String("db"))
}

// tellNames prints the names of records, and what happened to them.
func tellNames(out io.Writer, what, kind string, names []string) {
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(out, "%s %s:", output.Counted(len(names), kind, kind+"s"), what)
	for i, one := range names {
		if i == toldLost {
			fmt.Fprintf(out, " and %d more; --json lists all", len(names)-i)
			break
		}
		fmt.Fprintf(out, " %s", output.Name(one))
	}
	fmt.Fprintln(out)
}
