package main

import (
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/coap"
)

// The guide explains every reason to drop a datagram.
func TestDropReasonsOfTheGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	reasons := 0
	for reason := range (coap.Drops{}).All() {
		reasons++
		if !strings.Contains(string(text), "`"+reason.String()+"`") {
			t.Errorf("docs/operations.md does not tell of the reason %v", reason)
		}
	}
	if reasons < 10 {
		t.Errorf("there are %d reasons", reasons)
	}
}

// The guide lists every cause, and no other.
func TestCausesOfTheGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(text), "this is the closed set that records, logs and metrics use:")
	list, _, _ = strings.Cut(list, ".\n")
	var told []string
	for _, m := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(list, -1) {
		told = append(told, m[1])
	}
	there := readCauses[string](t)
	slices.Sort(told)
	slices.Sort(there)
	if !ok || !slices.Equal(told, there) {
		t.Errorf("docs/operations.md lists the causes\n%q\nthere are\n%q", told, there)
	}
}

// readCauses are all the causes in the source of the store.
func readCauses[T ~string](t *testing.T) (there []T) {
	t.Helper()
	for _, f := range readSource(t, "store").files {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, isValue := n.(*ast.ValueSpec)
			if !isValue {
				return true
			}
			if id, isNamed := spec.Type.(*ast.Ident); isNamed && id.Name == "Cause" {
				there = append(there, T(strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)))
			}
			return true
		})
	}
	return there
}
