package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/collector"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/devicefile"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store/importer/sheet"
)

func batchFlags(more ...cli.Flag) []cli.Flag {
	return append(more,
		&cli.StringFlag{Name: "profile", Usage: "the `NAME` of the profile of devices whose row has none"},
		&cli.StringSliceFlag{Name: "tag", Usage: "add the `TAG` to each device; may be repeated"},
		&cli.BoolFlag{Name: "dry-run", Usage: "tell what would become of each row, and change nothing"},
		command.JSONFlag())
}

func tableFlags(more ...cli.Flag) []cli.Flag {
	return batchFlags(append([]cli.Flag{
		&cli.StringFlag{Name: "key-format", Usage: "how keys are written: `FORMAT` hex, base64 or text; required where a column has keys"},
		&cli.StringFlag{Name: "endpoint", Usage: "make the endpoint name of other columns by `TEMPLATE`, such as 'urn:imei:{{.IMEI}}'"},
		&cli.StringSliceFlag{Name: "column", Usage: "make any other column so, `NAME=TEMPLATE`; may be repeated"},
		&cli.StringFlag{Name: "rejects", Usage: "keep the rows that are refused in `FILE`, which must not exist, with their lines and errors, to be mended and imported in the same way; not with --dry-run"},
	}, more...)...)
}

func importCSVCommand() *cli.Command {
	return &cli.Command{
		Name: "csv", Usage: "add or change the devices of a table, such as a vendor's list", ArgsUsage: "FILE",
		Description: `FILE is CSV with a comma, semicolon, tab or vertical bar, in UTF-8 or UTF-16; - is standard input. Its first
row names the columns, in any order, upper or lower case (a table without such a row needs --columns):

   endpoint, profile, tag, note, psk-identity, psk-key, certificate-name, certificate-fingerprint, format,
   disabled, no-sec, var.NAME, secret.PATH,
   account.NAME.key, account.NAME.identity, account.NAME.certificate, account.NAME.master-secret

and others that vendors use for these, such as "Endpoint Client Name", "PSK ID", "Labels". Other columns are
not read, but can be used in templates, where what is no letter or digit is an underscore.

A device is added, or changed where it exists; an empty cell changes nothing. A row that cannot be put
changes nothing, and the others are put all the same. To import a file once more changes nothing.

   lwbs import csv devices.csv --key-format hex --profile meter --dry-run
   lwbs import csv devices.csv --key-format hex --profile meter --rejects mend.csv
   lwbs import csv sims.csv --map 'IMSI=psk-identity,Ki=psk-key' --key-format hex --endpoint 'urn:imei:{{.IMEI}}'`,
		Flags:  tableFlags(append(mapFlags(), &cli.StringFlag{Name: "columns", Usage: "the first row is a device: the columns are `NAMES`, with commas between"})...),
		Action: importCSV,
	}
}

// mapFlags say what columns are for.
func mapFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "map", Usage: "what columns are for, `COLUMN=NAME`, several with commas between"},
		&cli.StringFlag{Name: "map-file", Usage: "the same, one in each line of `FILE`, as --save-map writes it"},
		&cli.StringFlag{Name: "save-map", Usage: "write what the columns are taken for into `FILE`, which must not say anything else yet"},
		&cli.StringSliceFlag{Name: "ignore", Usage: "do not read this `COLUMN`; may be repeated"},
	}
}

func importPSKFileCommand() *cli.Command {
	return &cli.Command{
		Name: "psk-file", Usage: "add or change devices by a file of PSK identities and keys", ArgsUsage: "FILE",
		Description: `Each line of FILE is IDENTITY:KEY, as OpenSSL's tools, mosquitto and others have them; - is standard
input. The endpoint name of each device is its identity, unless --endpoint makes another:

   lwbs import psk-file psk.txt --profile meter --endpoint 'urn:dev:ops:{{.identity}}'`,
		Flags: tableFlags(),
		Action: func(c *cli.Context) error {
			columns, err := columnOptionsIn(c, "hex")
			if err != nil {
				return err
			}
			return importDevices(c, func(in io.Reader) (*devicefile.Source, error) { return devicefile.PSKFile(in, columns) })
		},
	}
}

