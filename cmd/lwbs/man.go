package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
)

func manCommand() *cli.Command {
	return &cli.Command{
		Name: "man", OnUsageError: command.OnUsageError, Usage: "print the manual page, in roff: what --help has of all commands",
		Description: "   lwbs man > lwbs.1 && man ./lwbs.1",
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			_, err := io.WriteString(c.App.Writer, manual(c.App))
			return err
		},
	}
}

// manual is the page of the whole program, in the macros of man(7).
func manual(app *cli.App) string {
	var m manualPage
	m.macro("TH", "LWBS", "1", "", "lwbs "+version(), "")
	m.macro("SH", "NAME")
	m.paragraphs("lwbs - " + app.Usage)
	m.macro("SH", "SYNOPSIS")
	m.paragraphs("lwbs [global options] COMMAND [options] [arguments]")
	m.macro("SH", "DESCRIPTION")
	m.paragraphs(app.Description)
	m.macro("SH", "GLOBAL OPTIONS")
	m.options(app.VisibleFlags())
	m.macro("SH", "COMMANDS")
	m.commands("lwbs", command.Visible(app.Commands))
	return m.b.String()
}

// A manualPage is being written.
type manualPage struct{ b strings.Builder }

// macro writes a line with a macro and its arguments.
func (m *manualPage) macro(name string, args ...string) {
	m.b.WriteString("." + name)
	for _, a := range args {
		fmt.Fprintf(&m.b, ` "%s"`, strings.ReplaceAll(roff(a), `"`, `\(dq`))
	}
	m.b.WriteByte('\n')
}

// commands writes commands, those of a group in its place.
func (m *manualPage) commands(parent string, all []*cli.Command) {
	for _, c := range all {
		name := parent + " " + c.Name
		if len(c.Subcommands) > 0 {
			m.commands(name, command.Visible(c.Subcommands))
			continue
		}
		m.macro("SS", strings.TrimSpace(name+" "+c.ArgsUsage))
		m.paragraphs(c.Usage)
		if c.Description != "" {
			m.macro("PP")
			m.paragraphs(c.Description)
		}
		m.options(c.VisibleFlags())
	}
}

// options writes options as --help does.
func (m *manualPage) options(flags []cli.Flag) {
	for _, f := range flags {
		name, usage, _ := strings.Cut(f.String(), "\t")
		if f.Names()[0] == "help" {
			continue
		}
		m.macro("TP")
		m.line(strings.TrimSpace(name))
		m.line(usage)
	}
}

// paragraphs writes text; its indented lines, such as examples and tables, stay as they are.
func (m *manualPage) paragraphs(text string) {
	literal := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if indented := strings.HasPrefix(line, "   "); indented != literal && line != "" {
			literal = indented
			m.macro(map[bool]string{true: "nf", false: "fi"}[literal])
		}
		if line == "" && !literal {
			m.macro("PP")
			continue
		}
		m.line(line)
	}
	if literal {
		m.macro("fi")
	}
}

// line writes a line of text, which roff might take for a macro if it began with a dot.
func (m *manualPage) line(text string) {
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		m.b.WriteString(`\&`)
	}
	m.b.WriteString(roff(text) + "\n")
}

// roffEscapes write what has a meaning to roff within a line.
var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`)

func roff(text string) string { return roffEscapes.Replace(text) }
