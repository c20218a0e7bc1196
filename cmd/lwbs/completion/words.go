package completion

import (
	"context"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/factory"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/store"
)

const (
	// patience is for how long a completion looks names up: more would hold up who types.
	patience = 2 * time.Second

	// maxCandidates is how many names a completion offers.
	maxCandidates = 100

	// taggedDevices is how many devices a completion looks at for their tags.
	taggedDevices = 1000
)

// A commandLine is what a command line has said before the word to be completed.
type commandLine struct {
	app     *cli.App
	path    []string       // the commands
	command *cli.Command   // the last of them; nil for none
	next    []*cli.Command // that may follow
	args    int            // how many arguments it has
	option  cli.Flag       // whose value comes next; nil for none
	literal bool           // behind --
	global  [][2]string    // the global options that it has, by their names
}

func readLine(app *cli.App, words []string) *commandLine {
	l := &commandLine{app: app, next: command.Visible(app.Commands)}
	for _, w := range words {
		switch {
		case l.option != nil:
			l.set(w)
		case l.literal:
			l.args++
		case w == "--":
			l.literal = true
		case strings.HasPrefix(w, "-") && w != "-":
			l.takeOption(w)
		case l.args == 0 && l.descend(w):
		default:
			l.args++
		}
	}
	return l
}

// takeOption notes an option, whose value may be joined with an equals sign.
func (l *commandLine) takeOption(word string) {
	name, value, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
	f := command.FlagNamed(l.flags(), name)
	if v, ok := f.(cli.DocGenerationFlag); !ok || !v.TakesValue() {
		return
	}
	if l.option = f; joined {
		l.set(value)
	}
}

// set ends an option with its value.
func (l *commandLine) set(value string) {
	if slices.Contains(l.app.Flags, l.option) {
		l.global = append(l.global, [2]string{l.option.Names()[0], value})
	}
	l.option = nil
}

// descend enters a command, and reports whether there is one of that name.
func (l *commandLine) descend(name string) bool {
	i := slices.IndexFunc(l.next, func(c *cli.Command) bool { return c.HasName(name) })
	if i < 0 {
		return false
	}
	l.command, l.path = l.next[i], append(l.path, name)
	l.next = command.Visible(l.command.Subcommands)
	return true
}

// flags are the options that may stand here.
func (l *commandLine) flags() []cli.Flag {
	if l.command == nil {
		return l.app.Flags
	}
	return append(slices.Clone(l.command.Flags), l.app.Flags...)
}

// complete returns what the word may become, or that it names a file.
func (l *commandLine) complete(c *cli.Context, word string) (candidates []string, files bool) {
	name, value, joined := strings.Cut(word, "=")
	switch {
	case l.option != nil:
		candidates, files = l.valuesOf(c, l.option, word)
	case !l.literal && strings.HasPrefix(word, "-") && joined:
		if f := command.FlagNamed(l.flags(), strings.TrimLeft(name, "-")); f != nil {
			candidates, _ = l.valuesOf(c, f, value)
		}
		for i := range candidates {
			candidates[i] = name + "=" + candidates[i]
		}
	case !l.literal && strings.HasPrefix(word, "-"):
		candidates = options(l.flags())
	case len(l.next) > 0 && l.args > 0: // of a command that there is not
	case len(l.next) > 0:
		for _, sub := range l.next {
			candidates = append(candidates, sub.Name)
		}
	default:
		candidates, files = l.argument(c, word)
	}
	candidates = slices.DeleteFunc(candidates, func(s string) bool {
		_, invisible := output.Escaped(s, "")
		return !strings.HasPrefix(s, word) || invisible
	})
	slices.Sort(candidates)
	return slices.Compact(candidates), files
}

func options(flags []cli.Flag) (names []string) {
	for _, f := range flags {
		names = append(names, command.Dashed(f.Names()[0]))
	}
	return append(names, "--help")
}

// argument completes an argument by what the usage of its command calls it.
func (l *commandLine) argument(c *cli.Context, word string) (candidates []string, files bool) {
	if l.command == nil {
		return nil, false
	}
	usage := strings.Fields(l.command.ArgsUsage)
	if len(usage) == 0 {
		return nil, false
	}
	at := min(l.args, len(usage)-1)
	what := strings.Trim(usage[at], "[].")
	switch {
	case l.args > at && !strings.HasSuffix(usage[at], "..."):
		return nil, false
	case what == "ENDPOINT":
		return l.endpoints(c, word), false
	case what == "ID" && l.path[0] == "pending":
		return l.pendingIDs(c), false
	case what == "NAME" && l.path[0] == "profile":
		return l.profiles(c), false
	case what == "NAME" && l.path[0] == "group":
		return l.groups(c), false
	case what == "SHELL":
		for _, s := range shells {
			candidates = append(candidates, s.name)
		}
		return candidates, false
	}
	return nil, strings.Contains(what, "FILE") || strings.Contains(what, "FOLDER")
}

