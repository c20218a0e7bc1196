package wire

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
)

// The OpenAPI document lists the types of all problems.
func TestProblemsAreTheKnownErrors(t *testing.T) {
	text, err := os.ReadFile("../server/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path, err := yaml.PathString("$.components.schemas.Problem.properties.type.enum")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := path.Read(bytes.NewReader(text), &got); err != nil {
		t.Fatal(err)
	}
	want := []string{"about:blank", "urn:lwbs:findings", "urn:lwbs:devices-harmed"}
	for _, k := range known {
		want = append(want, "urn:lwbs:"+k.name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("openapi.yaml has the types %q, the server %q", got, want)
	}
}
