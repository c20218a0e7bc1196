package settings

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
)

// testApp has options of every type; do is what serve does.
func testApp(do cli.ActionFunc) *cli.App {
	return &cli.App{
		Writer: io.Discard, ErrWriter: io.Discard, Before: Use, DisableSliceFlagSeparator: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: ConfigOption, EnvVars: []string{"LWBS_CONFIG"}},
			&cli.StringFlag{Name: "db", Value: "lwbs.db", EnvVars: []string{"LWBS_DB"}, Usage: "the database `FILE`"},
			&cli.BoolFlag{Name: "version"},
		},
		Commands: []*cli.Command{{
			Name: "serve", Action: do,
			Flags: WithEnvironment([]cli.Flag{
				&cli.StringSliceFlag{Name: "coaps", Value: cli.NewStringSlice(":5684"), Usage: "serve at `ADDRESS`"},
				&cli.StringFlag{Name: "log", Value: "info"},
				&cli.BoolFlag{Name: "log-json"},
				&cli.DurationFlag{Name: "drain", Value: time.Minute},
				&cli.IntFlag{Name: "max-pending", DefaultText: "1,000"},
				&cli.UintFlag{Name: "replica-id"},
				&cli.StringFlag{Name: "token-list", Usage: "tokens in `FILE`"},
			}),
		}},
	}
}

// settle returns the settings of a command line with a file; an empty text stands for no file.
func settle(t *testing.T, file, line string) (*Set, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "lwbs.yaml")
	args := []string{"lwbs"}
	if file != "" {
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", name)
	}
	var set *Set
	err := testApp(func(c *cli.Context) (err error) {
		set, err = Of(c)
		return err
	}).RunContext(t.Context(), append(args, strings.Fields(line)...))
	if err != nil {
		err = errors.New(strings.ReplaceAll(err.Error(), name, "F"))
	}
	return set, err
}

// An option goes before the environment, that before the file, that before the default; for a list as for a number.
func TestPrecedence(t *testing.T) {
	const file = "db: file.db\ncoaps: [\":1\", \":2\"]\ndrain: 2s\nlog-json: true\nmax-pending: 0x10\n"
	t.Setenv("LWBS_DRAIN", "3s")
	t.Setenv("LWBS_COAPS", ":3")
	for _, tt := range []struct{ name, file, line, key, want, from string }{
		{"default", "", "serve", "log", "info", "default"},
		{"default of a list", "log: warn", "serve", "replica-id", "0", "default"},
		{"file", file, "serve", "log-json", "true", "F:4"},
		{"file, of every command", file, "serve", "db", "file.db", "F:1"},
		{"file, another form of a number", file, "serve", "max-pending", "16", "F:5"},
		{"environment", "", "serve", "drain", "3s", "environment LWBS_DRAIN"},
		{"environment over file", file, "serve", "drain", "3s", "environment LWBS_DRAIN"},
		{"environment over file, a list", file, "serve", "coaps", ":3", "environment LWBS_COAPS"},
		{"option over file", file, "serve --log-json=false", "log-json", "false", "option --log-json"},
		{"option over file, of every command", file, "--db line.db serve", "db", "line.db", "option --db"},
		{"option over environment", file, "serve --drain 4s", "drain", "4s", "option --drain"},
		{"option over all, a list", file, "serve --coaps :4 --coaps :5", "coaps", ":4, :5", "option --coaps"},
		{"option with the value of the environment", file, "serve --drain 3s", "drain", "3s", "option --drain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set, err := settle(t, tt.file, tt.line)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range set.Keys {
				from := set.Origin(k.Name).String()
				if i := strings.LastIndexByte(from, '/'); i >= 0 {
					from = strings.Replace(from[i+1:], "lwbs.yaml", "F", 1)
				}
				if k.Name == tt.key && (set.Text(k) != tt.want || from != tt.from) {
					t.Errorf("%s is %q from %s, want %q from %s", k.Name, set.Text(k), from, tt.want, tt.from)
				}
			}
		})
	}
}

