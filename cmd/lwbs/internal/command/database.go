package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/postgres"
	"lwbs/store/seal"
)

// A Database is one that a command has opened itself: a file, or a PostgreSQL.
type Database interface {
	store.Store
	store.Access
	store.AuditLog

	// Check reads everything, and reports what is damaged.
	Check(ctx context.Context) error

	// Backup and WriteBackup write a copy of a file; those of a PostgreSQL are made by its own tools.
	Backup(ctx context.Context, file string) error
	WriteBackup(ctx context.Context, w io.Writer) error

	// Unreadable returns what could not be read so far.
	Unreadable() []*store.UnreadableError

	// Writing is how long the write that is under way has taken so far, zero where none is.
	Writing() time.Duration
}

// A Shared is a Database that several servers have open.
type Shared interface {
	// Lead has this server stand for what one server of the database is to do, under a name. Held reports whether it
	// is this one now.
	Lead(name string) (held func() bool)
}

var _ Shared = (*postgres.DB)(nil)

// StoreOptions say what is told while a database is opened and used. Each may be nil.
type StoreOptions struct {
	// Unreadable is told of each part that cannot be read; it must not wait.
	Unreadable func(*store.UnreadableError)

	// Panicked is told of a panic of the writer.
	Panicked func(value any)

	// Progress is told how much of a file was read that was not closed in order; false ends that.
	Progress func(read, all int64) bool

	// Failed is told why a PostgreSQL could not be tidied.
	Failed func(error)
}

// Flags are those that say which database is meant.
func Flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "db", Value: "lwbs.db", EnvVars: []string{"LWBS_DB"}, Usage: "the database: a `FILE`, or a PostgreSQL as postgres://user@host/name"},
		&cli.StringFlag{Name: "db-password-file", EnvVars: []string{"LWBS_DB_PASSWORD_FILE"}, Usage: "the `FILE` with the password of a PostgreSQL"},
		&cli.StringFlag{Name: "key-file", EnvVars: []string{"LWBS_KEY_FILE"}, Usage: "the `FILE` with the key that seals the database's secrets (default: the database's name and .key)"},
		&cli.StringFlag{Name: "admin", EnvVars: []string{"LWBS_ADMIN"}, Usage: "the admin socket of the server, `unix:PATH` (default: the database's name and .sock), or a server on another machine, https://HOST:PORT (serve --web)"},
	}
}

// CheckDatabase reports what is wrong with how the database is named.
func CheckDatabase(c *cli.Context) error {
	switch db := c.String("db"); {
	case db == "":
		return Usagef("--db is empty: name the database's file")
	case postgres.IsSource(db):
		if _, err := postgres.ParseSource(db, ""); err != nil {
			return Usagef("--db: %v", err)
		}
	case strings.Contains(db, "://"):
		return Usagef("--db %s is neither a file nor postgres://user@host/name", hidden(db))
	}
	return nil
}

// source is the PostgreSQL that is meant; nil for a file.
func source(c *cli.Context, passwordFile string) *postgres.Source {
	if !postgres.IsSource(c.String("db")) {
		return nil
	}
	s, err := postgres.ParseSource(c.String("db"), passwordFile)
	if err != nil {
		return nil // which CheckDatabase has told
	}
	return s
}

// IsFile reports whether the database is a file.
func IsFile(c *cli.Context) bool { return !postgres.IsSource(c.String("db")) }

// besideDatabase is the path of a file that belongs to the database: beside its file, or for a PostgreSQL in the
// current folder.
func besideDatabase(c *cli.Context, suffix string) string {
	s := source(c, "")
	if s == nil {
		return c.String("db") + suffix
	}
	return "lwbs-" + strings.Map(func(r rune) rune {
		if r == '/' || r < ' ' {
			return '-'
		}
		return r
	}, s.Database) + suffix
}

// OpenStore opens the database itself. An interrupt cancels it, since it may take long.
func OpenStore(c *cli.Context, create bool, opts StoreOptions) (Database, error) {
	if IsFile(c) {
		return openFile(c, create, opts)
	}
	return openPostgres(c, create, opts)
}

func openFile(c *cli.Context, create bool, opts StoreOptions) (Database, error) {
	file, fresh, err := FindStore(c, create)
	if err != nil {
		return nil, err
	}
	keys := KeyFile(c, file)
	keyring, err := seal.KeyringFor(keys, fresh)
	if err != nil {
		return nil, err
	}
	db, err := bolt.Open(file, keyring, bolt.Options{Unreadable: opts.Unreadable, Panicked: opts.Panicked, Progress: func(read, all int64) bool {
		return c.Context.Err() == nil && (opts.Progress == nil || opts.Progress(read, all))
	}})
	if err != nil {
		return nil, err
	}
	if fresh {
		fmt.Fprintf(c.App.ErrWriter, "lwbs: new database %s; its sealing key is in %s: keep a copy of that file in another place\n", DatabaseFile(c), absolute(keys))
		if others := othersRunning(c); others != "" {
			fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", others)
		}
	}
	return db, nil
}

// openPostgres opens a PostgreSQL. Its sealing key has no place beside it: --key-file says where it is.
func openPostgres(c *cli.Context, create bool, opts StoreOptions) (Database, error) {
	keys := c.String("key-file")
	if keys == "" {
		return nil, Usagef("--db postgres://… needs --key-file FILE (or LWBS_KEY_FILE): the key that seals its secrets, the same on every server of the database")
	}
	s, err := postgres.ParseSource(c.String("db"), c.String("db-password-file"))
	if err != nil {
		return nil, err
	}
	made := false
	db, err := postgres.OpenSource(c.Context, s, func(fresh bool) (*seal.Keyring, error) {
		_, err := os.Lstat(keys)
		made = fresh && errors.Is(err, fs.ErrNotExist)
		return seal.KeyringFor(keys, fresh)
	}, postgres.Options{Existing: !create, Unreadable: opts.Unreadable, Failed: opts.Failed})
	switch {
	case errors.Is(err, postgres.ErrNoTables):
		return nil, fmt.Errorf("a table of lwbs in %s %w: lwbs serve and lwbs profile apply make the tables", s.Name, ErrNoDatabase)
	case err != nil:
		return nil, err
	case made:
		fmt.Fprintf(c.App.ErrWriter, "lwbs: new records in %s; their sealing key is in %s: every server of the database needs it, and keep a copy in another place\n", s.Name, absolute(keys))
	}
	return db, nil
}
