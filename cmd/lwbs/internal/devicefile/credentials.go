package devicefile

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
)

// A Credential is what a row says of how its device authenticates. Identity is as in files: text, or hex:…
// or base64:…; without one it is the endpoint name. Key is nil where the row has none.
type Credential struct {
	Endpoint lwm2m.EndpointName
	Identity string
	Key      []byte
}

// Credentials reads the whole source, which is called file in errors: at most limit devices. The first row
// that is wrong is the error.
func (s *Source) Credentials(file string, limit int) (all []Credential, err error) {
	for {
		row, err := s.rows.next()
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", output.Text(file), err)
		case row.err != nil:
			return nil, fmt.Errorf("%s:%d: %s", output.Text(file), row.line, row.hide(row.err.Error()))
		case len(all) == limit:
			return nil, fmt.Errorf("%s:%d: there are more than %d devices", output.Text(file), row.line, limit)
		}
		all = append(all, Credential{row.endpoint, cmp.Or(row.pskIdentity, string(row.endpoint)), row.pskKey})
	}
}
