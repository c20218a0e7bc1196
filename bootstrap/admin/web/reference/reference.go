// Package reference makes of an OpenAPI document what a person reads of it: the operations in the order of their
// paths, with their parameters and answers. It reads what the document of lwbs has (OpenAPI 3.1), and not all that
// OpenAPI permits.
package reference

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// A Document is an API.
type Document struct {
	Title, Description string
	Groups             []Group
	Schemas            []Schema
}

// A Group is the operations on one kind of record.
type Group struct {
	Name       string // of the path, such as "devices"
	Operations []Operation
}

// An Operation is one method of one path.
type Operation struct {
	ID, Method, Path     string
	Role                 string // that it needs; empty for everyone
	Summary, Description string
	Parameters           []Parameter
	Body                 []Content // of the request; none without a body
	Answers              []Answer
}

// A Parameter is one of an operation.
type Parameter struct {
	Name, In    string // In is path, query or header
	Description string
	Type        Type
	Required    bool
}

// An Answer is one that is possible.
type Answer struct {
	Status      string // "200", or "default" for all others
	Description string
	Content     []Content
}

// Content is what a body may be.
type Content struct {
	MediaType string
	Type      Type
}

// Parse reads a document. Its error is about the document, which is built into the program: a test reads it.
func Parse(text []byte) (Document, error) {
	var d document
	if err := yaml.Unmarshal(text, &d); err != nil {
		return Document{}, fmt.Errorf("OpenAPI document: %w", err)
	}
	out := Document{Title: d.Info.Title, Description: strings.TrimSpace(d.Info.Description)}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		at := d.Paths[path]
		for _, of := range []struct {
			method string
			*operation
		}{{"GET", at.Get}, {"POST", at.Post}, {"PUT", at.Put}, {"PATCH", at.Patch}, {"DELETE", at.Delete}} {
			if of.operation == nil {
				continue
			}
			of.Parameters = slices.Concat(at.Parameters, of.Parameters)
			read, err := d.operation(of.method, path, *of.operation)
			if err != nil {
				return Document{}, fmt.Errorf("OpenAPI document: %s %s: %w", of.method, path, err)
			}
			out.add(read)
		}
	}
	var err error
	if out.Schemas, err = d.schemas(); err != nil {
		return Document{}, fmt.Errorf("OpenAPI document: %w", err)
	}
	return out, nil
}

// add adds an operation to the last group, or to a new one.
func (d *Document) add(o Operation) {
	name := groupOf(o.Path)
	if n := len(d.Groups); n == 0 || d.Groups[n-1].Name != name {
		d.Groups = append(d.Groups, Group{Name: name})
	}
	last := &d.Groups[len(d.Groups)-1]
	last.Operations = append(last.Operations, o)
}

// groupOf is what a path is about: its first part behind the version.
func groupOf(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) > 1 && parts[0] == "v1" {
		return parts[1]
	}
	return parts[0]
}
