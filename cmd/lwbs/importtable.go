package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store/importer/sheet"
)

func batchFlags(more ...cli.Flag) []cli.Flag {
	return append(more,
		&cli.StringFlag{Name: "profile", Usage: "the `NAME` of the profile of devices whose row has none"},
		&cli.StringSliceFlag{Name: "tag", Usage: "add the `TAG` to each device; may be repeated"},
		&cli.BoolFlag{Name: "dry-run", Usage: "tell what would become of each row, and change nothing"},
		jsonFlag())
}

func tableFlags(more ...cli.Flag) []cli.Flag {
	return batchFlags(append([]cli.Flag{
		&cli.StringFlag{Name: "key-format", Usage: "how keys are written: `FORMAT` hex, base64 or text; required where a column has keys"},
		&cli.StringFlag{Name: "endpoint", Usage: "make the endpoint name of other columns by `TEMPLATE`, such as 'urn:imei:{{.IMEI}}'"},
		&cli.StringSliceFlag{Name: "column", Usage: "make any other column so, `NAME=TEMPLATE`; may be repeated"},
		&cli.StringFlag{Name: "rejects", Usage: "keep the rows that are refused in `FILE`, which must not exist, with their lines and errors, to be mended and imported"},
	}, more...)...)
}

func importCSVCommand() *cli.Command {
	return &cli.Command{
		Name: "csv", Usage: "add or change the devices of a table, such as a vendor's list", ArgsUsage: "FILE",
		Description: `FILE is CSV with a comma, semicolon or tab, in UTF-8 or UTF-16; - is standard input. Its first row names
the columns, in any order, upper or lower case:

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
		Flags: tableFlags(
			&cli.StringSliceFlag{Name: "map", Usage: "what columns are for, `COLUMN=NAME`, several with commas between"},
			&cli.StringFlag{Name: "map-file", Usage: "the same, one in each line of `FILE`, as --save-map writes it"},
			&cli.StringFlag{Name: "save-map", Usage: "write what the columns are taken for into `FILE`"},
			&cli.StringSliceFlag{Name: "ignore", Usage: "do not read this `COLUMN`; may be repeated"},
			&cli.StringFlag{Name: "columns", Usage: "the first row is a device: the columns are `NAMES`, with commas between"},
		),
		Action: func(c *cli.Context) error { return importTable(c, sheet.Options{}, nil) },
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
			if !c.IsSet("key-format") {
				if err := c.Set("key-format", "hex"); err != nil {
					return err
				}
			}
			return importTable(c, sheet.Options{Separator: ':', Columns: []string{"identity", "psk-key"}}, splitLast)
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
			return importRows(c, func(in io.Reader) (rowSource, *rejects, error) { return newJSONLines(in), nil, nil })
		},
	}
}

// importTable imports a table. Rewrite, if not nil, turns a line of its file into one of CSV.
func importTable(c *cli.Context, o sheet.Options, rewrite func(io.Reader) io.Reader) error {
	columns, err := columnOptionsOf(c)
	if err != nil {
		return err
	}
	if names := c.String("columns"); names != "" {
		for name := range strings.SplitSeq(names, ",") {
			o.Columns = append(o.Columns, strings.TrimSpace(name))
		}
	}
	return importRows(c, func(in io.Reader) (rowSource, *rejects, error) {
		if rewrite != nil {
			in = rewrite(in)
		}
		t, err := sheet.NewReader(in, o)
		if err != nil {
			return nil, nil, err
		}
		if rewrite != nil && columns.templates["endpoint"] == "" {
			columns.templates["endpoint"] = "{{.identity}}"
		}
		m, err := mapColumns(t.Columns, columns)
		if err != nil {
			return nil, nil, err
		}
		if unread := m.notRead(); len(unread) > 0 {
			fmt.Fprintf(c.App.ErrWriter, "not read: %s %s\n", counted(len(unread), "column", "columns"), listed(unread))
		}
		if err := saveMap(c.String("save-map"), m); err != nil {
			return nil, nil, err
		}
		var kept *rejects
		if file := c.String("rejects"); file != "" {
			kept = &rejects{file: file, headings: t.Columns, comma: t.Separator}
		}
		return &tableRows{t, m}, kept, nil
	})
}

// columnOptionsOf reads the options about columns.
func columnOptionsOf(c *cli.Context) (o columnOptions, err error) {
	if err := noneEmpty(c, "key-format", "endpoint", "rejects", "map-file", "save-map", "columns", "profile"); err != nil {
		return o, err
	}
	o.form = formOf(c, "key-format")
	if o.form.format != "" {
		if err := o.form.check(); err != nil || o.form.format == "binary" {
			return o, usagef("--key-format %q is not hex, base64 or text", o.form.format)
		}
	}
	o.ignored = c.StringSlice("ignore")
	if o.templates, err = assignments(c, "column", "NAME=TEMPLATE"); err != nil {
		return o, err
	}
	if o.templates == nil {
		o.templates = make(map[string]string)
	}
	if c.IsSet("endpoint") {
		o.templates["endpoint"] = c.String("endpoint")
	}
	if o.mapped, err = assignments(c, "map", "COLUMN=NAME"); err != nil {
		return o, err
	}
	if file := c.String("map-file"); file != "" {
		if err := readMap(c, file, &o.mapped); err != nil {
			return o, err
		}
	}
	for column, name := range o.mapped {
		if useOf(name) == nil {
			return o, usagef("--map %s=%s: a column can be for %s", column, name, possibleColumns())
		}
	}
	return o, nil
}

// readMap adds the columns in a file that saveMap wrote; those that are named already stay.
func readMap(c *cli.Context, file string, mapped *map[string]string) error {
	b, err := readFile(c.Context, "what columns are for", file, maxKeyFile)
	if err != nil {
		return err
	}
	plain, _, err := textOf(b)
	if err != nil {
		return fmt.Errorf("what columns are for, in %s: %w", text(file), err)
	}
	n := 0
	for line := range strings.Lines(string(plain)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		column, name, ok := cutLast(line, "=")
		if !ok || column == "" {
			return fmt.Errorf("%s:%d: %q is not COLUMN=NAME", text(file), n, line)
		}
		if _, named := (*mapped)[column]; !named {
			setIn(mapped, column, strings.TrimSpace(name))
		}
	}
	return nil
}

// saveMap writes what the columns are for, for --map-file; nothing where no file is named.
func saveMap(file string, m *columnMap) error {
	if file == "" {
		return nil
	}
	var b bytes.Buffer
	for i, name := range m.names {
		if name != "" {
			fmt.Fprintf(&b, "%s=%s\n", m.headings[i], name)
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// tableRows are the rows of a table as devices.
type tableRows struct {
	table *sheet.Reader
	m     *columnMap
}

func (t *tableRows) next() (*importRow, error) {
	row, err := t.table.Next()
	if wrong := new(sheet.Error); errors.As(err, &wrong) {
		return &importRow{line: wrong.Line, cells: slices.Clone(wrong.Cells), err: wrong.Cause()}, nil
	}
	if err != nil {
		return nil, err
	}
	return t.m.row(row.Line, row.Cells, row.Position), nil
}

func (t *tableRows) offset() int64 { return t.table.Offset() }

// splitLast turns lines of IDENTITY:KEY into CSV with a colon: the identity may have colons.
func splitLast(in io.Reader) io.Reader {
	out, feed := io.Pipe()
	go func() {
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, maxBatchLine)
		var err error
		for err == nil && lines.Scan() {
			line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
			identity, key, ok := cutLast(line, ":")
			if line != "" && !ok {
				identity, key = line, ""
			}
			_, err = fmt.Fprintf(feed, "\"%s\":\"%s\"\n", strings.ReplaceAll(identity, `"`, `""`), strings.ReplaceAll(key, `"`, `""`))
		}
		feed.CloseWithError(errors.Join(err, lines.Err()))
	}()
	return out
}

// maxBatchLine is the longest line of JSON, or of a PSK file, in bytes.
const maxBatchLine = 1 << 20

// jsonLines are devices in JSON, one in each line.
type jsonLines struct {
	lines *bufio.Scanner
	line  int
	read  int64
}

func newJSONLines(in io.Reader) *jsonLines {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxBatchLine)
	return &jsonLines{lines: lines}
}

func (j *jsonLines) next() (*importRow, error) {
	for j.lines.Scan() {
		j.line++
		b := j.lines.Bytes()
		j.read += int64(len(b)) + 1
		if len(bytes.TrimSpace(b)) == 0 {
			continue
		}
		var device struct {
			Endpoint lwm2m.EndpointName `json:"endpoint"`
			admin.DeviceSettings
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		err := d.Decode(&device)
		if err == nil {
			if _, more := d.Token(); !errors.Is(more, io.EOF) {
				err = errors.New("something follows the JSON object")
			}
		}
		row := &importRow{line: j.line, endpoint: device.Endpoint, settings: device.DeviceSettings}
		switch {
		case err != nil:
			row.err = fmt.Errorf("it is not the JSON of a device: %s", strings.TrimPrefix(err.Error(), "json: "))
		case device.Endpoint == "":
			row.err = errors.New("it has no member endpoint")
		}
		return row, nil
	}
	if err := j.lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", j.line+1, err)
	}
	return nil, io.EOF
}

func (j *jsonLines) offset() int64 { return j.read }

// importRows imports a file whose rows open reads.
func importRows(c *cli.Context, open func(io.Reader) (rowSource, *rejects, error)) error {
	args, err := arguments(c, "FILE")
	if err != nil {
		return err
	}
	in, size, shown, err := openInput(c, args[0])
	if err != nil {
		return err
	}
	defer in.Close()
	source, kept, err := open(interruptible{c.Context, in})
	if usage := new(usageError); errors.As(err, &usage) {
		return err
	}
	if err != nil {
		return fmt.Errorf("import %s: %w", text(shown), err)
	}
	report, err := newRowReport(c.App.Writer, shown, c.Bool("dry-run"), c.Bool("json"))
	if err != nil {
		return err
	}
	im := &rowImport{source: source, size: size, complete: rowDefaults(c), dry: c.Bool("dry-run"), rejects: kept, report: report,
		progress: &progress{size: size, began: time.Now()}}
	if f, ok := c.App.ErrWriter.(*os.File); ok && isTerminal(f) {
		im.progress.out = f
	}
	api, err := openAPI(c, false)
	if err != nil {
		return err
	}
	err = errors.Join(im.run(c.Context, api), api.Close())
	if err != nil {
		return fmt.Errorf("import %s: %w; what was put is kept, and the same command goes on from there", text(shown), err)
	}
	if kept.kept() {
		return report.failed(c.String("rejects"))
	}
	return report.failed("")
}

// rowDefaults completes a row by the options.
func rowDefaults(c *cli.Context) func(*importRow) {
	profile, tags := c.String("profile"), c.StringSlice("tag")
	return func(row *importRow) {
		if row.settings.Profile == nil && profile != "" {
			row.settings.Profile = &profile
		}
		for _, tag := range tags {
			if !slices.Contains(row.settings.AddTags, tag) {
				row.settings.AddTags = append(row.settings.AddTags, tag)
			}
		}
	}
}

// openInput opens a file, or standard input for "-". Size is zero where it is not known.
func openInput(c *cli.Context, file string) (in io.ReadCloser, size int64, shown string, err error) {
	if file == "-" {
		return io.NopCloser(c.App.Reader), 0, "standard input", nil
	}
	f, err := openFile(c.Context, file)
	if err != nil {
		return nil, 0, "", fmt.Errorf("import: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("import %s: it is a folder", text(file))
	case info.Mode().IsRegular():
		size = info.Size()
	}
	if err != nil {
		return nil, 0, "", errors.Join(err, f.Close())
	}
	return f, size, file, nil
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
