package simulate

import (
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/fleet"
	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/command"
)

// loadFlags say how the devices come and behave.
func loadFlags() []cli.Flag {
	return []cli.Flag{
		&cli.Float64Flag{Name: "rate", Usage: "let `N` devices come in a second", DefaultText: "all at once"},
		&cli.Float64Flag{Name: "ramp-from", Usage: "begin with `N` devices in a second, and come to --rate within --ramp-over"},
		&cli.DurationFlag{Name: "ramp-over", Usage: "how `LONG` the rate rises or falls from --ramp-from to --rate"},
		&cli.IntFlag{Name: "at-a-time", Usage: "let `N` devices be under way at the same time, the next when one is done: to measure what a server spends on each", DefaultText: "no limit"},
		&cli.StringFlag{Name: "loss", Usage: "lose this `SHARE` of datagrams in each direction, such as 5%"},
		&cli.StringFlag{Name: "duplication", Usage: "let this `SHARE` of datagrams come twice"},
		&cli.DurationFlag{Name: "delay", Usage: "let each datagram take so `LONG`"},
		&cli.DurationFlag{Name: "jitter", Usage: "and up to so much `LONGER`, so that datagrams overtake each other"},
		&cli.StringSliceFlag{Name: "as", Usage: "let devices behave like the client `NAME[=WEIGHT]`; repeat it for a mixture: " + clientNames() + " (default: a client that keeps to LwM2M 1.1)"},
		&cli.IntFlag{Name: "attempts", Value: fleet.DefaultAttempts, Usage: "a device asks at most `N` times"},
		&cli.DurationFlag{Name: "patience", Value: fleet.DefaultPatience, Usage: "a device has failed if it is not bootstrapped so `LONG` after it was due"},
		&cli.Uint64Flag{Name: "seed", Usage: "let the same happen as in a run with this `NUMBER`, which each run prints", DefaultText: "another in each run"},
	}
}

// readLoad reads these options.
func readLoad(c *cli.Context, cfg *fleet.Config) (err error) {
	if err := command.NoneEmpty(c, "loss", "duplication"); err != nil {
		return err
	}
	a := fleet.Arrival{Rate: c.Float64("rate"), From: c.Float64("ramp-from"), Over: c.Duration("ramp-over"), AtATime: c.Int("at-a-time")}
	switch {
	case c.IsSet("at-a-time") && (a.AtATime < 1 || c.IsSet("rate")):
		return command.Usagef("--at-a-time %d is less than 1, or there is a --rate too", a.AtATime)
	case c.IsSet("rate") && !(a.Rate > 0 && a.Rate <= maxRate):
		return command.Usagef("--rate %v is not more than 0 and at most %d", a.Rate, maxRate)
	case c.IsSet("ramp-from") != c.IsSet("ramp-over") || c.IsSet("ramp-over") && !c.IsSet("rate"):
		return command.Usagef("--ramp-from, --ramp-over and --rate go together")
	case c.IsSet("ramp-from") && !(a.From >= 0 && a.From <= maxRate), c.IsSet("ramp-over") && a.Over <= 0:
		return command.Usagef("--ramp-from %v is not 0 to %d, or --ramp-over %v not more than 0", a.From, maxRate, a.Over)
	}
	cfg.Arrival = a
	if cfg.Network.Loss, err = shareOf(c, "loss"); err != nil {
		return err
	}
	if cfg.Network.Duplication, err = shareOf(c, "duplication"); err != nil {
		return err
	}
	for name, d := range map[string]*time.Duration{"delay": &cfg.Network.Delay, "jitter": &cfg.Network.Jitter} {
		if *d = c.Duration(name); *d < 0 || *d > maxDelay {
			return command.Usagef("--%s %v is not within 0 to %v", name, *d, maxDelay)
		}
	}
	cfg.Clients, err = clientsOf(c)
	return err
}

// Limits of options.
const (
	maxRate  = 1_000_000
	maxDelay = time.Minute
)

// shareOf reads a share, such as 5% or 0.05.
func shareOf(c *cli.Context, option string) (float64, error) {
	text := c.String(option)
	if text == "" {
		return 0, nil
	}
	digits, percent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(digits, 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share >= 0 && share < 1) {
		return 0, command.Usagef("--%s %q is not a share of less than 100%%, such as 5%%", option, text)
	}
	return share, nil
}

// retry is how the default client comes back: after a failure, at first after 10 s.
var retry = sim.Returning{AfterRefusal: true, AfterFailure: true, Pause: 10 * time.Second, MaxPause: 2 * time.Minute}

// clientsOf reads --as.
func clientsOf(c *cli.Context) (all []fleet.Client, err error) {
	for _, text := range c.StringSlice("as") {
		name, number, weighted := strings.Cut(text, "=")
		p, ok := sim.PersonalityOf(name)
		if !ok {
			return nil, command.Usagef("--as %q is not one of %s", name, clientNames())
		}
		weight := 1
		if weighted {
			if weight, err = strconv.Atoi(number); err != nil || weight < 1 || weight > 1000 {
				return nil, command.Usagef("--as %s: the weight %q is not within 1 to 1000", name, number)
			}
		}
		all = append(all, fleet.Client{Name: name, Weight: weight, Config: p.Config})
	}
	if len(all) == 0 {
		all = []fleet.Client{{Name: "LwM2M 1.1", Weight: 1, Config: sim.Config{Stack: sim.Stack{Returns: retry}}}}
	}
	return all, nil
}
