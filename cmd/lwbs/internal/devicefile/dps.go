package devicefile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"lwbs/cmd/lwbs/internal/input"
	"lwbs/store/importer/sheet"
)

// dpsColumns are the members of an enrolment that are read, as columns: so that they can be used in
// templates, and refused rows are a table.
var dpsColumns = []string{"registrationId", "deviceId", "attestation", "primaryKey", "sha256Thumbprint", "provisioningStatus"}

// dpsPreset is what these columns are for.
func dpsPreset(o PresetOptions) Preset {
	p := &preset{
		names: map[string]string{
			"registrationid": "psk-identity", "deviceid": "", "attestation": "attestation", "primarykey": "psk-key",
			"sha256thumbprint": "certificate-fingerprint", "provisioningstatus": "provisioningStatus",
		},
		uses: map[string]columnUse{
			"attestation": modeUse(func(f *foreignRow) *string { return &f.bootstrapMode }),
			"provisioningStatus": func(text string, row *Row, _ input.KeyForm) error {
				switch strings.ToLower(text) {
				case "enabled":
				case "disabled":
					row.settings.Disabled = new(true)
				default:
					return fmt.Errorf("%q is not enabled or disabled", text)
				}
				return nil
			},
		},
	}
	p.finish = func(row *Row) error {
		key, certificate := row.pskKey != nil, row.settings.Certificates != nil
		switch mode := row.foreign.bootstrapMode; mode {
		case "symmetricKey":
			if !key {
				return errors.New("it has no primaryKey: lists leave keys out; each enrolment has them with az iot dps enrollment show --show-keys true")
			}
		case "x509":
			if row.pskIdentity = ""; !certificate {
				return errors.New("it has no sha256Thumbprint of a client certificate of its own, and certificates of a CA are not imported: add the device with lwbs device add NAME --certificate-name")
			}
		case "tpm":
			return errors.New("it authenticates with the endorsement key of a TPM, which is not imported: give the device a pre-shared key or a certificate")
		default:
			return fmt.Errorf("attestation %q is not known: symmetricKey and x509 are", mode)
		}
		return nil
	}
	return p
}

// DPS returns the devices of a list of enrolments of Azure's Device Provisioning Service: JSON, an object
// with a member enrollments or the array alone. Without a template the endpoint name is the registration
// ID, and so is the PSK identity.
func DPS(in io.Reader, o ColumnOptions) (*Source, error) {
	o = o.With(dpsPreset, PresetOptions{})
	if o.Templates["endpoint"] == "" {
		setIn(&o.Templates, "endpoint", "{{.registrationId}}")
	}
	text, err := sheet.Text(in)
	if err != nil {
		return nil, err
	}
	if isRejects(text, dpsColumns) {
		return Table(text, sheet.Options{}, o)
	}
	lines := &lineCounter{in: text}
	rows := &dpsRows{json: json.NewDecoder(lines), lines: lines}
	if err := rows.begin(); err != nil {
		return nil, err
	}
	if rows.m, err = mapColumns(dpsColumns, o); err != nil {
		return nil, err
	}
	return &Source{rows: rows, columns: rows.m, headings: dpsColumns, separator: ','}, nil
}

// dpsRows are the enrolments of a list as devices.
type dpsRows struct {
	json  *json.Decoder
	lines *lineCounter
	m     *columnMap
	alone bool // the array has no object around it
}

// An enrolment is what is read of one.
type enrolment struct {
	RegistrationID string `json:"registrationId"`
	DeviceID       string `json:"deviceId"`
	Attestation    struct {
		Type         string `json:"type"`
		SymmetricKey struct {
			PrimaryKey string `json:"primaryKey"`
		} `json:"symmetricKey"`
		X509 struct {
			ClientCertificates struct {
				Primary struct {
					Info struct {
						SHA256 string `json:"sha256Thumbprint"`
					} `json:"info"`
				} `json:"primary"`
			} `json:"clientCertificates"`
		} `json:"x509"`
	} `json:"attestation"`
	Status string `json:"provisioningStatus"`
	Group  string `json:"enrollmentGroupId"`
}

var errNoEnrolments = errors.New("it is no list of enrolments: JSON with a member enrollments, or an array of them, as az iot dps enrollment list writes it")

// begin goes to the first enrolment.
func (d *dpsRows) begin() error {
	token, err := d.json.Token()
	if d.alone = token == json.Delim('['); d.alone {
		return nil
	}
	if err != nil || token != json.Delim('{') {
		return errNoEnrolments
	}
	return d.members(func() error { return errNoEnrolments })
}

