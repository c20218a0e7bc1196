package bootstrap

import (
	"slices"

	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// update changes the record.
func (s *session) update(change func(*store.Session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.record)
}

func (s *session) setStage(stage store.Stage) {
	s.update(func(r *store.Session) { r.Stage = stage })
}

// maxQuirks bounds the quirks and the notes of a session, whose number depends on the client.
const maxQuirks = 16

// addQuirks adds deviations of the client that were tolerated to the record, each once.
func (s *session) addQuirks(found ...string) {
	s.update(func(r *store.Session) {
		for _, q := range found {
			q = outcome.Printable(q, outcome.MaxError)
			if len(r.Quirks) < maxQuirks && !slices.Contains(r.Quirks, q) {
				r.Quirks = append(r.Quirks, q)
			}
		}
	})
}

// addNotes adds to the record what is worth knowing of the session, however it ended.
func (s *session) addNotes(notes ...string) {
	s.update(func(r *store.Session) {
		for _, n := range notes {
			if len(r.Notes) < maxQuirks {
				r.Notes = append(r.Notes, outcome.Printable(n, outcome.MaxError))
			}
		}
	})
}

// changeLast changes the last operation of the record. Snapshots have the former one, so it gets a slice of its own.
func changeLast(r *store.Session, change func(*store.Operation)) {
	r.Operations = slices.Clone(r.Operations)
	change(&r.Operations[len(r.Operations)-1])
}

// snapshot is a copy of the record as it stands. It shares the elements of slices with the record, which only appends
// to them; see [changeLast].
func (s *session) snapshot() store.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.record
	r.Operations = slices.Clip(r.Operations)
	r.Quirks = slices.Clip(r.Quirks)
	r.Notes = slices.Clip(r.Notes)
	if text := s.turnText(); text != "" {
		r.Detail = text
	}
	return r
}

func (s *session) observe(kind EventKind) { s.srv.cfg.Observe(Event{kind, s.snapshot()}) }
