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

	"lwbs/bootstrap"
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

	// Session returns one session of the history, or one that is running, as it stands.
	Session(ctx context.Context, id string) (store.Session, error)

	// Explain puts a session into words, by the records as they are now.
	Explain(ctx context.Context, id string) (Reason, error)

	// Why tells what is known of a device, by its name, one of its identities or the beginning of
	// one that no other name has, and explains its last attempts, at most limit; zero means 3. That
	// there is no such device is no error.
	Why(ctx context.Context, name string, limit int) (Why, error)

	// Failures tells which devices are in trouble now, by cause, with at most so many examples
	// of each; zero means 3.
	Failures(ctx context.Context, examples int) (Failures, error)

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

	// Watch calls each with every event from now on until ctx ends, or the server stops;
	// both are no error. Without a server its error is ErrNoServer.
	Watch(ctx context.Context, each func(Event) error) error

	// Trace writes the CoAP messages of sessions to w while they pass, as a file of the form pcapng,
	// until those that o asks for are over, a limit is reached or ctx has ended. Without a server its
	// error is ErrNoServer; there is one trace at a time, another is refused with
	// [trace.ErrRunning].
	Trace(ctx context.Context, o TraceOptions, w io.Writer) error

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

// A Device is a record as an operator sees it. Keys are absent unless asked for.
type Device struct {
	Endpoint    lwm2m.EndpointName    `json:"endpoint"`
	Revision    store.Revision        `json:"revision"`
	Profile     string                `json:"profile"`
	Group       string                `json:"group,omitempty"` // that it is in
	Disabled    bool                  `json:"disabled"`
	NoSec       bool                  `json:"noSec"`
	Credentials []Credential          `json:"credentials"`
	Accounts    map[string]Account    `json:"accounts,omitempty"`
	Secrets     map[lwm2m.Path]Secret `json:"secrets,omitempty"`
	Vars        map[string]string     `json:"vars,omitempty"`
	Tags        []string              `json:"tags,omitempty"`
	Format      lwm2m.Format          `json:"format,omitzero"`
	Note        string                `json:"note,omitempty"`

	// Written are the Object Instances that the device was given in earlier sessions and
	// holds, as far as is known.
	Written []store.WrittenInstance `json:"written,omitempty"`

	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`

	// State is how far it has come, and Seen when it last came, zero for never; told where it is
	// read, not by edits.
	State DeviceState `json:"state,omitempty"`
	Seen  time.Time   `json:"seen,omitzero"`

	// Due is why it is to bootstrap again; told where it was bootstrapped.
	Due []profile.DueReason `json:"due,omitempty"`

	// Holds is which revision of which profile it was given in its last bootstrap that succeeded; nil
	// where the record does not say so.
	Holds *Holding `json:"holds,omitempty"`

	// Rotating is whether a new key was asked for or made for it that is not known to be in use yet;
	// Rotations are these keys.
	Rotating  bool       `json:"rotating,omitempty"`
	Rotations []Rotation `json:"rotations,omitempty"`

	// Expires is when the first of its certificates expires of which that is known; zero for none.
	Expires time.Time `json:"expires,omitzero"`

	// Last is the newest attempt of which it is known that it is the device's; nil where
	// there is none.
	Last *store.Session `json:"last,omitempty"`

	// Unproved is the newest attempt under its name or identity that nothing proves to be
	// the device's, or that another device made; nil where there is none after Last.
	Unproved *store.Session `json:"unproved,omitempty"`

	// Running is the session of it that is running, as it stands; nil for none.
	Running *store.Session `json:"running,omitempty"`

	// Warnings are what could be better about the record; told by edits only.
	Warnings []string `json:"warnings,omitempty"`
}

// A Credential is one way the device may authenticate to the Bootstrap-Server.
type Credential struct {
	Kind      store.CredentialKind `json:"kind"`
	Identity  string               `json:"identity"`
	KeyLength int                  `json:"keyLength"`     // bytes
	Key       string               `json:"key,omitempty"` // hexadecimal
	Created   time.Time            `json:"created"`

	// Group is set where the key is not stored, but derived from key GroupKey of this group, zero
	// for the current one; or where the certificate must be of a CA of this group.
	Group    string `json:"group,omitempty"`
	GroupKey int    `json:"groupKey,omitempty"`

	// Pending is set where the device is given it in place of another and has not come
	// with it yet; Replaces is the identity of that other one.
	Pending  bool   `json:"pending,omitempty"`
	Replaces string `json:"replaces,omitempty"`

	// Expires is when the certificate expires that the device came with last; zero where that is unknown.
	Expires time.Time `json:"expires,omitzero"`
}

// A Holding is which revision of a profile a device was given, and since when it holds that.
type Holding struct {
	Profile  string         `json:"profile"`
	Revision store.Revision `json:"revision"`
	Since    time.Time      `json:"since"`
}

// An Account is what is individual to the device in one account of its profile.
type Account struct {
	Identity  string    `json:"identity,omitempty"`
	KeyLength int       `json:"keyLength"`
	Key       string    `json:"key,omitempty"` // hexadecimal
	Delivered time.Time `json:"delivered,omitzero"`

	// OwnIdentity is whether the record has the identity, and not the profile.
	OwnIdentity bool `json:"ownIdentity,omitempty"`

	// Certificate is that of the device in the account, or its raw public key, DER. Expires is when the
	// certificate expires.
	Certificate []byte    `json:"certificate,omitempty"`
	Expires     time.Time `json:"expires,omitzero"`

	// MasterSecret is that of the account's OSCORE context, where it has one.
	MasterSecretLength int    `json:"masterSecretLength,omitempty"` // bytes
	MasterSecret       string `json:"masterSecret,omitempty"`       // hexadecimal
}

// A Secret is the value of a secret Resource, such as /11/0/6.
type Secret struct {
	Length int    `json:"length"`          // bytes
	Value  string `json:"value,omitempty"` // hexadecimal
}

// DeviceSettings are what an edit changes: whatever is not nil or empty.
type DeviceSettings struct {
	// Reset begins with an empty record: what is not named here is gone. The history of
	// the device stays.
	Reset bool `json:"reset,omitempty"`

	Profile *string `json:"profile,omitempty"`

	// Group puts the device into this group: it may come with a key that is derived from one of the
	// group and its endpoint name, or with a certificate of a CA of the group for this name. A new
	// record without a Profile has that of the group, and its tags. Empty takes the device out of
	// its group, and these credentials with it.
	Group *string `json:"group,omitempty"`

	Disabled *bool         `json:"disabled,omitempty"`
	NoSec    *bool         `json:"noSec,omitempty"`
	Format   *lwm2m.Format `json:"format,omitempty"`
	Note     *string       `json:"note,omitempty"`
	Tags     *[]string     `json:"tags,omitempty"`

	// AddTags and RemoveTags change the tags one by one, behind Tags.
	AddTags    []string `json:"addTags,omitempty"`
	RemoveTags []string `json:"removeTags,omitempty"`

	// PSK replaces the pre-shared keys to bootstrap with by this one; NoPSK removes them.
	PSK   *PSK `json:"psk,omitempty"`
	NoPSK bool `json:"noPSK,omitempty"`

	// PSKIdentity gives the pre-shared key that the device has another identity, written as
	// in PSK. It is for a device that has one, and none is pending.
	PSKIdentity *string `json:"pskIdentity,omitempty"`

	// Certificates replace those that the device may come with, by their SHA-256
	// fingerprints; CertificateNames replace the names for which it may come with any
	// certificate of a CA that the server trusts.
	Certificates     *[]string `json:"certificates,omitempty"`
	CertificateNames *[]string `json:"certificateNames,omitempty"`

	// CertificateExpiries are when certificates expire, by their fingerprints; of one that is not named
	// it becomes known when the device comes with it.
	CertificateExpiries map[string]time.Time `json:"certificateExpiries,omitempty"`

	// AccountKeys, AccountIdentities and AccountMasterSecrets (of OSCORE) are by the
	// account's name in the profile.
	AccountKeys          map[string][]byte `json:"accountKeys,omitempty"`
	AccountIdentities    map[string]string `json:"accountIdentities,omitempty"`
	AccountMasterSecrets map[string][]byte `json:"accountMasterSecrets,omitempty"`

	// AccountCertificates are Resources 0/x/3 of accounts with certificates or raw public
	// keys. They, and the private keys among AccountKeys, may be PEM or DER, the keys in
	// PKCS#8, SEC1 or PKCS#1.
	AccountCertificates map[string][]byte `json:"accountCertificates,omitempty"`

	// Rotate are the keys in whose place the device is to be given others at its next bootstrap, by the
	// name of their account; "bootstrapServer" is the one that it bootstraps with, and [RotateAll] stands
	// for all that lwbs can make. Those of which that is under way already stay as they are.
	Rotate []string `json:"rotate,omitempty"`

	// CancelRotation withdraws what was asked for by Rotate, where no other key was made yet.
	CancelRotation bool `json:"cancelRotation,omitempty"`

	// ForgetAccounts are accounts of which the record forgets everything: those that the
	// profile does not have any more.
	ForgetAccounts []string `json:"forgetAccounts,omitempty"`

	// Secrets are values of secret Resources, by path, such as /11/0/6; set one by one, an
	// empty value removes one.
	Secrets map[lwm2m.Path][]byte `json:"secrets,omitempty"`

	// Vars are set one by one; an empty value removes one.
	Vars map[string]string `json:"vars,omitempty"`
}

// A PSK is a pre-shared key to be set.
type PSK struct {
	Identity string `json:"identity,omitempty"` // text, hex:… or base64:…; empty: the endpoint name
	Key      []byte `json:"key,omitempty"`      // empty: one of 16 bytes is generated
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

	Store store.Stats `json:"store"`
}

// ExpiresSoon is how long before its expiry a certificate is warned of.
const ExpiresSoon = 30 * 24 * time.Hour

// A CertificateStatus tells when a certificate expires.
type CertificateStatus struct {
	Subject string    `json:"subject"`
	Expires time.Time `json:"expires"`
}

// An Event is something that happened to a session; Missed, where not zero, is how
// many events before it the reader was too slow for.
type Event struct {
	Kind    bootstrap.EventKind `json:"kind"`
	Session store.Session       `json:"session"`
	Missed  int                 `json:"missed,omitempty"`
}
