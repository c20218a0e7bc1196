package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

func whyCommand() *cli.Command {
	return &cli.Command{
		Name: "why", Usage: "tell in plain words how the last attempts of a device ended, and what to do", ArgsUsage: "ENDPOINT",
		Description:  "In place of the endpoint name, a PSK identity or the fingerprint of a certificate will do, for a\ndevice that never got so far as to tell its name.",
		OnUsageError: onUsageError,
		Flags:        []cli.Flag{jsonFlag(), limitFlag(fmt.Sprint(defaultReasons))},
		Action: func(c *cli.Context) error {
			args, err := arguments(c, "ENDPOINT")
			if err != nil {
				return err
			}
			n, err := limitOf(c, defaultReasons)
			if err != nil {
				return err
			}
			return with(c, false, func(ctx context.Context, api admin.API) error { return why(ctx, c, api, args[0], n) })
		},
	}
}

// defaultReasons is how many attempts are explained where nothing else is said.
const defaultReasons = 3

// reason is one attempt, explained.
type reason struct {
	Session store.Session `json:"session"`
	bootstrap.Explanation
}

func why(ctx context.Context, c *cli.Context, api admin.API, name string, n int) error {
	sessions, err := api.Sessions(ctx, store.SessionQuery{Endpoint: lwm2m.EndpointName(name), Limit: n})
	if err == nil && len(sessions) == 0 {
		sessions, err = api.Sessions(ctx, store.SessionQuery{Identity: name, Limit: n})
	}
	if err != nil {
		return err
	}
	if c.Bool("json") && len(sessions) > 0 {
		reasons := []reason{}
		for _, s := range sessions {
			reasons = append(reasons, reason{s, bootstrap.Explain(s)})
		}
		return printJSON(c.App.Writer, reasons)
	}
	if len(sessions) == 0 {
		return whyNothing(ctx, c, api, name)
	}
	for _, s := range sessions {
		printReason(c.App.Writer, s)
	}
	return nil
}

// printReason explains one attempt, and tells what was noted besides.
func printReason(out io.Writer, s store.Session) {
	fmt.Fprintf(out, "%s  %s from %s: %s\n", clock(s.Started), nameOf(s), from(s), s.Cause)
	printExplanation(out, bootstrap.Explain(s))
	for _, n := range s.Notes {
		fmt.Fprintf(out, "  noted      %s\n", n)
	}
}

// whyNothing explains that there is nothing to explain.
func whyNothing(ctx context.Context, c *cli.Context, api admin.API, name string) error {
	_, err := api.Device(ctx, lwm2m.EndpointName(name), false)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &worded{fmt.Sprintf("%q is no device here, and nothing of this name or identity ever came: lwbs device list shows the devices, lwbs session list --failed the strangers", name), store.ErrNotFound}
	case err != nil:
		return err
	case c.Bool("json"):
		return printJSON(c.App.Writer, []reason{})
	}
	fmt.Fprintf(c.App.Writer, `%s never came.
  came to    nothing: no datagram of it led to a handshake or a request
  happened   the record is there, but the device did not reach the server
  to do      check the device's Bootstrap-Server address and port, its network, and the firewall for UDP in front of lwbs
`, name)
	return nil
}
