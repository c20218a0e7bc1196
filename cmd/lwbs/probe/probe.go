// Package probe is lwbs probe: a device played against any Bootstrap-Server.
package probe

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/probe"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store"
)

// Command is lwbs probe.
func Command() *cli.Command {
	return &cli.Command{
		Name: "probe", Usage: "play a device against any Bootstrap-Server, and tell how far it came and what it was given", ArgsUsage: "URI",
		Description: `URI is the address that a device has of its Bootstrap-Server: coaps://HOST[:PORT] or coap://HOST[:PORT].
The probe needs no database. It bootstraps once as the device would, tells each step and its answer, what
the device would hold in the end, and where it did not work the reason and what to do. Values of keys are
blanked without --reveal. The exit status is 0 if the device was bootstrapped, else 1.

To the server the probe is the device itself: it may renew keys for it, and record that it has them.

   lwbs probe coaps://bs.example.com --endpoint meter-1 --psk-key-file key.hex --psk-key-format hex
   lwbs probe coaps://bs.example.com --endpoint meter-1 --tls-cert dev.pem --tls-key dev.key --server-ca ca.pem
   lwbs probe coap://192.0.2.1 --endpoint meter-1 --as wakaama`,
		OnUsageError: command.OnUsageError,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "endpoint", Usage: "its Endpoint Client Name is `NAME` (default: the identity)"},
			&cli.StringFlag{Name: "identity", Aliases: []string{"psk-identity"}, Usage: "its PSK identity is `ID`, text or hex:… or base64:… (default: the endpoint name)"},
			&cli.StringFlag{Name: "psk-key-file", Usage: "read its pre-shared key from `FILE`, - for standard input"},
			&cli.StringFlag{Name: "psk-key-format", Usage: "the key is written in `FORMAT`: hex, base64, text (its last line end is dropped) or binary; required with --psk-key-file"},
			&cli.StringFlag{Name: "tls-cert", Usage: "authenticate with the certificate in `FILE`, PEM, followed by those up to the CA, in place of a pre-shared key"},
			&cli.StringFlag{Name: "tls-key", Usage: "the key of --tls-cert, in `FILE`, PEM; other users must not be able to read it"},
			&cli.StringSliceFlag{Name: "server-ca", Usage: "trust the server if the certificate in `FILE`, PEM, is its own or that of its CA; may be repeated; required with --tls-cert"},
			&cli.StringFlag{Name: "as", Usage: "behave like the client `NAME`: " + strings.Join(sim.PersonalityNames(), ", ") + " (default: a client that keeps to LwM2M 1.1)"},
			&cli.StringFlag{Name: "preferred-format", Usage: "ask for the content `FORMAT` (pct): tlv, senml-json, senml-cbor or lwm2m-cbor"},
			&cli.DurationFlag{Name: "timeout", Value: probe.DefaultSilence, Usage: "give up when nothing came from the server for so `LONG`"},
			&cli.BoolFlag{Name: "reveal", Usage: "print keys and other secret values"},
			command.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "URI")
			if err != nil {
				return err
			}
			cfg, err := configOf(c, args[0])
			if err != nil {
				return err
			}
			return runProbe(c, cfg)
		},
	}
}

// errProbeFailed ends a probe that was told already.
var errProbeFailed = errors.New("the device was not bootstrapped")

func runProbe(c *cli.Context, cfg probe.Config) error {
	out := c.App.Writer
	if !c.Bool("json") {
		fmt.Fprintf(out, "%v as %s%s\n", cfg.Target, output.Name(cfg.Device.Endpoint), output.Parenthesis(credentialOf(cfg)))
		cfg.Progress = func(s probe.Step) { printStep(out, s) }
	}
	report, err := probe.Run(c.Context, cfg)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = output.JSON(out, view{report, heldIn(report.Objects, c.Bool("reveal"))})
	} else {
		printReport(out, report, c.Bool("reveal"))
	}
	if err == nil && !report.Done {
		err = fmt.Errorf("%w: %s", errProbeFailed, report.Cause)
	}
	return err
}

// configOf reads the options.
func configOf(c *cli.Context, uri string) (cfg probe.Config, err error) {
	if err := command.NoneEmpty(c, "endpoint", "identity", "psk-key-file", "tls-cert", "tls-key", "as", "preferred-format"); err != nil {
		return cfg, err
	}
	if cfg.Target, err = probe.ParseTarget(uri); err != nil {
		return cfg, command.Usagef("%v", err)
	}
	if cfg.Silence = c.Duration("timeout"); cfg.Silence <= 0 {
		return cfg, command.Usagef("--timeout %v is not more than 0", cfg.Silence)
	}
	if cfg.Device, err = deviceOf(c); err != nil {
		return cfg, err
	}
	name := cmp.Or(c.String("endpoint"), c.String("identity"))
	if name == "" {
		return cfg, command.Usagef("--endpoint is missing: the name that the device gives, such as urn:imei:490154203237518")
	}
	cfg.Device.Endpoint = lwm2m.EndpointName(name)
	return cfg, readCredential(c, &cfg, name)
}

