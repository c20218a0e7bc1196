package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/store"
	"lwbs/store/bolt"
)

// socketFile is the path of the admin socket.
func socketFile(c *cli.Context) (string, error) {
	where := c.String("admin")
	if where == "" {
		return c.String("db") + ".sock", nil
	}
	path, ok := strings.CutPrefix(where, "unix:")
	if !ok || path == "" {
		return "", usagef("--admin %q is not unix:PATH", where)
	}
	return path, nil
}

// openAPI returns the way to the records: the server that runs, else the database
// itself. Where there is no database, it is made if create is set.
func openAPI(c *cli.Context, create bool) (admin.API, error) {
	client, err := dialServer(c)
	switch {
	case err != nil:
		return nil, err
	case client != nil:
		return client, nil
	}
	objects, _, err := readObjects(c) // a command that names Objects has warned
	if err != nil {
		return nil, err
	}
	db, err := openStore(c, create, bolt.Options{Unreadable: func(part *store.UnreadableError) {
		if part.Bucket == "" { // lists tell the rest
			fmt.Fprintf(c.App.ErrWriter, "warning: %v\n", part)
		}
	}})
	if err != nil {
		return nil, err
	}
	return &admin.Local{Store: db, Objects: objects, Version: version(), Database: databaseFile(c)}, nil
}

// dialServer returns a client of the server that runs; nil where none does, and none was
// asked for.
func dialServer(c *cli.Context) (*admin.Client, error) {
	socket, err := socketFile(c)
	if err != nil {
		return nil, err
	}
	client, err := admin.Dial(c.Context, socket)
	switch {
	case err == nil:
		return client, nil
	case c.IsSet("admin"):
		return nil, fmt.Errorf("admin socket %s: no server answers there: %w", socket, plainly(err))
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("admin socket %s: %w: it is for the user that runs the server", socket, err)
	}
	return nil, nil
}

// databaseFile is the path of the database, from the root where that can be told.
func databaseFile(c *cli.Context) string {
	return absolute(c.String("db"))
}

// parenthesis is a text behind a sentence; empty for none.
func parenthesis(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// absolute is a path from the root, where that can be told.
func absolute(file string) string {
	if path, err := filepath.Abs(file); err == nil {
		return path
	}
	return file
}

// plainly is an error of the network without what was asked for.
func plainly(err error) error {
	if op := new(net.OpError); errors.As(err, &op) {
		return op.Err
	}
	return err
}

// errNoDatabase is wrapped where there is neither a server nor a database.
var errNoDatabase = errors.New("does not exist")

// findStore returns the path of the database file, and whether there is none yet.
func findStore(c *cli.Context, create bool) (file string, fresh bool, err error) {
	file = c.String("db")
	info, err := os.Stat(file)
	fresh = errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !fresh:
		return "", false, fmt.Errorf("database: %w", err)
	case err == nil && info.IsDir():
		return "", false, fmt.Errorf("database %s is a folder: name a file in it with --db", file)
	case err == nil && !info.Mode().IsRegular():
		return "", false, fmt.Errorf("database %s is no file that holds anything: name another with --db", file)
	}
	if to, err := os.Readlink(file); fresh && err == nil {
		return "", false, fmt.Errorf("database %s is a link to %s, which %w: bring that file back, such as by mounting its disk, or remove the link", file, to, errNoDatabase)
	}
	if fresh && !create {
		return "", false, fmt.Errorf("database %s %w: lwbs serve and lwbs profile apply make one, --db names another%s", databaseFile(c), errNoDatabase, parenthesis(othersRunning(c)))
	}
	if _, err := os.Stat(filepath.Dir(file)); fresh && err != nil {
		return "", false, fmt.Errorf("make database %s: %w", file, err)
	}
	return file, fresh, nil
}

// keyFile is the path of the file with the sealing key of a database.
func keyFile(c *cli.Context, database string) string {
	if file := c.String("key-file"); file != "" {
		return file
	}
	return database + ".key"
}

// openStore opens the database file itself. An interrupt ends that, as it may take a while.
func openStore(c *cli.Context, create bool, opts bolt.Options) (*bolt.DB, error) {
	file, fresh, err := findStore(c, create)
	if err != nil {
		return nil, err
	}
	keys := keyFile(c, file)
	keyring, err := store.KeyringFor(keys, fresh)
	if err != nil {
		return nil, err
	}
	progress := opts.Progress
	opts.Progress = func(read, all int64) bool {
		return c.Context.Err() == nil && (progress == nil || progress(read, all))
	}
	db, err := bolt.Open(file, keyring, opts)
	if err != nil {
		return nil, err
	}
	if fresh {
		fmt.Fprintf(c.App.ErrWriter, "lwbs: new database %s; its sealing key is in %s: keep a copy of that file somewhere else\n", databaseFile(c), absolute(keys))
		if others := othersRunning(c); others != "" {
			fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", others)
		}
	}
	return db, nil
}

// with runs a command on the records.
func with(c *cli.Context, create bool, do func(ctx context.Context, api admin.API) error) error {
	api, err := openAPI(c, create)
	if err != nil {
		return err
	}
	return errors.Join(do(c.Context, api), api.Close())
}

// onServer is the action of a command that takes no arguments and needs a running server.
func onServer(do func(ctx context.Context, c *cli.Context, api admin.API) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if _, err := arguments(c); err != nil {
			return err
		}
		err := with(c, false, func(ctx context.Context, api admin.API) error { return do(ctx, c, api) })
		if errors.Is(err, errNoDatabase) {
			return admin.ErrNoServer
		}
		return err
	}
}

// onRecords is the action of a command that takes the named arguments and works on
// records that exist.
func onRecords(do func(ctx context.Context, c *cli.Context, api admin.API, args []string) error, names ...string) cli.ActionFunc {
	return func(c *cli.Context) error {
		args, err := arguments(c, names...)
		if err != nil {
			return err
		}
		return with(c, false, func(ctx context.Context, api admin.API) error { return do(ctx, c, api, args) })
	}
}
