package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lwbs/bootstrap/profile"
	"lwbs/store"
)

// DefaultExamined is how many devices of a profile are looked at before it is replaced.
const DefaultExamined = 10_000

// ApplyOptions say how profiles are applied. The zero value refuses what harms devices.
type ApplyOptions struct {
	// ReplaceKeys applies a profile although devices lose keys by it that their LwM2M
	// Servers may know.
	ReplaceKeys bool `json:"replaceKeys,omitempty"`

	// AllowFailing applies a profile although devices that are given something now would be
	// given nothing.
	AllowFailing bool `json:"allowFailing,omitempty"`

	// DryRun changes nothing, and refuses nothing for what it means for devices: the
	// answer tells.
	DryRun bool `json:"dryRun,omitempty"`

	// Examine is how many of the devices that have a profile are looked at, spread evenly
	// over all. Zero means DefaultExamined.
	Examine int `json:"examine,omitempty"`
}

// A HarmError says why profiles were not applied: what they would have meant for the
// devices that have them.
type HarmError struct {
	Harms []Harm
}

// A Harm is what one profile would have meant, as far as that was not permitted.
type Harm struct {
	Profile string         `json:"profile"` // its name
	Impact  profile.Impact `json:"impact"`
}

// Error has a line for each kind of harm, and one with what to do.
func (e *HarmError) Error() string {
	var lines []string
	keys, failing := false, false
	for _, h := range e.Harms {
		for _, f := range h.Impact.Failing {
			failing = true
			lines = append(lines, fmt.Sprintf("profile %q: %s would be given nothing: %s", h.Profile, DevicesText(f, h.Impact), effectText(f)))
		}
		for _, f := range h.Impact.KeysLost {
			keys = true
			lines = append(lines, fmt.Sprintf("profile %q: %s would lose a key that their LwM2M Server may know: %s", h.Profile, DevicesText(f, h.Impact), effectText(f)))
		}
	}
	if failing {
		lines = append(lines, "nothing was changed: give the devices what they lack first, or apply it all the same with allowFailing (--allow-failing)")
	}
	if keys {
		lines = append(lines, "nothing was changed: an account that has another name keeps its keys where it says renamedFrom; apply it all the same with replaceKeys (--replace-keys)")
	}
	return strings.Join(lines, "\n")
}

// DevicesText is how many devices an effect is about, and the names of the first.
func DevicesText(e profile.Effect, in profile.Impact) string {
	names := make([]string, len(e.Names))
	for i, n := range e.Names {
		names[i] = fmt.Sprintf("%q", n)
	}
	if e.Devices > len(e.Names) {
		names = append(names, "…")
	}
	of := fmt.Sprint(in.Devices)
	if in.Examined < in.Devices {
		of = fmt.Sprintf("%d that were looked at (of %d)", in.Examined, in.Devices)
	}
	return fmt.Sprintf("%d of %s devices (%s)", e.Devices, of, strings.Join(names, ", "))
}

// effectText is why, with the place.
func effectText(e profile.Effect) string {
	return profile.Finding{Place: e.Place, Message: e.Message}.String()
}

// impacts finds out what each of ps means for the devices that have it now. Its error is a
// [*HarmError] where one harms them beyond what o permits.
func (l *Local) impacts(ctx context.Context, ps []store.Profile, o ApplyOptions) ([]*profile.Impact, error) {
	out := make([]*profile.Impact, len(ps))
	var harms []Harm
	for i, p := range ps {
		impact, err := l.impact(ctx, p, o)
		if err != nil {
			return nil, err
		}
		if impact.Devices > 0 {
			out[i] = &impact
		}
		harm := impact
		if o.ReplaceKeys {
			harm.KeysLost = nil
		}
		if o.AllowFailing {
			harm.Failing = nil
		}
		if !harm.Harmless() && !o.DryRun {
			harms = append(harms, Harm{p.Name, harm})
		}
	}
	if len(harms) > 0 {
		return nil, &HarmError{harms}
	}
	return out, nil
}

// impact finds out what p means for the devices that have it now.
func (l *Local) impact(ctx context.Context, p store.Profile, o ApplyOptions) (profile.Impact, error) {
	n := o.Examine
	if n <= 0 {
		n = DefaultExamined
	}
	before, err := l.Store.Profile(ctx, p.Name)
	known := &before
	switch {
	case errors.Is(err, store.ErrNotFound):
		return profile.Impact{}, nil
	case errors.Is(err, store.ErrCorrupt):
		known = nil
	case err != nil:
		return profile.Impact{}, err
	}
	total, names, err := l.Store.DeviceSample(ctx, p.Name, n)
	if err != nil {
		return profile.Impact{}, err
	}
	trial := profile.NewTrial(known, p, l.Objects)
	for _, ep := range names {
		d, err := l.Store.Device(ctx, ep)
		switch {
		case errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) || err == nil && d.Profile != p.Name:
			continue // gone by now, or beyond what a profile can help
		case err != nil:
			return profile.Impact{}, err
		}
		trial.Try(d)
	}
	return trial.Impact(total), nil
}
