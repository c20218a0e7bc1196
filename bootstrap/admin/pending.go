package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"lwbs/bootstrap/enrol"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/pending"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A PendingDevice is an unknown device that waits for approval, or was rejected.
type PendingDevice struct {
	// ID is what it is approved by; the same device keeps it.
	ID string `json:"id"`

	Endpoint  lwm2m.EndpointName `json:"endpoint,omitempty"` // that it gave, or the name in its certificate
	Transport string             `json:"transport"`
	Remote    string             `json:"remote"` // IP:port that it came from last

	// Kind and Identity are what it authenticated with, as the credential of a device; absent over
	// plain CoAP. Names are those in its certificate.
	Kind     store.CredentialKind `json:"kind,omitempty"`
	Identity string               `json:"identity,omitempty"`
	Names    []string             `json:"names,omitempty"`

	// NameUnproved is whether its certificate does not have the name that it gave. Then an approval
	// has to repeat that name.
	NameUnproved bool `json:"nameUnproved,omitempty"`

	Group   string `json:"group,omitempty"`   // that vouches for it
	Profile string `json:"profile,omitempty"` // that it gets unless the approval says otherwise

	First    time.Time `json:"first"` // when it came first
	Last     time.Time `json:"last"`  // when it came last
	Count    int       `json:"count"` // how often it came
	Rejected time.Time `json:"rejected,omitzero"`

	// Session is the ID of its session that waits, and Until when that ends; absent where none does.
	Session string    `json:"session,omitempty"`
	Until   time.Time `json:"until,omitzero"`
}

// An Approval says what an unknown device becomes.
type Approval struct {
	// Endpoint is the name of its record. It is needed for a device that gave no name, or one that its
	// certificate does not have; else it may be left out.
	Endpoint lwm2m.EndpointName `json:"endpoint,omitempty"`

	Profile string            `json:"profile,omitempty"` // needed unless the device has one
	Tags    []string          `json:"tags,omitempty"`
	Vars    map[string]string `json:"vars,omitempty"`
}

