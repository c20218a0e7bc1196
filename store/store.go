package store

import (
	"context"
	"time"

	"lwbs/lwm2m"
)

// A Store stores devices, profiles and sessions. All methods may be called concurrently. An edit that
// returned without error survives a crash of the process or the machine. An edit that returned an
// error changed nothing, except that one whose context ended meanwhile may have been stored.
//
// Every method may return an error that wraps ErrClosed or the error of its context, or is
// an [*UnreadableError]. Lists leave out records that cannot be read.
//
// An edit that makes an event, or by which LwM2M Servers are to forget a device, appends the messages for
// their receivers to the outbox in its own transaction: see [Forgotten], [EventOf], [PendingEvent] and
// [DeviceEvent].
type Store interface {
	// PutDevice creates d when d.Revision is zero, else replaces the record that has that revision,
	// and returns the record as stored. Errors: ErrExists, ErrNotFound (also when d.Profile or
	// d.Group does not exist), ErrConflict, ErrIdentityTaken, ErrFull, ErrOutboxFull.
	PutDevice(ctx context.Context, d Device) (Device, error)

	// PutDevices is PutDevice for several devices, as one edit. It stores those that can be, one after
	// the other, so that one may have the identity that another before it gives up, and returns what
	// became of each, in their order. Where it returns an error of its own it has stored none; then
	// the fault may be that of a single device, such as of a damaged record, and PutDevice tells.
	PutDevices(ctx context.Context, ds []Device) ([]PutResult, error)

	// EnrolDevice creates the record of a device that its group d.Group enrols, if the group still
	// has revision rev, and room for one more. Errors: ErrExists, ErrIdentityTaken, ErrNotFound
	// where the group or the profile does not exist, ErrConflict where the group has another
	// revision, ErrGroupFull, ErrFull.
	EnrolDevice(ctx context.Context, d Device, rev Revision) (Device, error)

	// Device returns one record. Error: ErrNotFound.
	Device(ctx context.Context, ep lwm2m.EndpointName) (Device, error)

	// DeviceByIdentity returns the device that has a credential of this kind and
	// identity. Error: ErrNotFound.
	DeviceByIdentity(ctx context.Context, kind CredentialKind, identity string) (Device, error)

	// Revisions tells whether a device, its profile or its group was edited since another call. It is
	// cheaper than reading them. Error: ErrNotFound where there is no such device.
	Revisions(ctx context.Context, ep lwm2m.EndpointName) (Revisions, error)

	// Devices returns one page. A page shorter than the limit is the last.
	Devices(ctx context.Context, q DeviceQuery) ([]Device, error)

	// DeviceOutlines is Devices for those that look at many. A device whose record can be read in part is
	// in it.
	DeviceOutlines(ctx context.Context, q DeviceQuery) ([]DeviceOutline, error)

	// DeviceSample returns how many devices have a profile, and the names of at most n of them,
	// spread evenly over all in their order, with the first and the last where n is 2 or more.
	DeviceSample(ctx context.Context, profile string, n int) (total int, names []lwm2m.EndpointName, err error)

	// DeleteDevice removes the record with this revision; zero stands for any, also for
	// a damaged one. Its sessions stay. Errors: ErrNotFound, ErrConflict, ErrOutboxFull.
	DeleteDevice(ctx context.Context, ep lwm2m.EndpointName, rev Revision) error

	// RenameDevice gives the record with this revision, zero for any, another name, and moves its
	// history there. Everything else stays, also its identities. A session that is appended under
	// the old name afterwards, with the ID of a stored one, goes to the new name. Errors:
	// ErrNotFound, ErrConflict, ErrExists where another device has the name, ErrInvalid, ErrNewer
	// where the record has secrets that only a newer lwbs can seal again.
	RenameDevice(ctx context.Context, ep, to lwm2m.EndpointName, rev Revision) (Device, error)

	// NearDevices returns at most limit devices whose endpoint name, PSK identity or certificate
	// name is similar to name, the nearest first. It may compare only the first millions. See
	// [NameMatcher].
	NearDevices(ctx context.Context, name string, limit int) ([]NearDevice, error)

	// NamesBeginning returns at most limit devices whose endpoint name, or one of whose identities,
	// begins with prefix, each once. Where there is none, it returns identities of the history that
	// begin so, with no Endpoint. An identity that is not text is matched where prefix is that of
	// its "hex:…" form, whole bytes only.
	NamesBeginning(ctx context.Context, prefix string, limit int) ([]NearDevice, error)

	// PutProfile is PutDevice for profiles, ErrNotFound also where an LwM2M Server that an account
	// names does not exist. With revision zero it also replaces a damaged record.
	PutProfile(ctx context.Context, p Profile) (Profile, error)

	// PutProfiles is PutProfile for several profiles with different names: it stores all of them or
	// none, and returns them in their order. Its error is about the first that cannot be stored.
	PutProfiles(ctx context.Context, ps []Profile) ([]Profile, error)

	// Profile returns one record. Error: ErrNotFound.
	Profile(ctx context.Context, name string) (Profile, error)

	// ProfileRevisions returns the profile as it is, and at most [MaxFormerProfiles] of its former
	// revisions behind it, the newest first. They go with the profile. Error: ErrNotFound.
	ProfileRevisions(ctx context.Context, name string) ([]Profile, error)

	// Profiles returns one page.
	Profiles(ctx context.Context, q ProfileQuery) ([]Profile, error)

	// DeleteProfile removes the record with this revision; zero stands for any.
	// Errors: ErrNotFound, ErrConflict, ErrInUse while a device or a group names it.
	DeleteProfile(ctx context.Context, name string, rev Revision) error

	// PutGroup is PutDevice for groups. Errors: ErrExists, ErrNotFound (also when g.Profile does not
	// exist), ErrConflict, ErrInvalid where there are MaxGroups already, ErrFull.
	PutGroup(ctx context.Context, g Group) (Group, error)

	// Group returns one record. Error: ErrNotFound.
	Group(ctx context.Context, name string) (Group, error)

	// Groups returns all groups. It is cheap where none has changed since it was asked last.
	Groups(ctx context.Context) (Groups, error)

	// GroupSize returns how many devices are in a group.
	GroupSize(ctx context.Context, name string) (int, error)

	// DeleteGroup removes the record with this revision; zero stands for any. Errors: ErrNotFound,
	// ErrConflict, ErrInUse while a device is in it.
	DeleteGroup(ctx context.Context, name string, rev Revision) error

	// PutPendingDevice stores p, and replaces the pending device with its ID. There is no limit on
	// their number here: who calls it has one.
	PutPendingDevice(ctx context.Context, p PendingDevice) error

	// PendingDevices returns all pending devices, by ID.
	PendingDevices(ctx context.Context) ([]PendingDevice, error)

	// DeletePendingDevice removes the pending device with this ID; that there is none is no error.
	DeletePendingDevice(ctx context.Context, id string) error

	// PutLwM2MServer is PutProfile for LwM2M Servers.
	PutLwM2MServer(ctx context.Context, s LwM2MServer) (LwM2MServer, error)

	// LwM2MServer returns one record. Error: ErrNotFound.
	LwM2MServer(ctx context.Context, name string) (LwM2MServer, error)

	// LwM2MServers returns all records, in the order of their names.
	LwM2MServers(ctx context.Context) ([]LwM2MServer, error)

	// DeleteLwM2MServer removes the record with this revision; zero stands for any. Errors:
	// ErrNotFound, ErrConflict, ErrInUse while a profile names it or messages wait for it. Its dead
	// letters go with it.
	DeleteLwM2MServer(ctx context.Context, name string, rev Revision) error

	// PutCampaign is PutDevice for campaigns. Where there are MaxCampaigns, the oldest that has ended makes
	// room. Errors: ErrExists, ErrNotFound, ErrConflict, ErrInvalid, also where all of them go on, ErrFull.
	PutCampaign(ctx context.Context, c Campaign) (Campaign, error)

	// Campaign returns one campaign and how far it has come. Error: ErrNotFound.
	Campaign(ctx context.Context, id string) (CampaignRecord, error)

	// Campaigns returns all campaigns, in the order in which they were made.
	Campaigns(ctx context.Context) ([]CampaignRecord, error)

	// DeleteCampaign removes a campaign and its devices. Error: ErrNotFound.
	DeleteCampaign(ctx context.Context, id string) error

	// AdvanceCampaign stores how far a campaign has come, and devices of it, as one edit. One that is done is
	// not kept by its name. Error: ErrNotFound.
	AdvanceCampaign(ctx context.Context, id string, p CampaignProgress, devices ...CampaignDevice) error

	// CampaignDevice returns a device of a campaign. Error: ErrNotFound.
	CampaignDevice(ctx context.Context, id string, ep lwm2m.EndpointName) (CampaignDevice, error)

	// CampaignDevices returns one page.
	CampaignDevices(ctx context.Context, q CampaignDeviceQuery) ([]CampaignDevice, error)

	// DevicesHandedOver returns at most limit devices that a server may know by this identity, or by any
	// where identity is empty.
	DevicesHandedOver(ctx context.Context, server, identity string, limit int) ([]lwm2m.EndpointName, error)

	// AppendEvent appends a message for each LwM2M Server that wants the event, and returns how many
	// there are. Those that there is no room for are counted as lost.
	AppendEvent(ctx context.Context, e Event) (int, error)

	// Messages returns one page of the outbox.
	Messages(ctx context.Context, q MessageQuery) ([]Message, error)

	// Message returns one message. Error: ErrNotFound.
	Message(ctx context.Context, id MessageID) (Message, error)

	// PutMessage replaces a message, which becomes a dead letter where its Dead is set. Error:
	// ErrNotFound where it is none of those to be delivered.
	PutMessage(ctx context.Context, m Message) error

	// RequeueMessage makes a dead letter, or a message that waits, one that was appended just now. Errors:
	// ErrNotFound, ErrOutboxFull.
	RequeueMessage(ctx context.Context, id MessageID) (Message, error)

	// DeleteMessage removes a message. Error: ErrNotFound.
	DeleteMessage(ctx context.Context, id MessageID) error

	// OutboxCounts counts the messages, for each receiver that has or had any, in the order of their names.
	OutboxCounts(ctx context.Context) ([]OutboxCount, error)

	// MessagesAppended receives when messages were appended since it was received from last. There is one
	// such channel.
	MessagesAppended() <-chan struct{}

	// AppendSession stores a session that has ended, and removes those with the lowest IDs above the
	// limits. It replaces a session with the same ID. The limits of all devices may be exceeded for a few
	// minutes.
	AppendSession(ctx context.Context, s Session) error

	// EndSession is AppendSession, and PutDevice of what the session leaves on the record of its device, as one
	// edit: it stores both or none. Errors are those of PutDevice.
	EndSession(ctx context.Context, s Session, d Device) (Device, error)

	// Session returns one session. Error: ErrNotFound.
	Session(ctx context.Context, id string) (Session, error)

	// Sessions returns one page.
	Sessions(ctx context.Context, q SessionQuery) ([]Session, error)

	// LastSession returns the highest ID of the stored sessions; empty where there are none.
	LastSession(ctx context.Context) (string, error)

	// Stats counts what is stored.
	Stats(ctx context.Context) (Stats, error)

	// Close waits for running edits. Later calls return ErrClosed.
	Close() error
}

