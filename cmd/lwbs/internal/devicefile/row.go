package devicefile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A Row is a row of a file as a device.
type Row struct {
	line     int
	cells    []string // as they are in the file; nil where it has none, or they could not be read
	raw      string   // its text where its cells could not be read
	endpoint lwm2m.EndpointName
	settings admin.DeviceSettings
	warnings []string
	err      error    // why it cannot be sent
	suspects []string // texts in it that may be keys, which errors must not repeat

	pskIdentity string
	pskKey      []byte
	foreign     *foreignRow // of another system; nil for none
	account     string      // of the profile, that its key for the LwM2M Server belongs to; empty: the only one
}

// A cellError is a mistake in one cell.
type cellError struct {
	heading      string
	line, column int // of the cell; zero for one that is made of others
	err          error
}

func (e *cellError) Error() string {
	if e.column == 0 {
		return fmt.Sprintf("%s: %v", e.heading, e.err)
	}
	return fmt.Sprintf("column %q (character %d): %v", e.heading, e.column, e.err)
}

func (e *cellError) Unwrap() error { return e.err }

// row reads the cells of a row. Its error is in the row.
func (m *columnMap) row(line int, cells []string, position func(cell int) (line, column int)) *Row {
	row := &Row{line: line, cells: append([]string(nil), cells...), suspects: m.suspects(cells)}
	if m.preset != nil {
		row.foreign, row.account = new(foreignRow), m.preset.Account
	}
	for i, use := range m.uses {
		text := strings.TrimSpace(row.cells[i])
		if use == nil || text == "" {
			continue
		}
		if strings.ContainsRune(text, unicode.ReplacementChar) {
			row.warnings = append(row.warnings, fmt.Sprintf("column %q: a character was lost when the table was saved: U+FFFD stands for it", m.headings[i]))
		}
		if err := m.cell(i, text, row); err != nil {
			line, column := position(i)
			row.err = &cellError{m.headings[i], line, column, err}
			return row
		}
	}
	if len(m.computed) > 0 {
		row.err = m.computeCells(row)
	}
	if row.err == nil && m.preset != nil && row.endpoint != "" {
		row.err = m.preset.finish(row)
	}
	if row.err == nil {
		row.err = row.finish()
	}
	return row
}

func (m *columnMap) cell(i int, text string, row *Row) error {
	if shortened.MatchString(text) {
		return shortenedError(text, m.names[i])
	}
	return m.uses[i](text, row, m.form)
}

// shortenedError is the error about a number that a spreadsheet has shortened, for the column of a
// name; the digits of a key are not repeated.
func shortenedError(text, name string) error {
	if holdsKeys(name) {
		text = "it"
	}
	return fmt.Errorf("%s is a long number that a spreadsheet has shortened: give the column the format text there, enter it again, and save", text)
}

// shortened is a number as spreadsheets show one with more digits than fit.
var shortened = regexp.MustCompile(`^[0-9]([.,][0-9]+)?E\+[0-9]{1,3}$`)

// computeCells makes the columns that are made of others.
func (m *columnMap) computeCells(row *Row) error {
	values := make(map[string]string, len(m.headings))
	for i, heading := range m.headings {
		values[variable(heading)] = strings.TrimSpace(row.cells[i])
	}
	for _, c := range m.computed {
		for i, heading := range m.headings {
			text := values[variable(heading)]
			if c.fields[variable(heading)] && shortened.MatchString(text) {
				name := c.name
				if holdsKeys(m.names[i]) {
					name = m.names[i]
				}
				return &cellError{heading: heading, err: shortenedError(text, name)}
			}
		}
		var text strings.Builder
		err := c.text.Execute(&text, values)
		if err == nil && strings.TrimSpace(text.String()) != "" {
			err = c.use(strings.TrimSpace(text.String()), row, m.form)
		}
		if err != nil {
			return &cellError{heading: c.name, err: err}
		}
	}
	return nil
}

