package ddf

import (
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// A merger combines the Objects of several files.
type merger struct {
	sources  []source
	places   map[version]int // in sources
	problems []Problem
}

// A version is one version of an Object.
type version struct {
	id lwm2m.ObjectID
	v  lwm2m.Version
}

// A source is a definition and the file that has it.
type source struct {
	def  object.Definition
	file string
}

// add adds a definition, unless it has one of the same Object and version that takes precedence.
func (m *merger) add(s source) {
	key := version{s.def.ID, s.def.Version}
	place, twice := m.places[key]
	if !twice {
		m.places[key] = len(m.sources)
		m.sources = append(m.sources, s)
		return
	}
	other := m.sources[place]
	says, lost := "with other content: that counts, and this is left out", !object.BuiltIn(key.id)
	switch {
	case reflect.DeepEqual(other.def, s.def):
		says, lost = "the same", false
	case s.revision() > other.revision():
		m.sources[place], says, lost = s, "an older revision: this counts", false
	case s.revision() < other.revision():
		says, lost = "a newer revision: that counts", false
	}
	m.problems = append(m.problems, Problem{s.file, 1, fmt.Sprintf("Object %d in version %v is in %s already, %s", key.id, key.v, other.file, says), lost})
}

// revised is a file of an editorial revision, of which the registry had several of one
// version: "LWM2M_Device-v1_0_3.xml".
var revised = regexp.MustCompile(`[-_][vV]?\d+_\d+_(\d+)\.[xX][mM][lL]$`)

// revision returns the revision of a file; 0 where its name has none.
func (s source) revision() (n int) {
	if m := revised.FindStringSubmatch(filepath.Base(s.file)); m != nil {
		n, _ = strconv.Atoi(m[1])
	}
	return n
}

// defs returns the Objects that are not built in.
func (m *merger) defs() (out []object.Definition) {
	for _, s := range m.sources {
		if !object.BuiltIn(s.def.ID) {
			out = append(out, s.def)
		}
	}
	return out
}
