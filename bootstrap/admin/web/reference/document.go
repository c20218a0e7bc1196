package reference

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A document is the part of an OpenAPI document that is shown, as it is written.
type document struct {
	Info struct {
		Title       string `yaml:"title"`
		Description string `yaml:"description"`
	} `yaml:"info"`
	Paths      map[string]pathItem `yaml:"paths"`
	Components struct {
		Parameters    map[string]parameter `yaml:"parameters"`
		Responses     map[string]response  `yaml:"responses"`
		RequestBodies map[string]body      `yaml:"requestBodies"`
		Schemas       map[string]schema    `yaml:"schemas"`
	} `yaml:"components"`
}

// A pathItem is all methods of a path, with the parameters that they have in common.
type pathItem struct {
	Parameters []parameter `yaml:"parameters"`
	Get        *operation  `yaml:"get"`
	Post       *operation  `yaml:"post"`
	Put        *operation  `yaml:"put"`
	Patch      *operation  `yaml:"patch"`
	Delete     *operation  `yaml:"delete"`
}

type operation struct {
	ID          string              `yaml:"operationId"`
	Role        string              `yaml:"x-role"`
	Summary     string              `yaml:"summary"`
	Description string              `yaml:"description"`
	Parameters  []parameter         `yaml:"parameters"`
	RequestBody body                `yaml:"requestBody"`
	Responses   map[string]response `yaml:"responses"`
}

type body struct {
	Ref     string  `yaml:"$ref"`
	Content content `yaml:"content"`
}

// content is by media type.
type content map[string]struct {
	Schema schema `yaml:"schema"`
}

type parameter struct {
	Ref         string `yaml:"$ref"`
	Name        string `yaml:"name"`
	In          string `yaml:"in"`
	Description string `yaml:"description"`
	Required    bool   `yaml:"required"`
	Schema      schema `yaml:"schema"`
}

type response struct {
	Ref         string  `yaml:"$ref"`
	Description string  `yaml:"description"`
	Content     content `yaml:"content"`
}

func (d document) operation(method, path string, o operation) (out Operation, err error) {
	out = Operation{
		ID: o.ID, Method: method, Path: path, Role: o.Role, Summary: o.Summary,
		Description: strings.TrimSpace(o.Description),
	}
	request, err := referred(o.RequestBody, o.RequestBody.Ref, "requestBodies", d.Components.RequestBodies)
	if err == nil {
		out.Body, err = d.contents(request.Content)
	}
	if err != nil {
		return out, err
	}
	for _, p := range o.Parameters {
		if p, err = referred(p, p.Ref, "parameters", d.Components.Parameters); err != nil {
			return out, err
		}
		t, err := d.typeOf(p.Schema)
		if err != nil {
			return out, err
		}
		out.Parameters = append(out.Parameters, Parameter{p.Name, p.In, strings.TrimSpace(p.Description), t, p.Required})
	}
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		r := o.Responses[status]
		if r, err = referred(r, r.Ref, "responses", d.Components.Responses); err != nil {
			return out, err
		}
		of, err := d.contents(r.Content)
		if err != nil {
			return out, err
		}
		out.Answers = append(out.Answers, Answer{status, strings.TrimSpace(r.Description), of})
	}
	return out, nil
}

// referred returns what the reference of a part leads to; the part itself where it has none.
func referred[T any](part T, ref, kind string, components map[string]T) (T, error) {
	if ref == "" {
		return part, nil
	}
	name, ok := strings.CutPrefix(ref, "#/components/"+kind+"/")
	to, found := components[name]
	if !ok || !found {
		return part, fmt.Errorf("%s leads nowhere", ref)
	}
	return to, nil
}

// contents are what a body may be, in the order of their media types.
func (d document) contents(c content) (all []Content, err error) {
	for _, media := range slices.Sorted(maps.Keys(c)) {
		t, err := d.typeOf(c[media].Schema)
		if err != nil {
			return nil, err
		}
		all = append(all, Content{media, t})
	}
	return all, nil
}
