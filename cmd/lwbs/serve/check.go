package serve

import (
	"errors"
	"math"
	"net"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/coap"
	"lwbs/cmd/lwbs/internal/command"
)

// check returns every mistake in the options, as far as they can be checked before anything is opened.
func check(c *cli.Context) error {
	_, wrongLevel := levelOf(c)
	_, wrongFiles := tlsFilesOf(c)
	return errors.Join(command.CheckDatabase(c), checkNumbers(c), checkAddresses(c), checkMetrics(c), checkUnknown(c), setLimits(c, new(coap.Config)), wrongFiles, checkLeshan(c), checkWeb(c), wrongLevel)
}

func checkNumbers(c *cli.Context) error {
	var errs []error
	if id := c.Uint("replica-id"); id > math.MaxUint8 {
		errs = append(errs, command.Usagef("--replica-id %d is not within 0 to 255", id))
	}
	if d := c.Duration("drain"); d < 0 {
		errs = append(errs, command.Usagef("--drain %v is negative", d))
	}
	return errors.Join(errs...)
}

// checkAddresses checks the addresses of the listeners before anything is opened. An empty address,
// such as of an unset variable, is refused: it would be any port of every interface.
func checkAddresses(c *cli.Context) error {
	some := false
	var errs []error
	for _, option := range []string{"coaps", "coap"} {
		for _, addr := range c.StringSlice(option) {
			if addr == off {
				continue
			}
			some = true
			_, port, err := net.SplitHostPort(addr)
			if err == nil {
				_, err = net.LookupPort("udp", port)
			}
			if err != nil || port == "" {
				errs = append(errs, command.Usagef("--%s %q is not an address such as :5684 or 192.0.2.1:5684, nor off", option, addr))
			}
		}
	}
	if !some {
		errs = append(errs, command.Usagef("there is nothing to listen on: give --coaps or --coap an address"))
	}
	return errors.Join(errs...)
}

// off is the word for no listener, in the place of an address.
const off = "off"

func checkMetrics(c *cli.Context) error {
	if addr := c.String("metrics"); addr != "" {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return command.Usagef("--metrics %q is not an address such as :9684 or 0.0.0.0:9684", addr)
		}
	}
	return nil
}
