// Package command is what the commands share: reading arguments and options, opening the admin API or the
// database, lists, warnings and errors.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/audit"
	"lwbs/bootstrap/admin/client"
	"lwbs/bootstrap/admin/socket"
	"lwbs/bootstrap/handover"
	"lwbs/cmd/lwbs/internal/login"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m/filekind"
	"lwbs/store"
)

// SocketFile returns the path of the admin socket.
func SocketFile(c *cli.Context) (string, error) {
	where := c.String("admin")
	if where == "" {
		return besideDatabase(c, ".sock"), nil
	}
	if isRemote(where) {
		return "", Usagef("--admin %s is on another machine: this command needs the database itself, or the admin socket, unix:PATH", hidden(where))
	}
	path, ok := strings.CutPrefix(where, "unix:")
	if !ok || path == "" {
		return "", Usagef("--admin %q is neither unix:PATH nor https://HOST:PORT", where)
	}
	return path, nil
}

// OpenAPI returns the admin API of the running server, or without one of the database itself. With
// create it makes a database where there is none.
func OpenAPI(c *cli.Context, create bool) (admin.API, error) {
	served, err := DialServer(c)
	switch {
	case err != nil:
		return nil, err
	case served != nil:
		return served, nil
	}
	objects, _, err := ReadObjects(c) // a command that names Objects has warned
	if err != nil {
		return nil, err
	}
	db, err := OpenStore(c, create, StoreOptions{Unreadable: func(part *store.UnreadableError) {
		if part.Bucket == "" { // lists warn of the others
			fmt.Fprintf(c.App.ErrWriter, "warning: %v\n", part)
		}
	}})
	if err != nil {
		return nil, err
	}
	handOver := handover.NewServers(db, handover.Options{Commands: true}) // by whoever runs this command
	local := &admin.Local{Store: db, Objects: objects, HandOver: handOver, Version: c.App.Version, Database: DatabaseFile(c)}
	return audit.New(local, db, access.Principal{Name: socket.UserName(os.Getuid()), Role: access.Admin, Way: access.WayDatabase, Address: fmt.Sprintf("pid %d", os.Getpid())}), nil
}

// DialServer returns a client of the running server, which --admin may name by https://HOST:PORT; nil where none runs and
// --admin is not set.
func DialServer(c *cli.Context) (*client.Client, error) {
	if url := c.String("admin"); isRemote(url) {
		return dialRemote(c, url)
	}
	file, err := SocketFile(c)
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
	return dialSaved(c)
}

// dialSaved returns a client of the server of lwbs login, where neither --db nor --admin says which database is meant
// and there is none in the current folder; nil otherwise.
func dialSaved(c *cli.Context) (*client.Client, error) {
	if c.IsSet("db") {
		return nil, nil
	}
	if _, err := os.Lstat(c.String("db")); !errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	saved, err := login.Load()
	if err != nil || saved.URL == "" {
		return nil, err
	}
	return dialRemote(c, saved.URL)
}

// DatabaseFile returns the absolute path of the database; the address of a PostgreSQL.
func DatabaseFile(c *cli.Context) string {
	if s := source(c, ""); s != nil {
		return s.Name
	}
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

// ErrNoDatabase is wrapped where there is neither a server nor a database.
var ErrNoDatabase = errors.New("does not exist")

// FindStore returns the path of the database file, and whether there is none yet.
func FindStore(c *cli.Context, create bool) (file string, fresh bool, err error) {
	if !IsFile(c) {
		return "", false, fmt.Errorf("database %s is a PostgreSQL: this command is about a file", DatabaseFile(c))
	}
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
	if kind := otherKind(file); kind != "" {
		return "", false, fmt.Errorf("database %s is %s, not a database of lwbs: name another with --db", file, kind)
	}
	if to, err := os.Readlink(file); fresh && err == nil {
		return "", false, fmt.Errorf("database %s is a link to %s, which %w: restore that file, such as by mounting its disk, or remove the link", file, to, ErrNoDatabase)
	}
	if fresh && !create {
		return "", false, fmt.Errorf("database %s %w: lwbs serve and lwbs profile apply make a new one, --db names another%s", DatabaseFile(c), ErrNoDatabase, output.Parenthesis(othersRunning(c)))
	}
	if _, err := os.Stat(filepath.Dir(file)); fresh && err != nil {
		return "", false, fmt.Errorf("make database %s: %w", file, err)
	}
	return file, fresh, nil
}

// otherKind is what a file is that begins as one of another kind does; empty for a database, and where
// that is not known.
func otherKind(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	head, _ := io.ReadAll(io.LimitReader(f, 4096))
	kind, _ := filekind.Of(head)
	return kind.Name
}

// credential is the name under which a service manager gives the sealing key: LoadCredential= of systemd.
const credential = "lwbs.sealing-key"

// KeyFile returns the path of the file with the sealing key of a database: that of --key-file, else a credential
// of the service, else the one beside the database.
func KeyFile(c *cli.Context, database string) string {
	if file := c.String("key-file"); file != "" {
		return file
	}
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		file := filepath.Join(dir, credential)
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			return file
		}
	}
	return database + ".key"
}

// With runs do with the admin API.
func With(c *cli.Context, create bool, do func(ctx context.Context, api admin.API) error) error {
	api, err := OpenAPI(c, create)
	if err != nil {
		return err
	}
	return errors.Join(do(c.Context, api), api.Close())
}

// OnServer returns the action of a command that takes no arguments and needs a running server.
func OnServer(do func(ctx context.Context, c *cli.Context, api admin.API) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if _, err := Arguments(c); err != nil {
			return err
		}
		err := With(c, false, func(ctx context.Context, api admin.API) error { return do(ctx, c, api) })
		if errors.Is(err, ErrNoDatabase) {
			return admin.ErrNoServer
		}
		return err
	}
}

// OnRecords returns the action of a command that takes the named arguments and works on an
// existing database.
func OnRecords(do func(ctx context.Context, c *cli.Context, api admin.API, args []string) error, names ...string) cli.ActionFunc {
	return func(c *cli.Context) error {
		args, err := Arguments(c, names...)
		if err != nil {
			return err
		}
		return With(c, false, func(ctx context.Context, api admin.API) error { return do(ctx, c, api, args) })
	}
}
