package ddf

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"lwbs/lwm2m"
)

// maxSize of a file, in bytes: those of the registry have at most some 100 KiB.
const maxSize = 4 << 20

// A Problem says where a file is wrong, and how.
type Problem struct {
	File    string
	Line    int // from 1
	Message string
}

// Error is "FILE:LINE: MESSAGE".
func (p *Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message) }

// A file is the part of the schema that is read. Elements that it does not name, such as
// Description1, are passed over.
type file struct {
	XMLName xml.Name
	Objects []object `xml:"Object"`
}

// besides are the elements that files of the registry besides those of Objects have, by
// their outermost: lists of the Objects and of units.
var besides = []string{"DDFList", "units"}

// commonResources is the type of what is no Object, but Resources for others to use.
const commonResources = "CommonResources"

type object struct {
	Type              string `xml:"ObjectType,attr"`
	Name              string `xml:"Name"`
	ID                string `xml:"ObjectID"`
	Version           string `xml:"ObjectVersion"`
	MultipleInstances string `xml:"MultipleInstances"`
	Mandatory         string `xml:"Mandatory"`
	Items             []item `xml:"Resources>Item"`

	line int
}

type item struct {
	ID                string `xml:"ID,attr"`
	Name              string `xml:"Name"`
	Operations        string `xml:"Operations"`
	MultipleInstances string `xml:"MultipleInstances"`
	Mandatory         string `xml:"Mandatory"`
	Type              string `xml:"Type"`
	Range             string `xml:"RangeEnumeration"`
	Units             string `xml:"Units"`

	line int
}

// UnmarshalXML notes the line.
func (o *object) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	type plain object
	line, _ := d.InputPos()
	err := d.DecodeElement((*plain)(o), &start)
	o.line = line
	return err
}

// UnmarshalXML notes the line.
func (i *item) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	type plain item
	line, _ := d.InputPos()
	err := d.DecodeElement((*plain)(i), &start)
	i.line = line
	return err
}

// Read returns the Objects that a file defines; name is what errors call it. An error is
// the [Problem] of every mistake, joined.
func Read(name string, b []byte) ([]lwm2m.ObjectDefinition, error) {
	if len(b) > maxSize {
		return nil, tooLarge(name, int64(len(b)))
	}
	f, err := parse(b)
	if err != nil {
		err.File = name
		return nil, err
	}
	r := &reader{name: name}
	var out []lwm2m.ObjectDefinition
	for _, o := range f.Objects {
		switch {
		case o.Type == commonResources:
		case o.ID == "":
			r.fail(o.line, "the Object has no ObjectID: this is no definition of one")
		default:
			out = append(out, r.object(o))
		}
	}
	switch root := f.XMLName.Local; {
	case slices.Contains(besides, root):
	case root != "LWM2M":
		r.fail(1, "the outermost element is %s: want LWM2M", root)
	case len(f.Objects) == 0:
		r.fail(1, "there is no Object in it")
	}
	return out, errors.Join(r.problems...)
}

// parse reads the one outermost element of a file.
func parse(b []byte) (f file, _ *Problem) {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	err := d.Decode(&f)
	if err == nil {
		err = atEnd(d)
	}
	if err == nil {
		return f, nil
	}
	line, _ := d.InputPos()
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return f, &Problem{Line: syntax.Line, Message: "it is not XML: " + syntax.Msg}
	case errors.Is(err, io.EOF):
		return f, &Problem{Line: line, Message: "there is no element in it: want LWM2M"}
	}
	return f, &Problem{Line: line, Message: strings.TrimPrefix(err.Error(), "xml: ")}
}

// atEnd reports whether nothing but white space and comments is left.
func atEnd(d *xml.Decoder) error {
	for {
		switch token, err := d.Token(); token := token.(type) {
		case nil:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case xml.Comment:
		case xml.CharData:
			if len(bytes.TrimSpace(token)) > 0 {
				return errors.New("there is text behind the end of the outermost element")
			}
		default:
			return errors.New("there is more behind the end of the outermost element")
		}
	}
}

// A reader turns elements into definitions, and gathers what is wrong with them.
type reader struct {
	name     string
	problems []error
}

func (r *reader) fail(line int, format string, args ...any) {
	r.problems = append(r.problems, &Problem{r.name, line, fmt.Sprintf(format, args...)})
}

func (r *reader) object(o object) lwm2m.ObjectDefinition {
	id, ok := number(o.ID)
	if !ok {
		r.fail(o.line, "ObjectID %q is not a number from 0 to 65534", o.ID)
	}
	def := lwm2m.ObjectDefinition{
		ID:        lwm2m.ObjectID(id),
		Name:      r.text(o.line, "Name", o.Name),
		Version:   r.version(o),
		Multiple:  r.oneOf(o.line, "MultipleInstances", o.MultipleInstances, "Multiple", "Single"),
		Mandatory: r.oneOf(o.line, "Mandatory", o.Mandatory, "Mandatory", "Optional"),
	}
	seen := make(map[lwm2m.ResourceID]bool)
	for _, i := range o.Items {
		res := r.resource(i, def.Version)
		if seen[res.ID] {
			r.fail(i.line, "Resource %d is there twice", res.ID)
		}
		seen[res.ID] = true
		def.Resources = append(def.Resources, res)
	}
	slices.SortFunc(def.Resources, func(a, b lwm2m.ResourceDefinition) int { return cmp.Compare(a.ID, b.ID) })
	return def
}

// version is that of an Object, which is 1.0 where nothing is said (Core 1.1.1 §7.2.2).
func (r *reader) version(o object) lwm2m.Version {
	text := strings.TrimSpace(o.Version)
	if text == "" {
		return lwm2m.Version10
	}
	v, err := lwm2m.ParseVersion(text)
	if err != nil {
		r.fail(o.line, "ObjectVersion: %v", err)
	}
	return v
}

func (r *reader) text(line int, element, text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		r.fail(line, "%s is missing", element)
	}
	return text
}

// oneOf reports whether text is the first of two words; it has to be one of them.
func (r *reader) oneOf(line int, element, text, first, second string) bool {
	text = strings.TrimSpace(text)
	if text != first && text != second {
		r.fail(line, "%s is %q: want %s or %s", element, text, first, second)
	}
	return text == first
}

// number reads an ID.
func number(text string) (uint16, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	return uint16(n), err == nil && n != lwm2m.MaxID
}
