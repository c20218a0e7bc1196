package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"lwbs/store/grammar"
)

// The reference of the keys is what the command prints.
func TestProfileKeys(t *testing.T) {
	sh := newShell(t)
	page, err := os.ReadFile("../../docs/profile.md")
	if err != nil {
		t.Fatal(err)
	}
	if sh.ok("profile keys") != string(page) {
		t.Error("docs/profile.md is not what lwbs profile keys prints: go run ./cmd/lwbs profile keys > docs/profile.md")
	}
	contains(t, "profile schema", sh.ok("profile schema"), `"$schema": "https://json-schema.org/draft/2020-12/schema"`, `"secretsOverNoSec"`, `"defaultMinimumPeriod"`)
	for _, line := range []string{"profile keys meter", "profile schema meter"} {
		if status, _, errs := sh.run(line); status != exitUsage || !strings.Contains(errs, "expected no arguments") {
			t.Errorf("%s: status %d, %s", line, status, errs)
		}
	}
}

// The schema of the admin API has the keys of the grammar, with their words and ranges.
func TestProfileSchemaOfTheAPI(t *testing.T) {
	text, err := os.ReadFile("../../bootstrap/admin/server/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Enum    []any  `yaml:"enum"`
					Type    any    `yaml:"type"`
					Minimum *int64 `yaml:"minimum"`
					Maximum *int64 `yaml:"maximum"`
				} `yaml:"properties"`
			} `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	for _, s := range grammar.Sections() {
		schema, ok := document.Components.Schemas[s.Name]
		if !ok {
			t.Errorf("no schema %s", s.Name)
			continue
		}
		for name := range schema.Properties {
			if _, ok := s.Key(name); !ok && !slices.Contains([]string{"revision", "created", "updated", "noAccessControl"}, name) {
				t.Errorf("%s.%s is no key of a profile", s.Name, name)
			}
		}
		for _, k := range s.Keys {
			p, ok := schema.Properties[k.Name]
			if !ok {
				t.Errorf("%s lacks %s", s.Name, k.Name)
				continue
			}
			var words []string
			for _, w := range p.Enum {
				if text, ok := w.(string); ok && text != "" {
					words = append(words, text)
				}
			}
			if k.Kind == grammar.Word && !slices.Equal(words, k.Words) {
				t.Errorf("%s.%s takes %v, want %v", s.Name, k.Name, words, k.Words)
			}
			if k.Kind == grammar.Integer && p.Maximum != nil && *p.Maximum != k.Max {
				t.Errorf("%s.%s goes to %d, want %d", s.Name, k.Name, *p.Maximum, k.Max)
			}
		}
	}
}
