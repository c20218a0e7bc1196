package output

import (
	"bytes"
	"strings"
	"testing"
)

// A name of 252 characters moves what is behind it in its row, and no other row.
func TestTableIsNotWidenedByOneLongName(t *testing.T) {
	var out bytes.Buffer
	table := NewTable(&out, "ENDPOINT", "STATE", "LAST")
	table.Row("meter-1", "enabled", "never")
	table.Row(strings.Repeat("x", 252), "enabled", "never")
	table.Row(strings.Repeat("ü", 30), "disabled", "never")
	for range 2 * sampled {
		table.Row("meter-2", "enabled", "never")
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range map[int]string{
		0:             "ENDPOINT                        STATE     LAST",
		1:             "meter-1                         enabled   never",
		2:             strings.Repeat("x", 252) + "  enabled   never",
		3:             strings.Repeat("ü", 30) + "  disabled  never",
		4:             "meter-2                         enabled   never",
		2*sampled + 3: "meter-2                         enabled   never",
	} {
		if lines[i] != want {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
}
