package devicefile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"lwbs/bootstrap/admin/wire"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store/importer/sheet"
)

// jsonLines are devices in JSON, one in each line.
type jsonLines struct {
	in   *bufio.Reader
	line int
	read int64
}

// JSONLines returns the devices of a file with a JSON object in each line: the member endpoint, and
// those of [admin.DeviceSettings]. Its error says what the file is instead.
func JSONLines(in io.Reader) (*Source, error) {
	text, err := sheet.Text(in)
	if err != nil {
		return nil, err
	}
	if first, _ := text.Peek(1); len(first) > 0 && first[0] == '[' {
		return nil, errors.New("it is a JSON array, and each line has to be an object of its own: jq -c '.[]' writes them so")
	}
	return &Source{rows: &jsonLines{in: text}}, nil
}

func (j *jsonLines) next() (*Row, error) {
	for {
		b, long, err := nextLine(j.in)
		if errors.Is(err, io.EOF) {
			return nil, err
		}
		j.line++
		switch j.read += int64(len(b)) + 1; {
		case err != nil:
			return nil, &ReadError{fmt.Errorf("line %d: %w", j.line, err)}
		case long:
			return &Row{line: j.line, err: fmt.Errorf("it has more than %d bytes", maxLine)}, nil
		case len(bytes.TrimSpace(b)) > 0:
			return jsonRow(j.line, b), nil
		}
	}
}

func (j *jsonLines) offset() int64 { return j.read }

// jsonRow reads one line. Its error is in the row.
func jsonRow(line int, text []byte) *Row {
	var device struct {
		Endpoint lwm2m.EndpointName `json:"endpoint"`
		admin.DeviceSettings
	}
	err := wire.DecodeObject(text, &device)
	row := &Row{line: line, endpoint: device.Endpoint, settings: device.DeviceSettings, suspects: quotedSecrets(text)}
	switch {
	case err != nil:
		row.endpoint = nameIn(text)
		row.err = fmt.Errorf("it is not the JSON of a device: %s", strings.ReplaceAll(err.Error(), "DeviceSettings.", ""))
	case device.Endpoint == "":
		row.err = errors.New("it has no member endpoint")
	}
	return row
}

// nameIn is the endpoint name in a line that is wrong elsewhere; empty where it cannot be found.
func nameIn(text []byte) lwm2m.EndpointName {
	var device struct {
		Endpoint lwm2m.EndpointName `json:"endpoint"`
	}
	if !utf8.Valid(text) || json.Unmarshal(text, &device) != nil || device.Endpoint.Validate() != nil {
		return ""
	}
	return device.Endpoint
}

// quotedSecrets are the texts and numbers in a line that may be keys, but for the values of members
// that name a device.
func quotedSecrets(text []byte) (out []string) {
	member := ""
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		d.UseNumber()
		token, err := d.Token()
		if err != nil {
			return out
		}
		value := fmt.Sprint(token)
		if _, isText := token.(string); isText && (value == "endpoint" || value == "identity" || value == "pskIdentity" || value == "certificates") {
			member = value
			continue
		}
		if member == "" && looksSecret(value) {
			out = append(out, value)
		}
		if _, isDelim := token.(json.Delim); !isDelim {
			member = ""
		}
	}
}
