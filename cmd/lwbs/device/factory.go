package device

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/factory"
	"lwbs/cmd/lwbs/internal/newfile"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/store"
)

func factoryCommand() *cli.Command {
	return &cli.Command{
		Name: "factory", Usage: "write down what is put into a device: its name, the address of this server and its key", ArgsUsage: "ENDPOINT",
		Description: "The forms are:\n\n" + formsText() + `
The key is left out unless --reveal is given. Nothing is changed.

   lwbs device factory meter-1 --for zephyr --server coaps://bootstrap.example.com --reveal --out prj.conf`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "for", Usage: "write the `FORM`: " + strings.Join(factory.Names(), ", ")},
			&cli.StringFlag{Name: "server", Usage: "the device reaches this server at `URI`, such as coaps://bootstrap.example.com:5684"},
			&cli.BoolFlag{Name: "reveal", Usage: "write its key too; a server logs who asked"},
			&cli.StringFlag{Name: "out", Usage: "write to a new `FILE`, which only its owner may read"},
			&cli.Uint64Flag{Name: "security-tag", Usage: "the modem keeps the key under the `NUMBER`; required for at-nrf91"},
		},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			form, device, err := factoryOptions(c)
			if err != nil {
				return err
			}
			d, err := api.Device(ctx, lwm2m.EndpointName(args[0]), c.Bool("reveal"))
			if err != nil {
				return err
			}
			device.Endpoint = d.Endpoint
			if err := credit(&device, d); err != nil {
				return err
			}
			warnings, err := device.Check()
			if err != nil {
				return command.Usagef("--server: %v", err)
			}
			for _, w := range warnings {
				fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", w)
			}
			b, err := form.Write(device)
			if err != nil {
				return err
			}
			return writeSecretly(c, b, form.Binary)
		}, "ENDPOINT"),
	}
}

// formsText lists the forms for a help text.
func formsText() string {
	var b strings.Builder
	for _, f := range factory.Forms() {
		fmt.Fprintf(&b, "   %-11s %s\n", f.Name, f.What)
	}
	return b.String()
}

// factoryOptions reads the options; the endpoint name and the credential are still to be filled in.
func factoryOptions(c *cli.Context) (form factory.Form, d factory.Device, err error) {
	if err := command.NoneEmpty(c, "for", "server", "out"); err != nil {
		return form, d, err
	}
	switch {
	case !c.IsSet("for"):
		return form, d, command.Usagef("--for is missing: one of %s", strings.Join(factory.Names(), ", "))
	case !c.IsSet("server"):
		return form, d, command.Usagef("--server is missing: the address at which the device reaches this server, such as coaps://bootstrap.example.com")
	}
	form, known := factory.Find(c.String("for"))
	if !known {
		return form, d, command.Usagef("--for %q is not one of %s", c.String("for"), strings.Join(factory.Names(), ", "))
	}
	if d.Server, err = bootstrapServer(c.String("server")); err != nil {
		return form, d, err
	}
	if c.IsSet("security-tag") {
		n := c.Uint64("security-tag")
		if n > math.MaxInt32 {
			return form, d, command.Usagef("--security-tag %d is not within 0 to %d", n, math.MaxInt32)
		}
		d.SecurityTag = new(uint32(n))
	}
	return form, d, nil
}

// bootstrapServer is the account of this server at an address, without a credential.
func bootstrapServer(uri string) (s lwm2m.SecurityInstance, err error) {
	s = lwm2m.SecurityInstance{BootstrapServer: true, ServerURI: uri, Mode: lwm2m.SecurityPSK}
	switch scheme, _, _ := strings.Cut(uri, "://"); scheme {
	case "coap":
		s.Mode = lwm2m.SecurityNoSec
	case "coaps":
	default:
		return s, command.Usagef("--server %q does not begin with coap:// or coaps://, which lwbs listens for", uri)
	}
	return s, nil
}

// credit gives d the credential that the device of a record comes with over the transport of the
// server's address.
func credit(d *factory.Device, record admin.Device) error {
	if d.Server.Mode == lwm2m.SecurityNoSec {
		if !record.NoSec {
			return fmt.Errorf("device %s may not come over plain CoAP: give --server a coaps address, or permit it (lwbs device set, --no-sec)", output.Name(record.Endpoint))
		}
		return nil
	}
	i := slices.IndexFunc(record.Credentials, func(c admin.Credential) bool { return c.Kind == store.CredentialPSK && !c.Pending })
	switch {
	case i < 0 && len(record.Credentials) > 0:
		return fmt.Errorf("device %s has no key here: it authenticates with a certificate, whose private key lwbs does not have", output.Name(record.Endpoint))
	case i < 0:
		return fmt.Errorf("device %s has no key: lwbs device set, --psk generate, makes one", output.Name(record.Endpoint))
	}
	c := record.Credentials[i]
	key, err := hex.DecodeString(c.Key)
	if err != nil {
		return fmt.Errorf("the key of device %s: %w", output.Name(record.Endpoint), err)
	}
	d.Server.PublicKeyOrIdentity, d.KeyLength = []byte(c.Identity), c.KeyLength
	if len(key) > 0 {
		d.Server.SecretKey = lwm2m.NewSecret(key)
	}
	return nil
}

// writeSecretly writes b to the file of --out, which must not exist yet, or to standard output,
// unless that is a terminal and b is binary.
func writeSecretly(c *cli.Context, b []byte, binary bool) error {
	write := func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
	switch {
	case c.IsSet("out"):
		return newfile.Write(c.String("out"), "--out", write)
	case !binary:
		return write(c.App.Writer)
	case output.Terminal(c.App.Writer) != nil:
		return errors.New("the form is binary: give --out FILE, or lead standard output into a file")
	}
	return write(output.Raw(c.App.Writer))
}
