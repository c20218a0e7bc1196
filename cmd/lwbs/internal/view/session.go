// Package view tells of devices and attempts in the words that all commands use.
package view

import (
	"fmt"
	"io"
	"time"

	"lwbs/bootstrap/explain"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// Age returns how long a session has been running, in whole seconds.
func Age(s store.Session) time.Duration { return time.Since(s.Started).Truncate(time.Second) }

// From returns the transport and address of the peer.
func From(s store.Session) string { return output.Text(s.Transport + "://" + s.Remote) }

// Name names the device of an attempt, as far as it is known.
func Name(s store.Session) string {
	switch {
	case s.Claimed != "" && s.Endpoint == "":
		return fmt.Sprintf("(unknown, as %s)", output.Name(s.Claimed))
	case s.Claimed != "":
		return fmt.Sprintf("%s (as %s)", output.Name(s.Endpoint), output.Name(s.Claimed))
	case s.Endpoint != "":
		return output.Name(s.Endpoint)
	case s.Network != "":
		return fmt.Sprintf("(network %s)", s.Network)
	case s.Identity != "":
		return fmt.Sprintf("(identity %s)", s.Identity) // printable in every record
	}
	return "(unknown)"
}

// PrintExplanation prints how far an attempt came, what happened, and what to do.
func PrintExplanation(out io.Writer, e explain.Explanation) {
	fmt.Fprintf(out, "  came to    %s\n  happened   %s\n", e.Stage, e.Happened)
	if e.Remedy != "" {
		fmt.Fprintf(out, "  to do      %s\n", e.Remedy)
	}
}

// LastTime returns when the last attempt that a record stands for ended.
func LastTime(s store.Session) time.Time {
	if s.Ended.IsZero() {
		return s.Started
	}
	return s.Ended
}

// When returns when an attempt began; for coalesced failures when the last one ended.
func When(s store.Session) time.Time {
	if s.Attempts > 1 {
		return LastTime(s)
	}
	return s.Started
}
