package server

import (
	"net/url"
)

// page is a list of at most n entries, of which cursor is the parameter that begins the
// next page behind one of them.
func page[T any](r request, n int, cursor string, list func(limit int, behind string) ([]T, error), name func(T) string) (reply, error) {
	entries, err := list(n, "")
	if err != nil || len(entries) < n {
		return reply{body: orEmpty(entries)}, err
	}
	last := name(entries[len(entries)-1])
	more, err := list(1, last)
	out := reply{body: entries}
	if len(more) > 0 {
		out.next = make(url.Values, len(r.query)+1)
		for k, v := range r.query {
			out.next[k] = v
		}
		out.next.Set(cursor, last)
	}
	return out, err
}

// orEmpty makes the JSON of an empty list [] and not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
