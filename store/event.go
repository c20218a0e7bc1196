package store

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// An EventType is what a message tells.
type EventType string

// The types. All but EventRemoved go to the LwM2MServers that ask for them.
const (
	// EventRemoved tells an LwM2MServer that knows a device to forget it.
	EventRemoved EventType = "device.removed"

	EventBootstrapped EventType = "device.bootstrapped"  // a session succeeded
	EventFailed       EventType = "device.failed"        // sessions of a device fail: see FailedAgain
	EventPending      EventType = "device.pending"       // an unknown device waits for approval, for the first time
	EventDisabled     EventType = "device.disabled"      // its record was disabled
	EventDeleted      EventType = "device.deleted"       // its record was deleted
	EventExpiring     EventType = "certificate.expiring" // once for each certificate and threshold
)

// EventTypes are those that an LwM2MServer may ask for.
var EventTypes = []EventType{EventBootstrapped, EventFailed, EventPending, EventDisabled, EventDeleted, EventExpiring}

// FailedAgain is for how long failures of one device with the same cause are one event: the first of them
// is told at once, and those that follow are counted in the next event.
const FailedAgain = time.Hour

// An Event is something that receivers are told.
type Event struct {
	Type     EventType
	Endpoint lwm2m.EndpointName // the device that it is about; empty for none
	At       time.Time
	Data     any // what json.Marshal makes an object of, without secrets

	// Receiver, where not empty, is the only one that is told, whether it asks for events of this type or
	// not.
	Receiver string

	// Once, where not empty, is told once only: an event with the same text that was told before is
	// dropped, until Until has passed.
	Once  string
	Until time.Time
}

