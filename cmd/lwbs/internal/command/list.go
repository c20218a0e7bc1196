package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
)

// PageSize is how many entries of a list are held at a time.
const PageSize = 500

// LimitFlag is the option for the length of a list.
func LimitFlag(byDefault string) cli.Flag {
	return &cli.IntFlag{Name: "limit", Usage: "list at most `N` entries", DefaultText: byDefault}
}

// LimitOf returns --limit, or the default; zero stands for all.
func LimitOf(c *cli.Context, byDefault int) (int, error) {
	if !c.IsSet("limit") {
		return byDefault, nil
	}
	n := c.Int("limit")
	if n < 1 {
		return 0, Usagef("--limit %d is less than 1", n)
	}
	return n, nil
}

// A List is a list that is read in pages, and the way it is printed.
type List[T any] struct {
	Limit  int                                                          // entries; zero for all
	Behind string                                                       // the entry that it begins behind; empty from the first
	Next   func(ctx context.Context, n int, behind string) ([]T, error) // the next n, fewer only at the end
	Key    func(T) string                                               // the name of an entry, for next
	Option string                                                       // the option of the command that sets behind
	First  []T                                                          // entries that come before all others, and are left out there

	Headings []string
	Cells    func(T) []string
	Rows     func(T) [][]string // in place of Cells, for entries of several rows
}

// Print prints a list page by page, as a table or as JSON, and says how to go on where there is more.
func (l List[T]) Print(ctx context.Context, c *cli.Context, api admin.API) error {
	var more bool
	var err error
	behind := l.Behind
	if c.Bool("json") {
		list := &jsonList{out: c.App.Writer}
		if more, err = l.Each(ctx, func(entry T) error { return list.add(entry) }); err == nil {
			err = list.end()
		}
	} else {
		t := output.NewTable(c.App.Writer, l.Headings...)
		more, err = l.Each(ctx, func(entry T) error {
			if l.Rows == nil {
				t.Row(l.Cells(entry)...)
				return t.Failure()
			}
			for _, row := range l.Rows(entry) {
				t.Row(row...)
			}
			return t.Failure()
		})
		if err == nil || l.Behind != behind { // no headings without entries
			err = errors.Join(err, t.Flush())
		}
	}
	switch {
	case more && err == nil && l.Behind == behind:
		fmt.Fprintln(c.App.ErrWriter, "there are more: raise --limit")
	case more && err == nil:
		fmt.Fprintf(c.App.ErrWriter, "there are more: %s %s lists the next\n", l.Option, output.Name(l.Behind))
	}
	if err != nil {
		return err
	}
	return WarnUnreadable(ctx, c.App.ErrWriter, api)
}

// WarnUnreadable warns of records that a list lacks since they cannot be read.
func WarnUnreadable(ctx context.Context, out io.Writer, api admin.API) error {
	parts, err := api.Unreadable(ctx)
	const told = 3
	for i, part := range parts {
		if i == told {
			fmt.Fprintf(out, "warning: and %d more\n", len(parts)-told)
			break
		}
		fmt.Fprintf(out, "warning: %s cannot be read and is in no list: %s\n", part.What, part.Error)
	}
	if len(parts) > 0 {
		fmt.Fprintln(out, "hint: lwbs db check lists all damage")
	}
	return err
}

// Each calls do with each entry, and reports whether there are more than the limit.
func (l *List[T]) Each(ctx context.Context, do func(T) error) (more bool, err error) {
	listed := 0
	before := make(map[string]bool, len(l.First))
	for _, entry := range l.First {
		if l.Limit > 0 && listed == l.Limit {
			return true, nil
		}
		if err := do(entry); err != nil {
			return false, err
		}
		before[l.Key(entry)] = true
		listed++
	}
	for {
		want := PageSize
		if l.Limit > 0 {
			want = min(want, l.Limit-listed)
		}
		if want == 0 {
			rest, err := l.Next(ctx, 1, l.Behind)
			return len(rest) > 0, err
		}
		page, err := l.Next(ctx, want, l.Behind)
		if err != nil {
			return false, err
		}
		for _, entry := range page {
			l.Behind = l.Key(entry)
			if before[l.Behind] {
				continue
			}
			if err := do(entry); err != nil {
				return false, err
			}
		}
		if listed += len(page); len(page) < want {
			return false, nil
		}
	}
}

// A jsonList prints an array in JSON entry by entry. An error leaves the array without its end, so
// that no program takes it for complete.
type jsonList struct {
	out io.Writer
	any bool
}

func (l *jsonList) add(entry any) error {
	var b bytes.Buffer
	b.WriteString(",\n  ")
	if !l.any {
		b.Reset()
		b.WriteString("[\n  ")
	}
	l.any = true
	e := json.NewEncoder(&b)
	e.SetIndent("  ", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(entry); err != nil {
		return err
	}
	_, err := l.out.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	return err
}

func (l *jsonList) end() error {
	text := "\n]\n"
	if !l.any {
		text = "[]\n"
	}
	_, err := io.WriteString(l.out, text)
	return err
}
