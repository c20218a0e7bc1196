package bootstrap

import (
	"slices"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
)

// What observers were told of does not change when the session goes on.
func TestSnapshotsDoNotChange(t *testing.T) {
	operation := store.Operation{Op: lwm2m.OpDelete, Path: lwm2m.ObjectPath(1)}
	tests := map[string]func(*session){
		"an operation that was tolerated": (*session).tolerate,
		"one that was repeated": func(s *session) {
			s.update(func(r *store.Session) { repeats(r, operation) })
		},
		"another":            func(s *session) { s.update(func(r *store.Session) { r.Operations = append(r.Operations, operation) }) },
		"a quirk and a note": func(s *session) { s.addQuirks("odd"); s.addNotes("noted") },
		"what a receiver adds": func(s *session) {
			other := s.snapshot()
			_ = append(other.Operations, store.Operation{Error: "not ours"})
		},
	}
	for what, change := range tests {
		t.Run(what, func(t *testing.T) {
			s := &session{record: store.Session{
				Operations: append(make([]store.Operation, 0, 8), operation),
				Quirks:     append(make([]string, 0, 8), "first"), Notes: append(make([]string, 0, 8), "first"),
			}}
			told := s.snapshot()
			change(s)
			if !slices.Equal(told.Operations, []store.Operation{operation}) || !slices.Equal(told.Quirks, []string{"first"}) || !slices.Equal(told.Notes, []string{"first"}) {
				t.Errorf("it is %+v now", told)
			}
			for _, o := range s.record.Operations[:cap(s.record.Operations)] {
				if o.Error != "" {
					t.Errorf("the receiver wrote %+v into the record", o)
				}
			}
		})
	}
}