// Every mistake has one line, with the line of the file, what is wrong and what to do. No secret is repeated.
func TestMistakesInFiles(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"mistyped key", "log: info\nmax_pending: 3\n", `F:2: unknown key "max_pending": did you mean "max-pending"?`},
		{"unknown key", "colour: red\n", `F:1: unknown key "colour": lwbs config example lists them`},
		{"option of the tool", "version: true\n", `F:1: unknown key "version": lwbs config example lists them`},
		{"another file", "config: x\n", "F:1: config: a configuration file does not name another"},
		{"twice", "log: info\n\nlog: warn\n", `F:3: "log" is there twice: it is on line 1 already`},
		{"no value", "log:\n", "F:1: log has no value: leave the key out for the default (\"info\")"},
		{"empty text", "log: \"\"\n", "F:1: log: it is empty: leave the key out for the default"},
		{"empty list", "coaps: []\n", "F:1: coaps is an empty list: leave the key out for the default (\":5684\")"},
		{"list for one", "log: [info]\n", "F:1: log: want text, not a list"},
		{"mapping", "log: {level: info}\n", "F:1: log: want text, not a mapping"},
		{"true for text", "log: true\n", `F:1: log: want text, not true or false: quote it ("true") if it is text`},
		{"text for true", "log-json: yes\n", "F:1: log-json: want true or false, not text"},
		{"text for a number", "max-pending: many\n", "F:1: max-pending: want a whole number, not text"},
		{"half a number", "max-pending: 1.5\n", `F:1: max-pending: "1.5" is not a whole number that fits`},
		{"huge number", "max-pending: 99999999999999999999\n", `F:1: max-pending: "99999999999999999999" is not a whole number that fits`},
		{"negative", "replica-id: -1\n", "F:1: replica-id: -1 is not a whole number of 0 or more"},
		{"octal", "max-pending: 010\n", `F:1: max-pending: 010 begins with a zero, which YAML 1.1 reads as octal: write the number without it, or quote it ("010") if it is text`},
		{"time without unit", "drain: 90\n", `F:1: drain: "90" is not a time such as 30s or 5m`},
		{"item of a list", "coaps:\n  - :1\n  - {a: b}\n", "F:3: coaps: want text, not a mapping"},
		{"key", "psk: 0011\n", `F:1: unknown key "psk": ` + noSecretsHere},
		{"several lines", "token-list: |\n  hush\n  hush\n", "F:1: token-list: the value has several lines or invisible characters: " + noSecretsHere},
		{"password in a URL", "db: postgres://u:hush@h/d\n", "F:1: db: there is a password in the value: " + noSecretsHere},
		{"password in words", "db: postgres://h/d?password=hush\n", "F:1: db: there is a password in the value: " + noSecretsHere},
		{"list of keys", "- log\n", "F:1: want keys and values, such as log: info, not a list"},
		{"two documents", "log: info\n---\nlog: warn\n", "F:3: a second document: a configuration file has one"},
		{"alias", "log: &a info\n", "F:1: anchors, aliases and tags are not supported: write the value itself"},
		{"several", "logg: info\nlog: [1]\nlog: x\n", "F:1: unknown key \"logg\": did you mean \"log\"?\nF:2: log: want text, not a list\nF:3: \"log\" is there twice: it is on line 2 already"},
		{"binary", "\x00\x01\x02\x03\x04\x05", "F:1: it is no text, as byte 1 is zero: want a configuration file in YAML"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := settle(t, tt.file, "serve")
			if err == nil || err.Error() != tt.want {
				t.Errorf("error\n%v\nwant\n%s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Error("a secret is repeated")
			}
		})
	}
}

// A mistake that a check of options finds is told in the words of where the value came from.
func TestExplain(t *testing.T) {
	t.Setenv("LWBS_LOG", "noise")
	set, err := settle(t, "drain: -1s\ncoaps:\n  - :1\n  - x\nmax-pending: 1\n", "serve --replica-id 7")
	if err != nil {
		t.Fatal(err)
	}
	got := set.Explain(errors.Join(
		command.Usagef("--replica-id 7 is odd"),
		command.Usagef("--coaps %q is none", "x"),
		command.Usagef("--log %q is none", "noise"),
		command.Usagef("--drain and --max-pending: see lwbs serve --drain"),
		errors.New("something else about --drain")))
	want := "F:1: drain and max-pending: see lwbs serve --drain\nF:4: coaps \"x\" is none\n--replica-id 7 is odd\nLWBS_LOG \"noise\" is none\nsomething else about --drain"
	if text := regexp.MustCompile(`(?m)^\S*lwbs.yaml:`).ReplaceAllString(got.Error(), "F:"); text != want {
		t.Errorf("explained as\n%s\nwant\n%s", text, want)
	}
	if set.Explain(nil) != nil {
		t.Error("no mistake is one")
	}
	usage := new(command.UsageError)
	if err := set.Explain(command.Usagef("--drain is wrong")); errors.As(err, &usage) {
		t.Errorf("a mistake in a file is one of the command line: %v", err)
	}
}

// The example has every key, and its lines are the values that they look like: without the comment signs it is a file.
func TestExampleIsAFile(t *testing.T) {
	keys := Keys(testApp(nil))
	var b bytes.Buffer
	if err := Example(&b, keys); err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(b.String(), "$1")
	file, err := Parse("F", []byte(text), keys)
	if err != nil || len(file.values) != len(keys) || len(keys) != 8 {
		t.Errorf("%d of %d keys, %v:\n%s", len(file.values), len(keys), err, text)
	}
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "#") && line != "\n" {
			t.Errorf("not a comment: %q", line)
		}
	}
}

// A file is read again when no more is written to it; one without a byte is refused, and one that is being written for good.
func TestReadAgainWaitsForTheWriter(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lwbs.yaml")
	keys := Keys(testApp(nil))
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	if _, err := ReadAgain(t.Context(), name, keys); err == nil || !strings.HasSuffix(err.Error(), "lwbs.yaml is empty") {
		t.Errorf("an empty file: %v", err)
	}
	write("# nothing but a comment\n")
	if _, err := ReadAgain(t.Context(), name, keys); err != nil {
		t.Errorf("a file of comments: %v", err)
	}
	write("log: wa")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadAgain(ctx, name, keys); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestWithoutPassword(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://u:hush@h:5/d?sslmode=verify-full": "postgres://u:…@h:5/d?sslmode=verify-full",
		"postgres://u@h/d":                            "postgres://u@h/d",
		"host=h password=hush user=u":                 "host=h password=… user=u",
		"/var/lib/lwbs/lwbs.db":                       "/var/lib/lwbs/lwbs.db",
		"[::1]:5684, 192.0.2.1:5684":                  "[::1]:5684, 192.0.2.1:5684",
	} {
		if got := WithoutPassword(text); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
	}
}
