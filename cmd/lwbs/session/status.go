package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/why"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
)

// StatusCommand is lwbs status.
func StatusCommand() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "the fleet and the server in ten lines: states of devices, failures by cause, listeners, certificates, database",
		Description: "Each device and each failure of the history is read, which takes about half a minute for\na million devices. lwbs device list --state STATE lists the devices of a state, lwbs why --all-failed\nhas more on the failures.",
		Flags:       []cli.Flag{command.JSONFlag()}, OnUsageError: command.OnUsageError,
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, _ []string) error {
			var r statusReport
			var err error
			if r.Status, err = api.Status(ctx); err != nil {
				return err
			}
			if r.Fleet, err = api.CountDevices(ctx, admin.DeviceFilter{}); err != nil {
				return err
			}
			if r.Failures, err = api.Failures(ctx, 1); err != nil {
				return err
			}
			if r.Groups, err = api.Groups(ctx); err != nil {
				return err
			}
			if r.Campaigns, err = activeCampaigns(ctx, api); err != nil {
				return err
			}
			if c.Bool("json") {
				err = output.JSON(c.App.Writer, r)
			} else {
				t := output.NewTable(c.App.Writer)
				for _, row := range r.rows(time.Now()) {
					t.Row(row[0], row[1])
				}
				err = t.Flush()
			}
			return errors.Join(err, command.WarnUnreadable(ctx, c.App.ErrWriter, api))
		}),
	}
}

// A statusReport is what lwbs status tells.
type statusReport struct {
	admin.Status
	Fleet    admin.DeviceCount `json:"fleet"`
	Failures why.Failures      `json:"failures"`
	Groups   []admin.Group     `json:"groups"`

	Campaigns []admin.Campaign `json:"campaigns"` // that have not ended
}

// toldCauses is how many causes of failures are told.
const toldCauses = 3

// toldReceivers is how many LwM2M Servers are named that are still to be told something.
const toldReceivers = 3

// rows are the lines of the report: what each is about, and what there is to say.
func (r statusReport) rows(now time.Time) (rows [][2]string) {
	row := func(about, text string) { rows = append(rows, [2]string{about, text}) }
	if !r.Server {
		row("server", "none is running with this database; this is what it recorded")
	} else {
		row("server", r.serverText())
		row("listens at", output.Names(r.Listens))
		for _, text := range certificateTexts(r.Certificates, now) {
			row("certificate", text)
		}
	}
	row("database", fmt.Sprintf("%s, %s, schema %d: %s, %s in the history", output.Text(r.Database), size(r.Store.Bytes), r.Store.Schema,
		output.Counted(r.Store.Profiles, "profile", "profiles"), output.Counted(r.Store.Sessions, "attempt", "attempts")))
	row("devices", view.CountText(r.Fleet))
	for _, text := range behindTexts(r.Fleet.Behind) {
		row("behind", text)
	}
	for i, c := range r.Campaigns {
		if i == toldBehind {
			row("", fmt.Sprintf("and %s: lwbs campaign list", output.Counted(len(r.Campaigns)-i, "more campaign", "more campaigns")))
			break
		}
		row("campaign", fmt.Sprintf("%s of %s is %s", c.ID, view.SelectionText(c.Select), view.CampaignText(c)))
	}
	if text := expiryText(r.Fleet); text != "" {
		row("expiring", text)
	}
	if text := groupsText(r.Groups); text != "" {
		row("groups", text)
	}
	if r.Pending > 0 {
		row("unknown", fmt.Sprintf("%s for approval, %d of them now: lwbs pending list", output.Counted(r.Pending, "device waits", "devices wait"), r.Parked))
	}
	for _, q := range r.Queues {
		if q.Waiting > 0 {
			row("waiting", fmt.Sprintf("%s for %s turn at %s %s (%d a second), the first for %d s", output.Counted(q.Waiting, "device", "devices"), whose(q.Waiting), limitWords[q.Of], output.Name(q.Name), q.Rate, q.Oldest))
		}
	}
	for i, o := range r.Outbox {
		if i == toldReceivers {
			row("", fmt.Sprintf("and %s: lwbs outbox list", output.Counted(len(r.Outbox)-i, "more LwM2M Server", "more LwM2M Servers")))
			break
		}
		row("to tell", output.Name(o.Receiver)+": "+view.OutboxText(o, now))
	}
	for i, cause := range r.Failures.Causes {
		if i == toldCauses {
			row("", fmt.Sprintf("and %s: lwbs why --all-failed", output.Counted(len(r.Failures.Causes)-i, "more cause", "more causes")))
			break
		}
		text := fmt.Sprintf("%s: %s, the last %s", cause.Cause, affected(cause), output.Clock(cause.Last))
		row("failing", strings.TrimSpace(text+". "+cause.Remedy))
	}
	if r.WriteWait > 0 {
		row("disk", fmt.Sprintf("it has not taken a write for %d s: edits, new keys and the history wait for it", r.WriteWait))
	}
	if r.LogDropped > 0 {
		row("log", output.Counted(int(r.LogDropped), "record was dropped", "records were dropped")+", as they were not read, or too slowly")
	}
	return rows
}

