package serve

import (
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/coap"
	"lwbs/cmd/lwbs/internal/command"
)

// limitFlags are the options for limits of the listeners that depend on the fleet. Zero stands for
// the default.
func limitFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "max-associations", Usage: "hold at most `N` associations on each listener", DefaultText: "10,000"},
		&cli.IntFlag{Name: "max-associations-per-address", Usage: "hold at most `N` of them over plain CoAP with one address", DefaultText: "four fifths"},
		&cli.IntFlag{Name: "max-hibernated", Usage: "hold at most `N` hibernated DTLS associations on each listener, a kilobyte each, for devices that come back on them", DefaultText: "100,000"},
		&cli.StringFlag{Name: "hibernate", Value: hibernateDisk, Usage: "keep hibernated DTLS associations on `WHERE`: disk (they outlive a restart and a crash), memory (they do not), or off to close them when a device is done"},
		&cli.DurationFlag{Name: "handshake-timeout", Value: 90 * time.Second, Usage: "abort a DTLS handshake after `TIME`, 1s to 10m; at the limit of handshakes, one whose client is silent for 10 s makes room"},
		&cli.IntFlag{Name: "new-peer-rate", Usage: "rate limit: accept `N` new peers a second from networks that no device is known to come from, after a burst of 50,000", DefaultText: "5,000"},
		&cli.IntFlag{Name: "new-peer-rate-per-net", Usage: "rate limit: accept `N` new peers a second from one network (/24, /64), those that authenticate not counted, after a burst of 20,000", DefaultText: "500"},
		&cli.IntFlag{Name: "enrolments-per-minute", Usage: "let enrolment groups make at most `N` records a minute, half of them for one network (/24, /48)", DefaultText: "6,000"},
	}
}

// setLimits copies the options into the configuration of a listener. Its error has every mistake.
func setLimits(c *cli.Context, cfg *coap.Config) error {
	var errs []error
	cfg.DTLS.HandshakeTimeout = c.Duration("handshake-timeout")
	if d := cfg.DTLS.HandshakeTimeout; d < time.Second || d > 10*time.Minute {
		errs = append(errs, command.Usagef("--handshake-timeout %v is not within 1s to 10m: devices in constrained networks take up to 90s", d))
	}
	for _, flag := range []struct {
		name  string
		field *int
	}{
		{"max-associations", &cfg.MaxPeers},
		{"max-associations-per-address", &cfg.NewPeers.PeersPerAddress},
		{"max-hibernated", &cfg.DTLS.MaxHibernated},
		{"new-peer-rate", &cfg.NewPeers.Global.PerSecond},
		{"new-peer-rate-per-net", &cfg.NewPeers.PerNet.PerSecond},
		{"enrolments-per-minute", new(int)}, // which is for all listeners together
	} {
		if *flag.field = c.Int(flag.name); *flag.field < 0 {
			errs = append(errs, command.Usagef("--%s %d is negative", flag.name, *flag.field))
		}
	}
	switch word := c.String("hibernate"); word {
	case hibernateDisk, hibernateMemory:
	case off:
		cfg.DTLS.MaxHibernated = -1
	default:
		errs = append(errs, command.Usagef("--hibernate %q is not disk, memory or off", word))
	}
	return errors.Join(errs...)
}

// Values of --hibernate: in the database too, or in memory until the server stops. The third is off.
const (
	hibernateDisk   = "disk"
	hibernateMemory = "memory"
)
