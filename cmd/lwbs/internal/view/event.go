package view

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/store"
)

// WatchOptions are those of a command that tells of a lost connection.
func WatchOptions(errs io.Writer) admin.WatchOptions {
	return admin.WatchOptions{Lost: func(err error) {
		fmt.Fprintf(errs, "lwbs: the connection is lost, and tried again: %v\n", err)
	}}
}

// PrintMissed prints that events were missed, where e says so.
func PrintMissed(errs io.Writer, e admin.Event) bool {
	switch {
	case e.Kind != admin.EventMissed:
		return false
	case e.Missed == 1:
		fmt.Fprintln(errs, "lwbs: 1 event was missed: lwbs session list")
	case e.Missed > 1:
		fmt.Fprintf(errs, "lwbs: %d events were missed: lwbs session list\n", e.Missed)
	default:
		fmt.Fprintln(errs, "lwbs: the server was started again, or is another one: events may have been missed: lwbs session list")
	}
	return true
}

// PrintEvent prints an event on one line, or as JSON on one line.
func PrintEvent(out io.Writer, e admin.Event, inJSON bool) error {
	if inJSON {
		return json.NewEncoder(out).Encode(e)
	}
	return PrintEventText(out, e.Kind, e.Session)
}

// PrintEventText prints an event on one line.
func PrintEventText(out io.Writer, kind bootstrap.EventKind, s store.Session) error {
	what := ""
	switch kind {
	case bootstrap.EventStarted:
		what = "asks to bootstrap, from " + From(s)
	case bootstrap.EventParked:
		what = fmt.Sprintf("is unknown, and waits for approval: lwbs pending approve %s", s.Pending)
	case bootstrap.EventApproved:
		what = "has a record now, and goes on"
	case bootstrap.EventQueued:
		what = s.Detail
	case bootstrap.EventOperation:
		if n := len(s.Operations); n > 0 {
			o := s.Operations[n-1]
			what = fmt.Sprintf("%s %v: %v %s", o.Op, o.Path, o.Code, o.Error)
		}
	case bootstrap.EventEnded:
		what = fmt.Sprintf("ends: %s %s", s.Cause, s.Detail)
	}
	_, err := fmt.Fprintf(out, "%s  %s  %s\n", time.Now().Format("15:04:05 -07:00"), Name(s), strings.TrimSpace(what))
	return err
}
