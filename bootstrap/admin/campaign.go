package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lwbs/bootstrap/campaign"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Defaults of a campaign.
const (
	DefaultCampaignRate     = 10 // devices a second
	DefaultCampaignStopAt   = 20 // per cent
	DefaultCampaignPatience = time.Hour
)

// A RebootstrapRequest says which devices are to bootstrap again, and how they are asked.
type RebootstrapRequest struct {
	Select store.CampaignSelection `json:"select"`

	Interval store.Duration `json:"interval,omitempty"` // between two devices; zero for 10 devices a second
	First    int            `json:"first,omitempty"`    // devices that are asked at first; zero for none
	StopAt   *int           `json:"stopAt,omitempty"`   // per cent of failures at which the campaign is paused; nil for 20
	Patience store.Duration `json:"patience,omitempty"` // for how long a device may take to come; zero for 1 h

	DryRun bool `json:"dryRun,omitempty"` // only tell what would happen
}

// A Rebootstrap tells what happens with devices that are to bootstrap again.
type Rebootstrap struct {
	Devices int `json:"devices"` // that are selected

	// Asked are those that can be asked, ; others do what they are to do at their next contact by
	// themselves.
	Asked  []RebootstrapPart `json:"asked"`
	Others []RebootstrapPart `json:"others"`

	// Campaign is what asks them; nil where none can be asked, and in a dry run.
	Campaign *Campaign `json:"campaign,omitempty"`
}

// A RebootstrapPart is a part of the devices that are to bootstrap again.
type RebootstrapPart struct {
	Profile string              `json:"profile"`
	Devices int                 `json:"devices"`
	Servers []RebootstrapServer `json:"servers,omitempty"` // by which they are asked, until one can
	Why     string              `json:"why,omitempty"`     // why they cannot be asked
}

// A RebootstrapServer is an LwM2M Server that can ask devices.
type RebootstrapServer struct {
	Name string                `json:"name"`
	Kind store.LwM2MServerKind `json:"kind"`
}

// A Campaign asks devices to bootstrap again.
type Campaign struct {
	ID       string                  `json:"id"`
	Revision store.Revision          `json:"revision"`
	State    store.CampaignState     `json:"state"`
	Reason   string                  `json:"reason,omitempty"` // why the server paused it
	Select   store.CampaignSelection `json:"select"`
	Interval store.Duration          `json:"interval"`
	First    int                     `json:"first,omitempty"`
	StopAt   int                     `json:"stopAt"`
	Patience store.Duration          `json:"patience"`

	Devices  int `json:"devices"`  // that were selected when it was made
	Asked    int `json:"asked"`    // that their LwM2M Servers have asked
	NotAsked int `json:"notAsked"` // that could not be asked
	Absent   int `json:"absent"`   // that are asked again later, as they were not registered or did not answer
	Came     int `json:"came"`     // of those asked
	Done     int `json:"done"`     // that were bootstrapped
	Failed   int `json:"failed"`
	Silent   int `json:"silent"`  // that have not come in time
	Waiting  int `json:"waiting"` // of which it is not known yet

	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	Ended   time.Time `json:"ended,omitzero"`
}

// A CampaignAction is what an operator does with a campaign.
type CampaignAction string

// The actions.
const (
	PauseCampaign  CampaignAction = "pause"
	ResumeCampaign CampaignAction = "resume"
	CancelCampaign CampaignAction = "cancel"
)

// Selection is f as a campaign has it.
func (f DeviceFilter) Selection() store.CampaignSelection {
	return store.CampaignSelection{
		Prefix: f.Prefix, Profile: f.Profile, Tag: f.Tag, Group: f.Group, State: string(f.State),
		SeenSince: f.SeenSince, NotSeenSince: f.NotSeenSince, ExpiresBefore: f.ExpiresBefore, Rotating: f.Rotating,
	}
}

// filterOf is the filter of a selection that is not of one device.
func filterOf(s store.CampaignSelection) (f DeviceFilter, err error) {
	f = DeviceFilter{
		Prefix: s.Prefix, Profile: s.Profile, Tag: s.Tag, Group: s.Group,
		SeenSince: s.SeenSince, NotSeenSince: s.NotSeenSince, ExpiresBefore: s.ExpiresBefore, Rotating: s.Rotating,
	}
	if s.State != "" {
		f.State, err = ParseDeviceState(s.State)
	}
	if err != nil {
		err = fmt.Errorf("%w: state: %w", store.ErrInvalid, err)
	}
	return f, err
}

// Rebootstrap implements [API].
func (l *Local) Rebootstrap(ctx context.Context, r RebootstrapRequest) (out Rebootstrap, err error) {
	c := store.Campaign{
		ID: store.NewCampaignID(time.Now()), Select: r.Select, Interval: r.Interval, First: r.First, StopAt: DefaultCampaignStopAt, Patience: r.Patience, State: store.CampaignRunning,
	}
	if c.Interval == 0 {
		c.Interval = store.Duration(time.Second / DefaultCampaignRate)
	}
	if c.Patience == 0 {
		c.Patience = store.Duration(DefaultCampaignPatience)
	}
	if r.StopAt != nil {
		c.StopAt = *r.StopAt
	}
	if err := c.Validate(); err != nil {
		return out, err
	}
	profiles, err := l.profilesOf(ctx, r.Select)
	if err != nil {
		return out, err
	}
	out = Rebootstrap{Asked: []RebootstrapPart{}, Others: []RebootstrapPart{}}
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		part := RebootstrapPart{Profile: name, Devices: profiles[name]}
		out.Devices += part.Devices
		p, err := l.profileOf(ctx, store.Device{Profile: name})
		if err != nil {
			return out, err
		}
		ways, why, err := campaign.Ways(ctx, l.Store, p)
		if err != nil {
			return out, err
		}
		if len(ways) == 0 {
			part.Why = why
			out.Others = append(out.Others, part)
			continue
		}
		for _, way := range ways {
			part.Servers = append(part.Servers, RebootstrapServer{way.Server, way.Kind})
		}
		out.Asked = append(out.Asked, part)
	}
	if r.DryRun || len(out.Asked) == 0 {
		return out, nil
	}
	c.Devices = out.Devices
	kept, err := l.Store.PutCampaign(ctx, c)
	if err != nil {
		return out, err
	}
	l.campaignChanged()
	out.Campaign = new(campaignView(store.CampaignRecord{Campaign: kept}))
	return out, nil
}