func importJSONLCommand() *cli.Command {
	return &cli.Command{
		Name: "jsonl", Usage: "add or change devices by JSON lines", ArgsUsage: "FILE",
		Description: `Each line of FILE is a JSON object: the member endpoint, and those of DeviceSettings in the admin API
(lwbs serve answers GET /v1/openapi.yaml on its admin socket); keys are in Base64. - is standard input.

   {"endpoint": "urn:dev:ops:1", "profile": "meter", "psk": {"key": "AAECAwQFBgcICQoLDA0ODw=="}, "addTags": ["lot7"]}`,
		Flags: batchFlags(),
		Action: func(c *cli.Context) error {
			return importDevices(c, func(in io.Reader) (*devicefile.Source, error) { return devicefile.JSONLines(in) })
		},
	}
}

// importCSV imports a table.
func importCSV(c *cli.Context) error {
	columns, err := columnOptions(c)
	if err != nil {
		return err
	}
	var o sheet.Options
	if c.IsSet("columns") {
		for name := range strings.SplitSeq(c.String("columns"), ",") {
			o.Columns = append(o.Columns, strings.TrimSpace(name))
		}
	}
	return importTable(c, o, columns)
}

// importTable imports a table, and tells which of its columns are not read.
func importTable(c *cli.Context, o sheet.Options, columns devicefile.ColumnOptions) error {
	if err := columns.Names(); err != nil {
		return command.Usagef("%v", err)
	}
	return importDevices(c, func(in io.Reader) (*devicefile.Source, error) {
		source, err := devicefile.Table(in, o, columns)
		if err != nil {
			return nil, err
		}
		if unread := source.NotRead(); len(unread) > 0 {
			fmt.Fprintf(c.App.ErrWriter, "not read: %s\n", output.Names(unread))
		}
		if file := c.String("save-map"); file != "" {
			err = saveMapping(file, source.Mapping())
		}
		return source, err
	})
}

