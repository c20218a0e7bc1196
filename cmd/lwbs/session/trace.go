package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/trace"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/newfile"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
)

func traceCommand() *cli.Command {
	return &cli.Command{
		Name: "trace", Usage: "record the CoAP messages of the next session, for Wireshark; needs a running server", ArgsUsage: "ENDPOINT | --all",
		Description: `The messages of the device's next session, or refused request, are written as a file of the form pcapng,
which Wireshark shows as CoAP over UDP: those over DTLS decrypted, with the real addresses and times, and
port 5683 in place of that of the server. The device is known by the name in its request, or by its
credential. Values of keys, identities, certificates and other secret or opaque Resources are blanked
without --reveal; what cannot be decoded is blanked whole. What happens in the DTLS handshake is not in it.

   lwbs session trace urn:imei:490154203237518 --out meter.pcapng`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "write to `FILE`, which must not exist; - for standard output"},
			&cli.BoolFlag{Name: "all", Usage: "record the sessions of all devices"},
			&cli.IntFlag{Name: "sessions", Value: 1, Usage: fmt.Sprintf("end after `N` sessions, at most %d", trace.MaxSessions)},
			&cli.DurationFlag{Name: "for", Value: trace.DefaultFor, Usage: "end after so `LONG`, at most 24h"},
			&cli.IntFlag{Name: "max-bytes", Value: trace.DefaultMaxBytes, Usage: fmt.Sprintf("end when the trace has `N` bytes, at most %d", trace.MaxMaxBytes)},
			&cli.BoolFlag{Name: "reveal", Usage: "do not blank secret values; the server logs that"},
		},
		Action: func(c *cli.Context) error {
			o, err := traceOptions(c)
			if err != nil {
				return err
			}
			err = command.With(c, false, func(ctx context.Context, api admin.API) error {
				return traceTo(ctx, c, api, o)
			})
			if errors.Is(err, command.ErrNoDatabase) {
				return admin.ErrNoServer
			}
			return err
		},
	}
}

// traceOptions reads the options.
func traceOptions(c *cli.Context) (o admin.TraceOptions, err error) {
	if err := command.NoneEmpty(c, "out"); err != nil {
		return o, err
	}
	var args []string
	if c.Bool("all") {
		_, err = command.Arguments(c)
	} else if args, err = command.Arguments(c, "ENDPOINT"); err == nil {
		o.Endpoint = lwm2m.EndpointName(args[0])
	}
	switch long := c.Duration("for"); {
	case err != nil:
		return o, err
	case !c.IsSet("out"):
		return o, command.Usagef("--out is missing: the file for the trace, such as --out trace.pcapng")
	case long < time.Second || long > trace.MaxFor:
		return o, command.Usagef("--for %v is not within 1s to %v", long, trace.MaxFor)
	case c.Int("sessions") < 1 || c.Int("sessions") > trace.MaxSessions:
		return o, command.Usagef("--sessions %d is not within 1 to %d", c.Int("sessions"), trace.MaxSessions)
	case c.Int("max-bytes") < 1 || c.Int("max-bytes") > trace.MaxMaxBytes:
		return o, command.Usagef("--max-bytes %d is not within 1 to %d", c.Int("max-bytes"), trace.MaxMaxBytes)
	}
	o.Sessions, o.MaxBytes, o.Seconds, o.Reveal = c.Int("sessions"), c.Int("max-bytes"), int(c.Duration("for")/time.Second), c.Bool("reveal")
	return o, nil
}

// traceTo records into the file of --out. Where nothing was recorded it leaves no file.
func traceTo(ctx context.Context, c *cli.Context, api admin.API, o admin.TraceOptions) error {
	whose := "the next session of " + output.Name(o.Endpoint)
	if o.Endpoint == "" {
		whose = output.Counted(o.Sessions, "session", "sessions") + " of any device"
	}
	file := c.String("out")
	out := &traceFile{name: file, stdout: c.App.Writer, begun: func() {
		fmt.Fprintf(c.App.ErrWriter, "recording %s into %s, for at most %v; interrupt to end\n", whose, output.Text(file), c.Duration("for"))
	}}
	from, to := io.Pipe()
	go func() { to.CloseWithError(api.Trace(ctx, o, to)) }()
	packets, end, err := trace.Copy(out, from)
	from.CloseWithError(errors.Join(err, io.ErrClosedPipe))
	err = errors.Join(err, out.close(packets > 0))
	switch {
	case packets > 0 && (err == nil || ctx.Err() != nil):
		fmt.Fprintf(c.App.ErrWriter, "wrote %s to %s%s\n", output.Counted(packets, "message", "messages"), output.Text(file), output.Parenthesis(end))
		return ctx.Err()
	case err != nil:
		return err
	}
	return fmt.Errorf("nothing was recorded, and no file is left: %s: lwbs why tells whether something else came of the device, such as a failed handshake", end)
}

// A traceFile is made when the first bytes are written.
type traceFile struct {
	name   string
	stdout io.Writer
	begun  func()
	file   *os.File
	out    io.Writer
}

// Write implements [io.Writer].
func (f *traceFile) Write(b []byte) (int, error) {
	if f.out == nil {
		if err := f.open(); err != nil {
			return 0, err
		}
		f.begun()
	}
	return f.out.Write(b)
}

func (f *traceFile) open() (err error) {
	if f.name == "-" {
		f.out = output.Raw(f.stdout)
		return nil
	}
	f.file, err = newfile.Create(f.name)
	f.out = f.file
	return err
}

// close closes the file, and removes it unless it is to be kept.
func (f *traceFile) close(keep bool) error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	if !keep {
		err = errors.Join(err, os.Remove(f.name))
	}
	return err
}
