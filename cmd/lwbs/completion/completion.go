// Package completion is lwbs completion, and the hidden lwbs complete that its scripts call.
package completion

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
)

// scripts make a shell ask lwbs complete for what may stand at the cursor.
//
//go:embed scripts
var scripts embed.FS

// shells are those for which there is a script, with how it is loaded now, and for good.
var shells = []struct{ name, now, always string }{
	{"bash", "source <(lwbs completion bash)", "lwbs completion bash > /etc/bash_completion.d/lwbs"},
	{"zsh", "source <(lwbs completion zsh)", `lwbs completion zsh > "${fpath[1]}/_lwbs"`},
	{"fish", "lwbs completion fish | source", "lwbs completion fish > ~/.config/fish/completions/lwbs.fish"},
	{"powershell", "lwbs completion powershell | Out-String | Invoke-Expression", "lwbs completion powershell >> $PROFILE"},
}

// Command is lwbs completion.
func Command() *cli.Command {
	var names []string
	var how strings.Builder
	for _, s := range shells {
		names = append(names, s.name)
		fmt.Fprintf(&how, "\n   %-10s  now:     %s\n               always:  %s\n", s.name, s.now, s.always)
	}
	return &cli.Command{
		Name: "completion", OnUsageError: command.OnUsageError, Usage: "print a script that lets a shell complete commands, options and names", ArgsUsage: "SHELL",
		Description: "SHELL is " + strings.Join(names, ", ") + ". Profiles, tags and devices are completed too, where a server runs or the\ndatabase opens within two seconds.\n" + how.String(),
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "SHELL")
			if err != nil {
				return err
			}
			if !slices.Contains(names, args[0]) {
				return command.Usagef("there is no script for %q: SHELL is one of %s", args[0], strings.Join(names, ", "))
			}
			script, err := scripts.ReadFile("scripts/lwbs." + args[0])
			if err != nil {
				return err
			}
			_, err = c.App.Writer.Write(script)
			return err
		},
	}
}

// CompleteCommand is what the scripts call: lwbs complete --word=WORD -- BEFORE..., with the word at
// the cursor, as far as that, and the words between lwbs and it. The first line of its output is
// "words", followed by one candidate on each line, or "files", where the shell completes the names
// of files. Nothing else is printed: it would stand between the letters that are being typed.
func CompleteCommand() *cli.Command {
	return &cli.Command{
		Name: "complete", Hidden: true, OnUsageError: command.OnUsageError, Usage: "print what may stand at the end of a command line, for completion in shells", ArgsUsage: "-- BEFORE...",
		Flags: []cli.Flag{&cli.StringFlag{Name: "word", Usage: "the `WORD` at the cursor; an equals sign is needed where it is empty"}},
		Action: func(c *cli.Context) error {
			candidates, files := readLine(c.App, c.Args().Slice()).complete(c, c.String("word"))
			if files {
				_, err := fmt.Fprintln(c.App.Writer, "files")
				return err
			}
			_, err := fmt.Fprintln(c.App.Writer, strings.Join(append([]string{"words"}, candidates...), "\n"))
			return err
		},
	}
}
