package serve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap"
	"lwbs/bootstrap/pending"
	"lwbs/cmd/lwbs/internal/command"
)

// The options for unknown devices, by the scheme of the listener.
var unknownOptions = map[string]string{"coaps": "unknown-devices", "coap": "unknown-devices-plain"}

// unknownFlags are the options for devices that have no record.
func unknownFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "unknown-devices", Usage: "treat a device without a record, over DTLS, by `POLICY`: reject (answer 4.00), silent (answer nothing), or park (let it wait until lwbs pending approve or reject; for devices with a certificate of a trusted CA); ADDRESS=POLICY for one of the --coaps addresses; may be repeated", DefaultText: string(bootstrap.UnknownReject)},
		&cli.StringSliceFlag{Name: "unknown-devices-plain", Usage: "the same `POLICY` over plain CoAP, for the --coap addresses; with park anyone who reaches the port may wait under any name, as nothing proves who it is", DefaultText: string(bootstrap.UnknownReject)},
		&cli.DurationFlag{Name: "park-time", Value: bootstrap.DefaultPatience, Usage: "let a parked device wait for at most `TIME`, 1s to 24h; after that it stays on the list, and is served once it is approved and comes again"},
		&cli.DurationFlag{Name: "park-keep-alive", Value: bootstrap.DefaultKeepAlive, Usage: "send a parked device a Bootstrap-Discover each `TIME`, 1s to 4m: often enough for the NATs on the way, seldom enough for its battery"},
		&cli.IntFlag{Name: "max-pending", Usage: "have at most `N` devices wait for approval, half of them from one network and a quarter of them over plain CoAP", DefaultText: "1,000"},
	}
}

// warnUnknown warns of a policy by which no device can wait.
func (s *service) warnUnknown(c *cli.Context) {
	if len(c.StringSlice("tls-client-ca")) > 0 {
		return
	}
	for _, addr := range c.StringSlice("coaps") {
		u, err := unknownDevices(c, "coaps", addr)
		if err == nil && u.Policy == bootstrap.UnknownPark && addr != off {
			s.log.Warn("no unknown device can wait for approval over DTLS: only those with a certificate of a trusted CA can, and no CA is trusted: give --tls-client-ca", "address", addr)
		}
	}
}

// unknownDevices is what the options say of the listener of a scheme at an address.
func unknownDevices(c *cli.Context, scheme, address string) (bootstrap.UnknownDevices, error) {
	u := bootstrap.UnknownDevices{Patience: c.Duration("park-time"), KeepAlive: c.Duration("park-keep-alive")}
	for _, text := range c.StringSlice(unknownOptions[scheme]) {
		switch where, policy, one := cutLast(text); {
		case !one && u.Policy == "":
			u.Policy = bootstrap.UnknownPolicy(text)
		case one && where == address:
			u.Policy = bootstrap.UnknownPolicy(policy)
			return u, u.Check()
		}
	}
	return u, u.Check()
}

// cutLast cuts ADDRESS=POLICY; an IPv6 address has no equals sign.
func cutLast(text string) (address, policy string, ok bool) {
	i := strings.LastIndexByte(text, '=')
	if i < 0 {
		return "", text, false
	}
	return text[:i], text[i+1:], true
}

// checkUnknown checks the options for unknown devices, before anything is opened.
func checkUnknown(c *cli.Context) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, command.Usagef(format, args...)) }
	for _, scheme := range []string{"coaps", "coap"} {
		option, addresses := unknownOptions[scheme], c.StringSlice(scheme)
		general, of := "", make(map[string]bool)
		for _, text := range c.StringSlice(option) {
			where, policy, one := cutLast(text)
			switch {
			case !slices.Contains(bootstrap.UnknownPolicies, bootstrap.UnknownPolicy(policy)):
				wrong("--%s %q is not reject, silent or park, nor ADDRESS=POLICY with one of these", option, text)
			case one && !slices.Contains(addresses, where):
				wrong("--%s %q: %q is none of the --%s addresses%s", option, text, where, scheme, listed(addresses))
			case one && of[where], !one && general != "":
				wrong("--%s %q: there is another policy for the same listeners", option, text)
			}
			if of[where] = true; !one {
				general = policy
			}
		}
	}
	if n := c.Int("max-pending"); n < 0 {
		wrong("--max-pending %d is negative", n)
	}
	if d := c.Duration("park-time"); d < bootstrap.MinPatience || d > bootstrap.MaxPatience {
		wrong("--park-time %v is not within %v to %v", d, bootstrap.MinPatience, bootstrap.MaxPatience)
	}
	if d := c.Duration("park-keep-alive"); d < bootstrap.MinKeepAlive || d > bootstrap.MaxKeepAlive {
		wrong("--park-keep-alive %v is not within %v to %v: devices end a bootstrap in which nothing comes for 247 s", d, bootstrap.MinKeepAlive, bootstrap.MaxKeepAlive)
	}
	return errors.Join(errs...)
}

func listed(addresses []string) string {
	if len(addresses) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s)", strings.Join(addresses, ", "))
}

// pendingLimits are those of the list of pending devices.
func pendingLimits(c *cli.Context) pending.Limits {
	return pending.Limits{Devices: c.Int("max-pending")}
}
