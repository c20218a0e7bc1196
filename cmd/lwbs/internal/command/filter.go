package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
)

// filterNames are the options that select devices, and the keys of --where.
var filterNames = []string{"prefix", "profile", "tag", "group", "state", "seen-within", "not-seen-for", "expires-within"}

// rotating is among the states for those who list devices; a device has another one besides.
const rotating = "rotating"

// FilterFlags are the options that select devices; all given ones must apply.
func FilterFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "prefix", Usage: "only names that begin with `TEXT`"},
		&cli.StringFlag{Name: "profile", Usage: "only those with the profile `NAME`"},
		&cli.StringFlag{Name: "tag", Usage: "only those with the `TAG`"},
		&cli.StringFlag{Name: "group", Usage: "only those in the enrolment group `NAME`"},
		&cli.StringFlag{Name: "state", Usage: "only those in this `STATE`: done, due (it would be given something else now), failed (the last attempt), running, never (came), disabled, or rotating (another key was asked for or made, and is not known to be in use)"},
		&cli.StringFlag{Name: "seen-within", Usage: "only those that came within this `TIME`, such as 36h or 7d"},
		&cli.StringFlag{Name: "not-seen-for", Usage: "only those that have not come for this `TIME`, or never"},
		&cli.StringFlag{Name: "expires-within", Usage: "only those with a certificate that expires within this `TIME`, or has expired, as far as that is known"},
	}
}

// FilterOf reads the options of FilterFlags.
func FilterOf(c *cli.Context) (f admin.DeviceFilter, err error) {
	for _, name := range filterNames {
		if c.IsSet(name) {
			if err := SetFilter(&f, name, c.String(name)); err != nil {
				return f, Usagef("--%s %s: %v", name, c.String(name), err)
			}
		}
	}
	return f, nil
}

// SetFilter sets one part of a filter.
func SetFilter(f *admin.DeviceFilter, name, value string) (err error) {
	if value == "" {
		return fmt.Errorf("it is empty")
	}
	switch name {
	case "prefix":
		f.Prefix = value
	case "profile":
		f.Profile = value
	case "tag":
		f.Tag = value
	case "group":
		f.Group = value
	case "state":
		if f.Rotating = value == rotating; !f.Rotating {
			f.State, err = admin.ParseDeviceState(value)
		}
		if err != nil {
			err = fmt.Errorf("%w or %s", err, rotating)
		}
	case "seen-within":
		f.SeenSince, err = ago(value)
	case "not-seen-for":
		f.NotSeenSince, err = ago(value)
	case "expires-within":
		var d time.Duration
		d, err = Span(value)
		f.ExpiresBefore = time.Now().Add(d)
	default:
		err = fmt.Errorf("there is no such key: want %s", strings.Join(filterNames, ", "))
	}
	return err
}

// ago is the time that lies so long before now, such as 90m, 36h or 7d.
func ago(text string) (time.Time, error) {
	d, err := Span(text)
	return time.Now().Add(-d), err
}

// Span reads a span of time such as 90m, 36h or 7d, which is not zero.
func Span(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, is := strings.CutSuffix(text, "d"); is && err != nil {
		var n uint64
		if n, err = strconv.ParseUint(days, 10, 16); err == nil {
			d = time.Duration(n) * 24 * time.Hour
		}
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("want a time such as 90m, 36h or 7d")
	}
	return d, nil
}
