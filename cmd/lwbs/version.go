package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/output"
)

// release is set by the linker for releases: -ldflags "-X main.release=v1.2.3".
var release string

// version returns the release, or what the build recorded of the source.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version of this program", OnUsageError: onUsageError,
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			if c.Bool("json") {
				return output.JSON(c.App.Writer, map[string]string{"version": version(), "go": runtime.Version()})
			}
			printVersion(c.App.Writer)
			return nil
		},
	}
}

// errVersionTold ends a command line that has the global option --version.
var errVersionTold = errors.New("the version was printed")

func printVersion(out io.Writer) { fmt.Fprintf(out, "lwbs %s (%s)\n", version(), runtime.Version()) }
