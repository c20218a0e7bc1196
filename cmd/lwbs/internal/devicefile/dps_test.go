package devicefile

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"lwbs/cmd/lwbs/internal/input"
)

// FuzzDPS: any text ends, and a row that is taken has a name and a way to authenticate; lines go up.
func FuzzDPS(f *testing.F) {
	sample, err := os.ReadFile("../../../../testdata/import/dps-enrollments.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(sample))
	for _, text := range []string{"[]", "[1,{}]", `{"a":[{}],"enrollments":[]}`, `{"enrollments":[{"registrationId":"x"}`, "[\n\n{}\n,\n{}]", strings.Join(dpsColumns, ",") + ",line,error\nx,,x509,,,,1,e\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := DPS(strings.NewReader(text), ColumnOptions{Keys: input.KeyForm{Format: "base64", Option: "--key-format"}})
		if err != nil {
			return
		}
		line := 0
		for {
			row, err := s.rows.next()
			if err != nil {
				if wrong := new(ReadError); !errors.Is(err, io.EOF) && !errors.As(err, &wrong) {
					t.Errorf("ends with %v", err)
				}
				return
			}
			if row.line < line || row.line > strings.Count(text, "\n")+1 {
				t.Errorf("a row in line %d behind one in line %d", row.line, line)
			}
			if line = row.line; row.err == nil && (row.endpoint == "" || row.settings.PSK == nil && row.settings.Certificates == nil) {
				t.Errorf("a row is taken without a name or a way to authenticate: %q", row.endpoint)
			}
		}
	})
}
