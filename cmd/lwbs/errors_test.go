package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// With --json an error is one line of JSON on standard error, of the same form for all
// commands, and nothing is on standard output.
func TestErrorsInJSON(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.ok("device add dev-1 --profile meter --psk generate")
		for line, want := range map[string]struct {
			status int
			kind   string
			detail string
		}{
			"why unknown --json":                             {exitFailed, "not-found", `"unknown" is no device here`},
			"device get unknown --json":                      {exitFailed, "not-found", `device "unknown": not found`},
			"device list --json --limit 0":                   {exitUsage, "usage", "--limit 0"},
			"device list --json=true --nope":                 {exitUsage, "usage", "unknown option --nope"},
			"device list --json --tag $E":                    {exitUsage, "usage", "--tag is empty"},
			"profile get unknown --json":                     {exitFailed, "not-found", `profile "unknown": not found`},
			"session get unknown --json":                     {exitFailed, "not-found", `session "unknown": not found`},
			"session list --json --before unknown":           {exitFailed, "not-found", `session "unknown": not found`},
			"device add dev-1 --profile meter --json":        {exitFailed, "exists", "exists already"},
			"device add dev-2 --profile unknown --json":      {exitFailed, "not-found", `profile "unknown": not found`},
			"device set dev-1 --json --note n --revision 7":  {exitFailed, "conflict", "revision is 1, not 7"},
			"device set dev-1 --json --account-identity x=y": {exitFailed, "findings", "profile has no account of this name"},
			"object get 65000 --json":                        {exitFailed, "failed", "no definition of Object 65000"},
			"import leshan --json $D/nope":                   {exitFailed, "failed", "no such file"},
			"--db $D/no.db device list --json":               {exitFailed, "no-database", "does not exist"},
		} {
			status, out, errs := sh.run(line)
			var got failed
			if err := json.Unmarshal([]byte(errs), &got); err != nil || strings.Count(errs, "\n") != 1 {
				t.Errorf("%s: standard error is not one line of JSON: %v %q", line, err, errs)
			}
			if status != want.status || got.Type != "urn:lwbs:"+want.kind || got.Title == "" || !strings.Contains(got.Detail, want.detail) || out != "" {
				t.Errorf("%s: status %d, %+v, want %+v, and %q", line, status, got, want, out)
			}
		}
		if status, out, errs := sh.run("why dev-1 --json"); status != exitDone || !strings.Contains(out, `"never": {`) || !strings.Contains(out, `"attempts": []`) || errs != "" {
			t.Errorf("why of a device that was never seen: status %d, %q, %q", status, out, errs)
		}
		for line, want := range map[string]bool{
			"lwbs device get x --json": true, "lwbs --json": true, "lwbs x -json": true, "lwbs --json=false": false, "lwbs -- --json": false,
			"lwbs --json=nonsense": true, "lwbs device get json": false,
		} {
			if got := wantsJSON(strings.Fields(line)); got != want {
				t.Errorf("%s wants JSON: %v", line, got)
			}
		}
	})
}
