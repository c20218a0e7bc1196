package database

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "read every page, record and index of the database and report what is damaged",
		Description: "Without a server it changes nothing, whatever the damage. \"lwbs db salvage\" makes a new\ndatabase of what can be read in a damaged one.",
		Action:      check,
	}
}

func check(c *cli.Context) error {
	if _, err := command.Arguments(c); err != nil {
		return err
	}
	server, err := command.DialServer(c)
	if err != nil {
		return err
	}
	switch {
	case server != nil:
		err = errors.Join(server.Check(c.Context), server.Close())
	case command.IsFile(c):
		err = checkFile(c)
	default:
		var db command.Database
		if db, err = command.OpenStore(c, false, command.StoreOptions{}); err == nil {
			err = errors.Join(db.Check(c.Context), db.Close())
		}
	}
	if err == nil {
		fmt.Fprintln(c.App.Writer, "the database is sound")
	}
	return err
}

// checkFile checks the file itself. Where the sealing key is missing, it checks all but the
// secrets and reports the missing key as well.
func checkFile(c *cli.Context) error {
	file, _, err := command.FindStore(c, false)
	if err != nil {
		return err
	}
	keyring, noKey := seal.KeyringFor(command.KeyFile(c, file), false)
	if noKey != nil && !errors.Is(noKey, store.ErrNoKey) {
		return noKey
	}
	if err := bolt.CheckFile(c.Context, file, keyring); err != nil || noKey == nil {
		return errors.Join(err, noKey)
	}
	return fmt.Errorf("%w; all else is sound", noKey)
}
