package profilefile_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"lwbs/store/grammar"
	"lwbs/store/profilefile"
)

// compiled is the schema of a document.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(profilefile.Schema())
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("profile.json", v); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("profile.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// takes reports why the schema refuses a document.
func takes(t *testing.T, s *jsonschema.Schema, document string) error {
	t.Helper()
	text, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// exampleOfTheGuide is the profile in docs/operations.md that has every key.
func exampleOfTheGuide(t *testing.T) string {
	t.Helper()
	guide, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, ok := strings.Cut(string(guide), "Every key of a profile, with its default:\n\n```yaml\n")
	example, _, end := strings.Cut(example, "\n```\n")
	if !ok || !end {
		t.Fatal("docs/operations.md has no example of every key")
	}
	return strings.ReplaceAll(example, "hex:…", "hex:00")
}

// The example of the guide has every key, and the schema and the reader take it.
func TestExampleOfTheGuide(t *testing.T) {
	example := exampleOfTheGuide(t)
	if err := takes(t, compiled(t), example); err != nil {
		t.Error(err)
	}
	if _, err := profilefile.Read("guide.yaml", []byte(example), nil); err != nil {
		t.Error(err)
	}
	for _, s := range grammar.Sections() {
		for _, k := range s.Keys {
			inList := k.Kind == grammar.Resources && s.Named // the example has those by name
			if !inList && !regexp.MustCompile(`\b`+k.Name+":").MatchString(example) {
				t.Errorf("the example lacks %s of %s", k.Name, s.Name)
			}
		}
	}
}

// The schema refuses what the reader refuses, where one key tells.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	account := func(line string) string {
		return "name: m\naccounts:\n  - {name: a, uri: \"coaps://a\", shortServerID: 1, " + line + "}\n"
	}
	for _, document := range []string{
		"accounts: []",
		"name: m\nacounts: []",
		"name: m\nformat: cbor",
		"name: m\ndelete: [3/0]",
		"name: m\naccessControl: some",
		"name: m\nobjects: [{path: /3/0}]",
		"name: m\nverify: true",
		"name: m\nbootstrapInstance: 65535",
		"name: m\ndevice: {blockSize: 8}",
		account("shortServerId: 2"),
		account("key: secret"),
		account("keyLength: 65"),
		account("serverPublicKey: 0011"),
		account("notificationStoring: sometimes"),
		account("oscore: {aead: 10}"),
	} {
		if err := takes(t, s, document); err == nil {
			t.Errorf("the schema takes:\n%s", document)
		}
		if _, err := profilefile.Read("p.yaml", []byte(document), nil); err == nil {
			t.Errorf("the reader takes:\n%s", document)
		}
	}
	if err := takes(t, s, "name: m\naccounts: [{name: a, shortServerID: 1}]"); err == nil { // the Bootstrap-Server refuses it
		t.Error("the schema takes an account without an address")
	}
	for _, document := range []string{
		"name: 007",
		"name: m\naccessControl: none\ndelete: [/0/1, /1]",
		account("lifetime: 0, binding: UQ, defaultMinimumPeriod: 10, sni: a.example"),
		account(`lifetime: "{{.Vars.l}}", notificationStoring: "{{.Vars.n}}", serverPublicKey: "{{.Vars.k}}"`),
		"name: m\nobjects: [{path: /3/0, version: 1.1, resources: {14: \"+02:00\", 11: [1, 2], 20: {0: 1, 5: 2}}}]",
		"name: m\naccessControl: [{object: 3, owner: 101, rights: {0: 1, 101: 31}}]",
	} {
		if err := takes(t, s, document); err != nil {
			t.Errorf("%v\nof\n%s", err, document)
		}
		if _, err := profilefile.Read("p.yaml", []byte(document), nil); err != nil {
			t.Errorf("%v\nof\n%s", err, document)
		}
	}
}
