package transfer

import (
	"io"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/devicefile"
	"lwbs/store/importer/sheet"
)

// presetFlags are the options of tables of other systems.
func presetFlags() []cli.Flag {
	return tableFlags(append(mapFlags(),
		&cli.StringFlag{Name: "account", Usage: "the keys for the LwM2M Server are those of account `NAME` of the profile (default: the only one that it has)"},
		&cli.BoolFlag{Name: "no-sec", Usage: "permit devices that the file has without security to bootstrap over plain CoAP, without authentication"},
	)...)
}

func importCumulocityCommand() *cli.Command {
	return &cli.Command{
		Name: "cumulocity", Usage: "add or change devices by Cumulocity's table for bulk registration of LwM2M devices", ArgsUsage: "FILE",
		Description: `FILE is that table, with its headings, such as "endpoint id", "bootstrapSecurityMode", "bootstrap psk_key";
- is standard input. Keys are in hexadecimal digits, certificates PEM. Taken are:

   endpoint id                                           the endpoint name
   bootstrapSecurityMode, bootstrap psk_id, psk_key      how the device authenticates here: PSK, X509 or NO_SEC
   securityMode, lwm2m psk_id, psk_key, x509Client...    what it is given for the LwM2M Server
   lwm2m server uri, lwm2mShortServerId,
   registrationLifetime, bindingMode                     compared with the profile, which has them here

A row that sends a device to another LwM2M Server than the profile is refused, and so is one with RPK, or
with a key to bootstrap with that Cumulocity makes (PSK_GENERATED). Options and results are those of lwbs
import csv.

   lwbs import cumulocity devices.csv --profile meter --dry-run`,
		Flags:  presetFlags(),
		Action: importPreset(devicefile.Cumulocity),
	}
}

func importThingsBoardCommand() *cli.Command {
	return &cli.Command{
		Name: "thingsboard", Usage: "add or change devices by a table for ThingsBoard's bulk import", ArgsUsage: "FILE",
		Description: `FILE is a table whose headings are the column types of that import, or are said to be with --map; - is
standard input. Keys are in hexadecimal digits. Taken are:

   LWM2M_CLIENT_ENDPOINT                                 the endpoint name
   LWM2M_BOOTSTRAP_SERVER_SECURITY_MODE,
   ..._PUBLIC_KEY_OR_ID, ..._SECRET_KEY                  how the device authenticates here
   LWM2M_SERVER_SECURITY_MODE,
   LWM2M_SERVER_CLIENT_PUBLIC_KEY_OR_ID, ..._SECRET_KEY  what it is given for the LwM2M Server
   LWM2M_CLIENT_SECURITY_CONFIG_MODE, ..._IDENTITY,
   ..._KEY                                               in place of either that is not there
   LABEL, DESCRIPTION                                    tag and note

A row with RPK is refused. Options and results are those of lwbs import csv.

   lwbs import thingsboard devices.csv --profile meter --dry-run
   lwbs import thingsboard list.csv --map 'Serial=LWM2M_CLIENT_ENDPOINT,Key=LWM2M_CLIENT_KEY' --profile meter`,
		Flags:  presetFlags(),
		Action: importPreset(devicefile.ThingsBoard),
	}
}

func importDPSCommand() *cli.Command {
	return &cli.Command{
		Name: "dps", Usage: "add or change devices by a list of enrolments of Azure's Device Provisioning Service", ArgsUsage: "FILE",
		Description: `FILE is JSON: {"enrollments": [...]} as for a bulk operation, or an array of enrolments, each with its keys;
- is standard input. The endpoint name and the PSK identity are the registration ID, unless --endpoint or
--column psk-identity make others of registrationId and deviceId. The key is the primary one, in Base64; the
secondary one is not read. Of a device with x509 it is the SHA-256 thumbprint of its primary client
certificate. A disabled enrolment makes a disabled device. A TPM, a group, and a list with the mode delete
are refused.

   lwbs import dps enrollments.json --profile meter --endpoint 'urn:dev:ops:{{.registrationId}}' --dry-run`,
		Flags: tableFlags(),
		Action: func(c *cli.Context) error {
			columns, err := columnOptionsIn(c, "base64")
			if err != nil {
				return err
			}
			return importDevices(c, func(in io.Reader) (*devicefile.Source, error) { return devicefile.DPS(in, columns) })
		},
	}
}

// importPreset imports a table of another system.
func importPreset(system func(devicefile.PresetOptions) devicefile.Preset) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := command.NoneEmpty(c, "account"); err != nil {
			return err
		}
		columns, err := columnOptionsIn(c, "hex")
		if err != nil {
			return err
		}
		return importTable(c, sheet.Options{}, columns.With(system, devicefile.PresetOptions{Account: c.String("account"), NoSec: c.Bool("no-sec")}))
	}
}

// columnOptionsIn are the options about columns, with keys in a format unless another is said.
func columnOptionsIn(c *cli.Context, format string) (devicefile.ColumnOptions, error) {
	if !c.IsSet("key-format") {
		if err := c.Set("key-format", format); err != nil {
			return devicefile.ColumnOptions{}, err
		}
	}
	return columnOptions(c)
}
