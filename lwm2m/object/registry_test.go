package object_test

import (
	"fmt"
	"slices"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// How many Resources each version of an Object has, as the files of the OMA registry list
// them (version_history/0-1_0.xml and so on).
func TestObjectVersions(t *testing.T) {
	for path, want := range map[string]int{
		"0 1.0": 13, "0 1.1": 18, "0 1.2": 31,
		"1 1.0": 9, "1 1.1": 24, "1 1.2": 28,
		"2 1.0": 4, "2 1.1": 4,
		"3 1.0": 23, "3 1.1": 23, "3 1.2": 23,
		"4 1.0": 11, "4 1.1": 12, "4 1.2": 13, "4 1.3": 14,
		"5 1.0": 9, "5 1.1": 13, "5 1.2": 14,
		"6 1.0": 7, "7 1.0": 9,
		"10 1.0": 12, "10 1.1": 14,
		"11 1.0": 26, "11 1.1": 34,
		"21 1.0": 6, "21 1.1": 7, "21 2.0": 7,
		"23 1.0": 3, "24 1.0": 9,
	} {
		var id lwm2m.ObjectID
		var version string
		if _, err := fmt.Sscan(path, &id, &version); err != nil {
			t.Fatal(err)
		}
		v, err := lwm2m.ParseVersion(version)
		if err != nil {
			t.Fatal(err)
		}
		def, ok := (*object.Registry)(nil).ObjectVersion(id, v)
		if !ok || len(def.Resources) != want || def.Version != v {
			t.Errorf("Object %s: %v, %d Resources in version %v, want %d", path, ok, len(def.Resources), def.Version, want)
		}
	}
}

// What versions differ in.
func TestObjectPasts(t *testing.T) {
	resource := func(o lwm2m.ObjectID, v lwm2m.Version, id lwm2m.ResourceID) object.ResourceDefinition {
		def, ok := (*object.Registry)(nil).ObjectVersion(o, v)
		if !ok {
			t.Fatalf("Object %d has no version %v", o, v)
		}
		r, _ := def.Resource(id)
		return r
	}
	if got := resource(lwm2m.ObjectOSCORE, lwm2m.Version11, 0).Type; got != lwm2m.TypeString {
		t.Errorf("the master secret of OSCORE 1.1 is %v", got)
	}
	if got := resource(lwm2m.ObjectOSCORE, lwm2m.Version{Major: 2}, 0).Type; got != lwm2m.TypeOpaque {
		t.Errorf("the master secret of OSCORE 2.0 is %v", got)
	}
	if got := resource(lwm2m.ObjectServer, lwm2m.Version11, 17).Operations; got != 0 {
		t.Errorf("LwM2M Servers have operations %v on /1/x/17 of version 1.1", got)
	}
	if got := resource(lwm2m.ObjectServer, lwm2m.Version12, 17).Operations; got != object.Readable|object.Writable {
		t.Errorf("LwM2M Servers have operations %v on /1/x/17 of version 1.2", got)
	}
	if got := resource(10, lwm2m.Version11, 6).Name; got != "" {
		t.Errorf("/10/x/6 is there in version 1.1: %s", got)
	}
	if _, ok := (*object.Registry)(nil).ObjectVersion(6, lwm2m.Version12); ok {
		t.Error("Object 6 has a version 1.2")
	}
}

func TestRegistryWith(t *testing.T) {
	def := func(id lwm2m.ObjectID, v lwm2m.Version, name string) object.Definition {
		return object.Definition{ID: id, Version: v, Name: name}
	}
	first := (*object.Registry)(nil).With(def(3303, lwm2m.Version10, "old"), def(3303, lwm2m.Version11, "new"), def(3, lwm2m.Version12, "not ours"))
	both := first.With(def(3304, lwm2m.Version10, "other"), def(3303, lwm2m.Version11, "replaced"))

	if d, ok := first.Object(3303); !ok || d.Name != "new" {
		t.Errorf("the newest Object 3303 is %q, %v", d.Name, ok)
	}
	if d, ok := both.Object(3303); !ok || d.Name != "replaced" {
		t.Errorf("the newest Object 3303 is %q, %v", d.Name, ok)
	}
	if d, ok := both.ObjectVersion(3303, lwm2m.Version10); !ok || d.Name != "old" {
		t.Errorf("Object 3303 in version 1.0 is %q, %v", d.Name, ok)
	}
	if d, _ := both.Object(3); d.Name != "Device" {
		t.Errorf("Object 3 is %q: those of the table stay", d.Name)
	}
	if _, ok := first.Object(3304); ok {
		t.Error("a Registry was changed")
	}
	var ids []lwm2m.ObjectID
	for _, d := range both.All() {
		ids = append(ids, d.ID)
	}
	if !slices.IsSorted(ids) || len(ids) != len(slices.Compact(slices.Clone(ids))) || !slices.Contains(ids, 3304) || !slices.Contains(ids, 0) {
		t.Errorf("all Objects: %v", ids)
	}
}

func TestRegistryChoose(t *testing.T) {
	def := func(v lwm2m.Version, name string) object.Definition {
		return object.Definition{ID: 3303, Version: v, Name: name}
	}
	all := (*object.Registry)(nil).With(def(lwm2m.Version10, "old"), def(lwm2m.Version11, "new"))
	name := func(r *object.Registry, id lwm2m.ObjectID) string {
		d, _ := r.Object(id)
		return d.Name + " " + d.Version.String()
	}
	older, ok := all.Choose(3303, lwm2m.Version10)
	if got := name(older, 3303); !ok || got != "old 1.0" {
		t.Errorf("version 1.0 was chosen, and Object 3303 is %q, %v", got, ok)
	}
	both, ok := older.Choose(3, lwm2m.Version11)
	if got := name(both, 3303) + ", " + name(both, 3); !ok || got != "old 1.0, Device 1.1" {
		t.Errorf("two were chosen, and the Objects are %q, %v", got, ok)
	}
	newer, ok := older.Choose(3303, lwm2m.Version11)
	if got := name(newer, 3303); !ok || got != "new 1.1" {
		t.Errorf("version 1.1 was chosen after 1.0, and Object 3303 is %q, %v", got, ok)
	}
	if got := name(older.With(def(lwm2m.Version12, "newest")), 3303); got != "old 1.0" {
		t.Errorf("a newer version was added, and Object 3303 is %q", got)
	}
	if got := name(all, 3303); got != "new 1.1" {
		t.Errorf("a Registry was changed: Object 3303 is %q", got)
	}
	if got, ok := older.Choose(3303, lwm2m.Version12); ok || got != older {
		t.Error("an unknown version was chosen")
	}
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]lwm2m.Version{"1.0": lwm2m.Version10, "1.2": lwm2m.Version12, "12.34": {Major: 12, Minor: 34}} {
		if got, err := lwm2m.ParseVersion(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "1.", ".1", "1.256", "-1.0", "1.2.3", "a.b"} {
		if got, err := lwm2m.ParseVersion(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
