package ddf

import (
	"strings"
	"testing"

	"lwbs/lwm2m/object"
)

// A panic over one file is a problem of that file.
func TestPanicOverFile(t *testing.T) {
	read := func() (defs []object.Definition, problems []Problem) {
		defer contain("a.xml", &defs, &problems)
		defs = append(defs, object.Definition{})
		panic("at line 7")
	}
	defs, problems := read()
	if len(defs) != 0 || len(Lost(problems)) != 1 || problems[0].File != "a.xml" || !strings.Contains(problems[0].Message, "at line 7") {
		t.Errorf("there are %d definitions and the problems %v", len(defs), problems)
	}
}
