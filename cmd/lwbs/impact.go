package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/store/profilefile"
)

// impactFlags are the options about the devices that have a profile.
func impactFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "replace-keys", Usage: "also where devices lose keys by it that their LwM2M Servers may know; an account that was only renamed keeps them where it says renamedFrom"},
		&cli.BoolFlag{Name: "allow-failing", Usage: "also where devices that are given something now would be given nothing"},
		&cli.IntFlag{Name: "examine", Usage: "look at `N` of the devices that have a profile, spread evenly over all", Value: admin.DefaultExamined},
	}
}

// applyOptions reads the options of impactFlags.
func applyOptions(c *cli.Context) (admin.ApplyOptions, error) {
	o := admin.ApplyOptions{ReplaceKeys: c.Bool("replace-keys"), AllowFailing: c.Bool("allow-failing"), Examine: c.Int("examine")}
	if o.Examine < 1 {
		return o, usagef("--examine %d is not a number from 1", o.Examine)
	}
	return o, nil
}

// ofDevices tells what profiles would have meant for devices by the lines of their files.
func ofDevices(err error, docs []profilefile.Document) error {
	var harm *admin.HarmError
	if !errors.As(err, &harm) {
		return err
	}
	var errs []error
	for _, h := range harm.Harms {
		for _, d := range docs {
			if d.Profile.Name == h.Profile {
				errs = append(errs, harms(d, h.Impact)...)
			}
		}
	}
	errs = append(errs, errors.New("nothing was changed: --replace-keys and --allow-failing apply it all the same"))
	return errors.Join(errs...)
}

// harms are what a profile means for devices that should not happen.
func harms(d profilefile.Document, i profile.Impact) (errs []error) {
	for _, e := range i.Failing {
		errs = append(errs, d.Problem(e.Place, fmt.Sprintf("%s would be given nothing: %s", admin.DevicesText(e, i), e.Message)))
	}
	for _, e := range i.KeysLost {
		errs = append(errs, d.Problem(e.Place, fmt.Sprintf("%s would lose a key that their LwM2M Server may know: %s; an account with another name keeps its keys where it says renamedFrom", admin.DevicesText(e, i), e.Message)))
	}
	return errs
}

// examinedText is how many devices have a profile, and how many of them were looked at.
func examinedText(i *profile.Impact) string {
	switch {
	case i == nil:
		return "no device has it"
	case i.Examined < i.Devices:
		return fmt.Sprintf("%s it, %d of them were looked at", counted(i.Devices, "device has", "devices have"), i.Examined)
	}
	return counted(i.Devices, "device has", "devices have") + " it"
}

// tellImpact tells what a profile means for devices, but for harms that were told as
// errors.
func tellImpact(out io.Writer, d profilefile.Document, i *profile.Impact, o admin.ApplyOptions) {
	if i == nil {
		return
	}
	permitted := *i
	if !o.AllowFailing {
		permitted.Failing = nil
	}
	if !o.ReplaceKeys {
		permitted.KeysLost = nil
	}
	for _, err := range harms(d, permitted) {
		fmt.Fprintf(out, "warning: %v\n", err)
	}
	for _, e := range i.KeysMade {
		fmt.Fprintf(out, "warning: %v\n", d.Problem(e.Place, admin.DevicesText(e, *i)+": "+e.Message))
	}
	if i.FailedBefore > 0 {
		fmt.Fprintf(out, "warning: profile %s: %s that have it are given nothing now either: lwbs why NAME tells the reason\n",
			name(d.Profile.Name), counted(i.FailedBefore, "device", "devices"))
	}
}

// unpermitted is what of an impact is an error under these options.
func unpermitted(i *profile.Impact, o admin.ApplyOptions) profile.Impact {
	if i == nil {
		return profile.Impact{}
	}
	out := *i
	if o.AllowFailing {
		out.Failing = nil
	}
	if o.ReplaceKeys {
		out.KeysLost = nil
	}
	return out
}
