package ddf_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/lwm2m/object/ddf"
)

func TestReadDir(t *testing.T) {
	defs, problems, err := ddf.ReadDir(objects)
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	r := (*object.Registry)(nil).With(defs...)
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
		if defs, problems := ddf.Read("x.xml", []byte(text)); len(problems) > 0 || len(defs) > 0 {
			t.Errorf("%s: %v, %v", text, defs, problems)
		}
	}
}

func TestNoDefinitions(t *testing.T) {
	for text, want := range map[string]string{
		"":                "x.xml:1: there is no element in it: want LWM2M",
		"<html></html>":   "x.xml:1: it is a web page: want a definition of an Object in XML, as the OMA registry has them",
		"<LWM2M></LWM2M>": "x.xml:1: there is no Object in it",
	} {
		if _, problems := ddf.Read("x.xml", []byte(text)); len(problems) != 1 || !problems[0].Lost || problems[0].String() != want {
			t.Errorf("%q: %v, want %s", text, problems, want)
		}
	}
}

func TestFoldersThatAreNone(t *testing.T) {
	if _, _, err := ddf.ReadDir(t.TempDir()); err == nil || !strings.Contains(err.Error(), "0 files *.xml") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, _, err := ddf.ReadDir("nowhere"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// One bad file hides no other, whatever is bad about it, and each is named.
func TestBadFilesHideNoOthers(t *testing.T) {
	dir := t.TempDir()
	for name, b := range map[string][]byte{
		"a.xml": valve(t, "x", "x"), "b.xml": valve(t, "x", "x"), "c.xml": valve(t, "Opening", "Aperture"),
		"d.xml": []byte("<LWM2M>"), "e.xml": valve(t, "33001", "33002"), "f.XML": valve(t, "33001", "33003"), "g.xml": make([]byte, 5<<20),
		"._a.xml": {0, 5, 22, 7}, "readme.txt": []byte("x"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("nowhere", filepath.Join(dir, "h.xml")), syscall.Mkfifo(filepath.Join(dir, "i.xml"), 0o600), os.Mkdir(filepath.Join(dir, "j.xml"), 0o700)); err != nil {
		t.Fatal(err)
	}
	defs, problems, err := ddf.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(defs) != 3 || defs[0].ID != 33001 || defs[0].Resources[0].Name != "Opening" || defs[1].ID != 33002 || defs[2].ID != 33003 {
		t.Errorf("the folder defines %+v", defs)
	}
	want := []struct {
		text string
		lost bool
	}{
		{"b.xml:1: Object 33001 in version 1.0 is in " + filepath.Join(dir, "a.xml") + " already, the same", false},
		{"c.xml:1: Object 33001 in version 1.0 is in " + filepath.Join(dir, "a.xml") + " already, with other content", true},
		{"d.xml:1: it is not XML: unexpected EOF", true},
		{"g.xml:1: the file has 5242880 bytes", true},
		{"h.xml:1: it cannot be read: no such file", true},
		{"i.xml:1: this is not a file", true},
	}
	byFile := make(map[string]ddf.Problem)
	for _, p := range problems {
		byFile[filepath.Base(p.File)] = p
	}
	if len(problems) != len(want) {
		t.Errorf("problems %v, want %d", problems, len(want))
	}
	for _, w := range want {
		if p := byFile[w.text[:5]]; !strings.Contains(p.String(), w.text) || p.Lost != w.lost {
			t.Errorf("problem %q (lost: %v), want %q (%v)", p, p.Lost, w.text, w.lost)
		}
	}
}

// The registry had editorial revisions of one version in files of their own: the newest
// counts.
func TestRevisionsOfAVersion(t *testing.T) {
	dir := t.TempDir()
	for name, resource := range map[string]string{"Valve-v1_0.xml": "Opening", "Valve-v1_0_1.xml": "Aperture", "Valve-v1_0_10.xml": "Gap", "Valve-v1_0_2.xml": "Slit", "W-V1_0_10.XML": "Gap"} {
		if err := os.WriteFile(filepath.Join(dir, name), valve(t, "Opening", resource), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	defs, problems, err := ddf.ReadDir(dir)
	if err != nil || len(defs) != 1 || defs[0].Resources[0].Name != "Gap" || len(problems) != 4 || len(ddf.Lost(problems)) > 0 {
		t.Errorf("read as %+v, %v, %v, want the revision 10", defs, problems, err)
	}
	for i, want := range []string{"an older revision: this counts", "an older revision: this counts", "a newer revision: that counts", "the same"} {
		if i < len(problems) && !strings.HasSuffix(problems[i].Message, want) {
			t.Errorf("%v, want %q", problems[i], want)
		}
	}
}
