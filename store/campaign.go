package store

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"lwbs/lwm2m"
)

// A Campaign asks devices, one after the other, to bootstrap again, by their LwM2M Servers. Operators edit
// it; how far it has come is its [CampaignProgress], which the server keeps.
type Campaign struct {
	ID       string   `json:"campaign"` // see [NewCampaignID]
	Revision Revision `json:"revision"`

	Select CampaignSelection `json:"select"`

	// Interval is between two devices that are asked.
	Interval Duration `json:"interval"`

	// First is how many devices are asked at first; the others are asked when it is known what became of
	// these, and not too many have failed. Zero is for none.
	First int `json:"first,omitempty"`

	// StopAt pauses the campaign where more than so many per cent of the devices that were asked have failed
	// or are silent; 100 never does.
	StopAt int `json:"stopAt"`

	// Patience is for how long after it was asked a device may take to come; then it is silent.
	Patience Duration `json:"patience"`

	State  CampaignState `json:"state"`
	Reason string        `json:"reason,omitempty"` // why the server paused it

	// Forgiven are the devices that do not count for StopAt, as an operator let the campaign go on.
	Forgiven CampaignTally `json:"forgiven,omitzero"`

	Devices int       `json:"devices"` // that were selected when it was made
	Created time.Time `json:"created"` // set by the store
	Updated time.Time `json:"updated"` // set by the store
	Ended   time.Time `json:"ended,omitzero"`
}

// A CampaignSelection says which devices a campaign is about, those that are selected when their turn comes;
// it is as of the filters of the admin API. Endpoint is one device, and the rest is empty then.
type CampaignSelection struct {
	Endpoint      lwm2m.EndpointName `json:"endpoint,omitempty"`
	Prefix        string             `json:"prefix,omitempty"`
	Profile       string             `json:"profile,omitempty"`
	Tag           string             `json:"tag,omitempty"`
	Group         string             `json:"group,omitempty"`
	State         string             `json:"state,omitempty"`
	SeenSince     time.Time          `json:"seenSince,omitzero"`
	NotSeenSince  time.Time          `json:"notSeenSince,omitzero"`
	ExpiresBefore time.Time          `json:"expiresBefore,omitzero"`
	Rotating      bool               `json:"rotating,omitempty"`
}

// A CampaignTally is how many devices were asked, and how many of them failed or are silent.
type CampaignTally struct {
	Asked    int `json:"asked"`
	Failures int `json:"failures"`
}

// A CampaignState is how far a campaign is.
type CampaignState string

// The states. The last two are ends.
const (
	CampaignRunning  CampaignState = "running"
	CampaignPaused   CampaignState = "paused"
	CampaignDone     CampaignState = "done"
	CampaignCanceled CampaignState = "canceled"
)

// Ended reports whether a campaign goes on no more.
func (s CampaignState) Ended() bool { return s == CampaignDone || s == CampaignCanceled }

// A CampaignProgress is how far a campaign has come.
type CampaignProgress struct {
	After    lwm2m.EndpointName `json:"after,omitempty"`    // the last device whose turn has come
	Complete bool               `json:"complete,omitempty"` // the turn of each has come

	Asked    int `json:"asked"`    // devices that their LwM2M Server has asked
	NotAsked int `json:"notAsked"` // that it could not ask

	// Absent is how many devices are asked again later, as they were not registered with their LwM2M Server, or did not
	// answer it.
	Absent int `json:"absent,omitempty"`

	Came   int `json:"came"`   // of those asked, that have come
	Done   int `json:"done"`   // that were bootstrapped
	Failed int `json:"failed"` // whose bootstrap failed
	Silent int `json:"silent"` // that have not come in time

	// Listed is how many devices that failed, are silent or were not asked are kept by their names.
	Listed int `json:"listed"`
}

// Waiting is how many devices were asked, of which it is not known yet what becomes of them.
func (p CampaignProgress) Waiting() int { return p.Asked - p.Done - p.Failed - p.Silent }

// Tally is of all devices so far.
func (p CampaignProgress) Tally() CampaignTally {
	return CampaignTally{p.Asked, p.Failed + p.Silent}
}

// A CampaignRecord is a campaign and how far it has come.
type CampaignRecord struct {
	Campaign Campaign
	Progress CampaignProgress
}

