package device

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// resourceSecrets reads the files that --secret-file PATH=FILE names; an empty FILE removes the
// secret.
func resourceSecrets(c *cli.Context) (map[lwm2m.Path][]byte, error) {
	files, err := command.Assignments(c, "secret-file", "PATH=FILE")
	if err != nil || len(files) == 0 {
		return nil, err
	}
	out := make(map[lwm2m.Path][]byte, len(files))
	for text, file := range files {
		path, err := secretPath(text)
		if err != nil {
			return nil, err
		}
		if out[path] = nil; file == "" {
			continue
		}
		if out[path], err = command.ReadKey(c, "secret "+path.String(), file, secretForm(c, path)); err != nil {
			return nil, err
		}
		fmt.Fprintf(c.App.ErrWriter, "read the secret %v: %d bytes\n", path, len(out[path]))
	}
	return out, nil
}

// secretPath reads the path of a secret Resource that belongs to no account.
func secretPath(text string) (path lwm2m.Path, err error) {
	if err := path.UnmarshalText([]byte(text)); err != nil || path.Depth() != 3 {
		return path, command.Usagef("--secret-file %q is not the path of a Resource, such as /11/0/6", text)
	}
	switch o := path.Object(); {
	case o == lwm2m.ObjectSecurity || o == lwm2m.ObjectOSCORE:
		return path, command.Usagef("--secret-file %v: the keys of Objects 0 and 21 belong to accounts: use --account-key-file or --account-master-secret-file", path)
	case !secretDefinition(path).Secret:
		return path, command.Usagef("--secret-file %v: that Resource is not secret: put its value into the profile", path)
	}
	return path, nil
}

// secretDefinition returns the built-in definition of the Resource at path; zero for none.
func secretDefinition(path lwm2m.Path) object.ResourceDefinition {
	def, _ := object.Lookup(path.Object())
	d, _ := def.Resource(path.Resource())
	return d
}

// secretForm returns how the file of a secret is written: a text Resource as text, others as
// --account-key-format says.
func secretForm(c *cli.Context, path lwm2m.Path) input.KeyForm {
	if secretDefinition(path).Type == lwm2m.TypeString {
		return input.KeyForm{Format: "text"}
	}
	return command.FormOf(c, "account-key-format")
}

// secretText returns a revealed secret, text as text; the length of one that is not revealed.
func secretText(path lwm2m.Path, s admin.Secret) string {
	if b, err := hex.DecodeString(s.Value); err == nil && len(b) > 0 && secretDefinition(path).Type == lwm2m.TypeString {
		return fmt.Sprintf("%s (%d bytes)", strconv.Quote(string(b)), s.Length)
	}
	return keyText(s.Value, s.Length)
}
