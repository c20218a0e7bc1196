package simulate

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/enrol"
	"lwbs/bootstrap/fleet"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/devicefile"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/probe"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/importer/sheet"
)

// maxDevices is how many devices one process plays at most.
const maxDevices = 1_000_000

// deviceFlags say which devices come.
func deviceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "count", Value: 100, Usage: "play `N` devices, or the first N of --devices"},
		&cli.StringFlag{Name: "endpoint", Value: "sim-{{.N}}", Usage: "make the endpoint names by `TEMPLATE`: {{.N}} is the number of the device from 1, as long for all; or of the columns of --devices"},
		&cli.StringFlag{Name: "identity", Usage: "make the PSK identities by `TEMPLATE`", DefaultText: "the endpoint name"},
		&cli.StringFlag{Name: "devices", Usage: "play those of `FILE`, a table as for lwbs import csv"},
		&cli.StringFlag{Name: "key-format", Usage: "how keys are written in the table: `FORMAT` hex, base64 or text"},
		&cli.StringSliceFlag{Name: "map", Usage: "what columns of the table are for, `COLUMN=NAME`; may be repeated"},
		&cli.StringFlag{Name: "psk-key-file", Usage: "give all of them the pre-shared key in `FILE`"},
		&cli.StringFlag{Name: "psk-key-format", Usage: "that key is written in `FORMAT`: hex, base64, text or binary"},
		&cli.StringFlag{Name: "group-key-file", Usage: "give each the key that follows from the key of its enrolment group, in `FILE`, as lwbs key derive computes it"},
		&cli.StringFlag{Name: "group-key-format", Usage: "that key is written in `FORMAT`: hex, base64, text or binary"},
		&cli.StringFlag{Name: "derivation", Value: string(store.DerivationHKDF), Usage: "the key follows by `HOW`: hkdf-sha256 or azure-dps"},
		&cli.StringFlag{Name: "tls-cert", Usage: "let all of them authenticate with the certificate in `FILE`, PEM"},
		&cli.StringFlag{Name: "tls-key", Usage: "the key of --tls-cert, in `FILE`, PEM"},
		&cli.StringFlag{Name: "ca-cert", Usage: "make a certificate with its endpoint name for each, signed by the CA in `FILE`, PEM"},
		&cli.StringFlag{Name: "ca-key", Usage: "the key of --ca-cert, in `FILE`, PEM"},
		&cli.StringSliceFlag{Name: "server-ca", Usage: "trust the server if the certificate in `FILE`, PEM, is its own or that of its CA; may be repeated; required with certificates"},
	}
}

// readDevices reads these options.
func readDevices(c *cli.Context, target probe.Target, cfg *fleet.Config) error {
	if err := command.NoneEmpty(c, "endpoint", "identity", "devices", "key-format", "psk-key-file", "group-key-file", "tls-cert", "tls-key", "ca-cert", "ca-key"); err != nil {
		return err
	}
	if n := c.Int("count"); n < 1 || n > maxDevices {
		return command.Usagef("--count %d is not within 1 to %d", n, maxDevices)
	}
	rows, err := rowsOf(c)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("%s has no device in it", output.Text(c.String("devices")))
	}
	for _, row := range rows {
		cfg.Devices = append(cfg.Devices, fleet.Device{Endpoint: row.Endpoint, Key: lwm2m.NewSecret(row.Key)})
	}
	if !target.Secure {
		return noCredentials(c)
	}
	return readCredentials(c, target, rows, cfg)
}

