package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/clitest"
)

// A list is printed page by page, and holds one at a time.
func TestListsHoldOnePageAtATime(t *testing.T) {
	const all = 5 * PageSize
	for _, asJSON := range []string{"", " --json"} {
		var out, errs bytes.Buffer
		app := &cli.App{Name: "lwbs", Writer: &out, ErrWriter: &errs, Flags: []cli.Flag{JSONFlag()}}
		asked := 0
		l := List[int]{
			Limit: all - 1, Option: "--after", Headings: []string{"N"},
			Key:   func(n int) string { return fmt.Sprint(n) },
			Cells: func(n int) []string { return []string{fmt.Sprint(n)} },
			Next: func(_ context.Context, n int, behind string) ([]int, error) {
				if asked > PageSize && out.Len() == 0 {
					t.Errorf("%d entries were asked for before one was printed", asked)
				}
				asked += n
				first := 0
				if behind != "" {
					_, _ = fmt.Sscan(behind, &first)
					first++
				}
				var page []int
				for i := first; i < min(first+n, all); i++ {
					page = append(page, i)
				}
				return page, nil
			},
		}
		app.Action = listAction(l)
		if err := app.RunContext(t.Context(), strings.Fields("lwbs"+asJSON)); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(out.String(), "\n"); lines < all-1 {
			t.Errorf("%d lines are printed, want %d", lines, all-1)
		}
		clitest.Contains(t, "a list that is cut", errs.String(), fmt.Sprintf("there are more: --after %d lists the next", all-2))
	}
}

// A list that fails in the middle is not a whole list.
func TestListThatFailsIsNotWhole(t *testing.T) {
	var out bytes.Buffer
	app := &cli.App{Name: "lwbs", Writer: &out, ErrWriter: &out, Flags: []cli.Flag{JSONFlag()}}
	app.Action = listAction(List[int]{
		Key: func(n int) string { return fmt.Sprint(n) },
		Next: func(_ context.Context, n int, behind string) ([]int, error) {
			if behind != "" {
				return nil, errors.New("the disk is gone")
			}
			return make([]int, n), nil
		},
	})
	if err := app.RunContext(t.Context(), []string{"lwbs", "--json"}); err == nil || json.Valid(out.Bytes()) {
		t.Errorf("error %v, and it is whole: %s", err, out.String())
	}
}

// A soundAPI is that of a database all of which can be read.
type soundAPI struct{ admin.API }

func (soundAPI) Unreadable(context.Context) ([]admin.Unreadable, error) { return nil, nil }

func listAction[T any](l List[T]) cli.ActionFunc {
	return func(c *cli.Context) error { return l.Print(c.Context, c, soundAPI{}) }
}
