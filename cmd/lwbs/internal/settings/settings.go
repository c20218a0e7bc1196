package settings

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
	"lwbs/store/yamltree"
)

// An Origin is where the value of a setting came from: a file and its line, a variable of the environment, an option;
// the zero Origin stands for the default.
type Origin struct {
	File   string
	Line   int
	Env    string
	Option string
}

// String returns a text such as "lwbs.yaml:3".
func (o Origin) String() string {
	switch {
	case o.File != "":
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	case o.Env != "":
		return "environment " + o.Env
	case o.Option != "":
		return "option --" + o.Option
	}
	return "default"
}

// Kind is what gave the value: file, environment, option or default.
func (o Origin) Kind() string {
	switch {
	case o.File != "":
		return "file"
	case o.Env != "":
		return "environment"
	case o.Option != "":
		return "option"
	}
	return "default"
}

// A Set is the settings that are in force, where each came from, and a context of the command line that has them all.
type Set struct {
	*cli.Context
	Keys []Key
	File *File // nil without one

	origins map[string]Origin
}

// metadata is where the application keeps what was used before its command ran.
const metadata = "lwbs.settings"

// A used is what [Use] found.
type used struct {
	keys    []Key
	file    *File
	origins map[string]Origin // of what every command has
	err     error             // why the file is not used
}

// Use reads the file of --config, and takes from it what every command has to know, such as --db. It is called before
// a command runs.
func Use(c *cli.Context) error {
	u := used{keys: Keys(c.App), origins: make(map[string]Origin)}
	if c.App.Metadata == nil {
		c.App.Metadata = make(map[string]any)
	}
	onLine := onCommandLine(c)
	given := givenIn(c)
	for _, k := range u.keys {
		if o := given(k); k.Global && o != (Origin{}) {
			u.origins[k.Name] = o
		}
	}
	c.App.Metadata[metadata] = u
	name := c.String(ConfigOption)
	if name == "" {
		if slices.Contains(onLine, ConfigOption) {
			return command.Usagef("--%s is empty: name the configuration file", ConfigOption)
		}
		return nil
	}
	u.file, u.err = Read(c.Context, name, u.keys)
	c.App.Metadata[metadata] = u
	if u.err != nil {
		return u.err
	}
	for _, k := range u.keys {
		v, ok := u.file.values[k.Name]
		if _, given := u.origins[k.Name]; !k.Global || !ok || given {
			continue
		}
		if err := c.Set(k.Name, v.argument(k)); err != nil {
			return &yamltree.Problem{File: name, Line: v.line, Message: fmt.Sprintf("%s: %v", k.Name, err)}
		}
		u.origins[k.Name] = Origin{File: name, Line: v.line}
	}
	return nil
}

// onCommandLine returns the names of the options on the command line.
func onCommandLine(c *cli.Context) []string {
	bare := *c
	bare.Command = nil // with it, what the environment gives is among the names
	return bare.LocalFlagNames()
}

// givenIn returns what tells whether the command line or the environment gives a setting.
func givenIn(c *cli.Context) func(Key) Origin {
	onLine := onCommandLine(c)
	return func(k Key) Origin {
		switch {
		case slices.ContainsFunc(k.flag.Names(), func(n string) bool { return slices.Contains(onLine, n) }):
			return Origin{Option: k.Name}
		case c.IsSet(k.Name):
			for _, env := range k.Env {
				if _, ok := os.LookupEnv(env); ok {
					return Origin{Env: env}
				}
			}
		}
		return Origin{}
	}
}

// argument is a value as an option takes it.
func (v value) argument(k Key) string {
	if k.Many() {
		return cli.NewStringSlice(v.texts...).Serialize()
	}
	return v.texts[0]
}

// Of returns the settings of a command that has the options of lwbs serve, once [Use] was called: what is on its command
// line comes first, then the environment, then the file, then the default.
func Of(c *cli.Context) (*Set, error) {
	u, _ := c.App.Metadata[metadata].(used)
	if u.err != nil {
		return nil, u.err
	}
	origins := make(map[string]Origin)
	given := givenIn(c)
	for _, k := range u.keys {
		o := given(k)
		if k.Global {
			o = u.origins[k.Name]
		}
		if o.Option != "" || o.Env != "" {
			origins[k.Name] = o
		}
	}
	return merge(c, u.keys, origins, u.file)
}

// With returns the settings with another file, or another version of the file.
func (s *Set) With(file *File) (*Set, error) {
	origins := make(map[string]Origin)
	for name, o := range s.origins {
		if o.Option != "" || o.Env != "" {
			origins[name] = o
		}
	}
	return merge(s.Context, s.Keys, origins, file)
}

// OfFile returns the settings that a file gives, whatever the environment says.
func OfFile(c *cli.Context, keys []Key, file *File) (*Set, error) {
	return merge(c, keys, make(map[string]Origin), file)
}