// profilesOf counts the devices of a selection by their profiles.
func (l *Local) profilesOf(ctx context.Context, s store.CampaignSelection) (map[string]int, error) {
	counts := make(map[string]int)
	if s.Endpoint != "" {
		d, err := l.Store.Device(ctx, s.Endpoint)
		if err == nil && d.Disabled {
			err = fmt.Errorf("device %q: %w: it is disabled", s.Endpoint, store.ErrInvalid)
		}
		counts[d.Profile] = 1
		return counts, err
	}
	f, err := filterOf(s)
	if err != nil {
		return nil, err
	}
	err = l.outlines(ctx, "", f, func(o outlined) bool {
		if !o.Disabled {
			counts[o.Profile]++
		}
		return true
	})
	return counts, err
}

// SelectDevices returns the names of at most limit devices behind after that a selection has now, in their
// order; fewer only where there are no more.
func (l *Local) SelectDevices(ctx context.Context, s store.CampaignSelection, after lwm2m.EndpointName, limit int) (names []lwm2m.EndpointName, err error) {
	if s.Endpoint != "" {
		if after == "" {
			names = append(names, s.Endpoint)
		}
		return names, nil
	}
	f, err := filterOf(s)
	if err != nil {
		return nil, err
	}
	err = l.outlines(ctx, after, f, func(o outlined) bool {
		if !o.Disabled {
			names = append(names, o.Endpoint)
		}
		return len(names) < limit
	})
	return names, err
}

// campaignChanged tells the server that a campaign was edited.
func (l *Local) campaignChanged() {
	if l.CampaignChanged != nil {
		l.CampaignChanged()
	}
}

// Campaigns implements [API].
func (l *Local) Campaigns(ctx context.Context) ([]Campaign, error) {
	all, err := l.Store.Campaigns(ctx)
	out := make([]Campaign, len(all))
	for i, r := range all {
		out[len(all)-1-i] = campaignView(r) // the newest first
	}
	return out, err
}

// Campaign implements [API].
func (l *Local) Campaign(ctx context.Context, id string) (Campaign, error) {
	r, err := l.Store.Campaign(ctx, id)
	return campaignView(r), err
}

// CampaignDevices implements [API].
func (l *Local) CampaignDevices(ctx context.Context, q store.CampaignDeviceQuery) ([]store.CampaignDevice, error) {
	if _, err := l.Store.Campaign(ctx, q.Campaign); err != nil {
		return nil, err
	}
	page, err := l.Store.CampaignDevices(ctx, q)
	if page == nil {
		page = []store.CampaignDevice{}
	}
	return page, err
}

// SetCampaign implements [API].
func (l *Local) SetCampaign(ctx context.Context, id string, do CampaignAction) (Campaign, error) {
	for {
		r, err := l.Store.Campaign(ctx, id)
		if err != nil {
			return Campaign{}, err
		}
		changed, err := acted(&r, do)
		if err != nil {
			return Campaign{}, fmt.Errorf("campaign %q: %w", id, err)
		}
		if changed {
			r.Campaign, err = l.Store.PutCampaign(ctx, r.Campaign)
		}
		if outdated(err) && ctx.Err() == nil { // the server was faster
			continue
		}
		if err == nil && changed {
			l.campaignChanged()
		}
		return campaignView(r), err
	}
}

// acted changes a campaign, and reports whether there is anything to keep. What is so already stays.
func acted(r *store.CampaignRecord, do CampaignAction) (changed bool, err error) {
	c := &r.Campaign
	if c.State.Ended() && !(do == CancelCampaign && c.State == store.CampaignCanceled) {
		return false, fmt.Errorf("%w: it has ended: lwbs device rebootstrap begins another", store.ErrInvalid)
	}
	was := c.State
	switch do {
	case PauseCampaign:
		c.State = store.CampaignPaused
	case ResumeCampaign:
		if c.State = store.CampaignRunning; was != c.State {
			c.Reason, c.Forgiven = "", r.Progress.Tally()
		}
	case CancelCampaign:
		if c.State = store.CampaignCanceled; was != c.State {
			c.Ended = time.Now().UTC()
		}
	default:
		return false, fmt.Errorf("%w: there is no action %q: want %s", store.ErrInvalid, do, strings.Join([]string{string(PauseCampaign), string(ResumeCampaign), string(CancelCampaign)}, ", "))
	}
	return was != c.State, nil
}

// campaignView is a campaign as it is shown.
func campaignView(r store.CampaignRecord) Campaign {
	c, p := r.Campaign, r.Progress
	return Campaign{
		ID: c.ID, Revision: c.Revision, State: c.State, Reason: c.Reason, Select: c.Select, Interval: c.Interval, First: c.First, StopAt: c.StopAt, Patience: c.Patience,
		Devices: c.Devices, Asked: p.Asked, NotAsked: p.NotAsked, Absent: p.Absent, Came: p.Came, Done: p.Done, Failed: p.Failed, Silent: p.Silent, Waiting: p.Waiting(),
		Created: c.Created, Updated: c.Updated, Ended: c.Ended,
	}
}
