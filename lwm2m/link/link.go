package link

import (
	"fmt"
	"strings"
)

// A Link is one element of a document in link format (RFC 6690).
type Link struct {
	// Target is the text between the angle brackets, such as "/0/1". It is empty for the bare
	// lwm2m="1.0" of LwM2M 1.0.
	Target string

	// Attributes are in the order of the document.
	Attributes []Attribute
}

// An Attribute is one parameter of a [Link].
type Attribute struct {
	Name   string
	Value  string // without the quotation marks
	Quoted bool   // whether the value is written with quotation marks
}

// Attribute returns the first attribute of that name.
func (l Link) Attribute(name string) (a Attribute, ok bool) {
	for _, a := range l.Attributes {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}

// Append appends links as a document in link format. A value with a quotation
// mark or a separator in it gets quotation marks even when it is not Quoted.
//
// Spec: RFC 6690 §2.
func Append(dst []byte, links ...Link) []byte {
	for i, l := range links {
		if i > 0 {
			dst = append(dst, ',')
		}
		separator := ""
		if l.Target != "" {
			dst = append(append(append(dst, '<'), l.Target...), '>')
			separator = ";"
		}
		for _, a := range l.Attributes {
			dst = appendAttribute(append(dst, separator...), a)
			separator = ";"
		}
	}
	return dst
}

func appendAttribute(dst []byte, a Attribute) []byte {
	dst = append(dst, a.Name...)
	switch {
	case a.Quoted || strings.ContainsAny(a.Value, "\",;=\\<> \t\r\n"):
		dst = append(append(dst, '=', '"'), quoteEscape.Replace(a.Value)...)
		return append(dst, '"')
	case a.Value != "":
		return append(append(dst, '='), a.Value...)
	}
	return dst
}

var quoteEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// Bounds of a document in link format, and of the remarks about one.
const (
	maxLinkFormat = 16 << 10 // bytes
	maxNotes      = 8
	maxNoteQuote  = 40 // bytes of the document that a remark quotes
)

// A noteList collects remarks on a document, the first few of them.
type noteList []string

// add adds a remark and the part of the document that it is about.
func (n *noteList) add(remark, quote string) {
	if len(*n) >= maxNotes {
		return
	}
	if len(quote) > maxNoteQuote {
		quote = quote[:maxNoteQuote] + "…"
	}
	*n = append(*n, fmt.Sprintf("%s: %q", remark, quote))
}
