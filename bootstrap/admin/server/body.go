package server

import (
	"errors"
	"fmt"
	"io"

	"lwbs/bootstrap/admin/wire"
)

// Limits of the bodies of requests.
const (
	maxBody     = 1 << 20 // bytes
	maxProfiles = 8 << 20 // bytes, of several profiles
)

// body reads the JSON object of a request, no unknown members in it, none twice, and
// nothing behind it.
func (r request) body(into any) error {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return wire.BadBody(text, err)
	}
	return wire.Unmarshal(text, into)
}

// noBody reports a body where none is wanted.
func (r request) noBody() error {
	if n, err := io.ReadFull(r.Body, make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: this request takes no body", wire.ErrBadRequest)
	}
	return nil
}
