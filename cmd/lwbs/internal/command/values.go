package command

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// None as the only value removes all values of a setting.
const None = "none"

// ListOrNone returns the values of a repeated option: empty for the word none, nil where the
// option is not given.
func ListOrNone(c *cli.Context, option string) ([]string, error) {
	values := c.StringSlice(option)
	if len(values) == 1 && values[0] == None {
		return []string{}, nil
	}
	for _, v := range values {
		switch v {
		case None:
			return nil, Usagef("--%s none stands alone: it removes all", option)
		case "":
			return nil, Usagef("--%s is empty", option)
		}
	}
	return values, nil
}

// Assignments reads a repeated option of a form such as NAME=VALUE.
func Assignments(c *cli.Context, name, form string) (map[string]string, error) {
	var out map[string]string
	for _, text := range c.StringSlice(name) {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, Usagef("--%s %q is not %s", name, text, form)
		}
		if _, twice := out[key]; twice {
			return nil, Usagef("--%s %s is given twice", name, key)
		}
		if out == nil {
			out = make(map[string]string)
		}
		out[key] = value
	}
	return out, nil
}
