package ddf

import (
	"fmt"
	"slices"
)

// A Problem is a difference of a file from the schema: where it is, and its effect.
type Problem struct {
	File    string
	Line    int // from 1
	Message string

	// Lost is whether it causes a part of the definitions to be left out: the file, an Object, a
	// Resource or its type. Otherwise the meaning is clear.
	Lost bool
}

// String is "FILE:LINE: MESSAGE".
func (p Problem) String() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message) }

// Lost returns those problems that cause a part of the definitions to be left out.
func Lost(problems []Problem) []Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p Problem) bool { return !p.Lost })
}
