package lwm2m

// A Link is one element of a link-format document (RFC 6690).
type Link struct {
	Target     string
	Attributes []Attribute
}

// An Attribute is one parameter of a Link.
type Attribute struct {
	Name   string
	Value  string
	Quoted bool
}

// ParseLinks reads a link-format document and returns remarks about what it skipped.
func ParseLinks(b []byte) (links []Link, notes []string) { return nil, nil }

// AppendLinks appends links in link format.
func AppendLinks(dst []byte, links ...Link) []byte { return dst }