// activeCampaigns are those that have not ended, the newest first.
func activeCampaigns(ctx context.Context, api admin.API) ([]admin.Campaign, error) {
	all, err := api.Campaigns(ctx)
	return slices.DeleteFunc(all, func(c admin.Campaign) bool { return c.State.Ended() }), err
}

// toldBehind is how many revisions of profiles are told that devices are behind with, and how many campaigns.
const toldBehind = 3

// behindTexts tell which devices hold former revisions of profiles.
func behindTexts(all []admin.Behind) (texts []string) {
	for i, b := range all {
		if i == toldBehind {
			devices := 0
			for _, rest := range all[i:] {
				devices += rest.Devices
			}
			return append(texts, fmt.Sprintf("and %s with other revisions: lwbs device list --state due", output.Counted(devices, "device", "devices")))
		}
		name := output.Name(b.Profile)
		holds := "hold what an older lwbs gave"
		switch {
		case b.Holds != nil && b.Holds.Profile == b.Profile:
			holds = fmt.Sprintf("%s revision %d", verb(b.Devices, "holds", "hold"), b.Holds.Revision)
		case b.Holds != nil:
			holds = fmt.Sprintf("%s revision %d of profile %s", verb(b.Devices, "holds", "hold"), b.Holds.Revision, output.Name(b.Holds.Profile))
		}
		texts = append(texts, fmt.Sprintf("profile %s is at revision %d, and %s %s: lwbs device rebootstrap --where state=due --where profile=%s", name, b.Revision, output.Counted(b.Devices, "device", "devices"), holds, name))
	}
	return texts
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// expiryText tells of certificates of devices that expire; empty for none.
func expiryText(count admin.DeviceCount) string {
	var parts []string
	if count.Expired > 0 {
		parts = append(parts, fmt.Sprintf("%s with a certificate that has expired", output.Counted(count.Expired, "device", "devices")))
	}
	if count.Expiring > 0 {
		parts = append(parts, fmt.Sprintf("%s with one that expires within 30 days", output.Counted(count.Expiring, "device", "devices")))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + ": lwbs device list --expires-within 30d"
}

// limitWords are what has a rate.
var limitWords = map[bootstrap.LimitOf]string{bootstrap.LimitOfProfile: "profile", bootstrap.LimitOfLwM2MServer: "LwM2M Server"}

func whose(devices int) string {
	if devices == 1 {
		return "its"
	}
	return "their"
}

// toldGroups is how many groups are named that enrol no devices.
const toldGroups = 3

// groupsText tells how many enrolment groups there are, and which enrol no devices; empty for none.
func groupsText(all []admin.Group) string {
	if len(all) == 0 {
		return ""
	}
	devices, open := 0, 0
	var closed []string
	for _, g := range all {
		if devices += g.Devices; g.State == admin.GroupOpen {
			open++
		} else {
			closed = append(closed, fmt.Sprintf("%s is %s", output.Name(g.Name), g.State))
		}
	}
	text := fmt.Sprintf("%s with %s, %d open", output.Counted(len(all), "enrolment group", "enrolment groups"), output.Counted(devices, "device", "devices"), open)
	if n := len(closed); n > toldGroups {
		closed = append(closed[:toldGroups], fmt.Sprintf("and %d others enrol none", n-toldGroups))
	}
	return strings.Join(append([]string{text}, closed...), "; ")
}

// serverText tells of a running server.
func (r statusReport) serverText() string {
	text := fmt.Sprintf("version %s, running since %s, %s now", r.Version, output.Clock(r.Started), output.Counted(r.Active, "session", "sessions"))
	if r.Draining {
		text += "; it is about to stop, and refuses new sessions"
	}
	return text
}

// certificateTexts tell which certificates have expired or will within the time of a warning, else
// which one expires first.
func certificateTexts(all []admin.CertificateStatus, now time.Time) (texts []string) {
	var first *admin.CertificateStatus
	for i, c := range all {
		switch left := c.Expires.Sub(now); {
		case left <= 0:
			texts = append(texts, fmt.Sprintf("%s has expired, on %s", output.Text(c.Subject), output.Clock(c.Expires)))
		case left < admin.ExpiresSoon:
			texts = append(texts, fmt.Sprintf("%s expires in %s, on %s", output.Text(c.Subject), output.Counted(int(left/(24*time.Hour)), "day", "days"), output.Clock(c.Expires)))
		case first == nil || c.Expires.Before(first.Expires):
			first = &all[i]
		}
	}
	if len(texts) == 0 && first != nil {
		texts = append(texts, fmt.Sprintf("of %d, the first that expires is %s, on %s", len(all), output.Text(first.Subject), output.Clock(first.Expires)))
	}
	return texts
}

// size is a number of bytes for people.
func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", (bytes+1023)>>10)
}
