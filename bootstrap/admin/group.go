package admin

import (
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Group is an enrolment group as an operator sees it. Keys are absent unless asked for.
type Group struct {
	Name            string               `json:"name"`
	Revision        store.Revision       `json:"revision"`
	Profile         string               `json:"profile"`
	Tags            []string             `json:"tags,omitempty"`
	Match           []string             `json:"match"`
	Derivation      store.Derivation     `json:"derivation,omitempty"`      // of the keys of devices; empty where the group has no key
	DeviceKeyLength int                  `json:"deviceKeyLength,omitempty"` // bytes of these; zero where the group has no key
	Keys            []GroupKey           `json:"keys,omitempty"`            // the current one first
	CAs             []CA                 `json:"cas,omitempty"`
	RevocationLists []GroupList          `json:"revocationLists,omitempty"`
	Denied          []lwm2m.EndpointName `json:"denied,omitempty"`
	Approve         bool                 `json:"approve,omitempty"` // devices wait for approval
	Disabled        bool                 `json:"disabled"`
	MaxDevices      int                  `json:"maxDevices,omitempty"` // zero is no limit
	Until           time.Time            `json:"until,omitzero"`       // zero is no end
	Note            string               `json:"note,omitempty"`

	// Devices is how many devices it has; State is whether it takes more.
	Devices int        `json:"devices"`
	State   GroupState `json:"state"`

	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`

	// Warnings are what could be better about the group; told by edits only.
	Warnings []string `json:"warnings,omitempty"`
}

// A GroupKey is one key of a group.
type GroupKey struct {
	ID      int       `json:"id"`
	Length  int       `json:"length"`        // bytes
	Key     string    `json:"key,omitempty"` // hexadecimal
	Created time.Time `json:"created"`

	// Devices is how many devices came last with a key that is derived from this one. It is told of
	// one group, while that has two keys.
	Devices *int `json:"devices,omitempty"`
}

// A GroupList is a list of revoked certificates of a group.
type GroupList struct {
	Issuer     string    `json:"issuer"`
	Revoked    int       `json:"revoked"` // certificates in it
	NextUpdate time.Time `json:"nextUpdate,omitzero"`
}

// A GroupState is whether a group enrols devices.
type GroupState string

// The states. Of two that fit, the earlier in this list counts.
const (
	GroupDisabled GroupState = "disabled"
	GroupEnded    GroupState = "ended" // its end date has passed
	GroupFull     GroupState = "full"
	GroupEmpty    GroupState = "keyless" // it has neither a key nor a CA, or no pattern
	GroupOpen     GroupState = "open"    // it enrols devices
)

// GroupSettings are what an edit of a group changes: whatever is not nil, empty or false.
type GroupSettings struct {
	Profile *string   `json:"profile,omitempty"`
	Tags    *[]string `json:"tags,omitempty"`
	Match   *[]string `json:"match,omitempty"`
	Note    *string   `json:"note,omitempty"`

	// Derivation and DeviceKeyLength (bytes; zero is the default) say how the keys of devices follow
	// from the key of the group. They cannot be changed while devices have such keys.
	Derivation      *store.Derivation `json:"derivation,omitempty"`
	DeviceKeyLength *int              `json:"deviceKeyLength,omitempty"`

	// Key becomes the current key, and GenerateKey makes one of 32 bytes. The current one becomes the
	// former one, with which devices are accepted until DropKey removes it. A group has two keys at
	// the most.
	Key         []byte `json:"key,omitempty"`
	GenerateKey bool   `json:"generateKey,omitempty"`
	DropKey     bool   `json:"dropKey,omitempty"`

	// LockOut permits DropKey while devices would be refused from then on.
	LockOut bool `json:"lockOut,omitempty"`

	// CAs replace the certificates of CAs, DER; RevocationLists the lists of revoked certificates,
	// DER, which these CAs must have signed.
	CAs             *[][]byte `json:"cas,omitempty"`
	RevocationLists *[][]byte `json:"revocationLists,omitempty"`

	// Approve lets devices wait for approval in place of enrolling them.
	Approve *bool `json:"approve,omitempty"`

	Disabled   *bool      `json:"disabled,omitempty"`
	MaxDevices *int       `json:"maxDevices,omitempty"` // zero removes the limit
	Until      *time.Time `json:"until,omitempty"`      // the zero time removes the end

	// Deny are names that are neither enrolled nor served from now on; Allow takes names back from
	// that.
	Deny  []lwm2m.EndpointName `json:"deny,omitempty"`
	Allow []lwm2m.EndpointName `json:"allow,omitempty"`
}
