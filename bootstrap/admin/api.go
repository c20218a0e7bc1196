// Package admin is the way in for operators: one interface, [API], with two implementations.
// [Local] works on a store in this process; package admin/client asks a running server over its Unix
// socket, where package admin/server answers from a Local of its own. So every command works the same
// with a server and without.
//
// Local edits records and reads them. Before an edit it asks package bootstrap/profile what is wrong
// with the result, and what becomes of the devices that have a profile. What lwbs why answers is
// gathered here from the records and put into words by package bootstrap/explain.
//
// Keys are in an answer only where they were made for it, or asked for by name.
package admin

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/why"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// An API administers one Bootstrap-Server. Its methods may be called concurrently.
// Their errors wrap those of package store, or are an [*InvalidError].
type API interface {
	// AddDevice creates a record. The keys that were generated for it are in the
	// answer, for the one time that they are shown without being asked for.
	AddDevice(ctx context.Context, ep lwm2m.EndpointName, set DeviceSettings) (Device, error)

	// SetDevice changes what set names and keeps the rest. Rev is the revision that
	// the change is based on; zero takes the newest.
	SetDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision, set DeviceSettings) (Device, error)

	// PutDevices adds or changes the devices of rows, which may be millions, and calls each
	// with what became of each, in their order. Rows are put several at a time, so that of two
	// for one device or identity either may be the first. A row that is refused changes nothing
	// and ends nothing. The rows are read as they are needed, in another goroutine; each is called in
	// this one. It ends with ctx, or with the first error of each; rows that were put by then
	// stay, and putting them once more changes nothing.
	PutDevices(ctx context.Context, o BatchOptions, rows iter.Seq[BatchRow], each func(BatchResult) error) error

	// Device returns one record, its keys included if reveal is set.
	Device(ctx context.Context, ep lwm2m.EndpointName, reveal bool) (Device, error)

	// Devices returns one page, never with keys; a page shorter than the limit is the last.
	Devices(ctx context.Context, q DeviceQuery) ([]Device, error)

	// BeginBulk notes that an edit of many devices begins, of which each is edited by SetDevice or DeleteDevice under
	// [WithBulk]: it is one entry of the audit then, with how many were edited once EndBulk was called, or 10 minutes
	// after the last of them. The number is zero where there is no audit. [RunBulk] calls both.
	BeginBulk(ctx context.Context, b Bulk) (store.AuditID, error)

	// EndBulk ends what BeginBulk has begun. Error: store.ErrNotFound.
	EndBulk(ctx context.Context, id store.AuditID) error

	// CountDevices counts the devices that f selects, by their state. It reads an outline of each of
	// them, which takes about 20 s for a million.
	CountDevices(ctx context.Context, f DeviceFilter) (DeviceCount, error)

	// Preview tells what a device would be sent if it came now, by its record and what is known
	// of its client. It changes nothing. Where the device would be given nothing, the error wraps
	// store.ErrInvalid and says why.
	Preview(ctx context.Context, ep lwm2m.EndpointName, o PreviewOptions) (Preview, error)

	// RenameDevice gives a record another name; rev zero takes any revision. Its keys,
	// identities and history stay. The answer warns of identities towards LwM2M Servers that
	// have changed with the name. It is refused while a session of the device is running.
	RenameDevice(ctx context.Context, ep, to lwm2m.EndpointName, rev store.Revision) (Device, error)

	// DeleteDevice removes a record; rev zero takes any revision.
	DeleteDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision) error

	// ApplyProfile creates or replaces the profile with p's name, and returns what
	// could be better about it. P.Revision zero replaces any revision.
	//
	// Where devices have the profile, the answer tells what it means for them; what harms
	// them beyond what o permits is refused with a [*HarmError].
	ApplyProfile(ctx context.Context, p store.Profile, o ApplyOptions) (Applied, error)

	// ApplyProfiles is ApplyProfile for 1 to [MaxApplied] profiles with different names:
	// it keeps all of them or none. In an [*InvalidError] the places begin with the one
	// that they are in, such as "profiles[1].accounts[0].uri".
	ApplyProfiles(ctx context.Context, ps []store.Profile, o ApplyOptions) ([]Applied, error)

	Profile(ctx context.Context, name string) (store.Profile, error)
	Profiles(ctx context.Context, q store.ProfileQuery) ([]store.Profile, error)

	// ProfileRevisions returns a profile and the former revisions of it that are kept, the newest first.
	ProfileRevisions(ctx context.Context, name string) ([]store.Profile, error)
	DeleteProfile(ctx context.Context, name string, rev store.Revision) error

	// AddGroup creates an enrolment group. Without a key and CAs in set it is given a new key. A key
	// that was made is in the answer, for the one time that it is shown without being asked for.
	AddGroup(ctx context.Context, name string, set GroupSettings) (Group, error)

	// SetGroup changes what set names and keeps the rest. Rev is as for SetDevice.
	SetGroup(ctx context.Context, name string, rev store.Revision, set GroupSettings) (Group, error)

	// Group returns one group, its keys included if reveal is set.
	Group(ctx context.Context, name string, reveal bool) (Group, error)

	// Groups returns all groups, in the order of their names, never with keys.
	Groups(ctx context.Context) ([]Group, error)

	// DeleteGroup removes a group that has no devices; rev zero takes any revision.
	DeleteGroup(ctx context.Context, name string, rev store.Revision) error

	// AddLwM2MServer makes an LwM2M Server that is told of accounts. A secret that was generated is in
	// the answer, for the one time that it is shown without being asked for.
	AddLwM2MServer(ctx context.Context, name string, set LwM2MServerSettings) (LwM2MServer, error)

	// SetLwM2MServer changes what set names and keeps the rest; rev as in SetDevice.
	SetLwM2MServer(ctx context.Context, name string, rev store.Revision, set LwM2MServerSettings) (LwM2MServer, error)

	// LwM2MServer returns one, its secrets included if reveal is set; LwM2MServers all, in the order of
	// their names, never with secrets.
	LwM2MServer(ctx context.Context, name string, reveal bool) (LwM2MServer, error)
	LwM2MServers(ctx context.Context) ([]LwM2MServer, error)

	// DeleteLwM2MServer removes one that no profile names; rev zero takes any revision.
	DeleteLwM2MServer(ctx context.Context, name string, rev store.Revision) error

	// TestLwM2MServer tells one of a device that does not exist, and lets it forget that device. It
	// takes up to twice the time-out of its record.
	TestLwM2MServer(ctx context.Context, name string) (LwM2MServerTest, error)

	// Rebootstrap tells what happens with devices that are to bootstrap again, and has their LwM2M Servers ask
	// those that can be asked: a campaign, which the server carries out while it runs.
	Rebootstrap(ctx context.Context, r RebootstrapRequest) (Rebootstrap, error)

	// Campaigns returns all campaigns, the newest first; Campaign one. Error: store.ErrNotFound.
	Campaigns(ctx context.Context) ([]Campaign, error)
	Campaign(ctx context.Context, id string) (Campaign, error)

	// CampaignDevices returns one page of the devices of a campaign: those of which it is not known yet what
	// becomes of them, or those that failed, are silent or could not be asked.
	CampaignDevices(ctx context.Context, q store.CampaignDeviceQuery) ([]store.CampaignDevice, error)

	// SetCampaign pauses, resumes or cancels a campaign. To repeat it changes nothing. One that has ended
	// stays so: store.ErrInvalid.
	SetCampaign(ctx context.Context, id string, do CampaignAction) (Campaign, error)

	// OutboxReceivers tells what is to be delivered to each LwM2M Server that was ever told something.
	OutboxReceivers(ctx context.Context) ([]OutboxReceiver, error)

	// Messages returns one page of the outbox, without what the messages say.
	Messages(ctx context.Context, q store.MessageQuery) ([]Message, error)

	// Message returns one message, with what it says.
	Message(ctx context.Context, id store.MessageID) (Message, error)

	// RetryMessages has dead letters, or messages that wait, delivered as soon as possible, behind the
	// others, and returns how many. Without a server that is when one is started. Errors:
	// store.ErrNotFound, store.ErrOutboxFull, store.ErrInvalid.
	RetryMessages(ctx context.Context, f MessageFilter) (int, error)

	// DropMessages removes messages, which are not delivered then, and returns how many.
	DropMessages(ctx context.Context, f MessageFilter) (int, error)

	// Session returns one session of the history, or one that is running, as it stands.
	Session(ctx context.Context, id string) (store.Session, error)

	// Explain puts a session into words, by the records as they are now.
	Explain(ctx context.Context, id string) (why.Reason, error)

	// Why tells what is known of a device, by its name, one of its identities or the beginning of
	// one that no other name has, and explains its last attempts, at most limit; zero means 3. That
	// there is no such device is no error.
	Why(ctx context.Context, name string, limit int) (why.Answer, error)

	// Failures tells which devices are in trouble now, by cause, with at most so many examples
	// of each; zero means 3.
	Failures(ctx context.Context, examples int) (why.Failures, error)

	// RunningSessions returns the sessions that are running, as they stand, oldest first; none
	// without a server.
	RunningSessions(ctx context.Context) ([]store.Session, error)

	// PendingDevices returns the unknown devices that wait for approval: those that are waiting now,
	// then those that are away, then those that were rejected. Without a server none is waiting.
	PendingDevices(ctx context.Context) ([]PendingDevice, error)

	// ApprovePending makes the record of a pending device, with what it authenticated with, and takes
	// it off the list. Its session goes on, where one waits; else it is served when it comes again.
	// That is also for one that was rejected. Where the error wraps store.ErrNotFound there is no
	// such pending device or profile, where it wraps store.ErrExists another record has the name.
	ApprovePending(ctx context.Context, id string, a Approval) (Device, error)

	// RejectPending ends the session of a pending device, where one waits, and has the device
	// refused when it comes again, until it is approved or has a record. To repeat it changes
	// nothing. Error: store.ErrNotFound.
	RejectPending(ctx context.Context, id string) (PendingDevice, error)

	// Sessions returns one page of history; running sessions are not in it.
	Sessions(ctx context.Context, q store.SessionQuery) ([]store.Session, error)

	// Watch calls each with every event from now on, or behind the one that o names, until ctx
	// ends or the server stops; both are no error. Events that are gone are told of as EventMissed.
	// Without a server its error is ErrNoServer.
	Watch(ctx context.Context, o WatchOptions, each func(Event) error) error

	// Trace writes the CoAP messages of sessions to w while they pass, as a file of the form pcapng,
	// until those that o asks for are over, a limit is reached or ctx has ended. Without a server its
	// error is ErrNoServer; there is one trace at a time, another is refused with
	// [trace.ErrRunning].
	Trace(ctx context.Context, o TraceOptions, w io.Writer) error

	// AddUser adds a user of the pages and of the API from elsewhere. A password that was generated is in the answer,
	// for the one time that it is shown.
	AddUser(ctx context.Context, name string, set UserSettings) (User, error)

	// SetUser changes what set names and keeps the rest; rev as in SetDevice. Another password, and to disable the
	// user, end the web sessions of the user.
	SetUser(ctx context.Context, name string, rev store.Revision, set UserSettings) (User, error)

	// ChangePassword gives a user another password, for the old one: who asks, or whom c names where that is over
	// the socket. It ends the web sessions of the user. Errors: access.ErrWrong, access.ErrTries, access.ErrForbidden.
	ChangePassword(ctx context.Context, c PasswordChange) (User, error)

	// User returns one user, Users all, in the order of their names.
	User(ctx context.Context, name string) (User, error)
	Users(ctx context.Context) ([]User, error)

	// DeleteUser removes a user, with tokens and web sessions; rev zero takes any revision.
	DeleteUser(ctx context.Context, name string, rev store.Revision) error

	// CreateToken makes a token. Its text is in the answer, for the one time that it is shown.
	CreateToken(ctx context.Context, name string, set TokenSettings) (Token, error)

	// Tokens returns all tokens, in the order of their names, never with their texts.
	Tokens(ctx context.Context) ([]Token, error)

	// RevokeToken removes a token; rev zero takes any revision.
	RevokeToken(ctx context.Context, name string, rev store.Revision) error

	// Audit returns one page of what was changed and revealed, the newest first.
	Audit(ctx context.Context, q store.AuditQuery) ([]store.AuditEntry, error)

	// Whoami tells whose request this is.
	Whoami(ctx context.Context) (access.Principal, error)

	// Status tells of the server and the database.
	Status(ctx context.Context) (Status, error)

	// Unreadable tells what of the database could not be read so far, at most 1,000 parts:
	// lists leave it out.
	Unreadable(ctx context.Context) ([]Unreadable, error)

	// Check reads the whole database and returns everything that is wrong with it.
	Check(ctx context.Context) error

	// Backup writes a compacted copy of the database to file, which must not exist;
	// an absolute path on the server's machine.
	Backup(ctx context.Context, file string) error

	// WriteBackup writes such a copy to w. What was written before an error is no copy.
	WriteBackup(ctx context.Context, w io.Writer) error

	Close() error
}

