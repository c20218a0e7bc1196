package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"
)

// maxKeyFile is more than any key or certificate has, in bytes.
const maxKeyFile = 64 << 10

// readKey reads a key from a file, or from standard input for "-", in the form that
// the user said with an option: nothing is guessed, since 32 hexadecimal digits are a
// text too. Its errors name what of which file.
func readKey(c *cli.Context, what, file string, form keyForm) ([]byte, error) {
	if err := form.check(); err != nil {
		return nil, err
	}
	name, in := file, c.App.Reader
	if file == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s from %s: %w", what, name, err)
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("%s in %s has more than %d bytes", what, name, maxKeyFile)
	}
	key, err := form.decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", what, name, err)
	}
	if len(key) == 0 {
		return nil, fmt.Errorf("%s in %s is empty", what, name)
	}
	return key, nil
}

// A keyForm is how a key is written, and the option that says so; without one there is
// no choice.
type keyForm struct {
	format string // hex, base64, text or binary
	option string // such as --psk-key-format
}

// formOf is the form that the option says.
func formOf(c *cli.Context, option string) keyForm { return keyForm{c.String(option), "--" + option} }

func (f keyForm) check() error {
	switch f.format {
	case "hex", "base64", "text", "binary":
		return nil
	}
	return usagef("%s %q is not hex, base64, text or binary", f.option, f.format)
}

// decode never repeats the text in its errors.
func (f keyForm) decode(text []byte) (key []byte, err error) {
	switch f.format {
	case "hex":
		if key, err = hex.DecodeString(string(bytes.TrimSpace(text))); err != nil {
			return nil, fmt.Errorf("it is not hexadecimal: say %s base64, text or binary if it is that", f.option)
		}
	case "base64":
		if key, err = base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text))); err != nil {
			return nil, fmt.Errorf("it is not Base64: say %s hex, text or binary if it is that", f.option)
		}
	case "text":
		key = oneLineEndLess(text)
	case "binary":
		key = text
	}
	return key, nil
}

// oneLineEndLess is text without the line end that editors and echo put behind the last
// line: further ones belong to it.
func oneLineEndLess(text []byte) []byte {
	if less, ok := bytes.CutSuffix(text, []byte("\n")); ok {
		return bytes.TrimSuffix(less, []byte("\r"))
	}
	return text
}
