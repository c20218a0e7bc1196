package reference

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Type is what a value is: a text such as "list of Device", and which schemas it names.
type Type struct {
	Text  string
	Names []string // of [Document.Schemas]
}

// A Schema is one that others refer to.
type Schema struct {
	Name, Description string
	Type              Type     // of one that is no object
	Members           []Member // of an object
}

// A Member is one of an object.
type Member struct {
	Name, Description string
	Type              Type
	Required          bool
}

type schema struct {
	Ref         string            `yaml:"$ref"`
	Type        any               `yaml:"type"`
	Description string            `yaml:"description"`
	Enum        []any             `yaml:"enum"`
	Const       any               `yaml:"const"`
	Format      string            `yaml:"format"`
	Items       *schema           `yaml:"items"`
	AllOf       []schema          `yaml:"allOf"`
	OneOf       []schema          `yaml:"oneOf"`
	AnyOf       []schema          `yaml:"anyOf"`
	Required    []string          `yaml:"required"`
	Properties  map[string]schema `yaml:"properties"`
	Values      any               `yaml:"additionalProperties"`
}

// schemas are the named ones in the order of their names.
func (d document) schemas() (all []Schema, err error) {
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		s := d.Components.Schemas[name]
		out := Schema{Name: name, Description: strings.TrimSpace(s.Description)}
		for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
			p := s.Properties[member]
			t, err := d.typeOf(p)
			if err != nil {
				return nil, fmt.Errorf("schema %s, member %s: %w", name, member, err)
			}
			out.Members = append(out.Members, Member{member, strings.TrimSpace(p.Description), t, slices.Contains(s.Required, member)})
		}
		if len(out.Members) == 0 {
			if out.Type, err = d.typeOf(s); err != nil {
				return nil, fmt.Errorf("schema %s: %w", name, err)
			}
		}
		all = append(all, out)
	}
	return all, nil
}

// typeOf says what a schema permits.
func (d document) typeOf(s schema) (t Type, err error) {
	switch parts := slices.Concat(s.AllOf, s.OneOf, s.AnyOf); {
	case s.Ref != "":
		name, _ := strings.CutPrefix(s.Ref, "#/components/schemas/")
		if _, found := d.Components.Schemas[name]; !found {
			return t, fmt.Errorf("%s leads nowhere", s.Ref)
		}
		return Type{name, []string{name}}, nil
	case len(s.Enum) > 0:
		return Type{Text: joined(s.Enum)}, nil
	case s.Const != nil:
		return Type{Text: fmt.Sprintf("%q", fmt.Sprint(s.Const))}, nil
	case len(parts) > 0:
		texts := make([]string, len(parts))
		for i, part := range parts {
			one, err := d.typeOf(part)
			if err != nil {
				return t, err
			}
			texts[i], t.Names = one.Text, append(t.Names, one.Names...)
		}
		t.Text = strings.Join(texts, " or ")
		return t, nil
	case s.Items != nil:
		t, err = d.typeOf(*s.Items)
		t.Text = "list of " + t.Text
		return t, err
	}
	t.Text = typeText(s.Type)
	if s.Format != "" {
		t.Text += " (" + s.Format + ")"
	}
	return t, nil
}

// typeText is the type of a schema, which may be one of several.
func typeText(t any) string {
	switch t := t.(type) {
	case nil:
		return "anything"
	case []any:
		return joined(t)
	}
	return fmt.Sprint(t)
}

func joined(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, " | ")
}
