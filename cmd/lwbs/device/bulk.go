package device

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/audit"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/store"
)

// whereHelp is the part of a description that tells of --where.
const whereHelp = "\n\nIn place of ENDPOINT, --where KEY=VALUE selects devices, by the keys prefix, profile, tag, group,\nstate, seen-within, not-seen-for and expires-within, as lwbs device list does; given several times, all must apply. The\ncommand says how many devices it is about and asks, unless --yes is given. A device that is edited\nby someone else meanwhile is left as it is."

// whereFlags are the options for an edit of many devices.
func whereFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "where", Usage: "in place of ENDPOINT, all devices with `KEY=VALUE`, such as tag=lot7 or state=failed; repeat it for several"},
		&cli.BoolFlag{Name: "yes", Usage: "with --where, do not ask"},
	}
}

// endpointOrWhere returns the endpoint that an edit is about, empty where it is about those that a
// filter selects.
func endpointOrWhere(c *cli.Context) (endpoint string, f admin.DeviceFilter, err error) {
	if !c.IsSet("where") {
		if c.Bool("yes") {
			return "", f, command.Usagef("--yes goes with --where")
		}
		args, err := command.Arguments(c, "ENDPOINT")
		if err != nil {
			return "", f, err
		}
		return args[0], f, nil
	}
	if c.NArg() > 0 {
		return "", f, command.Usagef("ENDPOINT and --where exclude each other")
	}
	if c.IsSet("revision") {
		return "", f, command.Usagef("--revision is for one device: --where edits each device as it was selected")
	}
	var seen []string
	for _, pair := range c.StringSlice("where") {
		key, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok:
			return "", f, command.Usagef("--where %s: want KEY=VALUE, such as tag=lot7", pair)
		case slices.Contains(seen, key):
			return "", f, command.Usagef("--where %s: %s is there twice", pair, key)
		}
		seen = append(seen, key)
		if err := command.SetFilter(&f, key, value); err != nil {
			return "", f, command.Usagef("--where %s: %v", pair, err)
		}
	}
	return "", f, nil
}

// A bulkEdit is an edit of many devices.
type bulkEdit struct {
	do, done string // the verb, as in: delete 3 devices; deleted 3 devices
	action   admin.BulkAction
	sets     string // what is set, for the audit
	edit     func(ctx context.Context, api admin.API, d admin.Device) error
}

// setMany applies set to many devices.
func setMany(set admin.DeviceSettings) bulkEdit {
	return bulkEdit{"change", "changed", admin.BulkSet, audit.Members(set) + " ", func(ctx context.Context, api admin.API, d admin.Device) error {
		_, err := api.SetDevice(ctx, d.Endpoint, d.Revision, set)
		return err
	}}
}

// deleteMany removes many devices, and notes their groups.
func deleteMany(groups *deletedFrom) bulkEdit {
	return bulkEdit{"delete", "deleted", admin.BulkDelete, "", func(ctx context.Context, api admin.API, d admin.Device) error {
		err := api.DeleteDevice(ctx, d.Endpoint, d.Revision)
		if err == nil {
			groups.note(d)
		}
		return err
	}}
}

// A bulkResult is what became of a bulkEdit.
type bulkResult struct {
	Selected  int `json:"selected"`
	Done      int `json:"done"`
	Meanwhile int `json:"changedMeanwhile"` // were edited or deleted by someone else, and left
	Refused   int `json:"refused"`
}

const (
	// bulkAtOnce is how many edits are under way at a time; the database writes those together.
	bulkAtOnce = 64

	// toldRefusals is how many refusals are told one by one.
	toldRefusals = 10
)

