package ddf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"lwbs/lwm2m/filekind"
	"lwbs/lwm2m/object"
)

// maxSize of a file, in bytes: those of the registry have at most some 100 KiB.
const maxSize = 4 << 20

// A file is the part of the schema that is read. Other elements, such as Description1, are ignored.
type file struct {
	XMLName xml.Name
	Objects []element `xml:"Object"`
}

// besides are the elements that files of the registry besides those of Objects have, by
// their outermost: lists of the Objects and of units.
var besides = []string{"DDFList", "units"}

// commonResources is the type of what is no Object, but Resources for others to use.
const commonResources = "CommonResources"

type element struct {
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
func (o *element) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	type plain element
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

// Read returns the Objects that a file defines, and its problems; name is the name of the file in
// problems. A wrong Object or Resource is left out.
func Read(name string, b []byte) ([]object.Definition, []Problem) {
	if len(b) > maxSize {
		return nil, []Problem{tooLarge(name, int64(len(b)))}
	}
	if kind, known := filekind.Of(b); known && kind.Name != filekind.XML {
		return nil, []Problem{{name, 1, "it is " + kind.Name + ": want a definition of an Object in XML, as the OMA registry has them", true}}
	}
	r := &reader{name: name}
	b, r.problems = toUTF8(name, b)
	if len(Lost(r.problems)) > 0 {
		return nil, r.problems
	}
	f, ok := r.parse(b)
	if !ok {
		return nil, r.problems
	}
	var out []object.Definition
	for _, o := range f.Objects {
		if o.Type == commonResources {
			continue
		}
		if def, ok := r.object(o); ok {
			out = append(out, def)
		}
	}
	switch root := f.XMLName.Local; {
	case slices.Contains(besides, root):
	case root != "LWM2M":
		r.lose(1, "the outermost element is %s: want LWM2M", root)
	case len(f.Objects) == 0:
		r.lose(1, "there is no Object in it")
	}
	return out, r.problems
}

// A reader converts elements to definitions, and collects problems.
type reader struct {
	name     string
	problems []Problem
}

// lose notes a problem that causes a part of the definitions to be left out.
func (r *reader) lose(line int, format string, args ...any) {
	r.problems = append(r.problems, Problem{r.name, line, fmt.Sprintf(format, args...), true})
}

// note notes a problem without effect.
func (r *reader) note(line int, format string, args ...any) {
	r.problems = append(r.problems, Problem{r.name, line, fmt.Sprintf(format, args...), false})
}

// parse reads the one outermost element of a file.
func (r *reader) parse(b []byte) (f file, ok bool) {
	d := xml.NewDecoder(bytes.NewReader(b))
	err := d.Decode(&f)
	if err == nil {
		err = atEnd(d)
	}
	if err == nil {
		return f, true
	}
	line, _ := d.InputPos()
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &syntax):
		r.lose(syntax.Line, "it is not XML: %s", syntax.Msg)
	case errors.Is(err, io.EOF):
		r.lose(line, "there is no element in it: want LWM2M")
	default:
		r.lose(line, "%s", strings.TrimPrefix(err.Error(), "xml: "))
	}
	return f, false
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
