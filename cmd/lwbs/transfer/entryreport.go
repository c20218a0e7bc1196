package transfer

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store/importer"
)

// unchanged is the outcome of an entry that the database has already as it is.
const unchanged = "unchanged"

// An entryReport tells what became of each entry of another server, while they are imported.
type entryReport struct {
	out     io.Writer
	json    bool
	dry     bool
	entries int
	summary map[string]int // entries by outcome
	err     error          // of the first write that failed
}

// An importProfile is a profile that devices are given.
type importProfile struct {
	Name     string   `json:"name"`
	Did      string   `json:"did"` // created, replaced or unchanged
	Devices  int      `json:"devices"`
	Warnings []string `json:"warnings,omitempty"`
}

// An importEntry is what became of one entry of the other server.
type importEntry struct {
	Source   string   `json:"source"`
	Endpoint string   `json:"endpoint,omitempty"`
	Outcome  string   `json:"outcome"` // imported, unchanged, skipped or refused
	Why      string   `json:"why,omitempty"`
	Profile  string   `json:"profile,omitempty"`
	Replaced bool     `json:"replaced,omitempty"`
	Changes  []string `json:"changes,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

func newEntryReport(out io.Writer, json, dry bool) *entryReport {
	r := &entryReport{out: out, json: json, dry: dry, summary: map[string]int{importer.Imported: 0, importer.Skipped: 0, importer.Refused: 0}}
	if json {
		r.print("{\n  \"dryRun\": %t,\n  \"entries\": [", dry)
	}
	return r
}

func (r *entryReport) print(format string, args ...any) {
	if _, err := fmt.Fprintf(r.out, format, args...); r.err == nil {
		r.err = err
	}
}

// add tells of one entry.
func (r *entryReport) add(e importEntry) {
	r.summary[e.Outcome]++
	if r.entries++; r.json {
		separator := ","
		if r.entries == 1 {
			separator = ""
		}
		r.print("%s\n    %s", separator, jsonOf(e))
		return
	}
	what := e.Source
	if e.Endpoint != "" && !strings.HasSuffix(what, e.Endpoint) {
		what += " " + e.Endpoint
	}
	switch {
	case e.Why != "":
		r.print("%s: %s: %s\n", what, e.Outcome, e.Why)
	case e.Outcome == unchanged:
		r.print("%s: unchanged, with profile %s\n", what, e.Profile)
	case e.Replaced:
		r.print("%s: %s with profile %s, in place of the record that was there\n", what, r.would(e.Outcome), e.Profile)
	default:
		r.print("%s: %s with profile %s\n", what, r.would(e.Outcome), e.Profile)
	}
	if e.Outcome == importer.Imported {
		for _, text := range e.Changes {
			r.print("    %s\n", text)
		}
		for _, text := range e.Warnings {
			r.print("    warning: %s\n", text)
		}
	}
}

// end tells of the profiles, and the sum.
func (r *entryReport) end(profiles []importProfile) {
	if r.json {
		r.print("\n  ],\n  \"profiles\": %s,\n  \"summary\": %s\n}\n", jsonOf(profiles), jsonOf(r.summary))
		return
	}
	for _, p := range profiles {
		r.print("profile %s: %s, for %s\n", output.Name(p.Name), r.would(p.Did), output.Counted(p.Devices, "device", "devices"))
		for _, text := range p.Warnings {
			r.print("    warning: %s\n", text)
		}
	}
	same := ""
	if n := r.summary[unchanged]; n > 0 {
		same = fmt.Sprintf("%d unchanged, ", n)
	}
	r.print("%s: %d %s, %s%d skipped, %d refused\n", output.Counted(r.entries, "entry", "entries"),
		r.summary[importer.Imported], r.would(importer.Imported), same, r.summary[importer.Skipped], r.summary[importer.Refused])
}

// would says what was done, or in a dry run what would be done.
func (r *entryReport) would(did string) string {
	if r.dry && did != unchanged {
		return "would be " + did
	}
	return did
}

// jsonOf is the JSON of a part of the report, which always has one.
func jsonOf(part any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(part)
	return strings.TrimSpace(b.String())
}
