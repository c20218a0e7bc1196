package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
)

// constantsOf are the values of the constants of one type in a package of ours.
func constantsOf(t *testing.T, pkg, typ string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("../../..", pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typ {
				for _, v := range spec.Values {
					if lit, ok := v.(*ast.BasicLit); ok {
						text, err := strconv.Unquote(lit.Value)
						if err != nil {
							t.Fatal(err)
						}
						out = append(out, text)
					}
				}
			}
			return true
		})
	}
	return out
}

// Where the document lists words, they are those that the code has.
func TestDocumentHasTheWords(t *testing.T) {
	d := readDocument(t)
	for _, test := range []struct {
		pkg, typ string
		place    []string // in the schemas
	}{
		{"store", "Cause", []string{"Cause"}},
		{"store", "Stage", []string{"Session", "properties", "stage"}},
		{"store", "CredentialKind", []string{"Credential", "properties", "kind"}},
		{"bootstrap/admin", "DeviceState", []string{"DeviceState"}},
		{"lwm2m", "Op", []string{"Operation", "properties", "op"}},
		{"bootstrap", "EventKind", []string{"Event", "properties", "kind"}},
	} {
		list, _ := d.at(append(append([]string{"components", "schemas"}, test.place...), "enum")...).([]any)
		var got []string
		for _, word := range list {
			got = append(got, word.(string))
		}
		want := constantsOf(t, test.pkg, test.typ)
		if test.typ == "EventKind" {
			want = append(want, string(admin.EventMissed)) // of the API alone
		}
		if len(want) < 2 {
			t.Fatalf("package %s has %d constants of the type %s", test.pkg, len(want), test.typ)
		}
		for _, word := range without(want, got) {
			t.Errorf("openapi.yaml: %s lacks %q", strings.Join(test.place, "."), word)
		}
		for _, word := range without(got, want) {
			t.Errorf("openapi.yaml: %s has %q, and there is no such %s", strings.Join(test.place, "."), word, test.typ)
		}
	}
}
