package yamltree

import (
	"errors"
	"fmt"
	"slices"
)

// A Problem is a mistake in a file.
type Problem struct {
	File    string
	Line    int // from 1
	Message string
}

// Error returns a text such as "meter.yaml:12: message".
func (p *Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message) }

// Joined returns the problems as one error with one line for each, in the order of the file.
func Joined(problems []*Problem) error {
	slices.SortStableFunc(problems, func(a, b *Problem) int { return a.Line - b.Line })
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}
