package command

import (
	"slices"

	"github.com/urfave/cli/v2"
)

// Visible returns the commands that --help lists.
func Visible(commands []*cli.Command) []*cli.Command {
	return slices.DeleteFunc(slices.Clone(commands), func(c *cli.Command) bool { return c.Hidden })
}

// Group returns a command that does nothing but hold others.
func Group(name, usage string, commands ...*cli.Command) *cli.Command {
	for _, sub := range commands {
		sub.OnUsageError = OnUsageError
	}
	return &cli.Command{
		Name: name, Usage: usage, Subcommands: commands, OnUsageError: OnUsageError,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return UnknownCommand("lwbs "+name, c.Args().First(), commands, c.App.Commands)
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}
