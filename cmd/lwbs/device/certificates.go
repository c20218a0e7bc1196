package device

import (
	"cmp"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/auth"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// fingerprints returns the fingerprints of the certificates that a device may bootstrap with,
// from the options, nil where none is given, and when those expire that were given as files.
func fingerprints(c *cli.Context) (*[]string, map[string]time.Time, error) {
	if !c.IsSet("certificate") && !c.IsSet("certificate-fingerprint") {
		return nil, nil, nil
	}
	expiries := make(map[string]time.Time)
	out := []string{}
	files, err1 := command.ListOrNone(c, "certificate")
	prints, err2 := command.ListOrNone(c, "certificate-fingerprint")
	if err := cmp.Or(err1, err2); err != nil {
		return nil, nil, err
	}
	for _, file := range files {
		chain, err := input.Certificates(c.Context, file)
		if err != nil {
			return nil, nil, err
		}
		if why := auth.WeakKey(chain[0]); why != "" {
			return nil, nil, fmt.Errorf("%s: %s: the server would refuse it", file, why)
		}
		out = append(out, store.Fingerprint(chain[0].Raw))
		expiries[store.Fingerprint(chain[0].Raw)] = chain[0].NotAfter
		fmt.Fprintf(c.App.ErrWriter, "read the certificate of %s, valid until %s\n", output.Text(chain[0].Subject.String()), output.Clock(chain[0].NotAfter))
	}
	for _, text := range prints {
		print, err := input.Fingerprint(text)
		if err != nil {
			return nil, nil, command.Usagef("--certificate-fingerprint %q: %v", text, err)
		}
		out = append(out, print)
	}
	return &out, expiries, nil
}