// body is what a receiver gets, as Standard Webhooks 1.0 recommends.
func (e Event) body() ([]byte, error) {
	b, err := json.Marshal(struct {
		Type      EventType `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      any       `json:"data"`
	}{e.Type, e.At.UTC(), e.Data})
	if err != nil {
		return nil, fmt.Errorf("%w: event %s: %w", ErrInvalid, e.Type, err)
	}
	return b, nil
}

// MessageTo returns the message that tells a receiver of e. The store numbers it.
func (e Event) MessageTo(receiver string) (Message, error) {
	body, err := e.body()
	return Message{Receiver: receiver, Endpoint: e.Endpoint, Type: e.Type, Body: lwm2m.NewSecret(body), Queued: e.At.UTC()}, err
}

// WantedBy reports whether a server is told of e.
func (e Event) WantedBy(s LwM2MServer) bool {
	if e.Receiver != "" {
		return e.Receiver == s.Name
	}
	return slices.Contains(s.Events, e.Type)
}

// A SessionData is the data of EventBootstrapped and EventFailed.
type SessionData struct {
	Endpoint        lwm2m.EndpointName `json:"endpoint"`
	Session         string             `json:"session"` // its ID
	Profile         string             `json:"profile,omitempty"`
	ProfileRevision Revision           `json:"profileRevision,omitempty"`
	Remote          string             `json:"remote"`
	Started         time.Time          `json:"started"`
	Ended           time.Time          `json:"ended,omitzero"`
	Cause           Cause              `json:"cause"`
	Stage           Stage              `json:"stage,omitempty"`    // of a failure
	Detail          string             `json:"detail,omitempty"`   // of a failure
	Failures        int                `json:"failures,omitempty"` // how many since the event before, this one included
}

func sessionEvent(kind EventType, s Session, at time.Time) Event {
	return Event{Type: kind, Endpoint: s.Endpoint, At: at, Data: SessionData{
		Endpoint: s.Endpoint, Session: s.ID, Profile: s.Profile, ProfileRevision: s.ProfileRevision,
		Remote: s.Remote, Started: s.Started.UTC(), Ended: s.Ended.UTC(), Cause: s.Cause,
	}}
}

// A FailureSeries is the failures of a device with one cause of which an event told last. It is forgotten when a
// session of the device succeeds.
type FailureSeries struct {
	Cause    Cause     `json:"cause"`
	Told     time.Time `json:"told"`
	Failures int       `json:"failures"` // since it was told
}

// EventOf returns the event that a session that is stored at a time makes, if there is any, and the
// series from then on; nil ends it. Sessions of peers that did not prove to be the device make none, nor
// do those that the server or the device itself has cut off.
func EventOf(s Session, series *FailureSeries, at time.Time) (e Event, told bool, next *FailureSeries) {
	switch {
	case !s.Known || !s.Proof.Counts() || s.Cause == CauseSuperseded || s.Cause == CauseStopped || s.Cause.Unused():
		return Event{}, false, series
	case s.Cause.Success():
		return sessionEvent(EventBootstrapped, s, at), true, nil
	}
	failures := max(1, s.Attempts)
	if series != nil && series.Cause == s.Cause && at.Before(series.Told.Add(FailedAgain)) && !at.Before(series.Told) {
		return Event{}, false, &FailureSeries{series.Cause, series.Told, series.Failures + failures}
	}
	e = sessionEvent(EventFailed, s, at)
	data := e.Data.(SessionData)
	data.Stage, data.Detail, data.Failures = s.Stage, s.Detail, failures
	if series != nil && series.Cause == s.Cause {
		data.Failures += series.Failures
	}
	e.Data = data
	return e, true, &FailureSeries{Cause: s.Cause, Told: at}
}

// A PendingData is the data of EventPending.
type PendingData struct {
	ID        string             `json:"id"`
	Endpoint  lwm2m.EndpointName `json:"endpoint,omitempty"`
	Transport string             `json:"transport"`
	Kind      CredentialKind     `json:"kind,omitempty"`
	Group     string             `json:"group,omitempty"`
	Profile   string             `json:"profile,omitempty"`
	Remote    string             `json:"remote"`
	First     time.Time          `json:"first"`
}

// PendingEvent is that of a pending device which is stored for the first time.
func PendingEvent(p PendingDevice, at time.Time) Event {
	return Event{Type: EventPending, Endpoint: p.Endpoint, At: at, Data: PendingData{
		ID: p.ID, Endpoint: p.Endpoint, Transport: p.Transport, Kind: p.Kind, Group: p.Group, Profile: p.Profile, Remote: p.Remote, First: p.First.UTC(),
	}}
}

// A DeviceData is the data of EventDisabled and EventDeleted.
type DeviceData struct {
	Endpoint lwm2m.EndpointName `json:"endpoint"`
	Profile  string             `json:"profile,omitempty"`
	Group    string             `json:"group,omitempty"`
	Tags     []string           `json:"tags,omitempty"`
}

// DeviceEvent is that of a record that was disabled or deleted.
func DeviceEvent(kind EventType, d Device, at time.Time) Event {
	return Event{Type: kind, Endpoint: d.Endpoint, At: at, Data: DeviceData{Endpoint: d.Endpoint, Profile: d.Profile, Group: d.Group, Tags: d.Tags}}
}

// A RemovedData is the data of EventRemoved: what an LwM2MServer is to forget.
type RemovedData struct {
	Endpoint lwm2m.EndpointName `json:"endpoint"`

	// Identity is that of a PSK that the server knows the device by, where it is text; IdentityHex is it in
	// any case.
	Identity    string `json:"identity,omitempty"`
	IdentityHex string `json:"identityHex,omitempty"`

	// Reason is one of the Removed constants.
	Reason string `json:"reason"`
}

// Why an LwM2MServer is to forget a device.
const (
	RemovedDeleted  = "deleted"  // the record was deleted
	RemovedDisabled = "disabled" // the record was disabled; a device that is enabled again is told anew
	RemovedChanged  = "changed"  // the device has another account or identity there, or none any more
)

// RemovedEvent tells a server to forget what it was told.
func RemovedEvent(h HandedOver, reason string, at time.Time) Event {
	data := RemovedData{Endpoint: h.Endpoint, IdentityHex: hex.EncodeToString([]byte(h.Identity)), Reason: reason}
	if utf8.ValidString(h.Identity) {
		data.Identity = h.Identity
	}
	return Event{Type: EventRemoved, Endpoint: h.Endpoint, At: at, Data: data, Receiver: h.Server}
}

// Removed reads what an EventRemoved tells.
func (m Message) Removed() (h HandedOver, reason string, err error) {
	var body struct {
		Data RemovedData `json:"data"`
	}
	if m.Type != EventRemoved {
		return h, "", fmt.Errorf("%w: message %v is of type %s", ErrInvalid, m.ID, m.Type)
	}
	if err := json.Unmarshal(m.Body.Reveal(), &body); err != nil {
		return h, "", fmt.Errorf("%w: message %v: %w", ErrCorrupt, m.ID, err)
	}
	identity, err := hex.DecodeString(body.Data.IdentityHex)
	if err != nil {
		return h, "", fmt.Errorf("%w: message %v: %w", ErrCorrupt, m.ID, err)
	}
	return HandedOver{Server: m.Receiver, Endpoint: body.Data.Endpoint, Identity: string(identity)}, body.Data.Reason, nil
}

// An ExpiringData is the data of EventExpiring.
type ExpiringData struct {
	// Of is whose the certificate is: one of the constants below.
	Of string `json:"of"`

	Endpoint lwm2m.EndpointName `json:"endpoint,omitempty"` // of a device or an account
	Account  string             `json:"account,omitempty"`
	Record   string             `json:"record,omitempty"` // the group or LwM2M Server whose CA it is

	Subject     string    `json:"subject,omitempty"`     // or the name that a device comes with
	Fingerprint string    `json:"fingerprint,omitempty"` // see [Fingerprint]; where it is known
	Expires     time.Time `json:"expires"`
	Days        int       `json:"days"` // one of ExpiryDays
}

// Whose a certificate is.
const (
	ExpiringDevice  = "device"  // a device bootstraps with it
	ExpiringAccount = "account" // a device is given it for an account
	ExpiringCA      = "ca"      // of an enrolment group or an LwM2M Server
	ExpiringServer  = "server"  // the server shows or trusts it
)

// ExpiryDays are how many days before its expiry a certificate is told of; 0 is once it has expired.
var ExpiryDays = []int{0, 1, 7, 30}

// expiringAgain is for how long it is remembered that a certificate was told of: beyond its expiry.
const expiringAgain = 400 * 24 * time.Hour

// ExpiringEvent is that of a certificate at a time; due is false where it is not to be told of yet. The event
// is told once for each of ExpiryDays.
func ExpiringEvent(data ExpiringData, at time.Time) (e Event, due bool) {
	for _, days := range ExpiryDays {
		if data.Expires.Sub(at) <= time.Duration(days)*24*time.Hour {
			data.Days, data.Expires = days, data.Expires.UTC()
			once := fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%s\x00%d\x00%d", data.Of, data.Endpoint, data.Account, data.Record, data.Fingerprint, data.Expires.Unix(), days)
			return Event{Type: EventExpiring, Endpoint: data.Endpoint, At: at, Data: data, Once: once, Until: at.Add(expiringAgain)}, true
		}
	}
	return Event{}, false
}

// A Message waits in the outbox until its receiver, an LwM2MServer, has taken it. It is appended by the
// edit that is its reason, in the same transaction. Messages for one receiver about one device are
// delivered in the order of their IDs, each at least once.
type Message struct {
	// ID is greater than that of every message before.
	ID MessageID

	Receiver string             // name of the LwM2MServer
	Endpoint lwm2m.EndpointName // the device that it is about; empty for none
	Type     EventType

	// Body is what is to be delivered: JSON, with the members type, timestamp and data. It is sealed in
	// the database. No message has a key in it.
	Body lwm2m.Secret

	Queued time.Time // when it was appended, or asked to be delivered again
	Tries  int       // that have failed
	Tried  time.Time // when the last one failed; zero for none
	Error  string    // why; one line without secrets

	// Dead is since when it is a dead letter, which is kept and not delivered any more; zero for none.
	Dead time.Time
}

// A MessageID is the number of a message.
type MessageID uint64

func (id MessageID) String() string { return strconv.FormatUint(uint64(id), 10) }

// ParseMessageID reads what String wrote.
func ParseMessageID(text string) (MessageID, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%w: %.40q is not the number of a message", ErrInvalid, text)
	}
	return MessageID(n), nil
}

// MaxMessage is the limit of a Body, in bytes. Those of the outbox are options of a backend.
const MaxMessage = 16 << 10

// A MessageQuery selects messages, by receiver and then by ID.
type MessageQuery struct {
	Receiver string             // for this one; empty for all
	Endpoint lwm2m.EndpointName // about this device; empty for all
	Dead     bool               // dead letters, in place of those that are to be delivered
	After    MessageCursor      // behind this one; zero from the first
	Limit    int                // at most this many; zero means 100, at most 10,000
}

// A MessageCursor is the place of a message in the order of a MessageQuery.
type MessageCursor struct {
	Receiver string
	ID       MessageID
}

// Cursor is the place of m.
func (m Message) Cursor() MessageCursor { return MessageCursor{m.Receiver, m.ID} }

// OutboxCount counts the messages for one receiver.
type OutboxCount struct {
	Receiver string
	Queued   uint64 // to be delivered
	Events   uint64 // of those, that are events
	Dead     uint64 // dead letters
	Bytes    uint64 // of both, as they are stored
	Lost     uint64 // events and dead letters that there was no room for, ever
}
