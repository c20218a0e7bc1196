// Package campaign is lwbs campaign: how far devices are that are asked to bootstrap again.
package campaign

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Command is lwbs campaign.
func Command() *cli.Command {
	return command.Group("campaign", "show, pause, resume and cancel what lwbs device rebootstrap began", listCommand(), getCommand(), devicesCommand(),
		actionCommand(admin.PauseCampaign, "ask no more devices until it is resumed", "Who comes back meanwhile is still counted."),
		actionCommand(admin.ResumeCampaign, "go on with a campaign that is paused", "The devices that have failed so far do not count any more for --stop-at-failures."),
		actionCommand(admin.CancelCampaign, "end a campaign", "What became of the devices is kept as it is known then."))
}

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the campaigns, the newest first",
		Description: fmt.Sprintf("The last %d are kept.", store.MaxCampaigns),
		Flags:       []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, _ []string) error {
			all, err := api.Campaigns(ctx)
			switch {
			case err != nil:
				return err
			case c.Bool("json"):
				return output.JSON(c.App.Writer, all)
			case len(all) == 0:
				return nil
			}
			t := output.NewTable(c.App.Writer, "CAMPAIGN", "DEVICES", "PROGRESS")
			for _, one := range all {
				t.Row(one.ID, view.SelectionText(one.Select), view.CampaignText(one))
			}
			return t.Flush()
		}),
	}
}

func getCommand() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "show how far a campaign is", ArgsUsage: "ID",
		Flags: []cli.Flag{command.JSONFlag(), &cli.BoolFlag{Name: "follow", Usage: "show how far it is until it ends or is paused"}},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			if c.Bool("follow") {
				return view.FollowCampaign(ctx, c.App.Writer, api, args[0])
			}
			one, err := api.Campaign(ctx, args[0])
			switch {
			case err != nil:
				return err
			case c.Bool("json"):
				return output.JSON(c.App.Writer, one)
			}
			return printCampaign(c, one)
		}, "ID"),
	}
}

func printCampaign(c *cli.Context, one admin.Campaign) error {
	t := output.NewTable(c.App.Writer)
	row := func(key, format string, args ...any) { t.Row(key, fmt.Sprintf(format, args...)) }
	row("campaign", "%s, of %s", one.ID, output.Clock(one.Created))
	row("devices", "%s: %d when it began", view.SelectionText(one.Select), one.Devices)
	row("asks", "one device in %v", time.Duration(one.Interval))
	if one.First > 0 {
		row("", "%d at first, the others when it is known what became of these", one.First)
	}
	if one.StopAt < 100 {
		row("", "it is paused where more than %d per cent fail, or have not come within %v", one.StopAt, time.Duration(one.Patience))
	} else {
		row("", "a device that has not come within %v is silent", time.Duration(one.Patience))
	}
	row("progress", "%s", view.CampaignText(one))
	if !one.Ended.IsZero() {
		row("ended", "%s", output.Clock(one.Ended))
	}
	if one.Failed+one.Silent+one.NotAsked > 0 {
		row("", "lwbs campaign devices %s lists those that failed, are silent or could not be asked", one.ID)
	}
	return t.Flush()
}

func devicesCommand() *cli.Command {
	return &cli.Command{
		Name: "devices", Usage: "list the devices of a campaign that failed, are silent or could not be asked", ArgsUsage: "ID",
		Description: fmt.Sprintf("Those that were bootstrapped are only counted, and so are others beyond the first %d.", store.MaxCampaignListed),
		Flags: []cli.Flag{
			command.JSONFlag(), command.LimitFlag("all"), &cli.StringFlag{Name: "after", Usage: "start behind this `ENDPOINT`"},
			&cli.BoolFlag{Name: "open", Usage: "in place of them those of which it is not known yet what becomes of them"},
		},
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "ID")
			if err != nil {
				return err
			}
			n, err := command.LimitOf(c, 0)
			if err == nil {
				err = command.NoneEmpty(c, "after")
			}
			if err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error {
				return command.List[store.CampaignDevice]{
					Limit: n, Behind: c.String("after"), Option: "--after",
					Next: func(ctx context.Context, n int, behind string) ([]store.CampaignDevice, error) {
						return api.CampaignDevices(ctx, store.CampaignDeviceQuery{Campaign: args[0], Open: c.Bool("open"), After: lwm2m.EndpointName(behind), Limit: n})
					},
					Key:      func(d store.CampaignDevice) string { return string(d.Endpoint) },
					Headings: []string{"ENDPOINT", "STATE", "ASKED", "WHY"},
					Cells: func(d store.CampaignDevice) []string {
						return []string{output.Name(d.Endpoint), string(d.State), output.Clock(d.Asked), whyText(d)}
					},
				}.Print(ctx, c, api)
			})
		},
	}
}

// whyText says why a device is in its state.
func whyText(d store.CampaignDevice) string {
	switch {
	case d.Cause != "":
		return fmt.Sprintf("%s: lwbs why %s", d.Cause, output.Name(d.Endpoint))
	case d.Detail != "":
		return output.Text(d.Detail)
	case d.State == store.CampaignDeviceSilent:
		return "it was asked, and has not come"
	}
	return ""
}

func actionCommand(do admin.CampaignAction, usage, more string) *cli.Command {
	return &cli.Command{
		Name: string(do), Usage: usage, ArgsUsage: "ID", Description: more + " To repeat it changes nothing.",
		Flags: []cli.Flag{command.JSONFlag()},
		Action: command.OnRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			one, err := api.SetCampaign(ctx, args[0], do)
			switch {
			case err != nil:
				return err
			case c.Bool("json"):
				return output.JSON(c.App.Writer, one)
			}
			_, err = fmt.Fprintf(c.App.Writer, "campaign %s is %s\n", one.ID, view.CampaignText(one))
			return err
		}, "ID"),
	}
}