// merge returns the settings that the command line and the environment give in c, as origins tell, and file those that
// they do not give.
func merge(c *cli.Context, keys []Key, origins map[string]Origin, file *File) (*Set, error) {
	set := flag.NewFlagSet("serve", flag.ContinueOnError)
	var problems []*yamltree.Problem
	for _, k := range keys {
		if err := fresh(k.flag).Apply(set); err != nil {
			return nil, fmt.Errorf("--%s: %w", k.Name, err)
		}
		var text string
		switch _, given := origins[k.Name]; {
		case given:
			text = argumentIn(c, k)
		case file != nil:
			v, ok := file.values[k.Name]
			if !ok {
				continue
			}
			text = v.argument(k)
			origins[k.Name] = Origin{File: file.Name, Line: v.line}
		default:
			continue
		}
		if err := set.Set(k.Name, text); err != nil {
			if o := origins[k.Name]; o.File != "" {
				problems = append(problems, &yamltree.Problem{File: o.File, Line: o.Line, Message: fmt.Sprintf("%s: %v", k.Name, err)})
				continue
			}
			return nil, fmt.Errorf("--%s: %w", k.Name, err)
		}
	}
	if len(problems) > 0 {
		return nil, yamltree.Joined(problems)
	}
	merged := cli.NewContext(c.App, set, nil)
	merged.Context = c.Context
	return &Set{Context: merged, Keys: keys, File: file, origins: origins}, nil
}

// argumentIn is a value of a context as an option takes it.
func argumentIn(c *cli.Context, k Key) string {
	if k.Many() {
		return cli.NewStringSlice(c.StringSlice(k.Name)...).Serialize()
	}
	return fmt.Sprint(c.Value(k.Name))
}

// Origin returns where the value of a setting came from.
func (s *Set) Origin(name string) Origin { return s.origins[name] }

// Texts returns the value of a setting: those of a list, or one.
func (s *Set) Texts(k Key) []string {
	if k.Many() {
		return s.StringSlice(k.Name)
	}
	return []string{fmt.Sprint(s.Value(k.Name))}
}

// Text is a value in one line.
func (s *Set) Text(k Key) string { return strings.Join(s.Texts(k), ", ") }

// WithoutPassword is a value without the password that an option may have given in a URL.
func WithoutPassword(text string) string {
	return passwordInURL.ReplaceAllString(passwordInWords.ReplaceAllString(text, "$1…"), "$1…@")
}

var (
	passwordInURL   = regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://[^/@:\s]*:)[^@\s]+@`)
	passwordInWords = regexp.MustCompile(`(?i)\b(password=)[^&\s]*`)
)

// DefaultShown is the default as --help tells it, where the value itself says nothing.
func (k Key) DefaultShown(text string) string {
	if text == "" || text == "0" {
		return strings.Trim(k.fallback(), `"`)
	}
	return text
}

// option is an option in a message, not that of another command.
var option = regexp.MustCompile(`(?:lwbs [a-z -]*)?--([a-z0-9-]+)`)

// Explain returns mistakes in the values of options in the words of where the values came from: one that a file gives is a
// [yamltree.Problem] with its line. Those of a file come first, in the order of its lines.
func (s *Set) Explain(err error) error {
	var all []error
	for _, e := range Each(err) {
		all = append(all, s.explain(e))
	}
	line := func(err error) int {
		if p := new(yamltree.Problem); errors.As(err, &p) {
			return p.Line
		}
		return math.MaxInt
	}
	slices.SortStableFunc(all, func(a, b error) int { return cmp.Compare(line(a), line(b)) })
	return errors.Join(all...)
}

// Explain is [Set.Explain] before a command runs, for what every command has.
func Explain(c *cli.Context, err error) error {
	u, _ := c.App.Metadata[metadata].(used)
	return (&Set{Keys: u.keys, File: u.file, origins: u.origins}).Explain(err)
}

// Each returns the errors that err joins.
func Each(err error) (all []error) {
	several, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	for _, e := range several.Unwrap() {
		all = append(all, Each(e)...)
	}
	return all
}

// explain is Explain for one.
func (s *Set) explain(err error) error {
	usage := new(command.UsageError)
	if !errors.As(err, &usage) {
		return err
	}
	text := usage.Error()
	for _, m := range option.FindAllStringSubmatch(text, -1) {
		switch o := s.origins[m[1]]; {
		case o.File != "":
			return &yamltree.Problem{File: o.File, Line: s.lineOf(m[1], text), Message: s.asKeys(text)}
		case o.Env != "":
			return command.Usagef("%s", strings.Replace(text, m[0], o.Env, 1))
		case o.Option != "":
			return err
		}
	}
	return err
}

// lineOf is the line of a key, or of the item of its list that a message quotes.
func (s *Set) lineOf(name, message string) int {
	v := s.File.values[name]
	for i, text := range v.texts {
		if strings.Contains(message, fmt.Sprintf("%q", text)) {
			return v.lines[i]
		}
	}
	return v.line
}

// asKeys is a message with keys in the place of options.
func (s *Set) asKeys(text string) string {
	return option.ReplaceAllStringFunc(text, func(o string) string {
		name := strings.TrimPrefix(o, "--")
		if slices.ContainsFunc(s.Keys, func(k Key) bool { return k.Name == name }) {
			return name
		}
		return o
	})
}
