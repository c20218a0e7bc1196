package main

import (
	"strings"
	"testing"
)

// The manual has each command and option that --help has, with examples in their lines; no line of
// text is a macro.
func TestManual(t *testing.T) {
	page := newShell(t).ok("man")
	for _, want := range []string{
		".TH \"LWBS\" \"1\"", `.SS "lwbs device add ENDPOINT"`, `.SS "lwbs why `, "\\-\\-psk\\-key\\-file FILE\n",
		".nf\n   lwbs demo ", "\n.fi\n", `.SS "lwbs man"`,
	} {
		contains(t, "manual", page, want)
	}
	lacks(t, "manual", page, "lwbs complete ")
	known := map[string]bool{".TH": true, ".SH": true, ".SS": true, ".PP": true, ".TP": true, ".nf": true, ".fi": true}
	for line := range strings.Lines(page) {
		if macro, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(line, ".") && !known[macro] || strings.HasPrefix(line, "'") {
			t.Errorf("a line of text is a macro: %q", line)
		}
	}
	var m manualPage
	m.line(`.x 'y' \z -a`)
	if want := "\\&.x 'y' \\ez \\-a\n"; m.b.String() != want {
		t.Errorf("a line is written as %q, want %q", m.b.String(), want)
	}
}
