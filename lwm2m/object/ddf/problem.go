package ddf

import (
	"fmt"
	"slices"
)

// A Problem is something in a file that is not as the schema wants it: where, and what
// became of it.
type Problem struct {
	File    string
	Line    int // from 1
	Message string

	// Lost is whether something that the file defines is not known because of it: the
	// file, an Object, a Resource or its type. Otherwise it was clear what is meant.
	Lost bool
}

// String is "FILE:LINE: MESSAGE".
func (p Problem) String() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message) }

// Lost returns those of problems that something is not known because of.
func Lost(problems []Problem) []Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p Problem) bool { return !p.Lost })
}
