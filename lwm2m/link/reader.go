package link

import (
	"bytes"
	"strings"
)

// Parse reads a document in link format leniently, as devices in the field need: it accepts white space
// around separators and a missing target, and ignores an element that it cannot read. The notes, of
// bounded length, say which. Of a document of more than 16 KiB it reads the links within the first
// 16 KiB.
//
// Spec: RFC 6690 §2.
func Parse(document []byte) (links []Link, notes []string) {
	var remarks noteList
	if len(document) > maxLinkFormat {
		document = document[:maxLinkFormat]
		cut := max(0, bytes.LastIndexByte(document, ','))
		remarks.add("longer than 16 KiB, nothing is read from here on", string(document[cut:]))
		document = document[:cut]
	}
	for _, element := range splitOutsideQuotes(strings.ToValidUTF8(string(document), "\uFFFD"), ',') {
		if element == "" {
			continue
		}
		link, ok := parseElement(element)
		if !ok {
			remarks.add("not a link", element)
			continue
		}
		links = append(links, link)
	}
	return links, remarks
}

// splitOutsideQuotes splits s at each separator that stands neither in quotation
// marks nor in angle brackets, and trims the parts of white space. A mark or bracket
// that is never closed counts as a letter, so that it spoils one element and not all
// that follow.
func splitOutsideQuotes(s string, separator byte) (parts []string) {
	start := 0
	lastQuote, lastBracket := strings.LastIndexByte(s, '"'), strings.LastIndexByte(s, '>')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' && i < lastQuote:
			i += max(0, closingQuote(s[i:]))
		case c == '<' && i < lastBracket:
			if end := strings.IndexAny(s[i:], ">\",;"); s[i+end] == '>' {
				i += end
			}
		case c == separator:
			parts = append(parts, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(s[start:]))
}

// closingQuote is the place of the quotation mark that closes the one at the start of
// s, negative where there is none.
func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// parseElement reads one element: "<target>;name=value;…". One without a target must
// be the version of the enabler, lwm2m="1.0".
func parseElement(element string) (l Link, ok bool) {
	rest, bracket := strings.CutPrefix(element, "<")
	if bracket {
		target, after, closed := strings.Cut(rest, ">")
		after = strings.TrimSpace(after)
		if !closed || after != "" && after[0] != ';' || strings.ContainsAny(target, "<\",;") {
			return l, false
		}
		l.Target, rest = strings.TrimSpace(target), strings.TrimPrefix(after, ";")
	}
	for _, part := range splitOutsideQuotes(rest, ';') {
		if part == "" {
			continue
		}
		a, ok := parseAttribute(part)
		if !ok {
			return l, false
		}
		l.Attributes = append(l.Attributes, a)
	}
	if l.Target == "" {
		_, ok := l.Attribute(attributeVersion)
		return l, ok
	}
	return l, true
}

func parseAttribute(part string) (a Attribute, ok bool) {
	name, value, _ := strings.Cut(part, "=")
	a.Name, a.Value = strings.TrimSpace(name), strings.TrimSpace(value)
	if a.Name == "" || strings.ContainsAny(a.Name, "\"<>,; \t\r\n") {
		return a, false
	}
	if strings.HasPrefix(a.Value, `"`) {
		end := closingQuote(a.Value)
		if end < 0 || end != len(a.Value)-1 {
			return a, false
		}
		a.Value, a.Quoted = unescape(a.Value[1:end]), true
	}
	return a, true
}

// unescape takes the backslash from each quoted-pair.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
