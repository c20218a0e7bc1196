package profile

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store/profilefile"
)

// impactFlags are the options about the devices that have a profile.
func impactFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "replace-keys", Usage: "apply it also if devices lose keys that their LwM2M Servers may know; renamedFrom in an account keeps the keys of one that was only renamed"},
		&cli.BoolFlag{Name: "allow-failing", Usage: "apply it also if it gives nothing to devices that are given something now"},
		&cli.IntFlag{Name: "examine", Usage: "try it on `N` of the devices that have the profile, spread evenly over all", Value: admin.DefaultExamined},
	}
}

// applyOptions reads the options of impactFlags.
func applyOptions(c *cli.Context) (admin.ApplyOptions, error) {
	o := admin.ApplyOptions{ReplaceKeys: c.Bool("replace-keys"), AllowFailing: c.Bool("allow-failing"), Examine: c.Int("examine")}
	if o.Examine < 1 {
		return o, command.Usagef("--examine %d is not a number from 1", o.Examine)
	}
	return o, nil
}

// ofDevices reports what profiles would have done to devices, with the lines of their files.
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
	errs = append(errs, errors.New("nothing was changed: --replace-keys and --allow-failing apply it nevertheless"))
	return errors.Join(errs...)
}

// harms are the devices that a profile would give nothing, and the keys that it would replace.
func harms(d profilefile.Document, i profile.Impact) (errs []error) {
	for _, e := range i.Failing {
		errs = append(errs, d.Problem(e.Place, fmt.Sprintf("%s would be given nothing: %s", admin.DevicesText(e, i), e.Message)))
	}
	for _, e := range i.KeysLost {
		errs = append(errs, d.Problem(e.Place, fmt.Sprintf("%s would lose a key that their LwM2M Server may know: %s; an account with another name keeps its keys where it says renamedFrom", admin.DevicesText(e, i), e.Message)))
	}
	return errs
}

// examinedText says how many devices have a profile, and on how many it was tried.
func examinedText(i *profile.Impact) string {
	switch {
	case i == nil:
		return "no device has it"
	case i.Examined < i.Devices:
		return fmt.Sprintf("%s it, %d of them were examined", output.Counted(i.Devices, "device has", "devices have"), i.Examined)
	}
	return output.Counted(i.Devices, "device has", "devices have") + " it"
}

// tellImpact warns of what a profile does to devices, except for the harms that are errors under
// these options.
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
			output.Name(d.Profile.Name), output.Counted(i.FailedBefore, "device", "devices"))
	}
}

// unpermitted returns the part of an impact that is an error under these options.
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
