package lwm2mserver

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/store"
)

// edited prints what an edit did, and the secret that it made.
func edited(c *cli.Context, did string, s admin.LwM2MServer) error {
	if c.Bool("json") { // the warnings are in it
		return output.JSON(c.App.Writer, s)
	}
	for _, w := range s.Warnings {
		fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", w)
	}
	fmt.Fprintf(c.App.Writer, "%s LwM2M Server %s (%s, revision %d)\n", did, output.Name(s.Name), s.Kind, s.Revision)
	if s.Secret != "" {
		fmt.Fprintf(c.App.Writer, "\nput into the receiver, to verify signatures:\n  %s\n", s.Secret)
	}
	return nil
}

func printList(out io.Writer, all []admin.LwM2MServer) error {
	t := output.NewTable(out, "NAME", "KIND", "ADDRESS", "WEIGHT", "PROFILES")
	for _, s := range all {
		t.Row(output.Name(s.Name), string(s.Kind), output.Text(cmp.Or(s.Address, s.DeviceURI)), weightOf(s), output.Names(s.Profiles))
	}
	return t.Flush()
}

// show prints all that is known of a server.
func show(out io.Writer, s admin.LwM2MServer) {
	row := func(name, value string) { fmt.Fprintf(out, "%-12s %s\n", name, value) }
	text := func(name, value string) {
		if value != "" {
			row(name, output.Text(value))
		}
	}
	row("name", output.Name(s.Name))
	row("kind", string(s.Kind))
	text("address", s.Address)
	if len(s.Arguments) > 0 {
		row("arguments", output.Names(s.Arguments))
	}
	text("user", s.User)
	text("domain", s.Domain)
	if s.HasSecret {
		row(secretName(s), shown(s.Secret))
	}
	if s.HasFormer {
		row("former", shown(s.Former))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		row("header", name+": "+shown(s.Headers[name]))
	}
	for _, ca := range s.CAs {
		row("CA", fmt.Sprintf("%s, until %s", output.Text(ca.Subject), output.Clock(ca.Expires)))
	}
	row("time-out", time.Duration(s.Timeout).String())
	text("device URI", s.DeviceURI)
	row("weight", weightOf(s))
	if s.Rate > 0 {
		row("rate", fmt.Sprintf("%d devices a second", s.Rate))
	}
	if s.AllowLinkLocal {
		row("link-local", "permitted")
	}
	if len(s.Profiles) > 0 {
		row("profiles", output.Names(s.Profiles))
	}
	if len(s.Events) > 0 {
		row("events", output.Names(s.Events))
	}
	if s.KeepOnDelete {
		row("on delete", "it keeps the device")
	}
	if s.Outbox != nil {
		row("outbox", view.OutboxText(*s.Outbox, time.Now()))
	}
	text("note", s.Note)
	row("updated", fmt.Sprintf("%s (revision %d)", output.Clock(s.Updated), s.Revision))
}

// weightOf is the share that a server has of devices.
func weightOf(s admin.LwM2MServer) string {
	if s.Draining {
		return fmt.Sprintf("drained (%d)", s.Weight)
	}
	return fmt.Sprint(s.Weight)
}

// secretName is what the secret of a server is.
func secretName(s admin.LwM2MServer) string {
	switch {
	case s.Kind == store.KindWebhook:
		return "secret"
	case s.User != "":
		return "password"
	}
	return "API key"
}

// shown is a secret, or that there is one.
func shown(secret string) string {
	if secret == "" {
		return "(kept; --reveal shows it)"
	}
	return strings.TrimSpace(output.Text(secret))
}
