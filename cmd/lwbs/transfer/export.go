package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	agecrypt "filippo.io/age"
	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/devicefile"
	"lwbs/cmd/lwbs/internal/newfile"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// ExportCommand is lwbs export.
func ExportCommand() *cli.Command {
	return command.Group("export", "write devices to a file that import reads",
		exportFormCommand("csv", "write devices as a table, for lwbs import csv --key-format hex", exportTable, exportAccountTable),
		exportFormCommand("jsonl", "write devices as JSON, one in each line, for lwbs import jsonl", exportLines, exportAccountLines),
		exportKeysCommand("leshan", "write the keys of devices for Leshan's LwM2M Server, as GET /api/security/clients of its demo answers", "json", exportLeshan),
		exportKeysCommand("psk-file", "write the keys of devices for an LwM2M Server that reads lines IDENTITY:KEY", "psk", exportPSKFile))
}

// An export is devices that are written to a file.
type export struct {
	api    admin.API
	filter admin.DeviceFilter
	reveal bool

	account string // only the keys of this account; empty for all
	at      string // only those of accounts at this LwM2M Server; empty for all

	devices, keys, replaced int // written; of these with keys that are left out, and with a key that is being replaced
}

// exportKeysCommand writes the keys of accounts in a form of an LwM2M Server, which is about keys alone.
func exportKeysCommand(form, usage, ending string, write func(context.Context, *accountExport, io.Writer) error) *cli.Command {
	return &cli.Command{
		Name: form, Usage: usage,
		Description: `It is what the LwM2M Server of an account has to know of each device: identities with their pre-shared keys.
As these are secrets, --reveal is required, and with it --recipient or --plain: see lwbs export csv --help.

   lwbs export ` + form + ` --account main --tag lot7 --reveal --plain --out keys.` + ending,
		Flags: slices.Concat(secretFlags(), []cli.Flag{
			&cli.StringFlag{Name: "account", Usage: "only the keys of account `NAME` of the profile; required where a profile has several"},
			serverFlag("only"),
		}, command.FilterFlags()),
		Action: func(c *cli.Context) error {
			if !c.Bool("reveal") {
				return command.Usagef("%s is about keys: --reveal writes them, encrypted with --recipient age1..., or with --plain and --out FILE", form)
			}
			return exportTo(c, func(ctx context.Context, x *export, out io.Writer) (tell func(io.Writer), err error) {
				a := x.accounts()
				return a.tell, write(ctx, a, out)
			})
		},
	}
}

// secretFlags say where to, and what of secrets.
func secretFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "out", Usage: "write to the new `FILE` (default: standard output)"},
		&cli.BoolFlag{Name: "reveal", Usage: "write keys and other secrets, too"},
		&cli.StringSliceFlag{Name: "recipient", Usage: "encrypt to the age `RECIPIENT` (age1...); may be repeated"},
		&cli.BoolFlag{Name: "plain", Usage: "with --reveal and --out, do not encrypt"},
	}
}

func serverFlag(only string) cli.Flag {
	return &cli.StringFlag{Name: "lwm2m-server", Usage: only + " those of accounts at LwM2M Server `NAME`: the one of several that the device is assigned, or that is told first (handOver)"}
}

// known reports where an LwM2M Server that is asked for is none.
func known(ctx context.Context, api admin.API, server string) error {
	if server == "" {
		return nil
	}
	_, err := api.LwM2MServer(ctx, server, false)
	return err
}

func exportFormCommand(form, usage string, write func(context.Context, *export, io.Writer) error, writeAccounts func(context.Context, *accountExport, io.Writer) error) *cli.Command {
	return &cli.Command{
		Name: form, Usage: usage,
		Description: `Keys and other secrets are left out, so that an import leaves those of a device as they are. With
--reveal they are written, encrypted to the age recipients of --recipient (https://age-encryption.org).
Only with --plain they are not encrypted, and only in a new file, which only its owner may read (0600).

   lwbs export csv --tag lot7 > lot7.csv
   lwbs export ` + form + ` --reveal --recipient age1... --out devices.age
   age -d -i key.txt devices.age | lwbs import ` + form + ` ` + map[string]string{"csv": "--key-format hex "}[form] + `-

History, associations, and what a device was given before are in a backup only: lwbs db backup. A key to
bootstrap with is left out while it is being replaced.

With --accounts it is what the LwM2M Servers have to know of each device: an entry for each account with its
identity and, with --reveal, its key in hexadecimal digits, or its certificate; never a private key. An account
with several LwM2M Servers (servers) has the one that the device is assigned now; --lwm2m-server NAME
writes only what that one has to know.

   lwbs export ` + form + ` --accounts --account main --tag lot7 --reveal --plain --out keys.` + form,
		Flags: slices.Concat(secretFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "accounts", Usage: "write the keys of accounts, for LwM2M Servers, in place of devices"},
			&cli.StringFlag{Name: "account", Usage: "with --accounts, only those of account `NAME` of the profile"},
			serverFlag("with --accounts, only"),
		}, command.FilterFlags()),
		Action: func(c *cli.Context) error {
			for _, option := range []string{"account", "lwm2m-server"} {
				if c.IsSet(option) && !c.Bool("accounts") {
					return command.Usagef("--%s goes with --accounts", option)
				}
			}
			return exportTo(c, func(ctx context.Context, x *export, out io.Writer) (tell func(io.Writer), err error) {
				if c.Bool("accounts") {
					a := x.accounts()
					return a.tell, writeAccounts(ctx, a, out)
				}
				return x.tell, write(ctx, x, out)
			})
		},
	}
}