// run counts the devices that f selects, asks, and edits them.
func (e bulkEdit) run(ctx context.Context, c *cli.Context, api admin.API, f admin.DeviceFilter) error {
	if f.Profile != "" {
		if _, err := api.Profile(ctx, f.Profile); err != nil {
			return command.NearProfile(ctx, api, f.Profile, err)
		}
	}
	count, err := api.CountDevices(ctx, f)
	if err != nil {
		return err
	}
	where := strings.Join(c.StringSlice("where"), ", ")
	fmt.Fprintf(c.App.ErrWriter, "%s with %s\n", view.CountText(count), output.Text(where))
	if count.Devices > 0 && !c.Bool("yes") {
		if err := e.ask(c, count.Devices); err != nil {
			return err
		}
	}
	var result bulkResult
	if count.Devices > 0 {
		err = admin.RunBulk(ctx, api, admin.Bulk{Action: e.action, Detail: e.sets + "where " + where}, func(ctx context.Context) (err error) {
			result, err = e.all(ctx, c, api, f)
			return err
		})
	}
	if c.Bool("json") {
		return errors.Join(err, output.JSON(c.App.Writer, result))
	}
	fmt.Fprintf(c.App.Writer, "%s %s\n", e.done, output.Counted(result.Done, "device", "devices"))
	if result.Meanwhile > 0 {
		fmt.Fprintf(c.App.ErrWriter, "left as they are, since someone else edited them meanwhile: %s\n", output.Counted(result.Meanwhile, "device", "devices"))
	}
	return err
}

// ask asks whether to go on, on a terminal.
func (e bulkEdit) ask(c *cli.Context, devices int) error {
	what := fmt.Sprintf("%s %s", e.do, output.Counted(devices, "device", "devices"))
	if !asksOn(c.App.Reader) {
		return command.Usagef("this would %s: --yes does it without a question", what)
	}
	fmt.Fprintf(c.App.ErrWriter, "%s? [y/N] ", what)
	answer, _ := bufio.NewReader(c.App.Reader).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("not confirmed: nothing was changed")
	}
	return nil
}

// asksOn reports whether someone can answer at in.
func asksOn(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// all edits the devices that f selects, page by page.
func (e bulkEdit) all(ctx context.Context, c *cli.Context, api admin.API, f admin.DeviceFilter) (r bulkResult, err error) {
	q := admin.DeviceQuery{Limit: command.PageSize, DeviceFilter: f}
	for {
		page, err := api.Devices(ctx, q)
		if err != nil {
			return r, err
		}
		var ended error
		for i, err := range e.page(ctx, api, page) {
			r.Selected++
			switch {
			case err == nil:
				r.Done++
			case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound) && e.gone(ctx, api, page[i]):
				r.Meanwhile++
			case ctx.Err() != nil, errors.Is(err, store.ErrFull):
				ended = err
			default:
				if r.Refused++; r.Refused <= toldRefusals {
					fmt.Fprintf(c.App.ErrWriter, "%v\n", err)
				}
			}
		}
		if ended != nil {
			return r, fmt.Errorf("%w: what was %s so far stays", ended, e.done)
		}
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1].Endpoint
	}
	if r.Refused > 0 {
		return r, fmt.Errorf("%d of %s refused", r.Refused, output.Counted(r.Selected, "device", "devices"))
	}
	return r, nil
}

// gone reports whether a device is not there any more.
func (e bulkEdit) gone(ctx context.Context, api admin.API, d admin.Device) bool {
	_, err := api.Device(ctx, d.Endpoint, false)
	return errors.Is(err, store.ErrNotFound)
}

// page edits the devices of one page, several at a time, and returns an error for each.
func (e bulkEdit) page(ctx context.Context, api admin.API, page []admin.Device) []error {
	errs := make([]error, len(page))
	next := make(chan int)
	var edits sync.WaitGroup
	for range min(bulkAtOnce, len(page)) {
		edits.Go(func() {
			for i := range next {
				errs[i] = e.edit(ctx, api, page[i])
			}
		})
	}
	for i := range page {
		next <- i
	}
	close(next)
	edits.Wait()
	return errs
}

// forOneOnly returns what in settings is for one device only; empty for nothing.
func forOneOnly(s admin.DeviceSettings) string {
	switch {
	case s.PSK != nil:
		return "a key"
	case s.PSKIdentity != nil:
		return "an identity"
	case s.Certificates != nil && len(*s.Certificates) > 0, s.CertificateNames != nil && len(*s.CertificateNames) > 0, len(s.AccountCertificates) > 0:
		return "a certificate"
	case len(s.AccountKeys)+len(s.AccountIdentities)+len(s.AccountMasterSecrets) > 0:
		return "a key or an identity of an account"
	}
	return ""
}