// ErrNoServer is returned for what only a running server can do.
var ErrNoServer = errors.New("no server is running")

// ErrStarting is what a server answers before it has opened its database.
var ErrStarting = errors.New("the server is starting")

// ErrSessionRunning is returned for what cannot be done while a session of the device is
// running.
var ErrSessionRunning = errors.New("a session of the device is running")

// ErrDelivering is returned for what cannot be done with a message while it is being delivered.
var ErrDelivering = errors.New("the message is being delivered at this moment")

// An InvalidError says why a profile or a device makes no sense.
type InvalidError struct {
	What     string // "profile meter", "device dev-1"; empty where the places say it
	Findings []profile.Finding
}

// Error has a line for each finding.
func (e *InvalidError) Error() string {
	text := ""
	for i, f := range e.Findings {
		if i > 0 {
			text += "\n"
		}
		if e.What != "" {
			text += e.What + ": "
		}
		text += f.String()
	}
	return text
}

// MaxApplied is how many profiles are applied at once at most.
const MaxApplied = 1000

// Applied is the answer to an applied profile.
type Applied struct {
	Profile  store.Profile     `json:"profile"`
	Warnings []profile.Finding `json:"warnings,omitempty"`
	Created  bool              `json:"created"`

	// Unchanged is whether the profile was the same before, so that its revision stays.
	Unchanged bool `json:"unchanged,omitempty"`

	// Impact is what the profile means for the devices that have it; nil where none does.
	Impact *profile.Impact `json:"impact,omitempty"`
}

