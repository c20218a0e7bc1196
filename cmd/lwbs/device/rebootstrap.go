package device

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/lwm2m"
	"lwbs/store"
)

func rebootstrapCommand() *cli.Command {
	return &cli.Command{
		Name: "rebootstrap", Usage: "have a device, or many, bootstrap again: explain what happens, and let their LwM2M Servers ask them", ArgsUsage: "ENDPOINT",
		Description: `A device bootstraps again when its LwM2M Server executes its Bootstrap-Request Trigger (Resource 1/x/9, from
LwM2M 1.1 on). lwbs can ask an LwM2M Server for that which an account of the profile names (handOver): Leshan,
ThingsBoard, a webhook or a command. Other devices are given what is new at their next contact by themselves.

Devices are asked one after the other, at --rate, in a campaign that the server carries out: lwbs campaign get
shows how far it is, lwbs campaign pause, resume and cancel change that. With --first N so many are asked at
first, and the others when it is known what became of these. Where more than --stop-at-failures of those that
were asked have failed, or have not come within --patience, the campaign is paused. A device that is not
registered when its turn comes is asked again, four times within the first half of --patience.` + whereHelp,
		Flags: append(whereFlags(),
			&cli.StringFlag{Name: "rate", Value: "10/s", Usage: "ask so many devices: `N/s`, N/m or N/h"},
			&cli.IntFlag{Name: "first", Usage: "ask `N` devices at first, and wait for what becomes of them", DefaultText: "none"},
			&cli.StringFlag{Name: "stop-at-failures", Value: "20%", Usage: "pause where more than `PERCENT` of the devices fail; 100% never does"},
			&cli.StringFlag{Name: "patience", Value: "1h", Usage: "a device that has not come for this `TIME` after it was asked is silent"},
			&cli.BoolFlag{Name: "dry-run", Usage: "only explain what would happen"},
			&cli.BoolFlag{Name: "follow", Usage: "show how far it is until it ends or is paused"},
			command.JSONFlag()),
		Action: func(c *cli.Context) error {
			endpoint, filter, err := endpointOrWhere(c)
			if err != nil {
				return err
			}
			r := admin.RebootstrapRequest{Select: filter.Selection(), DryRun: true}
			if endpoint != "" {
				r.Select = store.CampaignSelection{Endpoint: lwm2m.EndpointName(endpoint)}
			}
			if err := rebootstrapOptions(c, &r); err != nil {
				return err
			}
			return command.With(c, false, func(ctx context.Context, api admin.API) error { return rebootstrap(ctx, c, api, r) })
		},
	}
}

// rebootstrapOptions reads how devices are asked.
func rebootstrapOptions(c *cli.Context, r *admin.RebootstrapRequest) error {
	gap, err := rateOf(c.String("rate"))
	if err != nil {
		return command.Usagef("--rate %s: %v", c.String("rate"), err)
	}
	patience, err := command.Span(c.String("patience"))
	if err != nil {
		return command.Usagef("--patience %s: %v", c.String("patience"), err)
	}
	percent, err := strconv.Atoi(strings.TrimSuffix(c.String("stop-at-failures"), "%"))
	if err != nil || percent < 0 || percent > 100 {
		return command.Usagef("--stop-at-failures %s: want 0%% to 100%%", c.String("stop-at-failures"))
	}
	if c.Int("first") < 0 || c.IsSet("first") && c.Int("first") == 0 {
		return command.Usagef("--first %d is less than 1", c.Int("first"))
	}
	r.Interval, r.Patience, r.StopAt, r.First = store.Duration(gap), store.Duration(patience), &percent, c.Int("first")
	return nil
}

