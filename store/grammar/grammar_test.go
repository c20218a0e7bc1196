package grammar_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/grammar"
)

// records are what the sections are kept in.
var records = map[*grammar.Section]any{
	grammar.Profile: store.Profile{}, grammar.Account: store.Account{}, grammar.OSCORE: store.OSCORE{}, grammar.BootstrapServer: store.BootstrapServer{},
	grammar.AccessControl: store.AccessControl{}, grammar.Object: store.ObjectValues{}, grammar.DeviceLimits: store.DeviceLimits{},
}

// Every key has a field of a record, and every field a key, but for those that are not the
// owner's, and noAccessControl, which is "accessControl: none".
func TestKeysAreThoseOfTheRecords(t *testing.T) {
	besides := []string{"revision", "created", "updated", "noAccessControl"}
	if len(records) != len(grammar.Sections()) {
		t.Fatalf("%d sections, %d records", len(grammar.Sections()), len(records))
	}
	for s, record := range records {
		typ := reflect.TypeOf(record)
		if typ.Name() != s.Name {
			t.Errorf("section %s is kept in %v", s.Name, typ)
		}
		for _, k := range s.Keys {
			if _, ok := grammar.Field(reflect.ValueOf(record), k.Name); !ok {
				t.Errorf("%s: %v has no field for %q", s.Name, typ, k.Name)
			}
		}
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if _, ok := s.Key(name); !ok && name != "-" && !slices.Contains(besides, name) {
				t.Errorf("%s: %q of %v is no key", s.Name, name, typ)
			}
		}
	}
}

func TestKeysAreWhole(t *testing.T) {
	for _, s := range grammar.Sections() {
		names := make(map[string]bool)
		for _, k := range s.Keys {
			at := s.Name + "." + k.Name
			if names[k.Name] {
				t.Errorf("%s is there twice", at)
			}
			names[k.Name] = true
			if !strings.HasSuffix(k.Doc, ".") {
				t.Errorf("%s: %q is no sentence", at, k.Doc)
			}
			if k.Required && k.Default != "" {
				t.Errorf("%s is required, and has a default", at)
			}
			if nested := k.Kind == grammar.Mapping || k.Kind == grammar.List || k.Kind == grammar.AccessRules; nested != (k.Of != nil) {
				t.Errorf("%s: its section is %v", at, k.Of)
			}
			if words := k.Kind == grammar.Word || k.Kind == grammar.DeleteRule; words != (len(k.Words) > 0) {
				t.Errorf("%s: its words are %v", at, k.Words)
			}
			if k.Kind == grammar.Integer && k.Min >= k.Max {
				t.Errorf("%s: from %d to %d", at, k.Min, k.Max)
			}
		}
	}
}

// What a key does not take is told with its place.
func TestCheck(t *testing.T) {
	p := store.Profile{
		Pack: "yes", Delete: store.DeletePolicy{Mode: "some"}, Device: store.DeviceLimits{Writes: "all", BlockSize: 15, MaxKey: -1},
		Accounts: []store.Account{
			{Name: "a", Key: store.KeyRenew, KeyLength: store.MaxKey},
			{Name: "b", Security: "tls", KeyLength: store.MaxKey + 1, OSCORE: &store.OSCORE{MasterSecret: store.KeyRenew}},
		},
		BootstrapServer: &store.BootstrapServer{Key: "rotate"},
		AccessControl:   []store.AccessControl{{Object: 3, Instance: lwm2m.AnyInstance, Owner: 101}},
	}
	var places []string
	for _, problem := range grammar.Check(p) {
		places = append(places, problem.Place)
	}
	want := []string{"delete", "accounts[1].security", "accounts[1].keyLength", "accounts[1].oscore.masterSecret", "bootstrapServer.key", "pack", "device.blockSize", "device.writes", "device.maxKey"}
	if !slices.Equal(places, want) {
		t.Errorf("problems at %v, want %v", places, want)
	}
	if found := grammar.Check(store.Profile{Delete: store.DeletePolicy{Mode: store.DeleteList}}); len(found) > 0 {
		t.Errorf("what is left out: %v", found)
	}
}
