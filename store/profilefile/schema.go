package profilefile

import (
	"lwbs/lwm2m"
	"lwbs/store/grammar"
)

// A schema is a JSON Schema, or a part of one.
type schema = map[string]any

// Schema returns the JSON Schema (draft 2020-12) of a document, for editors that complete and check
// YAML while it is typed. It accepts whatever [Read] and the Bootstrap-Server accept; only they check
// what depends on more than one key, and the values of Resources.
func Schema() map[string]any {
	definitions := make(schema)
	for _, s := range grammar.Sections() {
		definitions[s.Name] = sectionSchema(s)
	}
	definitions["Scalar"] = schema{"type": []string{"string", "number", "boolean"}}
	definitions["Resources"] = schema{
		"type":                 "object",
		"additionalProperties": schema{"$ref": "#/$defs/Value"},
	}
	definitions["Value"] = schema{"anyOf": []schema{
		{"$ref": "#/$defs/Scalar"},
		{"type": "array", "items": schema{"$ref": "#/$defs/Scalar"}},
		{"type": "object", "propertyNames": schema{"pattern": "^[0-9]+$"}, "additionalProperties": schema{"$ref": "#/$defs/Scalar"}},
	}}
	return schema{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "Profile of lwbs",
		"$ref":    "#/$defs/" + grammar.Profile.Name,
		"$defs":   definitions,
	}
}

func sectionSchema(s *grammar.Section) schema {
	properties := make(schema)
	if s.Named {
		for _, name := range accountNames() {
			properties[name] = schema{"$ref": "#/$defs/Value"}
		}
	}
	required, either := []string{}, []schema(nil) // either of two keys
	for _, k := range s.Keys {
		v := valueSchema(k)
		v["description"] = description(k)
		properties[k.Name] = v
		switch {
		case k.Unless != "":
			either = []schema{{"required": []string{k.Name}}, {"required": []string{k.Unless}}}
		case k.Required:
			required = append(required, k.Name)
		}
	}
	out := schema{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	if len(either) > 0 {
		out["anyOf"] = either
	}
	return out
}

// description is the text that an editor shows for a key.
func description(k grammar.Key) string {
	text := k.Doc
	if k.Template {
		text += " May be a template."
	}
	if k.Default != "" {
		text += " Default: " + k.Default + "."
	}
	return text
}

// A text of YAML may look like a number.
var textSchema = []string{"string", "number"}

func valueSchema(k grammar.Key) schema {
	path := schema{"type": "string", "pattern": `^/([0-9]+(/[0-9]+){0,3})?$`}
	template := schema{"type": "string", "pattern": `\{\{`}
	switch k.Kind {
	case grammar.Word:
		return schema{"enum": k.Words}
	case grammar.Boolean:
		if k.Template {
			return schema{"anyOf": []schema{{"type": "boolean"}, template}}
		}
		return schema{"type": "boolean"}
	case grammar.Integer:
		return schema{"type": "integer", "minimum": k.Min, "maximum": k.Max}
	case grammar.Duration:
		return schema{"anyOf": []schema{{"type": "number", "minimum": 0}, {"type": "string"}}}
	case grammar.Bytes:
		return schema{"type": "string", "pattern": `^([Hh][Ee][Xx]:|[Bb][Aa][Ss][Ee]64:)|\{\{`}
	case grammar.Path:
		return path
	case grammar.Texts:
		return schema{"anyOf": []schema{{"type": textSchema}, {"type": "array", "items": schema{"type": textSchema}}}}
	case grammar.Mapping:
		return schema{"$ref": "#/$defs/" + k.Of.Name}
	case grammar.List:
		return schema{"type": "array", "items": schema{"$ref": "#/$defs/" + k.Of.Name}}
	case grammar.AccessRules:
		return schema{"anyOf": []schema{{"enum": []string{noAccessControl}}, {"type": "array", "items": schema{"$ref": "#/$defs/" + k.Of.Name}}}}
	case grammar.Resources:
		return schema{"$ref": "#/$defs/Resources"}
	case grammar.Rights:
		return schema{
			"type": "object", "propertyNames": schema{"pattern": "^[0-9]+$"},
			"additionalProperties": schema{"type": "integer", "minimum": 0, "maximum": lwm2m.AllRights},
		}
	case grammar.DeleteRule:
		return schema{"anyOf": []schema{{"enum": k.Words}, {"type": "array", "items": path}}}
	default:
		return schema{"type": textSchema}
	}
}
