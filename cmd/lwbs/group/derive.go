package group

import (
	"bufio"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/enrol"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/devicefile"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/newfile"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/importer/sheet"
)

// KeyCommand is lwbs key.
func KeyCommand() *cli.Command {
	return command.Group("key", "compute the keys of devices from that of their group, as a factory does", deriveCommand())
}

func deriveCommand() *cli.Command {
	return &cli.Command{
		Name: "derive", Usage: "print the key of a device, or of each in a list, that follows from the key of its group", ArgsUsage: "ENDPOINT",
		Description: `It needs no database and no server. The device gets the key as its pre-shared key for the Bootstrap-Server,
and ENDPOINT as its endpoint name and its PSK identity. Derivation and length must be those of the group
(lwbs group get).

In place of ENDPOINT, --list reads names: one in a line; or a table as spreadsheets save it (CSV) with the
heading endpoint, or that of --column; or JSON lines with the member endpoint. Each gets its psk-identity and psk-key, in the same
form. A list with a mistake is refused as a whole, with the line. --out writes to a new file that only its
owner can read.

   lwbs key derive urn:imei:350123450000050 --group-key-file lot7.key --group-key-format hex
   lwbs key derive --list imeis.csv --group-key-file lot7.key --group-key-format hex --out keys.csv`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "group-key-file", Usage: "read the key of the group from `FILE`, - for standard input; required"},
			&cli.StringFlag{Name: "group-key-format", Usage: "the key of the group is written in `FORMAT`: hex, base64, text or binary; required"},
			&cli.StringFlag{Name: "derivation", Value: string(store.DerivationHKDF), Usage: "the key follows by `HOW`: hkdf-sha256, or azure-dps as in Azure's Device Provisioning Service"},
			&cli.IntFlag{Name: "length", Usage: "the key of a device has so many `BYTES`, 16 to 64; with hkdf-sha256", DefaultText: "16"},
			&cli.StringFlag{Name: "device-key-format", Value: "hex", Usage: "print keys of devices in `FORMAT`: hex or base64"},
			&cli.StringFlag{Name: "list", Usage: "in place of ENDPOINT, the names in `FILE`, - for standard input"},
			&cli.StringFlag{Name: "column", Usage: "the names are in the column with this `HEADING` of the table", DefaultText: "endpoint"},
			&cli.StringFlag{Name: "out", Usage: "write to the new `FILE`", DefaultText: "standard output"},
		},
		Action: func(c *cli.Context) error {
			d, err := deriverOf(c)
			if err != nil {
				return err
			}
			if c.IsSet("list") {
				return d.list(c)
			}
			args, err := command.Arguments(c, "ENDPOINT")
			if err != nil {
				return err
			}
			key, err := d.key(c, args[0])
			if err != nil {
				return err
			}
			return written(c, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, key)
				return err
			})
		},
	}
}

// A deriver derives keys from that of a group.
type deriver struct {
	how      store.Derivation
	length   int
	groupKey lwm2m.Secret
	encode   func([]byte) string
}

// deriverOf reads the options.
func deriverOf(c *cli.Context) (d deriver, err error) {
	if err := command.NoneEmpty(c, "group-key-file", "group-key-format", "derivation", "device-key-format", "list", "column", "out"); err != nil {
		return d, err
	}
	for _, option := range []string{"group-key-file", "group-key-format"} {
		if !c.IsSet(option) {
			return d, command.Usagef("--%s is missing: lwbs key derive --help has an example", option)
		}
	}
	switch c.String("device-key-format") {
	case "hex":
		d.encode = hex.EncodeToString
	case "base64":
		d.encode = base64.StdEncoding.EncodeToString
	default:
		return d, command.Usagef("--device-key-format %s is not hex or base64", c.String("device-key-format"))
	}
	switch {
	case c.IsSet("column") && !c.IsSet("list"):
		return d, command.Usagef("--column is for the table that --list names")
	case c.IsSet("list") && c.NArg() > 0:
		return d, command.Usagef("ENDPOINT and --list exclude each other")
	case c.String("list") == "-" && c.String("group-key-file") == "-":
		return d, command.Usagef("--list - and --group-key-file -: standard input can be read once")
	}
	d.how, d.length = store.Derivation(c.String("derivation")), c.Int("length")
	if _, err := enrol.DeviceKey(d.how, d.length, lwm2m.Secret{}, ""); err != nil {
		return d, command.Usagef("%v", err)
	}
	key, err := command.ReadKey(c, "key of the group", c.String("group-key-file"), command.FormOf(c, "group-key-format"))
	if err != nil {
		return d, err
	}
	if len(key) < store.MinGroupKey || len(key) > store.MaxGroupKey {
		return d, fmt.Errorf("key of the group has %d bytes, %d to %d are possible", len(key), store.MinGroupKey, store.MaxGroupKey)
	}
	d.groupKey = lwm2m.NewSecret(key)
	return d, nil
}

// key derives the key of one device. It warns of a name that is probably not the right one.
func (d deriver) key(c *cli.Context, ep string) (string, error) {
	switch err := lwm2m.EndpointName(ep).Validate(); {
	case err != nil:
		return "", err
	case len(ep) > store.MaxIdentity:
		return "", fmt.Errorf("%s has %d bytes: as a PSK identity it may have %d", output.Name(ep), len(ep), store.MaxIdentity)
	}
	warning, err := devicefile.OddName(ep)
	if err != nil {
		return "", err
	}
	if warning != "" {
		fmt.Fprintf(c.App.ErrWriter, "warning: %s: %s\n", output.Name(ep), warning)
	}
	key, err := enrol.DeviceKey(d.how, d.length, d.groupKey, ep)
	return d.encode(key.Reveal()), err
}

