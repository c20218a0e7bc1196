package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/bootstrap/profile"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/store"
)

// errInterrupted: the command was stopped by a signal.
var errInterrupted = errors.New("interrupted")

// A failed is an error as --json prints it: one line of JSON on standard error, with the
// members that problems of the admin API have.
type failed struct {
	Type     string            `json:"type"`
	Title    string            `json:"title"`
	Detail   string            `json:"detail"` // what is told without --json
	What     string            `json:"what,omitempty"`
	Findings []profile.Finding `json:"findings,omitempty"`
	Harms    []admin.Harm      `json:"harms,omitempty"`
	Hint     string            `json:"hint,omitempty"`
}

// tell prints why a command failed, and what to do.
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
	p := wire.ProblemOf(err)
	f := failed{p.Type, p.Title, p.Detail, p.What, p.Findings, p.Harms, hintFor(err)}
	if kind, title := kindOf(err); kind != "" {
		f.Type, f.Title = "urn:lwbs:"+kind, title
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	_ = e.Encode(f)
}

// kindOf names the errors that only a command has, not a server.
func kindOf(err error) (kind, title string) {
	var usage *command.UsageError
	switch {
	case errors.As(err, &usage):
		return "usage", "a mistake in the command line"
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return "interrupted", errInterrupted.Error()
	case errors.Is(err, command.ErrNoDatabase):
		return "no-database", "there is no database"
	case errors.Is(err, store.ErrLocked):
		return "locked", store.ErrLocked.Error()
	case errors.Is(err, store.ErrNoKey):
		return "no-key", store.ErrNoKey.Error()
	case errors.Is(err, store.ErrSchema):
		return "schema", store.ErrSchema.Error()
	case wire.ProblemOf(err).Type == "about:blank":
		return "failed", "it failed"
	}
	return "", ""
}

// wantsJSON reports whether a command line has --json, even if the rest of it is wrong.
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
		return "if another command has it open, repeat this one soon; if a server has it open, it does not answer on the admin socket: check --admin"
	case errors.Is(err, store.ErrNoKey):
		return "give the key file of this database with --key-file, or restore it from your copy: nothing else opens the secrets"
	case errors.Is(err, store.ErrConflict):
		return "the record has another revision than the one that was named: read it again, and repeat the change if it is still right"
	case errors.Is(err, store.ErrFull):
		return "nothing is half-written: make room on the disk and repeat the command"
	case errors.Is(err, store.ErrUnreachable):
		return "see that the database runs and takes connections from here, and that --db names the hosts, the user and the database that it has"
	case errors.Is(err, admin.ErrStarting):
		return "repeat the command when the server is ready: /readyz and the log say when"
	case errors.Is(err, store.ErrCorrupt):
		return "check the disk; restore a backup, or let lwbs db salvage read what it can"
	case errors.Is(err, admin.ErrNoServer):
		return "start it with lwbs serve, with the same --db"
	case errors.Is(err, fs.ErrExist):
		return "existing files are not replaced: name another"
	case errors.Is(err, store.ErrExists):
		return "lwbs device set changes a device that exists, lwbs group set a group, lwbs lwm2m-server set an LwM2M Server, and lwbs user set a user"
	case errors.Is(err, store.ErrNotFound):
		return "lwbs device list, profile list, group list, lwm2m-server list, user list, token list and session list show what there is"
	case errors.Is(err, store.ErrInUse):
		return "lwbs device list --profile NAME, or --group NAME, shows the devices; lwbs group list shows the groups"
	}
	return ""
}
