package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// objectFile puts the definition of an Object into objects/NAME, with its ID and one
// replacement.
func (sh *shell) objectFile(name string, id int, old, replacement string) {
	sh.t.Helper()
	b, err := os.ReadFile(filepath.Join(testObjects, "33001-1_0.xml"))
	if err != nil {
		sh.t.Fatal(err)
	}
	if err := os.MkdirAll(sh.path("objects"), 0o700); err != nil {
		sh.t.Fatal(err)
	}
	text := strings.ReplaceAll(string(b), "33001", fmt.Sprint(id))
	sh.write("objects/"+name, strings.Replace(text, old, replacement, 1))
}

func TestObjectCheck(t *testing.T) {
	sh := newShell(t)
	sh.objectFile("good.xml", 33001, "", "")
	sh.objectFile("words.xml", 33002, "<Mandatory>Mandatory", "<Mandatory>Yes")
	sh.objectFile("broken.xml", 33003, "</LWM2M>", "")
	if out := sh.ok("object check $D/objects/good.xml"); out != "good: 1 Object\n" {
		t.Errorf("object check of a good file: %q", out)
	}
	contains(t, "object check of a folder", sh.ok("object check "+testObjects), "good: 2 Objects")
	const words = `$D/objects/words.xml:14: Mandatory is "Yes": it is read as Mandatory` + "\n"
	const broken = "$D/objects/broken.xml:38: it is not XML: unexpected EOF\n"
	for line, want := range map[string][2]string{
		"object check $D/objects/words.xml": {words, "lwbs: $D/objects/words.xml: 1 difference from the schema\n"},
		"object check $D/objects":           {broken + words, "lwbs: $D/objects: 2 differences from the schema\n"},
		"object check $D/objects/none.xml":  {"", "lwbs: stat $D/objects/none.xml: no such file or directory\n"},
	} {
		if status, out, errs := sh.run(line); status != exitFailed || out != want[0] || errs != want[1] {
			t.Errorf("%s: status %d, %q, %q, want %q", line, status, out, errs, want)
		}
	}
	if status, _, errs := sh.run("object check"); status != exitUsage || !strings.Contains(errs, "FILE|FOLDER") {
		t.Errorf("object check without an argument: %d, %s", status, errs)
	}
	status, out, _ := sh.run("object check --json $D/objects")
	var views []struct {
		Read bool
		Line int
	}
	if err := json.Unmarshal([]byte(out), &views); err != nil || status != exitFailed || len(views) != 2 || views[0].Read || !views[1].Read || views[1].Line != 14 {
		t.Errorf("object check --json: status %d, %+v, %v", status, views, err)
	}
	contains(t, "object check --json of a good file", sh.ok("object check --json $D/objects/good.xml"), "[]\n")
}

// A bad file does not keep a command from what the others define, and is named, once.
func TestBadObjectFilesAreNamed(t *testing.T) {
	sh := newShell(t)
	sh.objectFile("a.xml", 33001, "", "")
	for i := range 7 {
		sh.objectFile(fmt.Sprintf("b%d.xml", i), 33010+i, "</LWM2M>", "")
	}
	sh.write("valve.yaml", strings.Replace(valveYAML, ", alarmLimits: [1.5, 2.5]", "", 1))
	for _, line := range []string{"object list", "object get 33001", "profile check -f $D/valve.yaml", "profile apply -f $D/valve.yaml"} {
		status, _, errs := sh.run("--objects $D/objects " + line)
		contains(t, line, errs, "warning: $D/objects/b0.xml:38: it is not XML: unexpected EOF\n", "b4.xml",
			"warning: 2 more files are wrong in $D/objects: lwbs object check $D/objects lists what is wrong\n")
		if lines := strings.Count(errs, "warning: "); status != exitDone || lines != 5+1 {
			t.Errorf("%s: status %d, %d warnings: %s", line, status, lines, errs)
		}
	}
	if _, _, errs := sh.run("--objects $D/objects profile list"); errs != "" {
		t.Errorf("profile list names no Objects, and says %s", errs)
	}
}

// A bad file does not stop the server, which knows the Objects of the others and logs what
// it does not know.
func TestServeWithABadObjectFile(t *testing.T) {
	sh := newShell(t)
	sh.objectFile("a.xml", 33001, "", "")
	sh.objectFile("b.xml", 33002, "</LWM2M>", "")
	t.Setenv("LWBS_OBJECTS", sh.path("objects"))
	log := &firstLines{want: "definition left out", seen: make(chan string, 1)}
	sh.serveLogging(log)
	select {
	case text := <-log.seen:
		contains(t, "the log", text, "level=WARN", "b.xml line=38", "it is not XML: unexpected EOF")
	default:
		t.Error("the server logged nothing of the bad file")
	}
	t.Setenv("LWBS_OBJECTS", "") // the server knows more than the command
	sh.write("valve.yaml", strings.Replace(valveYAML, "opening: 40, alarmLimits: [1.5, 2.5]", "1: 140", 1))
	if status, _, errs := sh.run("profile apply -f $D/valve.yaml"); status != exitFailed || !strings.Contains(errs, "140 is not within 0 to 100") {
		t.Errorf("a value out of the range of a.xml: status %d: %s", status, errs)
	}
}