// exportTo writes to where the options say. Write returns what tells of it.
func exportTo(c *cli.Context, write func(context.Context, *export, io.Writer) (tell func(io.Writer), err error)) error {
	if _, err := command.Arguments(c); err != nil {
		return err
	}
	filter, recipients, err := exportOptions(c)
	if err != nil {
		return err
	}
	return command.With(c, false, func(ctx context.Context, api admin.API) error {
		if err := command.NoteProfile(ctx, c, api); err != nil {
			return err
		}
		x := &export{api: api, filter: filter, reveal: c.Bool("reveal"), account: c.String("account"), at: c.String("lwm2m-server")}
		if err := known(ctx, api, x.at); err != nil {
			return err
		}
		var tell func(io.Writer)
		encrypted := func(out io.Writer) error {
			return encryptedTo(out, recipients, func(out io.Writer) (err error) {
				tell, err = write(ctx, x, out)
				return err
			})
		}
		if file := c.String("out"); file != "" {
			err = newfile.Write(file, "--out", encrypted)
		} else if output.Terminal(c.App.Writer) != nil {
			err = encrypted(c.App.Writer)
		} else {
			err = encrypted(output.Raw(c.App.Writer))
		}
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		tell(c.App.ErrWriter)
		return command.WarnUnreadable(ctx, c.App.ErrWriter, api)
	})
}

// exportOptions reads the options, and sees that no secret goes where others may read it.
func exportOptions(c *cli.Context) (f admin.DeviceFilter, recipients []agecrypt.Recipient, err error) {
	if err := command.NoneEmpty(c, "out", "prefix", "profile", "tag", "account", "lwm2m-server"); err != nil {
		return f, nil, err
	}
	for _, text := range c.StringSlice("recipient") {
		r, err := agecrypt.ParseX25519Recipient(text)
		if err != nil {
			return f, nil, command.Usagef("--recipient %s is no age recipient, such as age1...: the file with the identity has it in its comment \"public key\"", output.Text(text))
		}
		recipients = append(recipients, r)
	}
	plain := c.Bool("plain")
	switch {
	case plain && !c.Bool("reveal"):
		return f, nil, command.Usagef("--plain is about secrets, which are written with --reveal")
	case plain && recipients != nil:
		return f, nil, command.Usagef("--plain does not encrypt, and --recipient does: leave one out")
	case plain && !c.IsSet("out"):
		return f, nil, command.Usagef("--plain writes secrets to a file that only its owner may read: name it with --out")
	case c.Bool("reveal") && !plain && recipients == nil:
		return f, nil, command.Usagef("--reveal writes secrets: encrypt them with --recipient age1..., or say --plain and --out FILE")
	case recipients != nil && !c.IsSet("out") && output.Terminal(c.App.Writer) != nil:
		return f, nil, command.Usagef("what is encrypted is not for a terminal: name a file with --out")
	}
	f, err = command.FilterOf(c)
	return f, recipients, err
}

// encryptedTo has write write to out, encrypted if there are recipients.
func encryptedTo(out io.Writer, recipients []agecrypt.Recipient, write func(io.Writer) error) error {
	if recipients == nil {
		return write(out)
	}
	sealed, err := agecrypt.Encrypt(out, recipients...)
	if err != nil {
		return err
	}
	if err := write(sealed); err != nil {
		return err // without its end the output cannot be decrypted, and is not taken for whole
	}
	return sealed.Close()
}

// exportLines writes JSON.
func exportLines(ctx context.Context, x *export, out io.Writer) error {
	w := devicefile.NewJSONWriter(out)
	return x.each(ctx, x.counted(w.Write))
}

// exportTable writes a table. It reads the devices twice, as the columns follow from all of them.
func exportTable(ctx context.Context, x *export, out io.Writer) error {
	var columns devicefile.Columns
	if err := x.each(ctx, columns.Add); err != nil {
		return err
	}
	w, err := devicefile.NewTableWriter(out, &columns)
	if err != nil {
		return err
	}
	if err := x.each(ctx, x.counted(w.Write)); err != nil {
		return err
	}
	return w.End()
}

// each calls do with the devices in their order, a page at a time.
func (x *export) each(ctx context.Context, do func(admin.Device) error) error {
	q := admin.DeviceQuery{Limit: command.PageSize, DeviceFilter: x.filter}
	for {
		page, err := x.api.Devices(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range page {
			q.After = d.Endpoint
			if x.reveal {
				if d, err = x.api.Device(ctx, d.Endpoint, true); errors.Is(err, store.ErrNotFound) {
					continue // it was deleted meanwhile
				}
			}
			if err == nil {
				err = do(d)
			}
			if err != nil {
				return err
			}
		}
		if len(page) < command.PageSize {
			return nil
		}
	}
}

// counted is write, and counts what tell tells.
func (x *export) counted(write func(admin.Device) error) func(admin.Device) error {
	return func(d admin.Device) error {
		x.devices++
		psk, keys := 0, len(d.Secrets) > 0
		for _, c := range d.Credentials {
			keys = keys || c.KeyLength > 0
			if c.Kind == store.CredentialPSK {
				psk++
			}
		}
		for _, a := range d.Accounts {
			keys = keys || a.KeyLength > 0 || a.MasterSecretLength > 0
		}
		if keys && !x.reveal {
			x.keys++
		}
		if psk > 1 {
			x.replaced++
		}
		return write(d)
	}
}

// tell says what was written, and what was left out.
func (x *export) tell(out io.Writer) {
	fmt.Fprintf(out, "wrote %s\n", output.Counted(x.devices, "device", "devices"))
	if x.keys > 0 {
		fmt.Fprintf(out, "the keys of %d of them are left out: --reveal writes keys, too\n", x.keys)
	}
	if x.replaced > 0 {
		fmt.Fprintf(out, "the keys to bootstrap with of %d of them are left out, as they are being replaced\n", x.replaced)
	}
}
