// Package output prints for people and programs: tables, names and texts with invisible characters
// escaped, times, and JSON.
package output

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Clock formats a time for people, in the time zone of the machine, with its offset. JSON has UTC.
func Clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -07:00") }

// JSON prints v as indented JSON.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // people read lists of links
	return e.Encode(v)
}

// Counted returns n with the noun in the right number.
func Counted(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// Parenthesis returns text in parentheses, behind a space; empty for an empty text.
func Parenthesis(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}