// finish puts together what several cells say, and looks at the whole.
func (row *Row) finish() error {
	switch {
	case row.endpoint == "":
		return errors.New("it has no endpoint name")
	case row.pskKey != nil:
		row.settings.PSK = &admin.PSK{Identity: row.pskIdentity, Key: row.pskKey}
	case row.pskIdentity != "":
		row.settings.PSKIdentity = &row.pskIdentity
	}
	warning, err := oddIMEI(string(row.endpoint))
	if warning != "" {
		row.warnings = append(row.warnings, warning)
	}
	return err
}

// A claim is a name that no other device may have.
type claim struct{ what, text string }

// claims are those of a row.
func (row *Row) claims() []claim {
	out := []claim{{"endpoint name", string(row.endpoint)}}
	switch set := row.settings; {
	case set.PSK != nil && set.PSK.Identity == "":
		out = append(out, claim{"PSK identity", string(row.endpoint)})
	case set.PSK != nil:
		out = append(out, claim{"PSK identity", identityText(set.PSK.Identity)})
	case set.PSKIdentity != nil:
		out = append(out, claim{"PSK identity", identityText(*set.PSKIdentity)})
	}
	if fingerprints := row.settings.Certificates; fingerprints != nil {
		for _, text := range *fingerprints {
			out = append(out, claim{"certificate", strings.ToLower(text)})
		}
	}
	if names := row.settings.CertificateNames; names != nil {
		for _, text := range *names {
			out = append(out, claim{"certificate name", text})
		}
	}
	return out
}

// identityText is an identity as the device sends it; empty where it is not well written.
func identityText(text string) string {
	b, err := store.IdentityBytes(text)
	if err != nil {
		return ""
	}
	return string(b)
}

// cellKey reads a key, and notes what is odd about it.
func cellKey(text string, row *Row, form input.KeyForm) ([]byte, error) {
	if form.Format == "" { // as of a certificate, which may be PEM
		return nil, fmt.Errorf("it is not PEM: %s hex or base64 says how it is written", form.Option)
	}
	key, warnings, err := form.Decode([]byte(text))
	if err != nil {
		return nil, err
	}
	if len(key) == 0 {
		return nil, errors.New("the key is empty")
	}
	for _, w := range append(warnings, input.Weaknesses(key)...) {
		row.warnings = append(row.warnings, "key: "+w)
	}
	return key, nil
}

// imeiDigits is how many digits an IMEI has; the last is a check digit (3GPP TS 23.003 §6.2).
const imeiDigits = 15

// oddIMEI looks at the number in a name such as urn:imei:350123450000051: spreadsheets take
// zeros away at its beginning, and people mistype it.
func oddIMEI(endpoint string) (warning string, err error) {
	number, found := strings.CutPrefix(strings.ToLower(endpoint), "urn:imei:")
	if !found || number == "" || strings.Trim(number, "0123456789") != "" {
		return "", nil
	}
	whole := strings.Repeat("0", max(0, imeiDigits-len(number))) + number
	switch {
	case len(number) < imeiDigits && checkDigitFits(whole):
		return "", fmt.Errorf("the IMEI has %d digits in place of %d: if a spreadsheet has taken zeros away at its beginning it is %s, whose check digit fits; give the column the format text there", len(number), imeiDigits, whole)
	case len(number) < imeiDigits:
		return "", fmt.Errorf("the IMEI has %d digits in place of %d", len(number), imeiDigits)
	case len(number) > imeiDigits:
		return fmt.Sprintf("the IMEI has %d digits in place of %d", len(number), imeiDigits), nil
	case !checkDigitFits(number):
		return "the last digit of the IMEI is not the check digit of the others: is one mistyped?", nil
	}
	return "", nil
}

// checkDigitFits reports whether the last digit is that of Luhn's sum over the others.
func checkDigitFits(number string) bool {
	sum := 0
	for i := range number {
		digit := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return sum%10 == 0
}
