// Package transfer is lwbs import and lwbs export: devices in files, and the data of other
// Bootstrap-Servers.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store/importer"
)

// ImportCommand is lwbs import.
func ImportCommand() *cli.Command {
	return command.Group("import", "add devices by a file: a table, or the data of another Bootstrap-Server",
		importCSVCommand(), importJSONLCommand(), importPSKFileCommand(), importCumulocityCommand(), importThingsBoardCommand(),
		importDPSCommand(), importLeshanCommand(), importWakaamaCommand())
}

func importFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "dry-run", Usage: "report what would be imported, and change nothing"},
		&cli.BoolFlag{Name: "replace", Usage: "replace devices and profiles that exist; without it such entries are refused"},
		&cli.BoolFlag{Name: "no-sec", Usage: "permit devices without a key to bootstrap over plain CoAP, without authentication"},
		&cli.StringFlag{Name: "prefix", Usage: "begin the names of profiles with `TEXT` (default: the name of the other server)"},
		&cli.StringSliceFlag{Name: "tag", Usage: "give each device the `TAG`; may be repeated"},
		command.JSONFlag(),
	}
}

func importLeshanCommand() *cli.Command {
	return &cli.Command{
		Name: "leshan", Usage: "import the files of Leshan's demo Bootstrap-Server", ArgsUsage: "FILE...",
		Description: `FILE is its configurations (data/bootstrapStore.json, data/bootstrap.json before 2.0.0-M6, or the answer
of GET /api/bootstrap) and, since 2.0.0-M6, the keys of its clients (the answer of
GET /api/security/clients). Give both in one command; - is standard input.

   curl http://HOST:8080/api/bootstrap > configs.json
   curl http://HOST:8080/api/security/clients > keys.json
   lwbs import leshan --dry-run configs.json keys.json`,
		Flags: importFlags(),
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return command.Usagef("no FILE is named: lwbs %s", command.UsageOf(c))
			}
			options, err := importOptions(c)
			if err != nil {
				return err
			}
			var files []importer.File
			for _, name := range c.Args().Slice() {
				f, err := importFile(c, name)
				if err != nil {
					return err
				}
				files = append(files, f)
			}
			r, err := importer.Leshan(options, files...)
			if err != nil {
				return err
			}
			return importAll(c, r)
		},
	}
}

func importWakaamaCommand() *cli.Command {
	return &cli.Command{
		Name: "wakaama", Usage: "import the file of Wakaama's example Bootstrap-Server", ArgsUsage: "FILE",
		Description: `FILE is bootstrap_info.ini, or bootstrap_server.ini in newer versions; - is standard input.
That server has no DTLS: give the devices keys, or permit plain CoAP with --no-sec.`,
		Flags: importFlags(),
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "FILE")
			if err != nil {
				return err
			}
			options, err := importOptions(c)
			if err != nil {
				return err
			}
			f, err := importFile(c, args[0])
			if err != nil {
				return err
			}
			r, err := importer.Wakaama(options, f)
			if err != nil {
				return err
			}
			return importAll(c, r)
		},
	}
}

func importOptions(c *cli.Context) (importer.Options, error) {
	tags, err := command.ListOrNone(c, "tag")
	if err == nil {
		err = command.NoneEmpty(c, "prefix")
	}
	return importer.Options{Prefix: c.String("prefix"), NoSec: c.Bool("no-sec"), Tags: tags}, err
}

// maxImport is the largest file that is imported, in bytes: a million devices need less.
const maxImport = 1 << 30

func importFile(c *cli.Context, name string) (importer.File, error) {
	b, shown, err := input.Read(c.Context, c.App.Reader, "the data to import", name, maxImport)
	if err != nil {
		return importer.File{}, err
	}
	shown = filepath.Base(shown)
	plain, _, err := input.UTF8(b)
	if err != nil {
		return importer.File{}, fmt.Errorf("import %s: %w", shown, err)
	}
	return importer.File{Name: shown, Text: plain}, nil
}

