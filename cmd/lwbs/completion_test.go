package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What may stand at the cursor follows from the words before it.
func TestComplete(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.ok("device add urn:imei:490154203237518 --profile meter --psk generate --tag lot7")
		sh.ok("device add urn:imei:350123451234562 --profile meter --psk generate --tag lot7 --tag spare")
		for _, tt := range []struct{ before, word, want string }{
			{"", "dev", "words device"},
			{"", "comple", "words completion"},
			{"device", "re", "words rebootstrap rename"},
			{"device get", "urn:imei:4", "words urn:imei:490154203237518"},
			{"device get", "", "words urn:imei:350123451234562 urn:imei:490154203237518"},
			{"device get urn:imei:490154203237518", "", "words"},
			{"device get --json", "urn:imei:35", "words urn:imei:350123451234562"},
			{"device add x --profile", "", "words meter"},
			{"device add x", "--profile=", "words --profile=meter"},
			{"device add x", "--psk-k", "words --psk-key-file --psk-key-format"},
			{"device add x --psk-key-file", "k", "files"},
			{"device add x --psk-key-format", "b", "words base64 binary"},
			{"device list --tag", "", "words lot7 spare"},
			{"device factory x --for", "z", "words zephyr"},
			{"device preview x --as", "wak", "words wakaama wakaama-old"},
			{"device get --", "-", "words"},
			{"profile get", "m", "words meter"},
			{"profile apply a.yaml", "b", "files"},
			{"import csv", "", "files"},
			{"completion", "", "words bash fish powershell zsh"},
			{"--db", "x", "files"},
			{"--db nosuch.db device get", "", "words"},
			{"device add x --note", "--profile", "words"},
			{"nosuch", "", "words"},
		} {
			if got := strings.Join(strings.Fields(sh.ok(strings.TrimSpace("complete --word="+tt.word+" -- "+tt.before))), " "); got != tt.want {
				t.Errorf("%q, then %q: %s, want %s", tt.before, tt.word, got, tt.want)
			}
		}
	})
}

// Without a database there are no names, and no error stands between what is typed.
func TestCompleteWithoutDatabase(t *testing.T) {
	sh := newShell(t)
	if status, out, errs := sh.run("complete --word= -- device get"); status != exitDone || out != "words\n" || errs != "" {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
}

// Shells complete with the scripts that are printed for them. Each test prints what its shell
// offers behind a line.
func TestCompletionInShells(t *testing.T) {
	const name, other = "urn:imei:490154203237518", "urn:imei:490154200000000"
	for _, tt := range []struct {
		shell string
		args  []string // with $SCRIPT and $LINE in the environment
		colon bool     // to this shell a colon begins another word, and only what is behind it is offered
	}{
		{"bash", []string{"--norc", "-c", `source "$SCRIPT"; COMP_LINE=$LINE; COMP_POINT=${#LINE}; _lwbs lwbs 2>/dev/null; printf '%s\n' "${COMPREPLY[@]}"`}, true},
		{"zsh", []string{"-f", "-c", `compdef() { : }; source "$SCRIPT"; compadd() { shift; print -l -- "$@" }; _files() { print files }; words=("${(@s: :)LINE}"); CURRENT=$#words; _lwbs`}, false},
		{"fish", []string{"--no-config", "-c", `source $SCRIPT; complete --do-complete $LINE`}, false},
	} {
		t.Run(tt.shell, func(t *testing.T) {
			program, err := exec.LookPath(tt.shell)
			if err != nil {
				t.Skipf("there is no %s here", tt.shell)
			}
			sh := newShell(t)
			sh.ok("profile apply $D/meter.yaml")
			for _, ep := range []string{name, other} {
				sh.ok("device add " + ep + " --profile meter --psk generate")
			}
			sh.write("script", sh.ok("completion "+tt.shell))
			sh.write("lwbs", "#!/bin/sh\n"+beLwbs+"=1 exec '"+testProgram(t)+"' \"$@\"\n")
			if err := os.Chmod(sh.path("lwbs"), 0o755); err != nil {
				t.Fatal(err)
			}
			offers := func(line string) []string {
				c := exec.Command(program, tt.args...)
				c.Dir = sh.dir
				c.Env = append(os.Environ(), "SCRIPT="+sh.path("script"), "LINE="+line, "LWBS_DB="+sh.path("x.db"), "PATH="+sh.dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
				out, err := c.CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				words := strings.Fields(string(out))
				slices.Sort(words)
				return words
			}
			names, one := []string{other, name}, []string{name}
			if tt.colon {
				names, one = []string{"490154200000000", "490154203237518"}, []string{"490154203237518"}
			}
			for line, want := range map[string][]string{
				"lwbs dev":                           {"device"},
				"lwbs device pre":                    {"preview"},
				"lwbs device get urn:imei:49015420":  names,
				"lwbs device get urn:imei:490154203": one,
				"lwbs device add x --profile ":       {"meter"},
			} {
				if got := offers(line); !slices.Equal(got, want) {
					t.Errorf("%q offers %q, want %q", line, got, want)
				}
			}
		})
	}
}

// testProgram is the path of this test, which is lwbs where beLwbs is set.
func testProgram(t *testing.T) string {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