// members reads the members of the object around the list up to the list, or calls end at its end.
func (d *dpsRows) members(end func() error) error {
	for {
		token, err := d.json.Token()
		switch {
		case err != nil:
			return d.broken(err)
		case token == json.Delim('}'):
			return end()
		case token == "enrollments":
			if token, err = d.json.Token(); err != nil || token != json.Delim('[') {
				return errNoEnrolments
			}
			return nil
		}
		var value json.RawMessage
		if err := d.decode(&value); err != nil {
			return d.broken(err)
		}
		if token == "mode" && strings.HasPrefix(strings.ToLower(string(value)), `"delete`) {
			return errors.New("its mode is delete: it is a list of enrolments to remove, and these are none to import")
		}
	}
}

// decode reads one value, of a bounded size.
func (d *dpsRows) decode(into *json.RawMessage) error {
	d.lines.until = d.json.InputOffset() + maxSkipped
	return d.json.Decode(into)
}

// broken is the error about text that is no JSON.
func (d *dpsRows) broken(err error) error {
	if errors.Is(err, errEndless) {
		return &ReadError{fmt.Errorf("line %d: %w", d.lines.at(d.json.InputOffset()), err)}
	}
	return &ReadError{fmt.Errorf("line %d: it is not JSON from here on", d.lines.at(d.json.InputOffset()))}
}

func (d *dpsRows) next() (*Row, error) {
	if d.json.More() {
		line := d.lines.at(d.json.InputOffset() + 1)
		var raw json.RawMessage
		if err := d.decode(&raw); err != nil {
			return nil, d.broken(err)
		}
		return d.row(line, raw), nil
	}
	if _, err := d.json.Token(); err != nil {
		return nil, d.broken(err)
	}
	if !d.alone {
		if err := d.members(func() error { return io.EOF }); !errors.Is(err, io.EOF) {
			if err == nil {
				err = errors.New("it has two lists of enrolments")
			}
			return nil, &ReadError{err}
		}
	}
	if _, err := d.json.Token(); !errors.Is(err, io.EOF) {
		return nil, &ReadError{fmt.Errorf("line %d: something follows the list", d.lines.at(d.json.InputOffset()))}
	}
	return nil, io.EOF
}

// row is one enrolment. Its error is in the row.
func (d *dpsRows) row(line int, raw json.RawMessage) *Row {
	var e enrolment
	if len(raw) > maxLine {
		return &Row{line: line, err: fmt.Errorf("it has more than %d bytes", maxLine)}
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return &Row{line: line, err: errors.New("it is no enrolment: a member holds something else than belongs there"), suspects: quotedSecrets(raw)}
	}
	if e.RegistrationID == "" && e.Group != "" {
		return &Row{line: line, err: fmt.Errorf("enrollment group %q is no device", e.Group)}
	}
	cells := []string{e.RegistrationID, e.DeviceID, e.Attestation.Type, e.Attestation.SymmetricKey.PrimaryKey,
		e.Attestation.X509.ClientCertificates.Primary.Info.SHA256, e.Status}
	if e.Attestation.Type == "" {
		return &Row{line: line, cells: cells, err: errors.New("it has no attestation with a type"), suspects: d.m.suspects(cells)}
	}
	return d.m.row(line, cells, func(int) (int, int) { return line, 0 })
}

func (d *dpsRows) offset() int64 { return d.json.InputOffset() }

// A lineCounter knows the lines of the bytes that were read from it and are not far behind.
type lineCounter struct {
	in    *bufio.Reader
	read  int64
	until int64   // an offset that is not passed; zero for none
	ends  []int64 // offsets behind the ends of lines, those that at has not passed
	lines int     // that it has passed
}

// Read implements [io.Reader].
func (c *lineCounter) Read(b []byte) (int, error) {
	if c.until > 0 && c.read >= c.until {
		return 0, errEndless
	}
	n, err := c.in.Read(b)
	for i, v := range b[:n] {
		if v == '\n' {
			c.ends = append(c.ends, c.read+int64(i)+1)
		}
	}
	c.read += int64(n)
	return n, err
}

// at is the line of an offset, which must not be before one that was asked for.
func (c *lineCounter) at(offset int64) int {
	i := slices.IndexFunc(c.ends, func(end int64) bool { return end > offset })
	if i < 0 {
		i = len(c.ends)
	}
	c.lines += i
	c.ends = slices.Delete(c.ends, 0, i)
	return c.lines + 1
}
