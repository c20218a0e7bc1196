package devicefile

import (
	"reflect"
	"strings"
	"testing"

	"lwbs/cmd/lwbs/internal/input"
)

func TestOddIMEI(t *testing.T) {
	for endpoint, want := range map[string]struct{ warning, err string }{
		"urn:imei:490154203237518":  {},
		"URN:IMEI:490154203237518":  {},
		"urn:imei:490154203237519":  {warning: "is not the check digit of the others"},
		"urn:imei:4901542032375180": {warning: "16 digits in place of 15"},
		"urn:imei:49015420323752":   {err: "14 digits in place of 15"},
		"urn:imei:10000000000008":   {err: "it is 010000000000008, whose check digit fits"},
		"urn:imei:":                 {},
		"urn:imei:abc":              {},
		"meter-1":                   {},
	} {
		warning, err := oddIMEI(endpoint)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if !strings.Contains(warning, want.warning) || (warning == "") != (want.warning == "") || !strings.Contains(text, want.err) || (err == nil) != (want.err == "") {
			t.Errorf("%s: warning %q, error %v", endpoint, warning, err)
		}
	}
}

// The headings of vendors and systems are known for what they are.
func TestColumnNames(t *testing.T) {
	for heading, want := range map[string]string{
		"endpoint": "endpoint", "Endpoint Client Name": "endpoint", "EP": "endpoint", "LWM2M_CLIENT_ENDPOINT": "endpoint", "endpoint id": "endpoint",
		"PSK": "psk-key", "psk_key": "psk-key", "PSK-Key (hex)": "psk-key", "bootstrap psk_id": "psk-identity", "Tags": "tag", "LABELS": "tag",
		"VAR.Site": "var.Site", "account.main.key": "account.main.key", "Account.My.Account.identity": "account.My.Account.identity",
		"secret./11/0/6": "secret./11/0/6", "secret.x": "", "account.main.colour": "", "var.": "", "Model": "", "line": "", "No Sec": "no-sec",
	} {
		if got := columnNamed(heading); got != want {
			t.Errorf("%q is taken for %q, want %q", heading, got, want)
		}
	}
}

// Cells become settings; an empty one is none.
func TestCells(t *testing.T) {
	headings := []string{"endpoint", "tag", "no-sec", "disabled", "account.main.key", "account.main.identity", "secret./11/0/6", "var.x", "note"}
	m, err := mapColumns(headings, ColumnOptions{Keys: input.KeyForm{Format: "hex", Option: "--key-format"}})
	if err != nil {
		t.Fatal(err)
	}
	position := func(int) (int, int) { return 2, 1 }
	row := m.row(2, []string{" dev ", "a | b;c,a", "Yes", "0", "00 11", "id", "secret", "1", ""}, position)
	s := row.settings
	if row.err != nil || row.endpoint != "dev" || !reflect.DeepEqual(s.AddTags, []string{"a", "b", "c"}) || !*s.NoSec || *s.Disabled ||
		string(s.AccountKeys["main"]) != "\x00\x11" || s.AccountIdentities["main"] != "id" || len(s.Secrets) != 1 || s.Vars["x"] != "1" || s.Note != nil || s.PSK != nil || s.Profile != nil {
		t.Errorf("error %v, settings %+v", row.err, s)
	}
	for i, cell := range map[int]string{2: "perhaps", 3: "2", 4: "0", 0: ""} {
		cells := []string{"dev", "", "", "", "", "", "", "", ""}
		cells[i] = cell
		if row := m.row(2, cells, position); row.err == nil {
			t.Errorf("%s %q is taken", headings[i], cell)
		}
	}
}
