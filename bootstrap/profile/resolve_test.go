package profile

import (
	"fmt"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// A value is checked against the Object as it is in the version that the profile names.
func TestResolveVersions(t *testing.T) {
	valve := func(v lwm2m.Version, multiple bool, resources ...object.ResourceDefinition) object.Definition {
		return object.Definition{ID: 33001, Name: "Valve", Version: v, Multiple: multiple, Resources: resources}
	}
	objects := (*object.Registry)(nil).With(
		valve(lwm2m.Version10, true,
			object.ResourceDefinition{ID: 1, Name: "Opening", Type: lwm2m.TypeString, Max: 4},
			object.ResourceDefinition{ID: 2, Name: "Leak", Type: lwm2m.TypeFloat}),
		valve(lwm2m.Version11, false,
			object.ResourceDefinition{ID: 1, Name: "Opening", Type: lwm2m.TypeInteger, Max: 100}),
	)
	values := func(instance lwm2m.InstanceID, version string, id lwm2m.ResourceID, text string) store.ObjectValues {
		return store.ObjectValues{
			Path: lwm2m.InstancePath(33001, instance), Version: version,
			Resources: map[lwm2m.ResourceID]store.Literal{id: {Text: &text}},
		}
	}
	tests := []struct {
		name  string
		given []store.ObjectValues
		told  string // of the one finding; empty: none
	}{
		{"newest", []store.ObjectValues{values(0, "", 1, "40")}, ""},
		{"newest, of another type", []store.ObjectValues{values(0, "", 1, "half")}, "objects[0].resources[1]: Opening: want a whole number"},
		{"newest, out of range", []store.ObjectValues{values(0, "1.1", 1, "101")}, "objects[0].resources[1]: Opening: 101 is not within 0 to 100"},
		{"newest, with one Instance", []store.ObjectValues{values(1, "1.1", 1, "40")}, "objects: Valve has only instance 0"},
		{"newest, without a Resource of older ones", []store.ObjectValues{values(0, "1.1", 2, "1.5")}, "objects[0].resources[2]: Valve has no Resource 2 in version 1.1"},
		{"older", []store.ObjectValues{values(0, "1.0", 1, "half"), values(1, "1.0", 2, "1.5")}, ""},
		{"older, too long", []store.ObjectValues{values(0, "1.0", 1, "whole")}, "objects[0].resources[1]: Opening: length 5 is not within 0 to 4"},
		{"older, said once", []store.ObjectValues{values(0, "", 1, "half"), values(1, "1.0", 2, "1.5")}, ""},
		{"two at once", []store.ObjectValues{values(0, "1.0", 1, "half"), values(1, "1.1", 1, "half")}, "objects[1].version: Object 33001 has version 1.0 elsewhere"},
		{"unknown", []store.ObjectValues{values(0, "1.2", 1, "40")}, "objects[0].version: Object 33001 has no version 1.2 that is known here"},
		{"none", []store.ObjectValues{values(0, "new", 1, "40")}, `objects[0].version: want a version such as 1.1, not "new"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := store.Profile{Name: "p", Objects: tt.given, Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}}
			found := Check(p, objects)
			text := fmt.Sprint(found)
			if tt.told == "" && len(found) > 0 || tt.told != "" && (len(found) != 1 || found[0].Warning || !strings.Contains(text, tt.told)) {
				t.Errorf("findings %v, want %q", text, tt.told)
			}
		})
	}
}

// A mistake in a template is told once, and in the words of profiles.
func TestTemplateMistakes(t *testing.T) {
	for uri, want := range map[string]string{
		"coaps://{{.Name}}.example":      "there is no .Name, but .Endpoint and .Vars",
		"coaps://{{.Vars.host}}.example": `the device has no variable "host": --var host=VALUE`,
		"coaps://{{.Endpoint.example":    "bad template",
	} {
		p := store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: uri, ShortServerID: 101}}}
		d := store.Device{Endpoint: "dev", Accounts: map[string]store.AccountKeys{"main": {Key: lwm2m.NewSecret([]byte("sixteen bytes  ."))}}}
		_, found := Resolve(p, d, nil)
		if len(found) != 1 || found[0].Place != "accounts[0].uri" || !strings.Contains(found[0].Message, want) {
			t.Errorf("%s: findings %v, want one with %q", uri, found, want)
		}
	}
}

// The variables of a template are found wherever they stand in it.
func TestVariablesOf(t *testing.T) {
	for text, want := range map[string]string{
		"no template":                  "[]",
		"{{.Endpoint}}":                "[]",
		"{{.Vars.a}}-{{ .Vars.b }}":    "[a b]",
		"{{printf \"%s\" .Vars.a}}":    "[a]",
		"{{$.Vars.a}}":                 "[a]",
		"{{(printf .Vars.a) | print}}": "[a]",
		"{{if .Vars.a}}{{.Vars.b}}{{else}}{{.Vars.c}}{{end}}": "[a b c]",
		"{{with .Vars.a}}{{.}}{{end}}":                        "[a]",
		"{{range .Vars}}{{.}}{{end}}":                         "[]",
		"{{/* .Vars.a */}}{{\".Vars.b\"}}":                    "[]",
		"{{index .Vars \"a\"}}":                               "[]",
		"{{.Vars.a":                                           "[]",
	} {
		if got := fmt.Sprint(variablesOf(text)); got != want {
			t.Errorf("%s has %s, want %s", text, got, want)
		}
	}
}

// What a template makes is bounded, and what it cannot make is said to be its fault.
func TestTemplatesThatFail(t *testing.T) {
	d := store.Device{Endpoint: "dev", Vars: map[string]string{"long": strings.Repeat("x", maxRendered)}}
	for text, want := range map[string]string{
		"{{.Vars.long}}":                     "",
		"{{.Vars.long}}x":                    "makes more than 16384 bytes",
		"{{.Vars.none}}":                     `no variable "none"`,
		"{{.Vars.none | printf}}":            `no variable "none"`,
		"{{slice .Endpoint 0 9}}":            "template: ",
		"{{.Endpoint.Name}}":                 "template: there is no .Name",
		"{{nope}}":                           "bad template",
		"{{range $i := 1000000000}}x{{end}}": "makes more than 16384 bytes",
	} {
		_, err := render(text, &d)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || templateCause(err) != store.CauseTemplateFailed) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
