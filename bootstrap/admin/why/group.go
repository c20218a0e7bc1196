package why

import (
	"context"
	"time"

	"lwbs/bootstrap/enrol"
	"lwbs/bootstrap/explain"
	"lwbs/lwm2m"
	"lwbs/store"
)

// groupNow adds to the facts about an attempt the group that it is about, as that is now: of the device,
// or of the name of an unknown one.
func (i *inquiry) groupNow(ctx context.Context, s store.Session, f *explain.Facts) error {
	all, err := i.store.Groups(ctx)
	if err != nil || len(all.All) == 0 {
		return err
	}
	if f.Device != nil {
		if g, ok := all.Named(f.Device.Group); ok {
			f.Group = &g
		}
		return nil
	}
	name := string(s.Endpoint)
	switch s.Cause {
	case store.CauseIdentityUnknown, store.CauseKeyDiffers:
		if b, err := store.IdentityBytes(s.Identity); err == nil {
			name = string(b)
		}
	case store.CauseEndpointUnknown:
		if s.Claimed != "" {
			return nil
		}
	default:
		return nil
	}
	g, why, err := i.enrols(ctx, all, lwm2m.EndpointName(name), s.Group)
	f.Group, f.Refuses = g, why
	return err
}

// enrols returns the group that a name belongs to, nil for none, and why it does not enrol a device of
// that name now; empty where it does. A group that an attempt names comes before others.
func (i *inquiry) enrols(ctx context.Context, all store.Groups, ep lwm2m.EndpointName, named string) (*store.Group, store.Variant, error) {
	g, found := all.Named(named)
	if chosen, ok := enrol.Choose(all.All, string(ep), func(g store.Group) bool { return len(g.Keys)+len(g.CAs) > 0 }); !found && ok {
		g, found = chosen, true
	}
	if !found || ep.Validate() != nil {
		return nil, "", nil
	}
	size, err := i.store.GroupSize(ctx, g.Name)
	if err != nil {
		return nil, "", err
	}
	_, err = i.store.Device(ctx, ep)
	if err == nil {
		return &g, store.VariantGroupRecord, nil
	}
	why, _ := enrol.Refuses(g, ep, size, time.Now())
	return &g, why, unlessMissing(err)
}

// noteGroup tells of the group of the device, or of the one that would enrol a device of the name.
func (i *inquiry) noteGroup(ctx context.Context) error {
	if i.device != nil {
		if i.device.Group != "" {
			i.note("It is in the enrolment group %q.", i.device.Group)
		}
		return nil
	}
	all, err := i.store.Groups(ctx)
	if err != nil || len(all.All) == 0 {
		return err
	}
	ep := lwm2m.EndpointName(i.asked())
	g, why, err := i.enrols(ctx, all, ep, "")
	if g == nil || err != nil {
		return err
	}
	if why == "" && g.Approve {
		i.note("There is no record of this name. It matches the enrolment group %q, in which a device with a key or certificate of the group waits until lwbs pending approve makes its record.", g.Name)
		return nil
	}
	if why == "" {
		i.note("There is no record of this name. It matches the enrolment group %q, which makes one when the device comes with a key or certificate of the group.", g.Name)
		return nil
	}
	size, err := i.store.GroupSize(ctx, g.Name)
	_, text := enrol.Refuses(*g, ep, size, time.Now())
	i.note("There is no record of this name. It matches the enrolment group %q, which %s.", g.Name, text)
	return err
}