// deviceOf returns the client that --as and --preferred-format describe.
func deviceOf(c *cli.Context) (device sim.Config, err error) {
	if c.IsSet("as") {
		p, ok := sim.PersonalityOf(c.String("as"))
		if !ok {
			return device, command.Usagef("--as %q is not one of %s", c.String("as"), strings.Join(sim.PersonalityNames(), ", "))
		}
		device = p.Config
	}
	if c.IsSet("preferred-format") {
		if err := device.PreferredFormat.UnmarshalText([]byte(c.String("preferred-format"))); err != nil || !content.Writable(device.PreferredFormat) {
			return device, command.Usagef("--preferred-format %q is not tlv, senml-json, senml-cbor or lwm2m-cbor", c.String("preferred-format"))
		}
	}
	return device, nil
}

// readCredential reads what the device authenticates with.
func readCredential(c *cli.Context, cfg *probe.Config, name string) error {
	psk, certificate := c.IsSet("psk-key-file"), c.IsSet("tls-cert") || c.IsSet("tls-key")
	switch {
	case !cfg.Target.Secure && (psk || certificate || c.IsSet("identity") || c.IsSet("server-ca")):
		return command.Usagef("coap:// is without encryption: a credential goes with coaps://")
	case !cfg.Target.Secure:
		return nil
	case psk == certificate:
		return command.Usagef("coaps:// takes one credential: --psk-key-file with --psk-key-format, or --tls-cert with --tls-key and --server-ca")
	case certificate && (!c.IsSet("tls-cert") || !c.IsSet("tls-key") || len(c.StringSlice("server-ca")) == 0):
		return command.Usagef("--tls-cert, --tls-key and --server-ca go together")
	case certificate && c.IsSet("identity"):
		return command.Usagef("--identity is that of a pre-shared key: with a certificate give --endpoint")
	case certificate:
		pair, err := input.Pair(c.Context, c.String("tls-cert"), c.String("tls-key"))
		if err != nil {
			return err
		}
		cfg.Certificate = &pair
		for _, file := range c.StringSlice("server-ca") {
			found, err := input.Certificates(c.Context, file)
			if err != nil {
				return err
			}
			cfg.ServerCertificates = append(cfg.ServerCertificates, found...)
		}
		return nil
	}
	identity, err := store.IdentityBytes(cmp.Or(c.String("identity"), name))
	if err != nil {
		return command.Usagef("--identity: %v", err)
	}
	key, err := command.ReadKey(c, "the key", c.String("psk-key-file"), command.FormOf(c, "psk-key-format"))
	if err != nil {
		return err
	}
	cfg.Identity, cfg.Key = string(identity), lwm2m.NewSecret(key)
	return nil
}

// credentialOf describes what a probe authenticates with.
func credentialOf(cfg probe.Config) string {
	switch {
	case cfg.Certificate != nil:
		return "with a certificate"
	case cfg.Identity != "":
		return fmt.Sprintf("identity %s, key of %s", output.Name(store.IdentityText([]byte(cfg.Identity))), output.Counted(cfg.Key.Len(), "byte", "bytes"))
	}
	return "without encryption"
}

// printStep prints a step as it is over.
func printStep(out io.Writer, s probe.Step) {
	what := fmt.Sprintf("%-9s %s", s.What, output.Text(s.About))
	if s.Sent != "" {
		what += "  " + s.Sent
	}
	mark := "→"
	if s.Failed {
		mark = "✗"
	}
	fmt.Fprintf(out, "  %7.1f ms  %s  %s %s\n", float64(s.After)/float64(time.Millisecond), what, mark, output.Text(s.Result))
}

func printReport(out io.Writer, r probe.Report, reveal bool) {
	fmt.Fprintf(out, "UDP: %s sent, %d received\n", output.Counted(r.Sent, "datagram", "datagrams"), r.Received)
	if held := heldIn(r.Objects, reveal); len(held) > 0 {
		fmt.Fprintln(out, "the device was given:")
		for _, in := range held {
			fmt.Fprintf(out, "  %-7s %s\n", in.Path, in.Name)
			for _, v := range in.Values {
				fmt.Fprintf(out, "    %4d  %-34s %s\n", v.Resource, v.Name, v.Value)
			}
		}
	}
	for _, a := range r.Accounts {
		fmt.Fprintf(out, "account of LwM2M Server %d: %s\n", a.Server.ShortServerID, output.Text(a.Security.ServerURI))
	}
	fmt.Fprintf(out, "%s\n  came to    %s\n  happened   %s\n  to do      %s\n", r.Cause, r.Stage, output.Text(r.Happened), r.Remedy)
}

// A view is a report in JSON, with what the device holds as text.
type view struct {
	probe.Report
	Holds []heldInstance `json:"holds"`
}
