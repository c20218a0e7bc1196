package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
)

// release and commit are set by the linker for releases: -ldflags "-X main.release=v1.2.3 -X main.commit=0123…".
var release, commit string

// version returns the version of this program: the tag of a release, such as v1.2.3, else what the
// build recorded of the source.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return builtFrom(info)
}

// commitOf returns the commit that this program is built of: as the linker was told, else as the build recorded it;
// unknown where neither is there. Sources that were changed since end in -dirty.
func commitOf() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return recordedCommit(info)
}

// recordedCommit is the commit that a build recorded.
func recordedCommit(info *debug.BuildInfo) string {
	recorded, dirty := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && s.Value != "":
			recorded = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	return recorded + dirty
}

// pseudoVersion is the end of a version that Go makes of a commit without a tag.
var pseudoVersion = regexp.MustCompile(`[-.][0-9]{14}-[0-9a-f]{12}(\+dirty)?$`)

// builtFrom returns the tag of the commit that a build is of; for a commit without a tag devel and the
// commit, with -dirty where the source was changed since; devel where the build recorded neither.
func builtFrom(info *debug.BuildInfo) string {
	if v := info.Main.Version; strings.HasPrefix(v, "v") && !pseudoVersion.MatchString(v) {
		return v
	}
	version, dirty := "devel", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			version = "devel-" + s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	return version + dirty
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version of this program, its commit and that of Go", OnUsageError: command.OnUsageError,
		Flags: []cli.Flag{command.JSONFlag()},
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			if c.Bool("json") {
				return output.JSON(c.App.Writer, map[string]string{"version": version(), "commit": commitOf(), "go": runtime.Version()})
			}
			printVersion(c.App.Writer)
			return nil
		},
	}
}

// errVersionTold ends a command line that has the global option --version.
var errVersionTold = errors.New("the version was printed")

func printVersion(out io.Writer) {
	fmt.Fprintf(out, "lwbs %s (commit %s, %s)\n", version(), commitOf(), runtime.Version())
}