// A CampaignDevice is one device in a campaign.
type CampaignDevice struct {
	Endpoint lwm2m.EndpointName  `json:"endpoint"`
	State    CampaignDeviceState `json:"state"`
	Asked    time.Time           `json:"asked"` // when its turn came
	Session  string              `json:"session,omitempty"`
	Cause    Cause               `json:"cause,omitempty"`  // of that session
	Detail   string              `json:"detail,omitempty"` // why it was not asked

	Tries int       `json:"tries,omitempty"` // to ask it while it was not registered, or did not answer
	Again time.Time `json:"again,omitzero"`  // when it is asked again after these; zero where there were none
}

// A CampaignDeviceState is how far a device is in a campaign.
type CampaignDeviceState string

// The states. Those before CampaignDeviceDone are open.
const (
	CampaignDeviceAsking   CampaignDeviceState = "asking"    // its LwM2M Server is being told
	CampaignDeviceAsked    CampaignDeviceState = "asked"     // it has not come yet
	CampaignDeviceCame     CampaignDeviceState = "came"      // its session is running
	CampaignDeviceDone     CampaignDeviceState = "done"      // it was bootstrapped
	CampaignDeviceFailed   CampaignDeviceState = "failed"    // its bootstrap failed
	CampaignDeviceSilent   CampaignDeviceState = "silent"    // it has not come in time
	CampaignDeviceNotAsked CampaignDeviceState = "not-asked" // its LwM2M Server could not ask it
)

// Open reports whether it is not known yet what becomes of the device.
func (s CampaignDeviceState) Open() bool {
	return s == CampaignDeviceAsking || s == CampaignDeviceAsked || s == CampaignDeviceCame
}

// A CampaignDeviceQuery selects a page of the devices of a campaign, in the order of their names: those that
// are open, or those that failed, are silent or were not asked.
type CampaignDeviceQuery struct {
	Campaign string
	Open     bool
	After    lwm2m.EndpointName
	Limit    int // zero means 100, at most 10,000
}

// Limits of campaigns.
const (
	MaxCampaigns       = 100    // that are stored; ended ones make room
	MaxCampaignListed  = 10_000 // devices that failed, are silent or were not asked that are kept by name
	MaxCampaignDetail  = 500    // bytes
	MinCampaignGap     = time.Millisecond
	MaxCampaignGap     = 24 * time.Hour
	MaxCampaignPatient = 90 * 24 * time.Hour
)

// NewCampaignID returns the ID of a campaign that is made now. IDs are in the order of time.
func NewCampaignID(now time.Time) string {
	var b [2]byte
	_, _ = rand.Read(b[:]) // which never fails
	return now.UTC().Format("20060102-150405-") + hex.EncodeToString(b[:])
}

// Validate reports why c cannot be stored.
func (c Campaign) Validate() error {
	if err := validName("ID of a campaign", c.ID); err != nil {
		return err
	}
	states := []CampaignState{CampaignRunning, CampaignPaused, CampaignDone, CampaignCanceled}
	switch gap, patience := time.Duration(c.Interval), time.Duration(c.Patience); {
	case gap < MinCampaignGap || gap > MaxCampaignGap:
		return fmt.Errorf("%w: %v between two devices; %v to %v are possible", ErrInvalid, gap, MinCampaignGap, MaxCampaignGap)
	case patience <= 0 || patience > MaxCampaignPatient:
		return fmt.Errorf("%w: patience of %v; up to %v is possible", ErrInvalid, patience, MaxCampaignPatient)
	case c.First < 0:
		return fmt.Errorf("%w: %d devices at first", ErrInvalid, c.First)
	case c.StopAt < 0 || c.StopAt > 100:
		return fmt.Errorf("%w: %d per cent; 0 to 100 are possible", ErrInvalid, c.StopAt)
	case !slices.Contains(states, c.State):
		return fmt.Errorf("%w: state %q; there are %v", ErrInvalid, c.State, states)
	case c.Select.Endpoint != "" && c.Select != (CampaignSelection{Endpoint: c.Select.Endpoint}):
		return fmt.Errorf("%w: one device is selected, and others", ErrInvalid)
	case len(c.Reason) > MaxCampaignDetail:
		return AtMost(len(c.Reason), "bytes of reason", MaxCampaignDetail)
	}
	return nil
}
