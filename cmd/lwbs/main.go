// Command lwbs is an LwM2M Bootstrap-Server, the tool to administer it, and a
// simulated device to try it with. Its help is its documentation: lwbs --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/store"
)

func main() {
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// run is main, but for the process: it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app := newApp(interruptible{ctx, stdin}, stdout, stderr)
	err := app.RunContext(ctx, arrange(app, args))
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "lwbs: interrupted")
		return exitFailed
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(stderr, "lwbs: %s\n", strings.TrimRight(line, "\n"))
	}
	if hint := hintFor(err); hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", hint)
	}
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

const description = `Devices know one address and one key: yours. They come over CoAP and DTLS, prove who
they are, and are given what they need to reach their LwM2M Servers.

A profile says what a kind of device is given; a device record says who may have it.

   lwbs demo                                          see it work, in seconds
   lwbs profile apply -f meter.yaml
   lwbs device add urn:imei:490154203237518 --profile meter --psk generate
   lwbs serve
   lwbs why urn:imei:490154203237518                  what happened, and what to do

Every command works with a server running and without. With one it asks the server,
over a Unix socket beside the database; without one it opens the database itself.`

func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name:        "lwbs",
		Usage:       "LwM2M Bootstrap-Server",
		Description: description,
		Reader:      stdin,
		Writer:      stdout,
		ErrWriter:   stderr,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "db", Value: "lwbs.db", EnvVars: []string{"LWBS_DB"}, Usage: "the database `FILE`"},
			&cli.StringFlag{Name: "key-file", EnvVars: []string{"LWBS_KEY_FILE"}, Usage: "the `FILE` with the key that seals the database's secrets (default: the database's name and .key)"},
			&cli.StringFlag{Name: "admin", EnvVars: []string{"LWBS_ADMIN"}, Usage: "where the server is administered, `unix:PATH` (default: the database's name and .sock)"},
			&cli.StringFlag{Name: "objects", EnvVars: []string{"LWBS_OBJECTS"}, Usage: "`FOLDER` with definitions of more Objects, in the XML of the OMA registry"},
		},
		Commands: []*cli.Command{
			serveCommand(), demoCommand(), deviceCommand(), profileCommand(), importCommand(), objectCommand(), sessionCommand(), whyCommand(), dbCommand(), versionCommand(),
		},
		CommandNotFound:      nil,
		EnableBashCompletion: true,
		// A value may have commas in it; options are repeated for several.
		DisableSliceFlagSeparator: true,
		HideVersion:               true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              onUsageError,
		Before: func(c *cli.Context) error {
			if c.String("db") == "" {
				return usagef("--db is empty: name the database's file")
			}
			return nil
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("unknown command %q: lwbs --help lists them", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
}

// group returns a command that only holds others.
func group(name, usage string, commands ...*cli.Command) *cli.Command {
	for _, sub := range commands {
		sub.OnUsageError = onUsageError
	}
	return &cli.Command{
		Name: name, Usage: usage, Subcommands: commands, OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("unknown command %q: lwbs %s --help lists them", name+" "+c.Args().First(), name)
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// hintFor says what to do about an error, where that is not clear from it.
func hintFor(err error) string {
	switch {
	case errors.Is(err, store.ErrLocked):
		return "a server has the database open, but its admin socket does not answer here: check --admin, or stop it"
	case errors.Is(err, store.ErrNoKey):
		return "give the key file of this database with --key-file, or restore it from where you keep it: there is no other way to its secrets"
	case errors.Is(err, store.ErrConflict):
		return "somebody else changed the record: read it again and repeat the change"
	case errors.Is(err, store.ErrFull):
		return "nothing was changed: make room on the disk and repeat the command"
	case errors.Is(err, admin.ErrNoServer):
		return "start it with lwbs serve, with the same --db"
	case errors.Is(err, store.ErrExists):
		return "lwbs device set changes a device that exists"
	case errors.Is(err, store.ErrNotFound):
		return "lwbs device list, profile list and session list show what there is"
	case errors.Is(err, store.ErrInUse):
		return "lwbs device list --profile NAME shows which"
	}
	return ""
}