// placeholder is the value in the usage of an option.
var placeholder = regexp.MustCompile("`([^`]*)`")

// valuesOf completes the value of an option.
func (l *commandLine) valuesOf(c *cli.Context, f cli.Flag, word string) (candidates []string, files bool) {
	switch f.Names()[0] {
	case "profile":
		return l.profiles(c), false
	case "group":
		return l.groups(c), false
	case "tag", "add-tag", "remove-tag":
		return l.tags(c), false
	case "prefix", "after":
		return l.endpoints(c, word), false
	case "state":
		for _, state := range admin.DeviceStates() {
			candidates = append(candidates, string(state))
		}
		return candidates, false
	case "for":
		return factory.Names(), false
	case "as":
		return sim.PersonalityNames(), false
	case "format", "preferred-format":
		for _, f := range []lwm2m.Format{lwm2m.FormatTLV, lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLCBOR, lwm2m.FormatLwM2MCBOR} {
			candidates = append(candidates, f.String())
		}
		return candidates, false
	case "psk":
		return []string{"generate", "none"}, false
	case "group-key":
		return []string{"generate"}, false
	case "derivation":
		return []string{string(store.DerivationHKDF), string(store.DerivationAzure)}, false
	case "device-key-format":
		return []string{"hex", "base64"}, false
	case "psk-key-format", "account-key-format", "key-format", "group-key-format":
		return []string{"hex", "base64", "text", "binary"}, false
	}
	if d, ok := f.(cli.DocGenerationFlag); ok {
		if m := placeholder.FindStringSubmatch(d.GetUsage()); m != nil {
			files = m[1] == "FILE" || m[1] == "FOLDER"
		}
	}
	return nil, files
}

// look asks the admin API, for so long as no one minds. What fails has no candidates.
func (l *commandLine) look(c *cli.Context, ask func(ctx context.Context, api admin.API) error) {
	for _, option := range l.global {
		if c.Set(option[0], option[1]) != nil {
			return
		}
	}
	ctx, done := context.WithTimeout(c.Context, patience)
	defer done()
	c.Context, c.App.ErrWriter = ctx, io.Discard
	_ = command.With(c, false, ask)
}

func (l *commandLine) endpoints(c *cli.Context, word string) (names []string) {
	l.look(c, func(ctx context.Context, api admin.API) error {
		page, err := api.Devices(ctx, admin.DeviceQuery{Limit: maxCandidates, DeviceFilter: admin.DeviceFilter{Prefix: word}})
		for _, d := range page {
			names = append(names, string(d.Endpoint))
		}
		return err
	})
	return names
}

func (l *commandLine) profiles(c *cli.Context) (names []string) {
	l.look(c, func(ctx context.Context, api admin.API) error {
		page, err := api.Profiles(ctx, store.ProfileQuery{Limit: maxCandidates})
		for _, p := range page {
			names = append(names, p.Name)
		}
		return err
	})
	return names
}

func (l *commandLine) groups(c *cli.Context) (names []string) {
	l.look(c, func(ctx context.Context, api admin.API) error {
		all, err := api.Groups(ctx)
		for _, g := range all {
			names = append(names, g.Name)
		}
		return err
	})
	return names
}

// pendingIDs are those of all pending devices.
func (l *commandLine) pendingIDs(c *cli.Context) (ids []string) {
	l.look(c, func(ctx context.Context, api admin.API) error {
		all, err := api.PendingDevices(ctx)
		for _, p := range all[:min(len(all), maxCandidates)] {
			ids = append(ids, p.ID)
		}
		return err
	})
	return ids
}

// tags are those of the first devices.
func (l *commandLine) tags(c *cli.Context) (tags []string) {
	l.look(c, func(ctx context.Context, api admin.API) error {
		page, err := api.Devices(ctx, admin.DeviceQuery{Limit: taggedDevices})
		for _, d := range page {
			tags = append(tags, d.Tags...)
		}
		return err
	})
	return tags
}
