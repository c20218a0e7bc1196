package ddf_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/ddf"
)

const objects = "../../testdata/objects"

func TestRead(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(objects, "33001-1_1.xml"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ddf.Read("valve.xml", b)
	if err != nil {
		t.Fatal(err)
	}
	rw := lwm2m.Readable | lwm2m.Writable
	want := []lwm2m.ObjectDefinition{{ID: 33001, Name: "Valve", Version: lwm2m.Version11, Multiple: true, Resources: []lwm2m.ResourceDefinition{
		{ID: 0, Name: "Alarm Limits", Type: lwm2m.TypeFloat, Multiple: true, Operations: rw, Unit: "bar", Since: lwm2m.Version11},
		{ID: 1, Name: "Opening", Type: lwm2m.TypeInteger, Mandatory: true, Operations: rw, Max: 100, Unit: "/100", Since: lwm2m.Version11},
		{ID: 2, Name: "Close", Type: lwm2m.TypeNone, Operations: lwm2m.Executable, Since: lwm2m.Version11},
	}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v, want\n%+v", got, want)
	}
}

// valve is a file with one mistake: what replaces old.
func valve(t testing.TB, old, replacement string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(objects, "33001-1_0.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("there is no %q to replace", old)
	}
	return []byte(strings.Replace(string(b), old, replacement, 1))
}

func TestMistakes(t *testing.T) {
	tests := []struct{ name, old, replacement, want string }{
		{"not XML", "<Object ", "<Object <", "x.xml:4: it is not XML: "},
		{"cut off", "</LWM2M>", "", "x.xml:38: it is not XML: unexpected EOF"},
		{"another document", "LWM2M", "html", "x.xml:"},
		{"two documents", "</LWM2M>", "</LWM2M><LWM2M/>", "x.xml:37: there is more behind the end of the outermost element"},
		{"text behind", "</LWM2M>", "</LWM2M>x", "there is text behind the end of the outermost element"},
		{"no ID", "<ObjectID>33001</ObjectID>", "", "x.xml:4: the Object has no ObjectID"},
		{"ID out of range", "<ObjectID>33001", "<ObjectID>65535", `x.xml:4: ObjectID "65535" is not a number from 0 to 65534`},
		{"ID that is none", "<ObjectID>33001", "<ObjectID>x", `x.xml:4: ObjectID "x"`},
		{"no name", "<Name>Valve</Name>", "", "x.xml:4: Name is missing"},
		{"bad version", "<ObjectVersion>1.0", "<ObjectVersion>one", `x.xml:4: ObjectVersion: want a version such as 1.1, not "one"`},
		{"instances", "<MultipleInstances>Multiple", "<MultipleInstances>Many", `x.xml:4: MultipleInstances is "Many": want Multiple or Single`},
		{"Resource ID", `ID="1"`, `ID="-1"`, `x.xml:14: Item: the ID "-1"`},
		{"Resource twice", `ID="2"`, `ID="1"`, "x.xml:24: Resource 1 is there twice"},
		{"operation", "<Operations>RW", "<Operations>RX", `x.xml:14: Operations "RX" of Resource 1`},
		{"type", "<Type>Integer", "<Type>Number", `x.xml:14: Type "Number" of Resource 1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ddf.Read("x.xml", valve(t, tt.old, tt.replacement))
			var p *ddf.Problem
			if !errors.As(err, &p) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, tt.want)
			}
		})
	}
	if _, err := ddf.Read("x.xml", make([]byte, 5<<20)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a file of 5 MiB: %v", err)
	}
}

// The registry has a few Resources without a type. They are known, and not written.
func TestNoType(t *testing.T) {
	defs, err := ddf.Read("x.xml", valve(t, "<Type>Integer", "<Type>"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := defs[0].Resources[0].ParseText("40"); err == nil || err.Error() != "Opening has no type in its definition" {
		t.Errorf("a value of a Resource without a type: %v", err)
	}
}

// The registry has ranges in many forms. What is no range sets no bounds.
func TestRanges(t *testing.T) {
	tests := []struct{ kind, text, want string }{
		{"Integer", "0..255", "0 to 255"},
		{"Integer", "-20..60", "-20 to 60"},
		{"Integer", "1-9", "1 to 9"},
		{"Integer", "0-255 bytes", "0 to 255"},
		{"Integer", " 0 .. 7 ", "0 to 7"},
		{"Integer", "1...15", "1 to 15"},
		{"Integer", "0..3, 99", "0 to 3, 99"},
		{"Integer", "5, 10, 15", "5, 10, 15"},
		{"Integer", "0: off\n\t\t1: on\n\t\t255", "0, 1, 255"},
		{"Unsigned Integer", "0..18446744073709551615", "0 to 18446744073709552000"},
		{"Float", "0..1", "0 to 1"},
		{"Float", "0.000001..1.0", "0.000001 to 1"},
		{"Float", "-100.0..100.0", "-100 to 100"},
		{"Float", "0; 3.8..20.5", "0, 3.8 to 20.5"},
		{"String", "1..64 Bytes", "1 to 64"},
		{"Opaque", "16,32,48", "16, 32, 48"},
		{"Opaque", "-1..4", ""},
		{"String", "-1, 4", ""},
		{"Boolean", "0..1", ""},
		{"Time", "0..100", ""},
		{"Integer", "", ""},
		{"Integer", "255", ""},
		{"Integer", "8-Bits", ""},
		{"Integer", "2 Instances", ""},
		{"Integer", "9..1", ""},
		{"Integer", "0x1..0x5", ""},
		{"Integer", "0: off, or broken", ""},
		{"Integer", "1, 2, inf", ""},
		{"Float", "ON;OFF", ""},
		{"Float", "any", ""},
	}
	for _, tt := range tests {
		text := strings.Replace(string(valve(t, "0..100", tt.text)), "<Type>Integer", "<Type>"+tt.kind, 1)
		defs, err := ddf.Read("x.xml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := defs[0].Resources[0].Range(); got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.kind, tt.text, got, tt.want)
		}
	}
}

func TestReadDir(t *testing.T) {
	defs, err := ddf.ReadDir(objects)
	if err != nil {
		t.Fatal(err)
	}
	r := (*lwm2m.Registry)(nil).With(defs...)
	if len(defs) != 2 {
		t.Errorf("%d definitions, want the two of Object 33001", len(defs))
	}
	if d, ok := r.Object(33001); !ok || d.Version != lwm2m.Version11 {
		t.Errorf("Object 33001 is known in version %v, %v", d.Version, ok)
	}
	if d, ok := r.ObjectVersion(33001, lwm2m.Version10); !ok || len(d.Resources) != 2 {
		t.Errorf("Object 33001 in version 1.0 is %+v, %v", d, ok)
	}
	if d, _ := r.Object(3); d.Name != "Device" {
		t.Errorf("Object 3 is %q", d.Name)
	}
}

// The registry as a whole can be the folder: what it has besides Objects is passed over.
func TestBesides(t *testing.T) {
	for _, text := range []string{
		`<DDFList><Item><ObjectID>0</ObjectID></Item></DDFList>`,
		`<units><title>Units</title></units>`,
		`<LWM2M><Object ObjectType="CommonResources"><Resources><Item ID="4000"><Name>Link</Name></Item></Resources></Object></LWM2M>`,
	} {
		if defs, err := ddf.Read("x.xml", []byte(text)); err != nil || len(defs) > 0 {
			t.Errorf("%s: %v, %v", text, defs, err)
		}
	}
}

func TestNoDefinitions(t *testing.T) {
	for text, want := range map[string]string{
		"":                "x.xml:1: there is no element in it: want LWM2M",
		"<html></html>":   "x.xml:1: the outermost element is html: want LWM2M",
		"<LWM2M></LWM2M>": "x.xml:1: there is no Object in it",
	} {
		if _, err := ddf.Read("x.xml", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestReadDirMistakes(t *testing.T) {
	if _, err := ddf.ReadDir(t.TempDir()); err == nil || !strings.Contains(err.Error(), "0 files *.xml") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := ddf.ReadDir("nowhere"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	dir := t.TempDir()
	for name, b := range map[string][]byte{"a.xml": valve(t, "x", "x"), "b.xml": valve(t, "x", "x"), "c.xml": valve(t, "RW", "X")} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := ddf.ReadDir(dir)
	for _, want := range []string{"b.xml:1: Object 33001 in version 1.0 is in " + filepath.Join(dir, "a.xml"), `c.xml:14: Operations "X"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Whatever is in a file, reading it ends, and what it defines is consistent.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"3.xml", "33001-1_0.xml", "33001-1_1.xml"} {
		b, err := os.ReadFile(filepath.Join(objects, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		defs, err := ddf.Read("x.xml", b)
		if err != nil {
			return
		}
		for _, o := range defs {
			for i, r := range o.Resources {
				if i > 0 && o.Resources[i-1].ID >= r.ID || r.Name == "" || r.Min > r.Max || r.Type != lwm2m.TypeNone && r.Operations == lwm2m.Executable {
					t.Errorf("Object %d has %+v", o.ID, r)
				}
			}
		}
	})
}
