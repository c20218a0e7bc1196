package command

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store/profilefile"
)

// A UsageError is a mistake in the command line.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

// Usagef returns a [UsageError].
func Usagef(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// OnUsageError is the handler of every command for an error of the command-line library about options: it
// rewrites the error, and names --help.
func OnUsageError(c *cli.Context, err error, _ bool) error {
	known := c.App.Flags
	if c.Command != nil {
		known = append(slices.Clone(known), c.Command.Flags...)
	}
	text := optionError(known, err.Error())
	if !strings.HasSuffix(text, "?") {
		text += ":"
	}
	return Usagef("%s %s --help tells more", text, c.Command.HelpName)
}

// UnknownCommand says that parent has no command word, and which was probably meant: one of the
// siblings, or the same word in another group.
func UnknownCommand(parent, word string, siblings, all []*cli.Command) error {
	before := strings.TrimPrefix(strings.TrimPrefix(parent, "lwbs")+" ", " ")
	var known, meant []string
	for _, c := range siblings {
		known = append(known, c.Name)
	}
	if near := profilefile.Nearest(word, known); near != "" {
		meant = append(meant, strconv.Quote(before+near))
	}
	if len(meant) == 0 {
		for _, group := range all {
			if slices.ContainsFunc(group.Subcommands, func(c *cli.Command) bool { return c.HasName(word) }) {
				meant = append(meant, strconv.Quote(group.Name+" "+word))
			}
		}
	}
	text := fmt.Sprintf("unknown command %q: ", before+word)
	if len(meant) > 0 {
		text += "did you mean " + strings.Join(meant, " or ") + "? "
	}
	return Usagef("%s%s --help lists them", text, parent)
}

// The errors of the command-line library about options.
var (
	unknownOption = regexp.MustCompile(`^flag provided but not defined: (-.*)$`)
	lackingOption = regexp.MustCompile(`^flag needs an argument: (-.*)$`)
	badVariable   = regexp.MustCompile(`^could not parse (".*") as .* value from environment variable "([^"]*)" for flag ([^ ]*): `)
	badOption     = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?(-[^ ]*): `)
)

// optionError rewrites an error of the command-line library.
func optionError(flags []cli.Flag, text string) string {
	if m := unknownOption.FindStringSubmatch(text); m != nil {
		var known []string
		for _, f := range flags {
			known = append(known, f.Names()...)
		}
		option := Dashed(m[1])
		if near := profilefile.Nearest(strings.TrimLeft(option, "-"), known); len(near) > 1 {
			return fmt.Sprintf("unknown option %s: did you mean --%s?", option, near)
		}
		return "unknown option " + option
	}
	if m := lackingOption.FindStringSubmatch(text); m != nil {
		return Dashed(m[1]) + " needs a value"
	}
	what, value, option := "", "", ""
	if m := badOption.FindStringSubmatch(text); m != nil {
		what, value, option = Dashed(m[2]), m[1], strings.TrimLeft(m[2], "-")
	} else if m := badVariable.FindStringSubmatch(text); m != nil {
		what, value, option = m[2], m[1], m[3]
	} else {
		return text
	}
	want := "a valid value"
	switch FlagNamed(flags, option).(type) {
	case *cli.BoolFlag:
		want = "true or false"
	case *cli.IntFlag:
		want = "a whole number"
	case *cli.UintFlag, *cli.Uint64Flag:
		want = "a whole number of 0 or more"
	case *cli.DurationFlag:
		want = "a time such as 30s or 5m"
	}
	return fmt.Sprintf("%s %s is not %s", what, value, want)
}

// Dashed returns an option as it is typed: a letter with one dash, a word with two.
func Dashed(option string) string {
	name := strings.TrimLeft(option, "-")
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// Arguments returns the named arguments of a command. Another number of them is an error, and so
// is an empty one, such as of an unset shell variable.
func Arguments(c *cli.Context, names ...string) ([]string, error) {
	args := c.Args().Slice()
	if len(args) != len(names) {
		want := strings.Join(names, " ")
		if want == "" {
			want = "no arguments"
		}
		return nil, Usagef("expected %s, got %s: lwbs %s", want, output.Counted(len(args), "argument", "arguments"), UsageOf(c))
	}
	for i, arg := range args {
		if strings.TrimSpace(arg) == "" {
			return nil, Usagef("%s is empty: lwbs %s", names[i], UsageOf(c))
		}
	}
	return args, nil
}

// NoneEmpty reports an option with an empty value, such as of an unset shell variable: without the
// filter a list would have everything.
func NoneEmpty(c *cli.Context, options ...string) error {
	for _, option := range options {
		if c.IsSet(option) && c.String(option) == "" {
			return Usagef("--%s is empty", option)
		}
	}
	return nil
}

// UsageOf returns how the command of c is called, without the name of the program.
func UsageOf(c *cli.Context) string {
	return strings.TrimSpace(strings.TrimPrefix(c.Command.HelpName, "lwbs ") + " [options] " + c.Command.ArgsUsage)
}

// JSONFlag is the option --json of a command that reads.
func JSONFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print JSON"} }

// FlagNamed returns the option of a name or alias; nil for none.
func FlagNamed(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}
