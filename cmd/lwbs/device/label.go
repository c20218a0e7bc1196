package device

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/factory"
	"lwbs/cmd/lwbs/internal/label"
	"lwbs/cmd/lwbs/internal/newfile"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
)

// maxLabels is how many labels one document may have: 417 sheets, 20 MB.
const maxLabels = 10_000

func labelCommand() *cli.Command {
	return &cli.Command{
		Name: "label", Usage: "make a label with a QR code for a device, or sheets of labels for many", ArgsUsage: "[ENDPOINT]",
		Description: `The QR code has the endpoint name, and nothing else unless --reveal is given: then it has the JSON object
of lwbs device factory --for json, with the key. Without --png or --sheet the label is printed here.

   lwbs device label meter-1 --png meter-1.png
   lwbs device label --sheet lot7.pdf --tag lot7     # A4, 24 labels of 70 x 37 mm each`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "png", Usage: "write the QR code to a new `FILE`, as an image"},
			&cli.StringFlag{Name: "sheet", Usage: "write the labels of all devices, or of those chosen below, to a new `FILE`, as PDF"},
			&cli.StringFlag{Name: "prefix", Usage: "on sheets, only names that begin with `TEXT`"},
			&cli.StringFlag{Name: "profile", Usage: "on sheets, only those with the profile `NAME`"},
			&cli.StringFlag{Name: "tag", Usage: "on sheets, only those with the `TAG`"},
			&cli.BoolFlag{Name: "dark-on-light", Usage: "print for a terminal with dark letters"},
			&cli.BoolFlag{Name: "reveal", Usage: "put identity and key into the QR code too; needs --server; a server logs who asked"},
			&cli.StringFlag{Name: "server", Usage: "the device reaches this server at `URI`"},
		},
		Action: func(c *cli.Context) error {
			names := []string{"ENDPOINT"}
			if c.IsSet("sheet") {
				names = nil
			}
			args, err := command.Arguments(c, names...)
			if err != nil {
				return err
			}
			l, err := labelOptions(c)
			if err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				if c.IsSet("sheet") {
					return l.sheet(ctx, c, api)
				}
				d, err := api.Device(ctx, lwm2m.EndpointName(args[0]), l.reveal)
				if err != nil {
					return err
				}
				return l.one(c, d)
			})
		},
	}
}

// A labeller makes the labels of a command.
type labeller struct {
	reveal bool
	device factory.Device // without endpoint and credential; only with reveal
}

func labelOptions(c *cli.Context) (l labeller, err error) {
	if err := command.NoneEmpty(c, "png", "sheet", "prefix", "profile", "tag", "server"); err != nil {
		return l, err
	}
	l.reveal = c.Bool("reveal")
	for _, filter := range []string{"prefix", "profile", "tag"} {
		if c.IsSet(filter) && !c.IsSet("sheet") {
			return l, command.Usagef("--%s goes with --sheet", filter)
		}
	}
	switch {
	case c.IsSet("png") && c.IsSet("sheet"):
		return l, command.Usagef("--png and --sheet exclude each other")
	case l.reveal != c.IsSet("server"):
		return l, command.Usagef("--reveal and --server go together: a label with a key also tells where to use it")
	case l.reveal:
		if l.device.Server, err = bootstrapServer(c.String("server")); err != nil {
			return l, err
		}
		if _, err := l.device.Check(); err != nil {
			return l, command.Usagef("--server: %v", err)
		}
	}
	return l, nil
}

// of makes the label of a device.
func (l labeller) of(record admin.Device) (label.Label, error) {
	out := label.Label{Text: output.Name(record.Endpoint), Content: string(record.Endpoint)}
	if !l.reveal {
		return out, nil
	}
	device := l.device
	device.Endpoint = record.Endpoint
	if err := credit(&device, record); err != nil {
		return out, err
	}
	form, _ := factory.Find("json")
	b, err := form.Write(device)
	if err != nil {
		return out, err
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, b)
	out.Content = compact.String()
	return out, err
}

// one prints the label of one device, or writes its image.
func (l labeller) one(c *cli.Context, d admin.Device) error {
	made, err := l.of(d)
	if err != nil {
		return err
	}
	if !c.IsSet("png") {
		return made.Print(c.App.Writer, c.Bool("dark-on-light"))
	}
	return newfile.Write(c.String("png"), "--png", made.PNG)
}

// sheet writes the labels of the devices that were chosen.
func (l labeller) sheet(ctx context.Context, c *cli.Context, api admin.API) error {
	if err := command.NoteProfile(ctx, c, api); err != nil {
		return err
	}
	filter, err := command.FilterOf(c)
	if err != nil {
		return err
	}
	sheet := label.NewSheet()
	all := command.List[admin.Device]{
		Limit: maxLabels,
		Next: func(ctx context.Context, n int, behind string) ([]admin.Device, error) {
			return api.Devices(ctx, admin.DeviceQuery{After: lwm2m.EndpointName(behind), Limit: n, DeviceFilter: filter})
		},
		Key: func(d admin.Device) string { return string(d.Endpoint) },
	}
	more, err := all.Each(ctx, func(d admin.Device) (err error) {
		if l.reveal {
			if d, err = api.Device(ctx, d.Endpoint, true); err != nil {
				return err
			}
		}
		made, err := l.of(d)
		if err != nil {
			return err
		}
		return sheet.Add(made)
	})
	switch {
	case err != nil:
		return err
	case more:
		return fmt.Errorf("there are more than %d such devices, for which one document is too small: choose fewer with --prefix, --profile or --tag", maxLabels)
	case sheet.Len() == 0:
		return errors.New("there is no such device, and nothing was written")
	}
	if err := newfile.Write(c.String("sheet"), "--sheet", sheet.Write); err != nil {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "wrote %s to %s\n", output.Counted(sheet.Len(), "label", "labels"), output.Text(c.String("sheet")))
	return nil
}
