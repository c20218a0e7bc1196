package command

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
)

// ReadKey reads a key from a file, or from standard input for "-", in the form that an option
// names. The form is not guessed, since 32 hexadecimal digits are a text too. Errors and warnings
// name the place and the file, and repeat nothing of the key.
func ReadKey(c *cli.Context, what, file string, form input.KeyForm) ([]byte, error) {
	if err := checkForm(form); err != nil {
		return nil, err
	}
	b, shown, err := input.Read(c.Context, c.App.Reader, what, file, input.MaxKey)
	if err != nil {
		return nil, err
	}
	return keyIn(c, what, shown, b, form)
}

// ReadAccountKey is ReadKey for the key of an account. A private key in PEM or DER is accepted
// whatever the form.
func ReadAccountKey(c *cli.Context, what, file string, form input.KeyForm) ([]byte, error) {
	if err := checkForm(form); err != nil {
		return nil, err
	}
	b, shown, err := input.Read(c.Context, c.App.Reader, what, file, input.MaxKey)
	if err != nil {
		return nil, err
	}
	if plain, ok := input.PEMText(b); ok {
		if _, err := input.PrivateKey(plain); err != nil {
			return nil, fmt.Errorf("%s in %s: %w", what, output.Text(shown), err)
		}
		return plain, nil
	}
	if _, err := input.PrivateKeyInDER(b); err == nil {
		return b, nil
	}
	return keyIn(c, what, shown, b, form)
}

// keyIn returns the key in b, which was read from the file named shown.
func keyIn(c *cli.Context, what, shown string, b []byte, form input.KeyForm) ([]byte, error) {
	key, warnings, err := form.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", what, output.Text(shown), err)
	}
	if len(key) == 0 {
		return nil, fmt.Errorf("%s in %s is empty", what, output.Text(shown))
	}
	if !form.IsText() {
		warnings = append(warnings, input.Weaknesses(key)...)
	}
	for _, w := range warnings {
		fmt.Fprintf(c.App.ErrWriter, "warning: %s in %s: %s\n", what, output.Text(shown), w)
	}
	return key, nil
}

// FormOf returns the form that an option names.
func FormOf(c *cli.Context, option string) input.KeyForm {
	return input.KeyForm{Format: c.String(option), Option: "--" + option}
}

// checkForm reports a form that there is not.
func checkForm(f input.KeyForm) error {
	switch f.Format {
	case "hex", "base64", "text", "binary":
		return nil
	}
	return Usagef("%s %q is not hex, base64, text or binary", f.Option, f.Format)
}
