package object_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

func TestDefinitionsAreConsistent(t *testing.T) {
	for i, o := range builtIn() {
		if i > 0 && builtIn()[i-1].ID >= o.ID {
			t.Errorf("Object %d is out of order", o.ID)
		}
	}
	for _, o := range everyVersion() {
		names := make(map[string]bool)
		for j, r := range o.Resources {
			if j > 0 && o.Resources[j-1].ID >= r.ID {
				t.Errorf("%s %v: Resource %d is out of order", o.Name, o.Version, r.ID)
			}
			if found, ok := o.ResourceNamed(strings.ToLower(r.Name)); !ok || found.ID != r.ID || names[r.Name] {
				t.Errorf("%s %v: the name %q does not lead to Resource %d", o.Name, o.Version, r.Name, r.ID)
			}
			names[r.Name] = true
			checkConsistent(t, o, r)
		}
	}
}

func checkConsistent(t *testing.T, o object.Definition, r object.ResourceDefinition) {
	t.Helper()
	if executable := r.Operations&object.Executable != 0; executable != (r.Type == lwm2m.TypeNone) {
		t.Errorf("%s %v/%d: executable %v, type %v", o.Name, o.Version, r.ID, executable, r.Type)
	}
	if r.Min < 0 || r.Min > r.Max {
		t.Errorf("%s %v/%d: range %d to %d", o.Name, o.Version, r.ID, r.Min, r.Max)
	}
	if r.Range() != "" && !hasRange(r.Type) {
		t.Errorf("%s %v/%d: a range means nothing for %v", o.Name, o.Version, r.ID, r.Type)
	}
	if settable := r.Type != lwm2m.TypeNone && !r.Kept; r.Settable() != settable {
		t.Errorf("%s %v/%d: settable %v", o.Name, o.Version, r.ID, r.Settable())
	}
	if o.Version.Before(r.Since) {
		t.Errorf("%s %v/%d: there since version %v", o.Name, o.Version, r.ID, r.Since)
	}
}

// Values that no one is to see: keys, passwords, and what serves as one.
func TestSecretsAreMarked(t *testing.T) {
	want := []string{
		"0/5 Secret Key", "0/7 SMS Binding Key Parameters", "0/8 SMS Binding Secret Key(s)",
		"10/2 Module activation code", "11/6 Secret", "21/0 OSCORE Master Secret", "21/5 OSCORE Master Salt",
		"23/2 Key", "24/8 Password",
	}
	var got []string
	for _, o := range everyVersion() {
		for _, r := range o.Resources {
			text := fmt.Sprintf("%d/%d %s", o.ID, r.ID, r.Name)
			if r.Secret {
				got = append(got, text)
			} else if slices.Contains(want, text) {
				t.Errorf("%s is no secret in version %v", text, o.Version)
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("secrets are\n%q, want\n%q", got, want)
	}
}

// everyVersion is each Object of the table in each of its versions.
func everyVersion() (all []object.Definition) {
	for _, o := range builtIn() {
		for major := uint8(1); major <= o.Version.Major; major++ {
			for minor := range uint8(10) {
				if def, ok := (*object.Registry)(nil).ObjectVersion(o.ID, lwm2m.Version{Major: major, Minor: minor}); ok {
					all = append(all, def)
				}
			}
		}
	}
	return all
}

// builtIn are the Objects of the table.
func builtIn() []object.Definition { return (*object.Registry)(nil).All() }

func TestResourceNamed(t *testing.T) {
	server, _ := object.Lookup(lwm2m.ObjectServer)
	for name, id := range map[string]lwm2m.ResourceID{"defaultMinimumPeriod": 2, "Default Minimum Period": 2, "TLS-DTLS Alert Code": 11, "mute_send": 23} {
		if d, ok := server.ResourceNamed(name); !ok || d.ID != id {
			t.Errorf("%q is Resource %d, %v; want %d", name, d.ID, ok, id)
		}
	}
	if _, ok := server.ResourceNamed("nothing"); ok {
		t.Error("there is a Resource named nothing")
	}
}

func hasRange(t lwm2m.Type) bool {
	return t == lwm2m.TypeInteger || t == lwm2m.TypeUnsigned || t == lwm2m.TypeString || t == lwm2m.TypeOpaque
}

func TestDefinitionLookup(t *testing.T) {
	for _, want := range builtIn() {
		o, ok := object.Lookup(want.ID)
		if !ok || o.Name != want.Name {
			t.Errorf("Object %d is %q, %v; want %q", want.ID, o.Name, ok, want.Name)
		}
		for _, r := range want.Resources {
			if found, ok := o.Resource(r.ID); !ok || !reflect.DeepEqual(found, r) {
				t.Errorf("%s/%d is %+v, %v", o.Name, r.ID, found, ok)
			}
		}
		if r, ok := o.Resource(lwm2m.MaxID); ok {
			t.Errorf("%s has Resource 65535: %+v", o.Name, r)
		}
	}
	if o, ok := object.Lookup(lwm2m.MaxID); ok {
		t.Errorf("Object 65535 is %+v", o)
	}
}

func TestVersionBefore(t *testing.T) {
	versions := []lwm2m.Version{lwm2m.Version10, lwm2m.Version11, lwm2m.Version12, {Major: 2}}
	for i, v := range versions {
		for j, w := range versions {
			if v.Before(w) != (i < j) {
				t.Errorf("%v before %v is %v", v, w, v.Before(w))
			}
		}
	}
}
