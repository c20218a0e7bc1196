// Package transfer is lwbs import and lwbs export: devices in files, and the data of other
// Bootstrap-Servers.
package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/collector"
	"lwbs/cmd/lwbs/internal/command"
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
				f, closed, err := foreignFile(c, name, "the JSON of Leshan's configurations or keys")
				if err != nil {
					return err
				}
				defer closed()
				files = append(files, f)
			}
			data, err := importer.Leshan(options, files...)
			if err != nil {
				return err
			}
			return importAll(c, data)
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
			f, closed, err := foreignFile(c, args[0], "the text of Wakaama's bootstrap_info.ini")
			if err != nil {
				return err
			}
			defer closed()
			data, err := importer.Wakaama(options, f)
			if err != nil {
				return err
			}
			return importAll(c, data)
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

// importAll puts the entries of data, and reports what became of each.
func importAll(c *cli.Context, data *importer.Data) error {
	objects, err := command.Objects(c)
	if err != nil {
		return err
	}
	collector.Tune()
	im := &importing{data: data, replace: c.Bool("replace"), dry: c.Bool("dry-run"), objects: objects, profiles: make(map[string]*importingProfile)}
	im.report = newEntryReport(c.App.Writer, c.Bool("json"), im.dry)
	api, err := command.OpenAPI(c, false)
	if errors.Is(err, command.ErrNoDatabase) {
		if api, err = nil, nil; !im.dry && im.keeps(c.Context) { // a new database only where there is something to import
			api, err = command.OpenAPI(c, true)
		}
	}
	if err != nil {
		return err
	}
	err = im.run(c.Context, api)
	if api != nil {
		err = errors.Join(err, api.Close())
	}
	switch n := im.report.summary[importer.Refused]; {
	case errors.Is(err, context.Canceled):
		return interrupted(im.dry, "entries")
	case err != nil:
		return err
	case n > 0:
		return fmt.Errorf("%d of %s refused", n, output.Counted(im.report.entries, "entry", "entries"))
	}
	return nil
}
