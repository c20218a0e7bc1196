package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

// maxKeyFile is more than any key or certificate has, in bytes.
const maxKeyFile = 64 << 10

// readKey reads a key from a file, or from standard input for "-", in the form that
// the user said: nothing is guessed, since 32 hexadecimal digits are a text too.
func readKey(c *cli.Context, file, format string) ([]byte, error) {
	var in io.Reader = c.App.Reader
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read key: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("read key from %s: %w", file, err)
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("key in %s has more than %d bytes", file, maxKeyFile)
	}
	key, err := decodeKey(text, format)
	if err != nil {
		return nil, fmt.Errorf("key in %s: %w", file, err)
	}
	if len(key) == 0 {
		return nil, fmt.Errorf("key in %s is empty", file)
	}
	return key, nil
}

// decodeKey never repeats the text in its errors.
func decodeKey(text []byte, format string) ([]byte, error) {
	line := strings.TrimRight(string(text), "\r\n")
	switch format {
	case "hex":
		b, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("it is not hexadecimal: say --psk-key-format base64 or text if it is that")
		}
		return b, nil
	case "base64":
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("it is not Base64: say --psk-key-format hex or text if it is that")
		}
		return b, nil
	case "text":
		return []byte(line), nil
	case "binary":
		return text, nil
	}
	return nil, usagef("key format %q is not hex, base64, text or binary", format)
}
