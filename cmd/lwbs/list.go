package main

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

// pageSize is how many entries of a list are held at a time.
const pageSize = 500

// limitFlag is the option for the length of a list.
func limitFlag(byDefault string) cli.Flag {
	return &cli.IntFlag{Name: "limit", Usage: "list at most `N` entries", DefaultText: byDefault}
}

// limitOf returns --limit, or the default; zero stands for all.
func limitOf(c *cli.Context, byDefault int) (int, error) {
	if !c.IsSet("limit") {
		return byDefault, nil
	}
	n := c.Int("limit")
	if n < 1 {
		return 0, usagef("--limit %d is less than 1", n)
	}
	return n, nil
}

// A listing is a list that is read in pages, and the way it is printed.
type listing[T any] struct {
	limit  int                                                          // entries; zero for all
	behind string                                                       // the entry that it begins behind; empty from the first
	next   func(ctx context.Context, n int, behind string) ([]T, error) // the next n, fewer only at the end
	key    func(T) string                                               // the name of an entry, for next
	option string                                                       // the option of the command that sets behind
	first  []T                                                          // entries that come before all others, and are left out there

	headings []string
	cells    func(T) []string
}

// print prints a list page by page, as a table or as JSON, and says how to go on where there is more.
func (l listing[T]) print(ctx context.Context, c *cli.Context, api admin.API) error {
	var more bool
	var err error
	behind := l.behind
	if c.Bool("json") {
		list := &jsonList{out: c.App.Writer}
		if more, err = l.each(ctx, func(entry T) error { return list.add(entry) }); err == nil {
			err = list.end()
		}
	} else {
		t := output.NewTable(c.App.Writer, l.headings...)
		more, err = l.each(ctx, func(entry T) error {
			t.Row(l.cells(entry)...)
			return t.Failure()
		})
		if err == nil || l.behind != behind { // no headings without entries
			err = errors.Join(err, t.Flush())
		}
	}
	switch {
	case more && err == nil && l.behind == behind:
		fmt.Fprintln(c.App.ErrWriter, "there are more: raise --limit")
	case more && err == nil:
		fmt.Fprintf(c.App.ErrWriter, "there are more: %s %s lists the next\n", l.option, output.Name(l.behind))
	}
	if err != nil {
		return err
	}
	return warnUnreadable(ctx, c.App.ErrWriter, api)
}

// warnUnreadable warns of records that a list lacks since they cannot be read.
func warnUnreadable(ctx context.Context, out io.Writer, api admin.API) error {
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

// each calls do with each entry, and reports whether there are more than the limit.
func (l *listing[T]) each(ctx context.Context, do func(T) error) (more bool, err error) {
	listed := 0
	before := make(map[string]bool, len(l.first))
	for _, entry := range l.first {
		if l.limit > 0 && listed == l.limit {
			return true, nil
		}
		if err := do(entry); err != nil {
			return false, err
		}
		before[l.key(entry)] = true
		listed++
	}
	for {
		want := pageSize
		if l.limit > 0 {
			want = min(want, l.limit-listed)
		}
		if want == 0 {
			rest, err := l.next(ctx, 1, l.behind)
			return len(rest) > 0, err
		}
		page, err := l.next(ctx, want, l.behind)
		if err != nil {
			return false, err
		}
		for _, entry := range page {
			l.behind = l.key(entry)
			if before[l.behind] {
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
