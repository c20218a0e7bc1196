package input

import (
	"bytes"
	"fmt"

	"lwbs/lwm2m/filekind"
)

// Text returns the text of a file in UTF-8, without a byte order mark. Its error says what the file is
// where it is no text; wanted is what was asked for, such as "a profile in YAML or JSON".
func Text(b []byte, wanted string) ([]byte, error) {
	if err := NoText(b, wanted); err != nil {
		return nil, err
	}
	plain, _, err := UTF8(b)
	if err != nil {
		return nil, err
	}
	if i := bytes.IndexByte(plain, 0); i >= 0 {
		return nil, fmt.Errorf("it is no text, as byte %d is zero: want %s", i+1, wanted)
	}
	return plain, nil
}

// NoText says what a file is that begins so, where it is known to be no text.
func NoText(head []byte, wanted string) error {
	if kind, known := filekind.Of(head); known {
		return fmt.Errorf("it is %s: want %s", kind.Name, wanted)
	}
	return nil
}