// rowsOf returns the devices of the table, or those that --endpoint makes.
func rowsOf(c *cli.Context) ([]devicefile.Credential, error) {
	columns := devicefile.ColumnOptions{Keys: command.FormOf(c, "key-format"), Templates: make(map[string]string)}
	if c.IsSet("endpoint") || !c.IsSet("devices") {
		columns.Templates["endpoint"] = c.String("endpoint")
	}
	if c.IsSet("identity") {
		columns.Templates["psk-identity"] = c.String("identity")
	}
	if !c.IsSet("devices") {
		if c.IsSet("key-format") || c.IsSet("map") {
			return nil, command.Usagef("--key-format and --map are about the table of --devices")
		}
		return credentials(numbers(c.Int("count")), "--endpoint", columns, c.Int("count"))
	}
	if f := columns.Keys.Format; f != "" && f != "hex" && f != "base64" && f != "text" {
		return nil, command.Usagef("--key-format %q is not hex, base64 or text", f)
	}
	var err error
	if columns.Mapped, err = command.Assignments(c, "map", "COLUMN=NAME"); err != nil {
		return nil, err
	}
	if err := columns.Names(); err != nil {
		return nil, command.Usagef("%v", err)
	}
	file := c.String("devices")
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--devices: %w", err)
	}
	defer f.Close()
	limit := maxDevices
	rows, err := credentials(input.Interruptible(c.Context, f), file, columns, limit)
	if c.IsSet("count") {
		rows = rows[:min(len(rows), c.Int("count"))]
	}
	return rows, err
}

func credentials(in io.Reader, file string, columns devicefile.ColumnOptions, limit int) ([]devicefile.Credential, error) {
	source, err := devicefile.Table(in, sheet.Options{}, columns)
	if option := new(devicefile.OptionError); errors.As(err, &option) {
		return nil, command.Usagef("%v", option)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", output.Text(file), err)
	}
	return source.Credentials(file, limit)
}

// numbers is a table with the column N.
func numbers(n int) io.Reader {
	var b strings.Builder
	b.WriteString("N\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "%0*d\n", len(strconv.Itoa(n)), i)
	}
	return strings.NewReader(b.String())
}

// credentialOptions are the ways in which devices get a credential, by the option that chooses each.
var credentialOptions = []string{"psk-key-file", "group-key-file", "tls-cert", "ca-cert"}

func noCredentials(c *cli.Context) error {
	for _, option := range append(credentialOptions, "server-ca", "identity") {
		if c.IsSet(option) {
			return command.Usagef("coap:// is without encryption: --%s goes with coaps://", option)
		}
	}
	return nil
}

// readCredentials gives each device its credential.
func readCredentials(c *cli.Context, target probe.Target, rows []devicefile.Credential, cfg *fleet.Config) error {
	chosen := ""
	for _, option := range credentialOptions {
		switch {
		case c.IsSet(option) && chosen != "":
			return command.Usagef("--%s and --%s exclude each other", chosen, option)
		case c.IsSet(option):
			chosen = option
		}
	}
	switch chosen {
	case "tls-cert", "ca-cert":
		return readCertificates(c, chosen, target, cfg)
	case "psk-key-file":
		key, err := command.ReadKey(c, "the key", c.String(chosen), command.FormOf(c, "psk-key-format"))
		if err != nil {
			return err
		}
		for i := range cfg.Devices {
			cfg.Devices[i].Key = lwm2m.NewSecret(key)
		}
	case "group-key-file":
		if err := deriveKeys(c, rows, cfg); err != nil {
			return err
		}
	}
	for i, row := range rows {
		identity, err := store.IdentityBytes(row.Identity)
		if err != nil {
			return fmt.Errorf("identity of %s: %w", output.Name(row.Endpoint), err)
		}
		cfg.Devices[i].Identity = string(identity)
		if cfg.Devices[i].Key.IsZero() {
			return command.Usagef("%s has no key for coaps://: give one with --psk-key-file, --group-key-file, a column psk-key of --devices, or certificates with --ca-cert or --tls-cert", output.Name(row.Endpoint))
		}
	}
	return nil
}

// deriveKeys gives each device the key that follows from that of its group.
func deriveKeys(c *cli.Context, rows []devicefile.Credential, cfg *fleet.Config) error {
	key, err := command.ReadKey(c, "key of the group", c.String("group-key-file"), command.FormOf(c, "group-key-format"))
	if err != nil {
		return err
	}
	for i, row := range rows {
		own, err := enrol.DeviceKey(store.Derivation(c.String("derivation")), 0, lwm2m.NewSecret(key), row.Identity)
		if err != nil {
			return command.Usagef("%v", err)
		}
		cfg.Devices[i].Key = own
	}
	return nil
}
