package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// maxKeyFile is the largest file of one key or certificate that is read, in bytes.
const maxKeyFile = 64 << 10

// readKey reads a key from a file, or from standard input for "-", in the form that an option
// names. The form is not guessed, since 32 hexadecimal digits are a text too. Errors and warnings
// name the place and the file, and repeat nothing of the key.
func readKey(c *cli.Context, what, file string, form keyForm) ([]byte, error) {
	if err := form.check(); err != nil {
		return nil, err
	}
	b, shown, err := readInput(c, what, file, maxKeyFile)
	if err != nil {
		return nil, err
	}
	return keyIn(c, what, shown, b, form)
}

// readAccountKey is readKey for the key of an account. A private key in PEM or DER is accepted
// whatever the form.
func readAccountKey(c *cli.Context, what, file string, form keyForm) ([]byte, error) {
	if err := form.check(); err != nil {
		return nil, err
	}
	b, shown, err := readInput(c, what, file, maxKeyFile)
	if err != nil {
		return nil, err
	}
	if plain, ok := inPEM(b); ok {
		if _, err := keyBlock(plain); err != nil {
			return nil, fmt.Errorf("%s in %s: %w", what, text(shown), err)
		}
		return plain, nil
	}
	if _, err := keyInDER(b); err == nil {
		return b, nil
	}
	return keyIn(c, what, shown, b, form)
}

// keyIn returns the key in b, which was read from the file named shown.
func keyIn(c *cli.Context, what, shown string, b []byte, form keyForm) ([]byte, error) {
	key, warnings, err := form.decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", what, text(shown), err)
	}
	if len(key) == 0 {
		return nil, fmt.Errorf("%s in %s is empty", what, text(shown))
	}
	if !form.isText() {
		warnings = append(warnings, weaknesses(key)...)
	}
	for _, w := range warnings {
		fmt.Fprintf(c.App.ErrWriter, "warning: %s in %s: %s\n", what, text(shown), w)
	}
	return key, nil
}

// weaknesses returns the reasons for which a key is easy to guess.
func weaknesses(key []byte) (out []string) {
	const usual = 16 // bytes, of every cipher suite
	if len(key) < usual {
		out = append(out, fmt.Sprintf("a key of %s is easy to guess: %d random bytes are usual", counted(len(key), "byte", "bytes"), usual))
	}
	step, even := byte(0), len(key) > 1
	for i := 1; i < len(key); i++ {
		if i == 1 {
			step = key[1] - key[0]
		}
		even = even && key[i]-key[i-1] == step
	}
	switch {
	case even && step == 0 && key[0] == 0:
		out = append(out, "all its bytes are zero")
	case even && step == 0:
		out = append(out, "all its bytes are the same")
	case even && len(key) > 3:
		out = append(out, "its bytes only count up or down")
	}
	return out
}