// written has write write to standard output, or to a new file.
func written(c *cli.Context, write func(io.Writer) error) error {
	if !c.IsSet("out") {
		return write(output.Raw(c.App.Writer))
	}
	err := newfile.Write(c.String("out"), "--out", func(f io.Writer) error {
		w := bufio.NewWriter(f)
		return errors.Join(write(w), w.Flush())
	})
	if err == nil {
		fmt.Fprintf(c.App.ErrWriter, "wrote %s\n", output.Text(c.String("out")))
	}
	return err
}

// list derives the keys of the names in a list. All are looked at first, so that a list with a mistake
// writes nothing.
func (d deriver) list(c *cli.Context) error {
	file := c.String("list")
	b, shown, err := input.Read(c.Context, c.App.Reader, "list of names", file, maxList)
	if err != nil {
		return err
	}
	each := func(do func(name string) error) error {
		if err := eachName(b, c.String("column"), do); err != nil {
			return fmt.Errorf("%s: %w", output.Text(shown), err)
		}
		return nil
	}
	n := 0
	if err := each(func(name string) error {
		n++
		_, err := d.key(c, name)
		return err
	}); err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%s has no names", output.Text(shown))
	}
	quiet := *c
	app := *c.App
	quiet.App, app.ErrWriter = &app, io.Discard // the warnings were told
	return written(c, func(w io.Writer) error {
		row, end := rowWriter(w, isJSONLines(b))
		err := each(func(name string) error {
			key, err := d.key(&quiet, name)
			if err != nil {
				return err
			}
			return row(name, key)
		})
		return errors.Join(err, end())
	})
}

// maxList is the largest list of names that is read, in bytes: a million names have about 30 MB.
const maxList = 256 << 20

func isJSONLines(b []byte) bool {
	return strings.HasPrefix(strings.TrimLeft(string(b[:min(len(b), 64)]), "\ufeff \t\r\n"), "{")
}

// eachName calls do with each name in a list, until it returns an error, which it tells with the line.
// Column is the heading of the names in a table, empty for the usual ones.
func eachName(b []byte, column string, do func(name string) error) error {
	in, err := sheet.Text(strings.NewReader(string(b)))
	if err != nil {
		return err
	}
	if isJSONLines(b) {
		return eachInJSON(in, do)
	}
	table, err := sheet.NewReader(in, sheet.Options{})
	if err != nil {
		return err
	}
	alone := len(table.Columns) == 1
	at := slices.IndexFunc(table.Columns, func(heading string) bool {
		if column != "" {
			return strings.EqualFold(heading, column)
		}
		return isName(heading, alone)
	})
	switch {
	case at < 0 && column != "":
		return fmt.Errorf("the table has no column %s, only %s", output.Text(column), output.Names(table.Columns))
	case at < 0 && !alone:
		return fmt.Errorf("the table has no column endpoint, only %s: say with --column which has the names", output.Names(table.Columns))
	}
	if at < 0 { // no heading: the first line is a name
		at = 0
		if err := do(table.Columns[0]); err != nil {
			return fmt.Errorf("line 1: %w", err)
		}
	}
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimSpace(row.Cells[at])
		if name == "" && !slices.ContainsFunc(row.Cells, func(cell string) bool { return strings.TrimSpace(cell) != "" }) {
			continue
		}
		if err := do(name); err != nil {
			return fmt.Errorf("line %d: %w", row.Line, err)
		}
	}
}

// isName reports whether a heading is that of names. Where it stands alone, it may also be a word that is
// no name of a device.
func isName(heading string, alone bool) bool {
	bare := strings.NewReplacer(" ", "", "-", "", "_", "", ".", "").Replace(strings.ToLower(heading))
	return slices.Contains([]string{"endpoint", "endpointname", "endpointid", "endpointclientname", "registrationid"}, bare) ||
		alone && slices.Contains([]string{"name", "names", "device", "devices", "deviceid", "devicename", "id", "identity", "imei", "serial", "serialno", "serialnumber", "urn", "client", "clientname"}, bare)
}

// eachInJSON is eachName for JSON lines.
func eachInJSON(in io.Reader, do func(name string) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var device struct {
			Endpoint string `json:"endpoint"`
		}
		err := json.Unmarshal(lines.Bytes(), &device)
		switch {
		case err != nil:
			err = fmt.Errorf("it is no JSON object with a member endpoint: %w", err)
		case device.Endpoint == "":
			err = errors.New("it has no member endpoint")
		default:
			err = do(device.Endpoint)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}

// rowWriter returns what writes a row, and what ends the list: a table, or JSON lines.
func rowWriter(w io.Writer, asJSON bool) (row func(name, key string) error, end func() error) {
	if asJSON {
		lines := json.NewEncoder(w)
		lines.SetEscapeHTML(false)
		return func(name, key string) error {
			return lines.Encode(struct {
				Endpoint string `json:"endpoint"`
				Identity string `json:"pskIdentity"`
				Key      string `json:"pskKey"`
			}{name, name, key})
		}, func() error { return nil }
	}
	table := csv.NewWriter(w)
	_ = table.Write([]string{"endpoint", "psk-identity", "psk-key"}) // Flush has its error
	return func(name, key string) error { return table.Write([]string{name, name, key}) }, func() error {
		table.Flush()
		return table.Error()
	}
}