// A PutResult is what became of one of several devices.
type PutResult struct {
	Device Device // as it is stored
	Err    error  // why it is not; as of PutDevice
}

// Stats counts the records of a store.
type Stats struct {
	Backend  string `json:"backend"`
	Schema   int    `json:"schema"`
	Devices  int    `json:"devices"`
	Profiles int    `json:"profiles"`
	Groups   int    `json:"groups"`
	Sessions int    `json:"sessions"`
	Bytes    int64  `json:"bytes"`     // on disk
	Free     int64  `json:"freeBytes"` // of those, reusable

	LwM2MServers int `json:"lwm2mServers"`
}

// Revisions tell whether the records that configure a device or admit it were edited, or deleted and made
// anew: then they differ from those of before.
type Revisions struct {
	Device        Revision
	DeviceCreated time.Time

	Profile         string   // its name, by the device's record
	ProfileRevision Revision // zero where that profile does not exist
	ProfileCreated  time.Time

	GroupRevision Revision // zero where the device is in no group, or that does not exist
	GroupCreated  time.Time
}

// RevisionsOf returns those of a device, its profile and its group, which is zero for none.
func RevisionsOf(d Device, p Profile, g Group) Revisions {
	return Revisions{d.Revision, d.Created, d.Profile, p.Revision, p.Created, g.Revision, g.Created}
}
