package main

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// Help is where people look for it: before a command, among commands, behind them, and
// whatever else is on the line.
func TestHelpIsWherePeopleLookForIt(t *testing.T) {
	sh := newShell(t)
	for line, want := range map[string]string{
		"help": "lwbs - LwM2M Bootstrap-Server", "--help": "lwbs - LwM2M Bootstrap-Server", "-h": "lwbs - LwM2M Bootstrap-Server",
		"help device": "lwbs device - add, change and show devices", "device help": "lwbs device - add, change and show devices", "device": "lwbs device - add, change and show devices",
		"help device add": "lwbs device add - add a device", "device help add": "lwbs device add - add a device", "device add --help": "lwbs device add - add a device",
		"device add -h x --profile y": "lwbs device add - add a device", "help device add x": "lwbs device add - add a device",
		"help why": "lwbs why - ", "help help": "lwbs - LwM2M Bootstrap-Server",
	} {
		contains(t, line, sh.ok(line), "NAME:\n   "+want)
	}
	sh.ok("profile apply $D/meter.yaml")
	for _, odd := range []string{"help", "h", "version"} { // names like others
		sh.ok("device add " + odd + " --profile meter --psk generate")
		contains(t, "get", sh.ok("device get "+odd), "endpoint         "+odd)
	}
}

func TestVersionIsWherePeopleLookForIt(t *testing.T) {
	sh := newShell(t)
	want := sh.ok("version")
	for _, line := range []string{"--version", "-v", "device list --version"} {
		if got := sh.ok(line); got != want || !strings.HasPrefix(got, "lwbs ") {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	contains(t, "another option of that name", sh.ok("object get 1 --version 1.0"), "version 1.0")
}

func TestDidYouMean(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply $D/meter.yaml")
	for line, want := range map[string]string{
		"devise list":                  `unknown command "devise": did you mean "device"? lwbs --help lists them`,
		"device lst --limt 3":          `unknown command "device lst": did you mean "device list"? lwbs device --help lists them`,
		"help devise":                  `unknown command "devise": did you mean "device"? lwbs --help lists them`,
		"apply -f x":                   `unknown command "apply": did you mean "profile apply"? lwbs --help lists them`,
		"backup x":                     `unknown command "backup": did you mean "db backup"? lwbs --help lists them`,
		"x":                            `unknown command "x": lwbs --help lists them`,
		"device list --limt 3":         "unknown option --limt: did you mean --limit? lwbs device list --help tells more",
		"device list -limt 3":          "unknown option --limt: did you mean --limit? lwbs device list --help tells more",
		"--objcts x object list":       "unknown option --objcts: did you mean --objects? lwbs --help tells more",
		"device list --nothing":        "unknown option --nothing: lwbs device list --help tells more",
		"device add d --profile metre": `profile "metre": not found: did you mean "meter"?`,
		"profile get Meter":            `profile "Meter": not found: did you mean "meter"?`,
		"profile delete mter":          `profile "mter": not found: did you mean "meter"?`,
		"profile get other":            `profile "other": not found`,
	} {
		if status, out, errs := sh.run(line); status == exitDone || out != "" || !strings.HasPrefix(errs, "lwbs: ") || !strings.Contains(errs, want+"\n") {
			t.Errorf("%s: status %d, %s%s, want %q", line, status, out, errs, want)
		}
	}
}

// Each command says what it does, each option too, and each argument is named.
func TestHelpIsComplete(t *testing.T) {
	var walk func(path string, commands []*cli.Command)
	walk = func(path string, commands []*cli.Command) {
		for _, c := range commands {
			where := path + " " + c.Name
			if c.Usage == "" || c.OnUsageError == nil || !c.HideHelpCommand {
				t.Errorf("%s: no usage, or mistakes in it are told in other words", where)
			}
			for _, f := range c.Flags {
				if d, ok := f.(cli.DocGenerationFlag); !ok || d.GetUsage() == "" {
					t.Errorf("%s: the option %s is not explained", where, f.Names()[0])
				}
			}
			walk(where, c.Subcommands)
		}
	}
	walk("lwbs", newApp(nil, nil, nil).Commands)
}
