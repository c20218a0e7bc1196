// Package simulate is lwbs simulate: a fleet of simulated devices against any Bootstrap-Server.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/fleet"
	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/newfile"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/probe"
)

// Command is lwbs simulate.
func Command() *cli.Command {
	return &cli.Command{
		Name: "simulate", Usage: "play a fleet against any Bootstrap-Server, and tell success, latency and cost", ArgsUsage: "URI",
		Description: `URI is the address that the devices have of their Bootstrap-Server: coaps://HOST[:PORT] or coap://HOST[:PORT].
Each device has its own socket and handshake, retransmits, and comes back as its client does. It holds
Objects, so that it is done only with a complete account and an accepted Bootstrap-Finish. The exit status
is 0 if all devices were bootstrapped, else 1. No database is needed.

To the server these are the devices themselves: it may make keys for them, and record that they have them.

Devices come all at once, as after a power cut, or at a --rate: then at random, independently of each other
and of how the server keeps up. Latency is counted from when a device is due.

   lwbs simulate coap://127.0.0.1 --count 1000 --endpoint 'sim-{{.N}}'
   lwbs simulate coaps://bs.example.com --count 1000 --group-key-file lot7.key --group-key-format hex --rate 50
   lwbs simulate coaps://bs.example.com --devices lot7.csv --key-format hex --as zephyr=3 --as wakaama --loss 5%
   lwbs simulate coaps://bs.example.com --devices lot7.csv --key-format hex --html report.html`,
		OnUsageError: command.OnUsageError,
		Flags:        append(append(deviceFlags(), loadFlags()...), reportFlags()...),
		Action:       run,
	}
}

func reportFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "html", Usage: "write a page with plots to the new `FILE`"},
		&cli.IntFlag{Name: "server-process", Usage: "measure processor time and memory of the process `PID`", DefaultText: "the one that listens at the port, where that is on this machine"},
		command.JSONFlag(),
	}
}

func run(c *cli.Context) error {
	args, err := command.Arguments(c, "URI")
	if err != nil {
		return err
	}
	if err := command.NoneEmpty(c, "html"); err != nil {
		return err
	}
	target, err := probe.ParseTarget(args[0])
	if err != nil {
		return command.Usagef("%v", err)
	}
	cfg, err := configOf(c, target)
	if err != nil {
		return err
	}
	if err := raiseFileLimit(mostSockets(cfg)); err != nil {
		return err
	}
	if !c.Bool("json") {
		fmt.Fprintf(c.App.Writer, "%s against %s: %v; %v; --seed %d\n", output.Counted(len(cfg.Devices), "device", "devices"), output.Text(cfg.URI), cfg.Arrival, cfg.Network, cfg.Seed)
		cfg.Watch = watcher(output.Terminal(c.App.ErrWriter))
	}
	report, err := fleet.Run(c.Context, cfg)
	if err != nil {
		return err
	}
	return errors.Join(tell(c, report), verdict(c, report))
}

// tell writes the report, in each form that was asked for.
func tell(c *cli.Context, r fleet.Report) (err error) {
	if c.Bool("json") {
		err = output.JSON(c.App.Writer, r)
	} else {
		print(c.App.Writer, r)
	}
	if file := c.String("html"); file != "" {
		err = errors.Join(err, newfile.Write(file, "--html", func(w io.Writer) error { return writePage(w, r) }))
	}
	return err
}

// verdict is the error of a run in which not all devices were bootstrapped.
func verdict(c *cli.Context, r fleet.Report) error {
	switch {
	case c.Context.Err() != nil:
		return fmt.Errorf("interrupted after %d of %d devices had come: %w", r.Due, r.Devices, context.Canceled)
	case r.Done < r.Devices:
		return fmt.Errorf("%d of %s not bootstrapped", r.Devices-r.Done, output.Counted(r.Devices, "device", "devices"))
	}
	return nil
}

// configOf reads the options.
func configOf(c *cli.Context, target probe.Target) (cfg fleet.Config, err error) {
	cfg = fleet.Config{
		URI: target.String(), Secure: target.Secure, Path: target.Path, Queries: target.Queries,
		Attempts: c.Int("attempts"), Patience: c.Duration("patience"), Seed: c.Uint64("seed"), ServerProcess: c.Int("server-process"),
	}
	if cfg.Attempts < 1 || cfg.Patience <= 0 {
		return cfg, command.Usagef("--attempts %d and --patience %v have to be more than 0", cfg.Attempts, cfg.Patience)
	}
	if !c.IsSet("seed") {
		cfg.Seed = uint64(rand.Uint32())
	}
	if err := readLoad(c, &cfg); err != nil {
		return cfg, err
	}
	if err := readDevices(c, target, &cfg); err != nil {
		return cfg, err
	}
	addr, err := resolve(c.Context, target)
	if err != nil {
		return cfg, err
	}
	cfg.Address = addr.String()
	if addr.Addr().IsLoopback() {
		if cfg.ServerProcess == 0 {
			cfg.ServerProcess = fleet.ProcessAt(addr.Port())
		}
		if addr.Addr().Is4() && runtime.GOOS == "linux" { // where all of 127.0.0.0/8 is here
			cfg.LocalAddress = loopbackAddress
		}
	}
	return cfg, nil
}

// loopbackAddress spreads devices over networks, as many in a /24 as a carrier may have there: servers
// limit what one address and one network may do.
func loopbackAddress(i int) string {
	const inNetwork = 200
	return fmt.Sprintf("127.%d.%d.%d", 16+i/inNetwork>>8&0x7f, i/inNetwork&0xff, 1+i%inNetwork)
}

func resolve(ctx context.Context, t probe.Target) (netip.AddrPort, error) {
	port, err := strconv.ParseUint(t.Port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, command.Usagef("port %q is not within 1 to 65535", t.Port)
	}
	ip, err := netip.ParseAddr(t.Host)
	if err != nil {
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", t.Host)
		if err != nil || len(found) == 0 {
			return netip.AddrPort{}, fmt.Errorf("%s has no address: %w", output.Text(t.Host), err)
		}
		ip = found[0]
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), nil
}

// clientNames are those of --as.
func clientNames() string { return strings.Join(sim.PersonalityNames(), ", ") }