// saveMapping writes what columns are for into a file. One that exists is not replaced, but is good
// where it says the same.
func saveMapping(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		if is, readErr := input.ReadFile(context.Background(), "what columns are for", file, input.MaxKey); readErr == nil && string(is) == text {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("save what columns are for: %w", err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// columnOptions reads the options about columns.
func columnOptions(c *cli.Context) (o devicefile.ColumnOptions, err error) {
	if err := command.NoneEmpty(c, "key-format", "endpoint", "rejects", "map-file", "save-map", "columns", "profile"); err != nil {
		return o, err
	}
	o.Keys, o.Ignored = command.FormOf(c, "key-format"), c.StringSlice("ignore")
	if f := o.Keys.Format; f != "" && f != "hex" && f != "base64" && f != "text" {
		return o, command.Usagef("--key-format %q is not hex, base64 or text", f)
	}
	if o.Templates, err = command.Assignments(c, "column", "NAME=TEMPLATE"); err != nil {
		return o, err
	}
	if c.IsSet("endpoint") {
		if o.Templates == nil {
			o.Templates = make(map[string]string)
		}
		o.Templates["endpoint"] = c.String("endpoint")
	}
	o.Mapped, err = mappedColumns(c)
	return o, err
}

// mappedColumns are those of --map, and behind them those of --map-file.
func mappedColumns(c *cli.Context) (map[string]string, error) {
	mapped := make(map[string]string)
	add := func(where, text string) error {
		i := strings.LastIndex(text, "=")
		if i < 1 {
			return command.Usagef("%s%q is not COLUMN=NAME", where, text)
		}
		if column := strings.TrimSpace(text[:i]); mapped[column] == "" {
			kind, rest, dotted := strings.Cut(strings.TrimSpace(text[i+1:]), ".")
			if mapped[column] = strings.ToLower(kind); dotted { // and a name behind the dot, as it is
				mapped[column] += "." + rest
			}
		}
		return nil
	}
	for _, all := range c.StringSlice("map") {
		for text := range strings.SplitSeq(all, ",") {
			if err := add("--map ", text); err != nil {
				return nil, err
			}
		}
	}
	file := c.String("map-file")
	if file == "" {
		return mapped, nil
	}
	b, err := input.ReadFile(c.Context, "what columns are for", file, input.MaxKey)
	if err != nil {
		return nil, err
	}
	plain, err := input.Text(b, "lines COLUMN=NAME")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", output.Text(file), err)
	}
	n := 0
	for line := range strings.Lines(string(plain)) {
		n++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := add(fmt.Sprintf("%s:%d: ", output.Text(file), n), line); err != nil {
			return nil, err
		}
	}
	return mapped, nil
}

// importDevices imports a file of devices, which open reads.
func importDevices(c *cli.Context, open func(io.Reader) (*devicefile.Source, error)) error {
	args, err := command.Arguments(c, "FILE")
	if err != nil {
		return err
	}
	if err := command.NoneEmpty(c, "profile"); err != nil {
		return err
	}
	in, size, shown, err := openDevices(c, args[0])
	if err != nil {
		return err
	}
	defer in.Close()
	source, err := open(input.Interruptible(c.Context, in))
	if option := new(devicefile.OptionError); errors.As(err, &option) {
		return command.Usagef("%v", option)
	}
	if err != nil {
		return fmt.Errorf("import %s: %w", output.Text(shown), err)
	}
	collector.Tune()
	api, err := command.OpenAPI(c, false)
	if err != nil {
		return err
	}
	result, err := source.Import(c.Context, api, devicefile.Options{
		File: shown, Size: size, Profile: c.String("profile"), Tags: c.StringSlice("tag"), DryRun: c.Bool("dry-run"),
		Rejects: c.String("rejects"), Out: c.App.Writer, JSON: c.Bool("json"), Progress: output.Terminal(c.App.ErrWriter),
	})
	if err := errors.Join(err, api.Close()); err != nil {
		return importError(c, shown, result, err)
	}
	switch {
	case result.Rows == 0:
		fmt.Fprintf(c.App.ErrWriter, "%s has no device in it\n", output.Text(shown))
		return nil
	case result.Refused == 0:
		return nil
	case result.Rejected:
		return fmt.Errorf("%d of %s refused: they are in %s; mend them there, and import it in the same way", result.Refused, output.Counted(result.Rows, "row", "rows"), output.Text(c.String("rejects")))
	}
	return fmt.Errorf("%d of %s refused", result.Refused, output.Counted(result.Rows, "row", "rows"))
}

// importError is err with what is left to do.
func importError(c *cli.Context, shown string, result devicefile.Result, err error) error {
	wrong := new(devicefile.ReadError)
	switch {
	case errors.Is(err, context.Canceled):
		return interrupted(c.Bool("dry-run"), "rows")
	case c.Bool("dry-run") || result.Rows == 0:
		return fmt.Errorf("import %s: %w", output.Text(shown), err)
	case errors.As(err, &wrong):
		return fmt.Errorf("import %s: %w: what was put is kept; mend the file, and import it once more", output.Text(shown), err)
	}
	return fmt.Errorf("import %s: %w: what was put is kept, and the same command goes on from there", output.Text(shown), err)
}

// interrupted is the error of an import that was interrupted. It knows of no row that was on its way.
func interrupted(dry bool, rows string) error {
	if dry {
		return command.Interrupted("nothing was changed")
	}
	return command.Interrupted(fmt.Sprintf("the %s told of above are kept, and maybe some more; the same command goes on from there, and changes none of them once more", rows))
}

// openDevices opens a file, or standard input for "-". Size is zero where it is not known.
func openDevices(c *cli.Context, file string) (in io.ReadCloser, size int64, shown string, err error) {
	if file == "-" {
		return io.NopCloser(c.App.Reader), 0, "standard input", nil
	}
	f, err := input.Open(c.Context, file)
	if err != nil {
		return nil, 0, "", fmt.Errorf("import: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("import %s: it is a folder", output.Text(file))
	case info.Mode().IsRegular():
		size = info.Size()
	}
	if err != nil {
		return nil, 0, "", errors.Join(err, f.Close())
	}
	return f, size, file, nil
}
