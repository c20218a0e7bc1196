package device

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
)

func previewCommand() *cli.Command {
	return &cli.Command{
		Name: "preview", Usage: "tell what a device would be sent if it came now", ArgsUsage: "ENDPOINT",
		Description: `The operations are those of its profile and its record, in their order, with the size of each payload and
the blocks that it takes. Nothing is sent and nothing is changed. Which Instances are deleted, and which
get free Instance IDs, depends on what the client has: without an option, its Bootstrap-Server Account at
/0/0 and nothing else.

   lwbs device preview meter-1 --as anjay-1.1
   lwbs session get ID --json          # has the answer to Discover of a client that came (links)`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "as", Usage: "the client is `NAME` as it leaves the factory: " + strings.Join(sim.PersonalityNames(), ", ")},
			&cli.StringFlag{Name: "discover", Usage: "the client answers Discover as in `FILE`, in link format; - for standard input"},
			&cli.StringFlag{Name: "preferred-format", Usage: "it asks for the content `FORMAT` (pct): tlv, senml-json, senml-cbor or lwm2m-cbor"},
			command.JSONFlag(),
		},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			o, err := previewOptions(c)
			if err != nil {
				return err
			}
			v, err := api.Preview(ctx, lwm2m.EndpointName(args[0]), o)
			switch {
			case err != nil:
				return err
			case c.Bool("json"):
				return output.JSON(c.App.Writer, v)
			}
			return printPreview(c.App.Writer, v)
		}, "ENDPOINT"),
	}
}

func previewOptions(c *cli.Context) (o admin.PreviewOptions, err error) {
	if err := command.NoneEmpty(c, "as", "discover", "preferred-format"); err != nil {
		return o, err
	}
	if c.IsSet("as") {
		if c.IsSet("discover") {
			return o, command.Usagef("--as and --discover exclude each other")
		}
		p, ok := sim.PersonalityOf(c.String("as"))
		if !ok {
			return o, command.Usagef("--as %q is not one of %s", c.String("as"), strings.Join(sim.PersonalityNames(), ", "))
		}
		if o.Discovery, err = p.Discovery(); err != nil {
			return o, err
		}
		if p.Config.PreferredFormat != 0 {
			o.PreferredFormat = &p.Config.PreferredFormat
		}
	}
	if c.IsSet("discover") {
		b, shown, err := input.Read(c.Context, c.App.Reader, "the answer to Discover", c.String("discover"), maxDiscovery)
		if err != nil {
			return o, err
		}
		if o.Discovery = strings.TrimSpace(string(b)); !strings.HasPrefix(o.Discovery, "<") && !strings.HasPrefix(o.Discovery, "lwm2m=") {
			return o, fmt.Errorf("the answer to Discover in %s is not in link format, such as </>;lwm2m=1.1,</0/0>", output.Text(shown))
		}
	}
	if c.IsSet("preferred-format") {
		o.PreferredFormat = new(lwm2m.Format)
		if err := o.PreferredFormat.UnmarshalText([]byte(c.String("preferred-format"))); err != nil || !content.Writable(*o.PreferredFormat) {
			return o, command.Usagef("--preferred-format %q is not tlv, senml-json, senml-cbor or lwm2m-cbor", c.String("preferred-format"))
		}
	}
	return o, nil
}

// maxDiscovery is the longest answer to Discover that a server reads, in bytes.
const maxDiscovery = 16 << 10

func printPreview(out io.Writer, v admin.Preview) error {
	t := output.NewTable(out, "", "OPERATION", "PATH", "FORMAT", "BYTES", "BLOCKS")
	writes, bytes := 0, 0
	for i, o := range v.Operations {
		cells := []string{fmt.Sprint(i + 1), string(o.Op), "", "", "", ""}
		switch o.Op {
		case lwm2m.OpWrite:
			cells[3], cells[4], cells[5] = o.Format.String(), fmt.Sprint(o.Bytes), fmt.Sprint(o.Blocks)
			writes, bytes = writes+1, bytes+o.Bytes
			fallthrough
		case lwm2m.OpDelete, lwm2m.OpDiscover:
			cells[2] = o.Path.String()
		}
		t.Row(cells...)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, a := range v.Assigned {
		fmt.Fprintf(out, "account %s: assigned to LwM2M Server %s, %s\n", output.Name(a.Account), output.Name(a.Server), output.Text(a.URI))
	}
	for _, note := range v.Notes {
		fmt.Fprintln(out, output.Text(note))
	}
	_, err := fmt.Fprintf(out, "profile %s: %s, %s in %v\n", output.Name(v.Profile), output.Counted(writes, "Write", "Writes"), output.Counted(bytes, "byte", "bytes"), v.Format)
	return err
}
