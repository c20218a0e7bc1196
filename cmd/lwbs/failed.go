package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/store"
)

// errInterrupted ends a command that was told to stop.
var errInterrupted = errors.New("interrupted")

// A worded error has words of its own for what it wraps.
type worded struct {
	text string
	err  error
}

func (e *worded) Error() string { return e.text }
func (e *worded) Unwrap() error { return e.err }

// A failed is what is told of an error where --json is given: one line of JSON on standard
// error, in the words of the problems of the admin API.
type failed struct {
	Type     string            `json:"type"`
	Title    string            `json:"title"`
	Detail   string            `json:"detail"` // what is told without --json
	What     string            `json:"what,omitempty"`
	Findings []profile.Finding `json:"findings,omitempty"`
	Harms    []admin.Harm      `json:"harms,omitempty"`
	Hint     string            `json:"hint,omitempty"`
}

// tell says on out why a command failed, and what to do.
func tell(out io.Writer, err error, inJSON bool) {
	if !inJSON {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(out, "lwbs: %s\n", strings.TrimRight(line, "\n"))
		}
		if hint := hintFor(err); hint != "" {
			fmt.Fprintf(out, "hint: %s\n", hint)
		}
		return
	}
	p := admin.ProblemOf(err)
	f := failed{p.Type, p.Title, p.Detail, p.What, p.Findings, p.Harms, hintFor(err)}
	if kind, title := kindOf(err); kind != "" {
		f.Type, f.Title = "urn:lwbs:"+kind, title
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	_ = e.Encode(f)
}

// kindOf tells the errors apart that no server has.
func kindOf(err error) (kind, title string) {
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		return "usage", "a mistake in the command line"
	case errors.Is(err, errInterrupted):
		return "interrupted", errInterrupted.Error()
	case errors.Is(err, errNoDatabase):
		return "no-database", "there is no database"
	case errors.Is(err, store.ErrLocked):
		return "locked", store.ErrLocked.Error()
	case errors.Is(err, store.ErrNoKey):
		return "no-key", store.ErrNoKey.Error()
	case errors.Is(err, store.ErrSchema):
		return "schema", store.ErrSchema.Error()
	case admin.ProblemOf(err).Type == "about:blank":
		return "failed", "it failed"
	}
	return "", ""
}

// wantsJSON reports whether a command line has --json, right or wrong as it may be.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			return false
		}
		option, value, given := strings.Cut(arg, "=")
		if option != "--json" && option != "-json" {
			continue
		}
		if on, err := strconv.ParseBool(value); !given || err != nil || on {
			return true
		}
	}
	return false
}

// hintFor says what to do about an error, where that is not clear from it.
func hintFor(err error) string {
	switch {
	case errors.Is(err, store.ErrLocked):
		return "a command lets go of it soon: repeat this one; a server would be asked instead, but none answers on the admin socket: check --admin"
	case errors.Is(err, store.ErrNoKey):
		return "give the key file of this database with --key-file, or restore it from where you keep it: there is no other way to its secrets"
	case errors.Is(err, store.ErrConflict):
		return "the record has another revision than the one that was named: read it again, and repeat the change if it is still right"
	case errors.Is(err, store.ErrFull):
		return "nothing was changed: make room on the disk and repeat the command"
	case errors.Is(err, admin.ErrStarting):
		return "repeat the command when it is ready: /readyz and the log tell"
	case errors.Is(err, store.ErrCorrupt):
		return "look at the disk; put a backup in its place, or see what lwbs db salvage can read of it"
	case errors.Is(err, admin.ErrNoServer):
		return "start it with lwbs serve, with the same --db"
	case errors.Is(err, fs.ErrExist):
		return "no file is ever replaced: name another"
	case errors.Is(err, store.ErrExists):
		return "lwbs device set changes a device that exists"
	case errors.Is(err, store.ErrNotFound):
		return "lwbs device list, profile list and session list show what there is"
	case errors.Is(err, store.ErrInUse):
		return "lwbs device list --profile NAME shows which"
	}
	return ""
}
