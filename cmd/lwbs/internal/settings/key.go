// Package settings is the configuration of lwbs serve: its options, which the environment and a configuration file can
// give too. The keys of the file are the names of the options, so that the table of the options is the only one.
package settings

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
)

// ConfigOption is the name of the option for the configuration file.
const ConfigOption = "config"

// A Key is one setting: an option of lwbs serve, or one that every command has.
type Key struct {
	Name    string
	Usage   string   // what it does
	Value   string   // what it takes, such as FILE or ADDRESS
	Default string   // as --help tells it; empty for none
	Env     []string // variables of the environment
	Global  bool     // whether every command has it

	flag cli.Flag
}

// Many reports whether the setting is a list.
func (k Key) Many() bool {
	_, many := k.flag.(*cli.StringSliceFlag)
	return many
}

// Keys returns the settings in the order of --help: those of every command first.
func Keys(app *cli.App) (keys []Key) {
	notThese := []string{ConfigOption, "version", "help"}
	for _, f := range command.RemoteFlags() { // are for those who ask a server, not for the server
		notThese = append(notThese, f.Names()...)
	}
	for _, f := range app.Flags {
		if !slices.Contains(notThese, f.Names()[0]) {
			keys = append(keys, keyOf(f, true))
		}
	}
	serve := slices.IndexFunc(app.Commands, func(c *cli.Command) bool { return c.Name == "serve" })
	if serve < 0 {
		return keys
	}
	for _, f := range app.Commands[serve].Flags {
		if f.Names()[0] != "help" {
			keys = append(keys, keyOf(f, false))
		}
	}
	return keys
}

// placeholder is what an option takes, in its usage.
var placeholder = regexp.MustCompile("`([^`]+)`")

func keyOf(f cli.Flag, global bool) Key {
	k := Key{Name: f.Names()[0], Global: global, flag: f}
	if d, ok := f.(cli.DocGenerationFlag); ok {
		k.Usage, k.Default, k.Env = d.GetUsage(), d.GetDefaultText(), d.GetEnvVars()
	}
	if m := placeholder.FindStringSubmatch(k.Usage); m != nil {
		k.Value = m[1]
	}
	k.Usage = strings.ReplaceAll(k.Usage, "`", "")
	return k
}

// NamesFile reports whether the value is the name of a file that must exist.
func (k Key) NamesFile() bool {
	return k.Value == "FILE" && k.Name != "db" && k.Name != "key-file" // which lwbs makes
}

// WithEnvironment gives each option a variable of the environment: LWBS_MAX_PENDING for --max-pending.
func WithEnvironment(flags []cli.Flag) []cli.Flag {
	for _, f := range flags {
		env := reflect.ValueOf(f).Elem().FieldByName("EnvVars")
		if env.IsValid() && env.Len() == 0 {
			env.Set(reflect.ValueOf([]string{"LWBS_" + strings.ToUpper(strings.ReplaceAll(f.Names()[0], "-", "_"))}))
		}
	}
	return flags
}

// fresh returns a copy of an option that was not given, and that no variable of the environment sets.
func fresh(f cli.Flag) cli.Flag {
	old := reflect.ValueOf(f).Elem()
	v := reflect.New(old.Type())
	v.Elem().Set(old)
	for _, name := range []string{"EnvVars", "HasBeenSet", "Destination"} {
		if field := v.Elem().FieldByName(name); field.IsValid() {
			field.SetZero()
		}
	}
	return v.Interface().(cli.Flag)
}
