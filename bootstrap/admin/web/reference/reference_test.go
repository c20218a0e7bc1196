package reference_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/admin/web/reference"
)

// All operations of the document that is served are shown, with their roles, and each name of a schema leads to one.
func TestParseOwnDocument(t *testing.T) {
	text, err := os.ReadFile("../../server/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := reference.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, s := range d.Schemas {
		known[s.Name] = true
		if len(s.Members) == 0 && s.Type.Text == "" {
			t.Errorf("schema %s has neither members nor a type", s.Name)
		}
	}
	operations := 0
	names := func(where string, types ...reference.Type) {
		for _, of := range types {
			for _, name := range of.Names {
				if !known[name] {
					t.Errorf("%s: there is no schema %s", where, name)
				}
			}
		}
	}
	for _, g := range d.Groups {
		for _, o := range g.Operations {
			operations++
			if o.Summary == "" || len(o.Answers) == 0 {
				t.Errorf("%s %s says nothing: %+v", o.Method, o.Path, o)
			}
			for _, p := range o.Parameters {
				names(o.ID, p.Type)
			}
			for _, c := range o.Body {
				names(o.ID, c.Type)
			}
			for _, a := range o.Answers {
				for _, c := range a.Content {
					names(o.ID, c.Type)
				}
			}
		}
	}
	if want := strings.Count(string(text), "operationId:"); operations != want || d.Description == "" {
		t.Errorf("%d operations, want %d", operations, want)
	}
}

func TestParse(t *testing.T) {
	d, err := reference.Parse([]byte(`
info: {title: API, description: what it is}
paths:
  /v1/things/{name}:
    put:
      operationId: putThing
      x-role: admin
      summary: Put one
      parameters:
        - {$ref: "#/components/parameters/name"}
        - {name: mode, in: query, schema: {enum: [a, b]}}
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}
      responses:
        "200": {description: It is there., content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Thing"}}}}}
        default: {$ref: "#/components/responses/Problem"}
    get: {operationId: thing, summary: One, responses: {"200": {description: It.}}}
components:
  parameters: {name: {name: name, in: path, required: true, schema: {type: string, format: uuid}}}
  responses: {Problem: {description: It went wrong.}}
  schemas:
    Thing: {description: A thing., required: [size], properties: {size: {type: [integer, "null"]}, next: {oneOf: [{$ref: "#/components/schemas/Thing"}, {const: ""}]}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Groups) != 1 || d.Groups[0].Name != "things" || len(d.Groups[0].Operations) != 2 {
		t.Fatalf("groups %+v", d.Groups)
	}
	get, put := d.Groups[0].Operations[0], d.Groups[0].Operations[1]
	if get.Method != "GET" || get.Role != "" || put.Method != "PUT" || put.Role != "admin" {
		t.Errorf("operations %+v, %+v", get, put)
	}
	if p := put.Parameters; len(p) != 2 || !p[0].Required || p[0].Type.Text != "string (uuid)" || p[1].Type.Text != "a | b" {
		t.Errorf("parameters %+v", p)
	}
	if a := put.Answers; len(a) != 2 || a[0].Content[0].Type.Text != "list of Thing" || a[1].Description != "It went wrong." {
		t.Errorf("answers %+v", a)
	}
	thing := d.Schemas[0]
	if !slices.Equal(thing.Members[0].Type.Names, []string{"Thing"}) || thing.Members[0].Type.Text != `Thing or ""` || thing.Members[1].Type.Text != "integer | null" || !thing.Members[1].Required {
		t.Errorf("schema %+v", thing)
	}
}

func TestParseBadDocument(t *testing.T) {
	for name, text := range map[string]string{
		"no YAML":                   "\t{",
		"a parameter of nothing":    `paths: {/a: {get: {parameters: [{$ref: "#/components/parameters/x"}]}}}`,
		"a response of nothing":     `paths: {/a: {get: {responses: {"200": {$ref: "#/components/responses/x"}}}}}`,
		"a body of nothing":         `paths: {/a: {put: {requestBody: {$ref: "#/components/requestBodies/x"}}}}`,
		"a schema of nothing":       `paths: {/a: {put: {requestBody: {content: {a/b: {schema: {$ref: "#/components/schemas/x"}}}}}}}`,
		"a member of nothing":       `components: {schemas: {A: {properties: {b: {$ref: "#/components/schemas/x"}}}}}`,
		"another kind of reference": `paths: {/a: {get: {parameters: [{$ref: "other.yaml#/x"}]}}}`,
	} {
		if _, err := reference.Parse([]byte(text)); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
}
