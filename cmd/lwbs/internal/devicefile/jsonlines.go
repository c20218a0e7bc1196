package devicefile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
)

// jsonLines are devices in JSON, one in each line.
type jsonLines struct {
	lines *bufio.Scanner
	line  int
	read  int64
}

// JSONLines returns the devices of a file with a JSON object in each line: the member endpoint, and
// those of [admin.DeviceSettings].
func JSONLines(in io.Reader) *Source {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	return &Source{rows: &jsonLines{lines: lines}}
}

func (j *jsonLines) next() (*Row, error) {
	for j.lines.Scan() {
		j.line++
		b := j.lines.Bytes()
		j.read += int64(len(b)) + 1
		if len(bytes.TrimSpace(b)) == 0 {
			continue
		}
		var device struct {
			Endpoint lwm2m.EndpointName `json:"endpoint"`
			admin.DeviceSettings
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		err := d.Decode(&device)
		if err == nil {
			if _, more := d.Token(); !errors.Is(more, io.EOF) {
				err = errors.New("something follows the JSON object")
			}
		}
		row := &Row{line: j.line, endpoint: device.Endpoint, settings: device.DeviceSettings}
		switch {
		case err != nil:
			row.err = fmt.Errorf("it is not the JSON of a device: %s", strings.TrimPrefix(err.Error(), "json: "))
		case device.Endpoint == "":
			row.err = errors.New("it has no member endpoint")
		}
		return row, nil
	}
	if err := j.lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", j.line+1, err)
	}
	return nil, io.EOF
}

func (j *jsonLines) offset() int64 { return j.read }
