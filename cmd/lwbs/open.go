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

	"lwbs/bootstrap/admin/client"
	"lwbs/cmd/lwbs/internal/output"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/store"
	"lwbs/store/bolt"
)

// socketFile returns the path of the admin socket.
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

// openAPI returns the admin API of the running server, or without one of the database itself. With
// create it makes a database where there is none.
func openAPI(c *cli.Context, create bool) (admin.API, error) {
	served, err := dialServer(c)
	switch {
	case err != nil:
		return nil, err
	case served != nil:
		return served, nil
	}
	objects, _, err := readObjects(c) // a command that names Objects has warned
	if err != nil {
		return nil, err
	}
	db, err := openStore(c, create, bolt.Options{Unreadable: func(part *store.UnreadableError) {
		if part.Bucket == "" { // lists warn of the others
			fmt.Fprintf(c.App.ErrWriter, "warning: %v\n", part)
		}
	}})
	if err != nil {
		return nil, err
	}
	return &admin.Local{Store: db, Objects: objects, Version: c.App.Version, Database: databaseFile(c)}, nil
}

// dialServer returns a client of the running server; nil where none runs and --admin is not set.
func dialServer(c *cli.Context) (*client.Client, error) {
	file, err := socketFile(c)
	if err != nil {
		return nil, err
	}
	api, err := client.Dial(c.Context, file)
	switch {
	case err == nil:
		return api, nil
	case c.IsSet("admin"):
		return nil, fmt.Errorf("admin socket %s: no server answers there: %w", file, plainly(err))
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("admin socket %s: %w: it is for the user that runs the server", file, err)
	}
	return nil, nil
}

// databaseFile returns the absolute path of the database.
func databaseFile(c *cli.Context) string {
	return absolute(c.String("db"))
}

// absolute returns an absolute path; the path as it is where the current folder is unknown.
func absolute(file string) string {
	if path, err := filepath.Abs(file); err == nil {
		return path
	}
	return file
}

// plainly returns an error of the network without operation and address.
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
		return "", false, fmt.Errorf("database %s is not a regular file: name another with --db", file)
	}
	if to, err := os.Readlink(file); fresh && err == nil {
		return "", false, fmt.Errorf("database %s is a link to %s, which %w: restore that file, such as by mounting its disk, or remove the link", file, to, errNoDatabase)
	}
	if fresh && !create {
		return "", false, fmt.Errorf("database %s %w: lwbs serve and lwbs profile apply make a new one, --db names another%s", databaseFile(c), errNoDatabase, output.Parenthesis(othersRunning(c)))
	}
	if _, err := os.Stat(filepath.Dir(file)); fresh && err != nil {
		return "", false, fmt.Errorf("make database %s: %w", file, err)
	}
	return file, fresh, nil
}

// keyFile returns the path of the file with the sealing key of a database.
func keyFile(c *cli.Context, database string) string {
	if file := c.String("key-file"); file != "" {
		return file
	}
	return database + ".key"
}

// openStore opens the database file itself. An interrupt cancels it, since it may take long.
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
		fmt.Fprintf(c.App.ErrWriter, "lwbs: new database %s; its sealing key is in %s: keep a copy of that file in another place\n", databaseFile(c), absolute(keys))
		if others := othersRunning(c); others != "" {
			fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", others)
		}
	}
	return db, nil
}

// with runs do with the admin API.
func with(c *cli.Context, create bool, do func(ctx context.Context, api admin.API) error) error {
	api, err := openAPI(c, create)
	if err != nil {
		return err
	}
	return errors.Join(do(c.Context, api), api.Close())
}

// onServer returns the action of a command that takes no arguments and needs a running server.
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

// onRecords returns the action of a command that takes the named arguments and works on an
// existing database.
func onRecords(do func(ctx context.Context, c *cli.Context, api admin.API, args []string) error, names ...string) cli.ActionFunc {
	return func(c *cli.Context) error {
		args, err := arguments(c, names...)
		if err != nil {
			return err
		}
		return with(c, false, func(ctx context.Context, api admin.API) error { return do(ctx, c, api, args) })
	}
}
