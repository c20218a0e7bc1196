package profilefile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Problem is something wrong in a file.
type Problem struct {
	File    string
	Line    int // from 1
	Message string
}

// Error is "meter.yaml:12: message".
func (p *Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message) }

// joined returns the problems as one error with a line for each, in the order of the
// file.
func joined(problems []*Problem) error {
	slices.SortStableFunc(problems, func(a, b *Problem) int { return a.Line - b.Line })
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// nearest returns the known word that want was probably meant to be; empty where none
// is close.
func nearest(want string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := editDistance(strings.ToLower(want), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// editDistance is how many letters must be added, removed or changed.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
