package main

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every database that a release, or a former schema, left in testdata/db is opened by commands and by a server, has what it had,
// can be edited, and is sound afterwards.
func TestUpgradeFromEveryRelease(t *testing.T) {
	databases, _ := filepath.Glob("../../testdata/db/*.db.gz")
	if len(databases) == 0 {
		t.Fatal("there is no database in testdata/db")
	}
	for _, packed := range databases {
		base := strings.TrimSuffix(packed, ".db.gz")
		t.Run(filepath.Base(base), func(t *testing.T) {
			sh := newShell(t)
			f, err := os.Open(packed)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			z, err := gzip.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			key, err := os.ReadFile(base + ".key")
			if err != nil {
				t.Fatal(err)
			}
			sh.write("x.db", string(text))
			sh.write("x.db.key", string(key))

			first := ""
			for what, want := range recordedNames(t, base) {
				got := sh.names(what)
				if what == "device" && len(got) > 0 {
					first = got[0]
				}
				if want != nil && !slices.Equal(got, want) {
					t.Errorf("%s list has %v, want %v", what, got, want)
				}
			}
			if first == "" {
				t.Fatal("there is no device")
			}
			for _, line := range []string{"session list --json", "pending list --json", "outbox list --json", "device get " + first + " --reveal"} {
				sh.ok(line)
			}
			sh.ok("device set " + first + " --note upgraded")
			sh.serve()
			sh.ok("device set " + first + " --tag upgraded")
			contains(t, "with a server", sh.ok("device get "+first), "upgraded")
			contains(t, "check", sh.ok("db check"), "sound")
		})
	}
}

// recordedNames are the names that testdata/db/record kept of a database, by kind; nil where it kept none.
func recordedNames(t *testing.T, base string) map[string][]string {
	t.Helper()
	names := map[string][]string{"device": nil, "profile": nil, "group": nil, "lwm2m-server": nil, "user": nil}
	text, err := os.ReadFile(base + ".json")
	if os.IsNotExist(err) && !strings.HasPrefix(filepath.Base(base), "v") { // a schema that was not released
		return names
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &names); err != nil {
		t.Fatal(err)
	}
	return names
}

// names are those that a command lists.
func (sh *shell) names(what string) (names []string) {
	sh.t.Helper()
	var all []struct{ Endpoint, Name string }
	if err := json.Unmarshal([]byte(sh.ok(what+" list --json")), &all); err != nil {
		sh.t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Endpoint+e.Name)
	}
	slices.Sort(names)
	return names
}

// Every release that the changelog tells of has left a database: testdata/db/record VERSION makes it.
func TestEveryReleaseLeftADatabase(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\n## Unreleased\n") {
		t.Error("the changelog has no section Unreleased")
	}
	for _, m := range regexp.MustCompile(`(?m)^## \[?v?(\d+\.\d+\.\d+)`).FindAllStringSubmatch(string(text), -1) {
		for _, ending := range []string{".db.gz", ".key", ".json"} {
			if _, err := os.Stat("../../testdata/db/v" + m[1] + ending); err != nil {
				t.Errorf("release %s: %v", m[1], err)
			}
		}
	}
}
