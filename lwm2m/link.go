package lwm2m

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Link is one element of a link-format document (RFC 6690).
type Link struct {
	Target     string // without the angle brackets; empty in the bare lwm2m="1.0" of LwM2M 1.0
	Attributes []Attribute
}

// Attribute returns the first attribute of that name.
func (l Link) Attribute(name string) (Attribute, bool) {
	for _, a := range l.Attributes {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}

// An Attribute is one parameter of a Link.
type Attribute struct {
	Name   string
	Value  string // without quotes
	Quoted bool
}

// Bounds of a link-format document: its bytes, and the remarks about one.
const (
	maxLinkFormat = 16 << 10
	maxNotes      = 8
)

// ParseLinks reads a link-format document as it is found in the field: spaces around
// elements and attributes, quoted and unquoted values, a bare attribute where a link
// should be. What makes no sense is skipped, and notes say what. A document above 16
// KiB is read up to there.
func ParseLinks(b []byte) (links []Link, notes []string) {
	note := func(format string, args ...any) {
		if len(notes) < maxNotes {
			notes = append(notes, fmt.Sprintf(format, args...))
		}
	}
	if len(b) > maxLinkFormat {
		note("answer to Discover has %d bytes; what is beyond %d is ignored", len(b), maxLinkFormat)
		b = b[:maxLinkFormat]
	}
	if !utf8.Valid(b) {
		note("answer to Discover is not valid UTF-8")
		b = []byte(strings.ToValidUTF8(string(b), "\ufffd"))
	}
	for _, element := range splitOutsideQuotes(string(b), ',') {
		element = strings.TrimSpace(element)
		if element == "" {
			continue
		}
		link, ok := parseElement(element)
		if !ok {
			note("element %.60q of the answer to Discover is no link", element)
			continue
		}
		links = append(links, link)
	}
	return links, notes
}

// parseElement reads one element: "<target>;name=value;…".
func parseElement(element string) (l Link, ok bool) {
	parts := splitOutsideQuotes(element, ';')
	first := strings.TrimSpace(parts[0])
	if rest, isLink := strings.CutPrefix(first, "<"); isLink {
		target, after, closed := strings.Cut(rest, ">")
		if !closed || strings.TrimSpace(after) != "" {
			return l, false
		}
		l.Target = target
		parts = parts[1:]
	} else if !strings.Contains(first, "=") {
		return l, false
	}
	for _, part := range parts {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		a := Attribute{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)}
		if n := len(a.Value); n >= 2 && a.Value[0] == '"' && a.Value[n-1] == '"' {
			a.Value, a.Quoted = a.Value[1:n-1], true
		}
		if a.Name != "" {
			l.Attributes = append(l.Attributes, a)
		}
	}
	return l, true
}

// splitOutsideQuotes splits s at each sep that stands neither in double quotes nor in
// angle brackets.
func splitOutsideQuotes(s string, sep byte) []string {
	var out []string
	start, quoted, target := 0, false, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' && !target:
			quoted = !quoted
		case quoted:
		case c == '<':
			target = true
		case c == '>':
			target = false
		case c == sep && !target:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// AppendLinks appends links in link format. Values with quotes of their own are not
// possible in it, and the quotes are left out.
func AppendLinks(dst []byte, links ...Link) []byte {
	for i, l := range links {
		if i > 0 {
			dst = append(dst, ',')
		}
		if l.Target != "" {
			dst = append(append(append(dst, '<'), l.Target...), '>')
		}
		for j, a := range l.Attributes {
			if j > 0 || l.Target != "" {
				dst = append(dst, ';')
			}
			dst = append(append(dst, a.Name...), '=')
			value := strings.ReplaceAll(a.Value, `"`, "")
			if a.Quoted {
				value = `"` + value + `"`
			}
			dst = append(dst, value...)
		}
	}
	return dst
}
