// Command lwbs is an LwM2M Bootstrap-Server, the tool that administers it, and a simulated device
// to try it with. lwbs --help documents it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/audit"
	"lwbs/cmd/lwbs/campaign"
	"lwbs/cmd/lwbs/completion"
	"lwbs/cmd/lwbs/database"
	"lwbs/cmd/lwbs/demo"
	"lwbs/cmd/lwbs/device"
	"lwbs/cmd/lwbs/group"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/lastresort"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/settings"
	"lwbs/cmd/lwbs/lwm2mserver"
	"lwbs/cmd/lwbs/object"
	"lwbs/cmd/lwbs/outbox"
	"lwbs/cmd/lwbs/pending"
	"lwbs/cmd/lwbs/probe"
	"lwbs/cmd/lwbs/profile"
	"lwbs/cmd/lwbs/serve"
	"lwbs/cmd/lwbs/session"
	"lwbs/cmd/lwbs/simulate"
	"lwbs/cmd/lwbs/transfer"
	"lwbs/cmd/lwbs/user"
)

func main() {
	// Nothing of ours uses this logger. The HTTP client of the standard library writes to it what a
	// server sends behind its answer, which may be a key that an LwM2M Server was told.
	log.SetOutput(io.Discard)
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// endAnyway ends a process that did not end after a signal. Standard error may be what hangs.
func endAnyway() {
	go fmt.Fprintln(os.Stderr, "lwbs: the command did not end in time after the signal; the process exits now")
	time.Sleep(100 * time.Millisecond)
	os.Exit(exitFailed)
}

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// run runs a command line and returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, ended := lastresort.With(ctx, endAnyway)
	defer ended()
	inJSON := wantsJSON(args)
	out, errs := output.NewScreen(stdout, inJSON), output.NewScreen(stderr, inJSON)
	app := newApp(input.Interruptible(ctx, stdin), out, errs)
	arranged, err := arrange(app, args)
	if err == nil {
		err = app.RunContext(ctx, arranged)
	}
	if err == nil {
		err = out.Failure()
	}
	if err == nil || errors.Is(err, errVersionTold) {
		return exitDone
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		if told := new(command.InterruptedError); errors.As(err, &told) {
			err = told
		} else {
			err = errInterrupted
		}
	}
	tell(errs, err, inJSON)
	var usage *command.UsageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

const description = `A device knows one address and one credential: those of the Bootstrap-Server. It authenticates
over CoAP and DTLS, and is given what it needs to reach its LwM2M Servers.

A profile says what a kind of device is given; a device record says which device is given it.

   lwbs demo                                          a bootstrap on this machine, in seconds
   lwbs profile apply -f meter.yaml
   lwbs device add urn:imei:490154203237518 --profile meter --psk generate
   lwbs serve
   lwbs why urn:imei:490154203237518                  what happened, and what to do

Commands work with a running server and without. With one they ask the server, over a Unix socket
beside the database; without one they open the database themselves. A server on another machine is asked
over HTTPS: lwbs login URL.

"lwbs help COMMAND" and "lwbs COMMAND --help" list the options. Commands that read print JSON with
--json, and errors then are JSON too. The exit status is 0 for done, 1 for failed, and 2 for a
mistake in the command line.`

func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:        "lwbs",
		Version:     version(),
		Usage:       "LwM2M Bootstrap-Server",
		Description: description,
		Reader:      stdin,
		Writer:      stdout,
		ErrWriter:   stderr,
		Flags: append(append(command.Flags(), command.RemoteFlags()...), []cli.Flag{
			&cli.StringFlag{Name: settings.ConfigOption, EnvVars: []string{"LWBS_CONFIG"}, Usage: "take what the command line and the environment do not give from the configuration `FILE` of lwbs serve (lwbs config)"},
			&cli.StringFlag{Name: "objects", EnvVars: []string{"LWBS_OBJECTS"}, Usage: "`FOLDER` with definitions of more Objects, in the XML of the OMA registry"},
			&cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the version of this program"},
		}...),
		Commands: []*cli.Command{
			serve.Command(), serve.ConfigCommand(), demo.Command(), session.StatusCommand(), device.Command(), device.RotationCommand(), campaign.Command(), profile.Command(), group.Command(), group.KeyCommand(), lwm2mserver.Command(), outbox.Command(), transfer.ImportCommand(), transfer.ExportCommand(), object.Command(), session.Command(), pending.Command(), session.WhyCommand(), user.Command(), user.TokenCommand(), audit.Command(), user.LoginCommand(), user.LogoutCommand(), probe.Command(), simulate.Command(), database.Command(), completion.Command(), completion.CompleteCommand(), manCommand(), versionCommand(),
		},
		CommandNotFound: nil,
		// A value may have commas in it; an option is repeated for several values.
		DisableSliceFlagSeparator: true,
		HideVersion:               true,
		HideHelpCommand:           true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              command.OnUsageError,
		Before: func(c *cli.Context) error {
			if c.Bool("version") {
				printVersion(c.App.Writer)
				return errVersionTold
			}
			if err := settings.Use(c); err != nil && !needsNoSettings[c.Args().First()] {
				return err
			}
			return settings.Explain(c, command.CheckDatabase(c))
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return command.UnknownCommand("lwbs", c.Args().First(), c.App.Commands, c.App.Commands)
			}
			return cli.ShowAppHelp(c)
		},
	}
	withoutHelpCommands(app.Commands)
	return app
}

// needsNoSettings are the commands that do their work whatever is wrong with the configuration file.
var needsNoSettings = map[string]bool{"": true, "completion": true, "complete": true, "man": true, "version": true, "demo": true, "config": true}

// withoutHelpCommands removes the commands "help" and "h", since devices may have these names; see
// arrange.
func withoutHelpCommands(commands []*cli.Command) {
	for _, c := range commands {
		c.HideHelpCommand = true
		withoutHelpCommands(c.Subcommands)
	}
}
