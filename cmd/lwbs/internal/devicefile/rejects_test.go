package devicefile

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/store/importer/sheet"
)

// A cell that a spreadsheet would take for a formula is text in a table of rejects, and the same as before when
// that is imported.
func TestFormulasInRejects(t *testing.T) {
	for _, cell := range []string{"=1+1", "+49 170", "-5", "@SUM(A1)", "\t=x", "\r=x", "'=x", "''=x", "'", "", "plain", "'quoted'", "a=b"} {
		kept := guarded(cell)
		if isFormula(kept) {
			t.Errorf("%q is kept as %q", cell, kept)
		}
		if got := unguarded(kept); got != cell {
			t.Errorf("%q comes back as %q", cell, got)
		}
	}
	var out bytes.Buffer
	s, err := Table(strings.NewReader("endpoint,psk-key,note\n=evil(),00ff,-note\n"), sheet.Options{}, ColumnOptions{Keys: input.KeyForm{Format: "hex", Option: "--key-format"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRejects(Options{RejectsTo: &out, DryRun: true}, s)
	if err != nil {
		t.Fatal(err)
	}
	row, err := s.rows.next()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.add(row, admin.BatchResult{Outcome: admin.BatchRefused, Error: "=wrong"}); err != nil {
		t.Fatal(err)
	}
	if err := r.close(false); err != nil {
		t.Fatal(err)
	}
	if want := "endpoint,psk-key,note,line,error\n'=evil(),00ff,'-note,2,'=wrong\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	again, err := Table(&out, sheet.Options{}, ColumnOptions{Keys: input.KeyForm{Format: "hex", Option: "--key-format"}})
	if err != nil {
		t.Fatal(err)
	}
	back, err := again.rows.next()
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	if back.endpoint != "=evil()" || *back.settings.Note != "-note" {
		t.Errorf("%q, %q", back.endpoint, *back.settings.Note)
	}
}