// PendingDevices implements [API].
func (l *Local) PendingDevices(ctx context.Context) ([]PendingDevice, error) {
	list, err := l.pendingList(ctx)
	if err != nil {
		return nil, err
	}
	out := []PendingDevice{}
	for _, d := range list.All() {
		known, err := l.recorded(ctx, d.PendingDevice)
		switch {
		case err != nil:
			return nil, err
		case known && d.Wait == nil: // a record was made by hand
			if err := list.Remove(ctx, d.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
		default:
			out = append(out, pendingView(d))
		}
	}
	return out, nil
}

// pendingList is the list of the server, or what it left behind.
func (l *Local) pendingList(ctx context.Context) (*pending.List, error) {
	if l.Pending != nil {
		return l.Pending, nil
	}
	return pending.Open(ctx, l.Store, slog.New(slog.DiscardHandler), pending.Limits{})
}

// recorded reports whether a device has a record by now.
func (l *Local) recorded(ctx context.Context, p store.PendingDevice) (bool, error) {
	var err error
	if p.Kind == "" {
		_, err = l.Store.Device(ctx, p.Endpoint)
	} else {
		_, err = l.Store.DeviceByIdentity(ctx, p.Kind, p.Identity)
	}
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func pendingView(d pending.Device) PendingDevice {
	out := PendingDevice{
		ID: d.ID, Endpoint: d.Endpoint, Transport: d.Transport, Remote: d.Remote, Kind: d.Kind, Identity: d.Identity, Names: d.Names,
		NameUnproved: d.NameUnproved(), Group: d.Group, Profile: d.Profile, First: d.First, Last: d.Last, Count: d.Count, Rejected: d.Rejected,
	}
	if d.Kind == store.CredentialPSK {
		out.Identity = store.IdentityText([]byte(d.Identity))
	}
	if d.Wait != nil {
		out.Session, out.Until = d.Wait.Session, d.Wait.Until
	}
	return out
}

// ApprovePending implements [API].
func (l *Local) ApprovePending(ctx context.Context, id string, a Approval) (Device, error) {
	list, err := l.pendingList(ctx)
	if err != nil {
		return Device{}, err
	}
	p, ok := list.Get(id)
	if !ok {
		return Device{}, unlisted(id)
	}
	ep, err := a.endpoint(p.PendingDevice)
	if err != nil {
		return Device{}, fmt.Errorf("approve %s: %w", id, err)
	}
	set, err := l.settingsOf(ctx, a, p.PendingDevice, ep)
	if err != nil {
		return Device{}, fmt.Errorf("approve %s: %w", id, err)
	}
	d, err := l.AddDevice(ctx, ep, set)
	if err != nil {
		return Device{}, fmt.Errorf("approve %s: %w", id, err)
	}
	if err := list.Remove(ctx, id); err != nil && !errors.Is(err, store.ErrNotFound) { // such as by its session
		d.Warnings = append(d.Warnings, fmt.Sprintf("it is approved, and still on the list of pending devices: %v", err))
	}
	return d, nil
}

// endpoint is the name of the record of p.
func (a Approval) endpoint(p store.PendingDevice) (lwm2m.EndpointName, error) {
	shown := outcome.Printable(string(p.Endpoint), outcome.MaxIdentity)
	switch {
	case p.Named && a.Endpoint != "" && a.Endpoint != p.Endpoint:
		return "", fmt.Errorf("%w: the device calls itself %q, and is served under that name only", store.ErrInvalid, shown)
	case a.Endpoint == "" && p.NameUnproved():
		return "", fmt.Errorf("%w: the device calls itself %q, and its certificate does not have this name: it may be another device; to approve it under this name say so with --endpoint", store.ErrInvalid, shown)
	case a.Endpoint != "":
		return a.Endpoint, nil
	case p.Endpoint == "":
		return "", fmt.Errorf("%w: the device gave no name: give it one with --endpoint", store.ErrInvalid)
	}
	return p.Endpoint, nil
}

// settingsOf are those of the record of p. A device of a group has what its group gives, now.
func (l *Local) settingsOf(ctx context.Context, a Approval, p store.PendingDevice, ep lwm2m.EndpointName) (DeviceSettings, error) {
	if p.Group == "" {
		return a.settings(p)
	}
	g, err := l.Store.Group(ctx, p.Group)
	if err != nil {
		return DeviceSettings{}, err
	}
	size, err := l.Store.GroupSize(ctx, p.Group)
	if err != nil {
		return DeviceSettings{}, err
	}
	if why, text := enrol.Refuses(g, ep, size, time.Now()); why != "" {
		return DeviceSettings{}, fmt.Errorf("%w: group %q %s", store.ErrInvalid, g.Name, text)
	}
	tags := append(slices.Clone(g.Tags), a.Tags...)
	profile := cmp.Or(a.Profile, g.Profile)
	return DeviceSettings{Group: &g.Name, Profile: &profile, Tags: &tags, Vars: a.Vars}, nil
}

// settings are those of the record of p, which is of no group.
func (a Approval) settings(p store.PendingDevice) (DeviceSettings, error) {
	set := DeviceSettings{Vars: a.Vars}
	if len(a.Tags) > 0 {
		set.Tags = &a.Tags
	}
	switch {
	case a.Profile != "":
		set.Profile = &a.Profile
	case p.Profile != "":
		set.Profile = &p.Profile
	default:
		return set, fmt.Errorf("%w: a profile is needed: --profile", store.ErrInvalid)
	}
	switch p.Kind {
	case store.CredentialCertificateName:
		set.CertificateNames = &[]string{p.Identity}
	case store.CredentialCertificate:
		set.Certificates = &[]string{p.Identity}
	case "":
		set.NoSec = new(true)
	default:
		return set, fmt.Errorf("%w: it came with a credential of the kind %q, for which no record can be made here", store.ErrInvalid, p.Kind)
	}
	return set, nil
}

// RejectPending implements [API].
func (l *Local) RejectPending(ctx context.Context, id string) (PendingDevice, error) {
	list, err := l.pendingList(ctx)
	if err != nil {
		return PendingDevice{}, err
	}
	d, _, err := list.Reject(ctx, id, time.Now())
	if errors.Is(err, store.ErrNotFound) {
		return PendingDevice{}, unlisted(id)
	}
	return pendingView(d), err
}

// unlisted is the error for an ID that no pending device has.
func unlisted(id string) error {
	return fmt.Errorf("pending device %q: %w: lwbs pending list shows those there are; one that was approved has a record", outcome.Printable(id, outcome.MaxIdentity), store.ErrNotFound)
}

// pendingNow is the pending device with an ID; nil where there is none.
func (l *Local) pendingNow(ctx context.Context, id string) (*store.PendingDevice, error) {
	if id == "" {
		return nil, nil
	}
	list, err := l.pendingList(ctx)
	if err != nil {
		return nil, err
	}
	d, ok := list.Get(id)
	if !ok {
		return nil, nil
	}
	return &d.PendingDevice, nil
}