// importAll decides on each entry of r, writes those that can be imported, and reports all.
func importAll(c *cli.Context, r importer.Result) error {
	dry := c.Bool("dry-run")
	objects, err := command.Objects(c)
	if err != nil {
		return err
	}
	im := &importing{replace: c.Bool("replace"), objects: objects}
	err = command.With(c, false, func(ctx context.Context, api admin.API) error {
		there, err := existingRecords(ctx, api, r)
		if err != nil {
			return err
		}
		if im.decide(r, there); !dry {
			im.write(ctx, api)
		}
		return nil
	})
	if errors.Is(err, command.ErrNoDatabase) {
		im.decide(r, records{})
		if err = nil; !dry && im.keeps() { // a new database only where there is something to import
			err = command.With(c, true, func(ctx context.Context, api admin.API) error {
				im.write(ctx, api)
				return nil
			})
		}
	}
	if err != nil {
		return err
	}
	report := importReport{DryRun: dry}
	report.add(im)
	if c.Bool("json") {
		err = output.JSON(c.App.Writer, report)
	} else {
		err = report.print(c.App.Writer)
	}
	if n := report.Summary[importer.Refused]; err == nil && n > 0 {
		err = fmt.Errorf("%d of %s refused", n, output.Counted(len(report.Entries), "entry", "entries"))
	}
	return err
}

// An importReport is the result of an import.
type importReport struct {
	DryRun   bool            `json:"dryRun"`
	Profiles []importProfile `json:"profiles"`
	Entries  []importEntry   `json:"entries"`
	Summary  map[string]int  `json:"summary"` // entries by outcome
}

// An importProfile is a profile that devices are given.
type importProfile struct {
	Name     string   `json:"name"`
	Did      string   `json:"did"` // created, replaced or unchanged
	Devices  int      `json:"devices"`
	Warnings []string `json:"warnings,omitempty"`
}

// An importEntry is what became of one entry of the other server.
type importEntry struct {
	Source   string   `json:"source"`
	Endpoint string   `json:"endpoint,omitempty"`
	Outcome  string   `json:"outcome"` // imported, skipped or refused
	Why      string   `json:"why,omitempty"`
	Profile  string   `json:"profile,omitempty"`
	Replaced bool     `json:"replaced,omitempty"`
	Changes  []string `json:"changes,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

func (r *importReport) add(im *importing) {
	r.Profiles, r.Entries = []importProfile{}, []importEntry{}
	r.Summary = map[string]int{importer.Imported: 0, importer.Skipped: 0, importer.Refused: 0}
	for _, p := range im.profiles {
		if p.used > 0 {
			r.Profiles = append(r.Profiles, importProfile{p.profile.Name, p.did(), p.devices, p.warnings})
		}
	}
	for _, e := range im.entries {
		out := importEntry{Source: e.Source, Endpoint: string(e.Device.Endpoint), Outcome: e.Outcome, Why: e.Why, Changes: e.Changes, Warnings: e.warnings}
		if e.Outcome == importer.Imported {
			out.Profile, out.Replaced = e.Device.Profile, e.existing != nil
		}
		r.Entries = append(r.Entries, out)
		r.Summary[e.Outcome]++
	}
}

func (r *importReport) print(w io.Writer) error {
	for _, p := range r.Profiles {
		fmt.Fprintf(w, "profile %s: %s, for %s\n", output.Name(p.Name), r.would(p.Did), output.Counted(p.Devices, "device", "devices"))
		for _, text := range p.Warnings {
			fmt.Fprintf(w, "    warning: %s\n", text)
		}
	}
	for _, e := range r.Entries {
		what := e.Source
		if e.Endpoint != "" && !strings.HasSuffix(what, e.Endpoint) {
			what += " " + e.Endpoint
		}
		switch {
		case e.Why != "":
			fmt.Fprintf(w, "%s: %s: %s\n", what, e.Outcome, e.Why)
		case e.Replaced:
			fmt.Fprintf(w, "%s: %s with profile %s, in place of the record that was there\n", what, r.would(e.Outcome), e.Profile)
		default:
			fmt.Fprintf(w, "%s: %s with profile %s\n", what, r.would(e.Outcome), e.Profile)
		}
		if e.Outcome == importer.Imported {
			for _, text := range e.Changes {
				fmt.Fprintf(w, "    %s\n", text)
			}
			for _, text := range e.Warnings {
				fmt.Fprintf(w, "    warning: %s\n", text)
			}
		}
	}
	_, err := fmt.Fprintf(w, "%s: %d %s, %d skipped, %d refused\n", output.Counted(len(r.Entries), "entry", "entries"),
		r.Summary[importer.Imported], r.would(importer.Imported), r.Summary[importer.Skipped], r.Summary[importer.Refused])
	return err
}

// would says what was done, or in a dry run what would be done.
func (r *importReport) would(did string) string {
	if r.DryRun && did != "unchanged" {
		return "would be " + did
	}
	return did
}