// An Unreadable is a part of the database that cannot be read.
type Unreadable struct {
	What  string `json:"what"`  // such as: device "dev-1"
	Error string `json:"error"` // one line
}

// Status tells of the server and the database.
type Status struct {
	Version string    `json:"version"`
	Server  bool      `json:"server"` // whether one is running
	Started time.Time `json:"started,omitzero"`
	Listens []string  `json:"listens,omitempty"` // such as coaps://0.0.0.0:5684
	Active  int       `json:"active"`            // sessions, without those that are parked

	// Parked is how many sessions wait for the approval of their device, and Pending how many unknown
	// devices are on the list, those included, and not rejected.
	Parked  int `json:"parked,omitempty"`
	Pending int `json:"pending,omitempty"`

	// Held is how many sessions wait for their turn, and Queues are those that they wait in.
	Held   int     `json:"held,omitempty"`
	Queues []Queue `json:"queues,omitempty"`

	// Database is the file that the records are in.
	Database string `json:"database,omitempty"`

	// Unrecorded is how many attempts have no record of their own since the server was
	// started, as unauthenticated peers made too many.
	Unrecorded uint64 `json:"unrecorded,omitempty"`

	// Draining is whether the server is about to stop, and refuses new sessions.
	Draining bool `json:"draining,omitempty"`

	// LogDropped is how many records of the log were dropped since the server was started;
	// LogBlocked is whether that goes on, as standard error takes none.
	LogDropped uint64 `json:"logDropped,omitempty"`
	LogBlocked bool   `json:"logBlocked,omitempty"`

	// WriteWait is for how many seconds the database has waited for the disk to take a write;
	// zero where that takes no longer than a slow disk may.
	WriteWait int `json:"writeWait,omitempty"`

	// Certificates are those of the server and of the CAs that it trusts.
	Certificates []CertificateStatus `json:"certificates,omitempty"`

	// Outbox is what is to be delivered to LwM2M Servers, those for which there is something.
	Outbox []OutboxReceiver `json:"outbox,omitempty"`

	Store store.Stats `json:"store"`
}

// ExpiresSoon is how long before its expiry a certificate is warned of.
const ExpiresSoon = 30 * 24 * time.Hour

// A CertificateStatus tells when a certificate expires.
type CertificateStatus struct {
	Subject string    `json:"subject"`
	Expires time.Time `json:"expires"`
}
