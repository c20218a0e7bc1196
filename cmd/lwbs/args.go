package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
)

// arrange puts a command line into the order that the command-line library needs: global
// options, the command, its options, its arguments. People write options anywhere: lwbs
// device add NAME --profile meter. An option without its value is moved to the end, so that
// the library reports it and does not take an argument for the value. "help" before or among
// commands becomes --help behind them. An option of a command that is given twice is an
// error, since only one would count; a global option may be repeated, so that an alias can
// set it, and the last one counts.
func arrange(app *cli.App, args []string) ([]string, error) {
	if len(args) == 0 {
		return args, nil
	}
	a := arranger{app: app, rest: args[1:], seen: make(map[cli.Flag]bool)}
	a.run()
	if a.twice != "" {
		return nil, command.Usagef("%s is given twice", command.Dashed(a.twice))
	}
	switch unknown := len(a.positional) > 0 && a.group; {
	case unknown && !a.optionsFirst:
		a.options = nil // of a command that there is not
	case !unknown && (a.help || slices.Contains(a.options, "--help") || slices.Contains(a.options, "-h")):
		a.options, a.positional = []string{"--help"}, nil
	}
	out := append([]string{args[0]}, a.global...)
	out = append(append(out, a.commands...), a.options...)
	return append(out, a.positional...), nil
}

type arranger struct {
	app                                   *cli.App
	rest                                  []string
	flags                                 []cli.Flag // of the command so far
	global, commands, options, positional []string
	group                                 bool // whether the command so far only holds others
	optionsFirst                          bool // whether there were any before the first argument
	help                                  bool
	seen                                  map[cli.Flag]bool
	twice                                 string // an option that is given twice
}

func (a *arranger) run() {
	commands := a.app.Commands
	a.flags, a.group = nil, true
	for len(a.rest) > 0 {
		token := a.rest[0]
		a.rest = a.rest[1:]
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(token) })
		switch {
		case token == "--":
			a.positional = append(append(a.positional, token), a.rest...)
			return
		case strings.HasPrefix(token, "-") && token != "-":
			a.option(token)
		case a.group && token == "help" && len(a.positional) == 0:
			a.help = true
		case i >= 0 && len(a.positional) == 0:
			a.commands = append(a.commands, token)
			a.flags, a.group = commands[i].Flags, len(commands[i].Subcommands) > 0
			commands = commands[i].Subcommands
		default:
			a.optionsFirst = a.optionsFirst || len(a.positional) == 0 && len(a.options) > 0
			a.positional = append(a.positional, token)
		}
	}
}

// option takes token, and the next word where that is its value.
func (a *arranger) option(token string) {
	into := &a.options
	name, _, joined := strings.Cut(strings.TrimLeft(token, "-"), "=")
	f := command.FlagNamed(a.flags, name)
	if f == nil {
		if f = command.FlagNamed(a.app.Flags, name); f != nil {
			into = &a.global
		}
	}
	*into = append(*into, token)
	switch f.(type) {
	case nil, *cli.StringSliceFlag, *cli.BoolFlag:
	default:
		if a.seen[f] && into == &a.options {
			a.twice = name
		}
		a.seen[f] = true
	}
	if v, ok := f.(cli.DocGenerationFlag); !ok || !v.TakesValue() || joined {
		return
	}
	if len(a.rest) > 0 && !a.isOption(a.rest[0]) {
		*into = append(*into, a.rest[0])
		a.rest = a.rest[1:]
		return
	}
	if a.rest, a.positional = nil, nil; into == &a.global {
		a.commands, a.options = nil, nil
	}
}

// isOption reports whether token is a known option. Such a word can be given as a value with
// an equals sign: --note=--psk.
func (a *arranger) isOption(token string) bool {
	name, long := strings.CutPrefix(token, "--")
	name, _, _ = strings.Cut(name, "=")
	return long && (command.FlagNamed(a.flags, name) != nil || command.FlagNamed(a.app.Flags, name) != nil)
}