// rateOf is the time between two of so many a second, minute or hour.
func rateOf(text string) (time.Duration, error) {
	number, unit, found := strings.Cut(text, "/")
	per, known := map[string]time.Duration{"s": time.Second, "m": time.Minute, "min": time.Minute, "h": time.Hour}[unit]
	n, err := strconv.ParseFloat(number, 64)
	if !found || !known || err != nil || n <= 0 {
		return 0, fmt.Errorf("want a rate such as 10/s, 30/m or 100/h")
	}
	gap := time.Duration(float64(per) / n)
	if gap < store.MinCampaignGap || gap > store.MaxCampaignGap {
		return 0, fmt.Errorf("want one device in %v to %v", store.MinCampaignGap, store.MaxCampaignGap)
	}
	return gap, nil
}

// rebootstrap explains what happens, asks whether it is meant, and begins.
func rebootstrap(ctx context.Context, c *cli.Context, api admin.API, r admin.RebootstrapRequest) error {
	if p := r.Select.Profile; p != "" {
		if _, err := api.Profile(ctx, p); err != nil {
			return command.NearProfile(ctx, api, p, err)
		}
	}
	plan, err := api.Rebootstrap(ctx, r)
	if err != nil {
		return err
	}
	dry := c.Bool("dry-run")
	if !c.Bool("json") {
		if err := explainRebootstrap(ctx, c, api, r, plan); err != nil {
			return err
		}
	}
	asked := 0
	for _, part := range plan.Asked {
		asked += part.Devices
	}
	if r.Select.Endpoint == "" && asked > 0 && !dry && !c.Bool("yes") {
		if err := (bulkEdit{do: "have their LwM2M Servers ask"}).ask(c, asked); err != nil {
			return err
		}
	}
	if r.DryRun = dry || asked == 0; !r.DryRun {
		if plan, err = api.Rebootstrap(ctx, r); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		if err := output.JSON(c.App.Writer, plan); err != nil {
			return err
		}
	}
	if plan.Campaign == nil {
		return nil
	}
	if !c.Bool("json") {
		fmt.Fprintf(c.App.Writer, "campaign %s asks them: lwbs campaign get %s shows how far it is\n", plan.Campaign.ID, plan.Campaign.ID)
	}
	status, err := api.Status(ctx)
	if err != nil {
		return err
	}
	if !status.Server {
		fmt.Fprintln(c.App.ErrWriter, "no server is running with this database: the campaign begins when one does")
		return nil
	}
	if c.Bool("follow") {
		return view.FollowCampaign(ctx, c.App.Writer, api, plan.Campaign.ID)
	}
	return nil
}

// explainRebootstrap says in words what happens.
func explainRebootstrap(ctx context.Context, c *cli.Context, api admin.API, r admin.RebootstrapRequest, plan admin.Rebootstrap) error {
	w := c.App.Writer
	if r.Select.Endpoint != "" {
		d, err := api.Device(ctx, r.Select.Endpoint, false)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s is %s, last session %s\n", output.Name(d.Endpoint), view.StateAndDue(d), lastOf(d))
	} else {
		fmt.Fprintf(w, "%s with %s\n", output.Counted(plan.Devices, "device", "devices"), output.Text(strings.Join(c.StringSlice("where"), ", ")))
	}
	who := func(part admin.RebootstrapPart) string {
		if r.Select.Endpoint != "" {
			return "it"
		}
		return fmt.Sprintf("%s with profile %s", output.Counted(part.Devices, "device", "devices"), output.Name(part.Profile))
	}
	for _, part := range plan.Asked {
		names := make([]string, len(part.Servers))
		for i, s := range part.Servers {
			names[i] = fmt.Sprintf("%s (%s)", output.Name(s.Name), s.Kind)
		}
		fmt.Fprintf(w, "LwM2M Server %s asks %s to execute the Bootstrap-Request Trigger, where registered there; what comes back is given what is new\n", strings.Join(names, " or "), who(part))
	}
	for _, part := range plan.Others {
		fmt.Fprintf(w, "no LwM2M Server asks %s: %s; given what is new at the next contact with this Bootstrap-Server\n", who(part), output.Text(part.Why))
	}
	return nil
}
