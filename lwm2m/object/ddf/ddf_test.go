package ddf_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/lwm2m/object/ddf"
)

const objects = "../../../testdata/objects"

func TestRead(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(objects, "33001-1_1.xml"))
	if err != nil {
		t.Fatal(err)
	}
	got, problems := ddf.Read("valve.xml", b)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	rw := object.Readable | object.Writable
	want := []object.Definition{{ID: 33001, Name: "Valve", Version: lwm2m.Version11, Multiple: true, Resources: []object.ResourceDefinition{
		{ID: 0, Name: "Alarm Limits", Type: lwm2m.TypeFloat, Multiple: true, Operations: rw, Unit: "bar", Since: lwm2m.Version11},
		{ID: 1, Name: "Opening", Type: lwm2m.TypeInteger, Mandatory: true, Operations: rw, Max: 100, Unit: "/100", Since: lwm2m.Version11},
		{ID: 2, Name: "Close", Type: lwm2m.TypeNone, Operations: object.Executable, Since: lwm2m.Version11},
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

// What is wrong is left out, and as little as possible with it.
func TestMistakes(t *testing.T) {
	tests := []struct {
		name, old, replacement, want string
		resources                    int // that are known all the same; -1: not the Object either
	}{
		{"not XML", "<Object ", "<Object <", "x.xml:4: it is not XML: ", -1},
		{"cut off", "</LWM2M>", "", "x.xml:38: it is not XML: unexpected EOF", -1},
		{"two documents", "</LWM2M>", "</LWM2M><LWM2M/>", "x.xml:37: there is more behind the end of the outermost element", -1},
		{"text behind", "</LWM2M>", "</LWM2M>x", "there is text behind the end of the outermost element", -1},
		{"no ID", "<ObjectID>33001</ObjectID>", "", "x.xml:4: the Object has no ObjectID", -1},
		{"ID out of range", "<ObjectID>33001", "<ObjectID>65535", `x.xml:4: ObjectID "65535" is not a number from 0 to 65534`, -1},
		{"ID that is none", "<ObjectID>33001", "<ObjectID>x", `x.xml:4: ObjectID "x"`, -1},
		{"bad version", "<ObjectVersion>1.0", "<ObjectVersion>one", `x.xml:4: ObjectVersion: want a version such as 1.1, not "one"`, -1},
		{"instances", "<MultipleInstances>Multiple", "<MultipleInstances>Many", `x.xml:4: MultipleInstances is "Many": want Multiple or Single`, -1},
		{"instances of a Resource", "<MultipleInstances>Single", "<MultipleInstances>", `x.xml:14: MultipleInstances is "": want Multiple or Single: Resource 1 is left out`, 1},
		{"Resource ID", `ID="1"`, `ID="-1"`, `x.xml:14: Item: the ID "-1"`, 1},
		{"Resource twice", `ID="2"`, `ID="1"`, "x.xml:24: Resource 1 is there twice: the first, Opening, counts", 1},
		{"type", "<Type>Integer", "<Type>Number", `x.xml:14: Type "Number" of Resource 1`, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defs, problems := ddf.Read("x.xml", valve(t, tt.old, tt.replacement))
			if len(problems) != 1 || !problems[0].Lost || !strings.Contains(problems[0].String(), tt.want) {
				t.Errorf("problems %q, want one with %q", problems, tt.want)
			}
			got := -1
			if len(defs) == 1 {
				got = len(defs[0].Resources)
			}
			if got != tt.resources {
				t.Errorf("%d Resources are known, want %d", got, tt.resources)
			}
		})
	}
	if _, problems := ddf.Read("x.xml", make([]byte, 5<<20)); len(problems) != 1 || !strings.Contains(problems[0].String(), "at most") {
		t.Errorf("a file of 5 MiB: %v", problems)
	}
}

// What has other words than the schema, and can mean one thing only, is read and noted.
func TestOtherWords(t *testing.T) {
	const item = "<Operations>RW</Operations><MultipleInstances>Single</MultipleInstances><Mandatory>Mandatory</Mandatory><Type>Integer</Type>"
	rw := object.Readable | object.Writable
	opening := object.ResourceDefinition{ID: 1, Name: "Opening", Type: lwm2m.TypeInteger, Mandatory: true, Operations: rw, Max: 100, Unit: "/100", Since: lwm2m.Version10}
	is := func(change func(*object.ResourceDefinition)) object.ResourceDefinition {
		d := opening
		change(&d)
		return d
	}
	asIs := is(func(*object.ResourceDefinition) {})
	optional := is(func(d *object.ResourceDefinition) { d.Mandatory = false })
	several := is(func(d *object.ResourceDefinition) { d.Multiple = true })
	ops := func(o object.Operations) object.ResourceDefinition {
		return is(func(d *object.ResourceDefinition) { d.Operations = o })
	}
	typed := func(kind lwm2m.Type) object.ResourceDefinition {
		return is(func(d *object.ResourceDefinition) { d.Type = kind; d.Max = 0 })
	}
	tests := []struct {
		element, text, note string
		want                object.ResourceDefinition
	}{
		{"Mandatory", "Yes", `Mandatory is "Yes": it is read as Mandatory`, asIs},
		{"Mandatory", "true", `it is read as Mandatory`, asIs},
		{"Mandatory", "mandatory", `it is read as Mandatory`, asIs},
		{"Mandatory", "No", `Mandatory is "No": it is read as Optional`, optional},
		{"Mandatory", "FALSE", `it is read as Optional`, optional},
		{"Mandatory", "", `Mandatory is "": want Mandatory or Optional: it is read as Optional`, optional},
		{"Mandatory", "\n Mandatory \n", "", asIs},
		{"MultipleInstances", "No", `MultipleInstances is "No": it is read as Single`, asIs},
		{"MultipleInstances", "multiple", `it is read as Multiple`, several},
		{"MultipleInstances", "Yes", `it is read as Multiple`, several},
		{"Operations", "rw", `Operations "rw" of Resource 1`, ops(rw)},
		{"Operations", "R/W", `Operations "R/W" of Resource 1`, ops(rw)},
		{"Operations", "Read, Write", `Operations "Read, Write" of Resource 1`, ops(rw)},
		{"Operations", "ReadWrite", `Operations "ReadWrite" of Resource 1`, ops(rw)},
		{"Operations", "Read only", `Operations "Read only" of Resource 1`, ops(object.Readable)},
		{"Operations", "WR", "", ops(rw)},
		{"Operations", "-", `Operations "-" of Resource 1`, ops(0)},
		{"Operations", "", "", ops(0)},
		{"Operations", "RX", `Operations "RX" of Resource 1: want letters of R, W and E: it is not known`, ops(0)},
		{"Type", "integer", `Type "integer" of Resource 1 is read as "Integer"`, asIs},
		{"Type", "INT", `is read as "Integer"`, asIs},
		{"Type", "Integer (32 bits)", `is read as "Integer"`, asIs},
		{"Type", "int32", `is read as "Integer"`, asIs},
		{"Type", "16-bit Integer", `is read as "Integer"`, asIs},
		{"Type", "UnsignedInteger", `is read as "Unsigned Integer"`, is(func(d *object.ResourceDefinition) { d.Type = lwm2m.TypeUnsigned })},
		{"Type", "unsigned integer", `is read as "Unsigned Integer"`, is(func(d *object.ResourceDefinition) { d.Type = lwm2m.TypeUnsigned })},
		{"Type", "UINT8", `is read as "Unsigned Integer"`, is(func(d *object.ResourceDefinition) { d.Type = lwm2m.TypeUnsigned })},
		{"Type", "double", `is read as "Float"`, is(func(d *object.ResourceDefinition) { d.Type = lwm2m.TypeFloat })},
		{"Type", "bool", `is read as "Boolean"`, typed(lwm2m.TypeBoolean)},
		{"Type", "TIME", `is read as "Time"`, typed(lwm2m.TypeTime)},
		{"Type", "CoreLink", `is read as "Corelnk"`, typed(lwm2m.TypeCoreLink)},
		{"Type", "Object Link", `is read as "Objlnk"`, typed(lwm2m.TypeObjectLink)},
		{"Type", "None", `is read as ""`, typed(lwm2m.TypeNone)},
		{"Name", "", "Name is missing: it is called Resource 1", is(func(d *object.ResourceDefinition) { d.Name = "Resource 1" })},
	}
	for _, tt := range tests {
		t.Run(tt.element+" "+tt.text, func(t *testing.T) {
			start, end := "<"+tt.element+">", "</"+tt.element+">"
			all := "<Name>Opening</Name>" + item
			before, rest, _ := strings.Cut(all, start)
			_, behind, _ := strings.Cut(rest, end)
			text := string(valve(t, "<Item ID=\"1\">", "<Item ID=\"1\">"+before+start+tt.text+end+behind+"<RangeEnumeration>0..100</RangeEnumeration><Units>/100</Units></Item><Item ID=\"3\">"))
			defs, problems := ddf.Read("x.xml", []byte(text))
			if len(defs) != 1 || !reflect.DeepEqual(defs[0].Resources[0], tt.want) {
				t.Errorf("read as %+v, want %+v", defs, tt.want)
			}
			if noted := len(problems) > 0; noted != (tt.note != "") || noted && (len(problems) > 1 || problems[0].Lost || !strings.Contains(problems[0].String(), tt.note)) {
				t.Errorf("problems %v, want %q", problems, tt.note)
			}
		})
	}
}

// What is said of an Object in other words than the schema's is read, too.
func TestOtherWordsOfObjects(t *testing.T) {
	tests := []struct {
		old, replacement, note string
		want                   func(*object.Definition)
	}{
		{"<Name>Valve</Name>", "", "x.xml:4: Name is missing: it is called Object 33001", func(d *object.Definition) { d.Name = "Object 33001" }},
		{"<MultipleInstances>Multiple", "<MultipleInstances>yes", "x.xml:4: MultipleInstances", func(*object.Definition) {}},
		{"<MultipleInstances>Multiple", "<MultipleInstances>single", "x.xml:4: MultipleInstances", func(d *object.Definition) { d.Multiple = false }},
		{"<Mandatory>Optional", "<Mandatory>No", "x.xml:4: Mandatory", func(*object.Definition) {}},
		{"<ObjectVersion>1.0", "<ObjectVersion>1", `x.xml:4: ObjectVersion "1" is read as 1.0`, func(*object.Definition) {}},
		{"<ObjectVersion>1.0", "<ObjectVersion>v1.0", `x.xml:4: ObjectVersion "v1.0" is read as 1.0`, func(*object.Definition) {}},
		{"<ObjectVersion>1.0", "<ObjectVersion>", "", func(*object.Definition) {}},
		{"<ObjectID>33001", "<ObjectID>33001:1.0", `x.xml:4: ObjectID "33001:1.0" is read as 33001 in version 1.0`, func(*object.Definition) {}},
	}
	for _, tt := range tests {
		t.Run(tt.replacement, func(t *testing.T) {
			want, _ := ddf.Read("x.xml", valve(t, "x", "x"))
			tt.want(&want[0])
			got, problems := ddf.Read("x.xml", valve(t, tt.old, tt.replacement))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("read as %+v, want %+v", got, want)
			}
			if tt.note == "" && len(problems) > 0 || tt.note != "" && (len(problems) != 1 || problems[0].Lost || !strings.Contains(problems[0].String(), tt.note)) {
				t.Errorf("problems %v, want %q", problems, tt.note)
			}
		})
	}
}

// The registry has a few Resources without a type. They are known, and not written.
func TestNoType(t *testing.T) {
	defs, problems := ddf.Read("x.xml", valve(t, "<Type>Integer", "<Type>"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if _, err := defs[0].Resources[0].ParseText("40"); err == nil || err.Error() != "Opening has no type in its definition" {
		t.Errorf("a value of a Resource without a type: %v", err)
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
		defs, problems := ddf.Read("x.xml", b)
		for _, p := range problems {
			if p.Line < 1 || strings.ContainsAny(p.Message, "\n\r") {
				t.Errorf("a problem that is no line: %q", p)
			}
		}
		for _, o := range defs {
			for i, r := range o.Resources {
				if i > 0 && o.Resources[i-1].ID >= r.ID || r.Name == "" || r.Min > r.Max || r.Type != lwm2m.TypeNone && r.Operations == object.Executable {
					t.Errorf("Object %d has %+v", o.ID, r)
				}
			}
		}
	})
}
