package store

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// A Group enrols devices that have no record. The record is made when such a device authenticates for the
// first time, with a key that is derived from a key of the group, or with a certificate of a CA of the group.
type Group struct {
	Name     string
	Revision Revision

	// Profile and Tags are what the records of its devices begin with. Profile is required.
	Profile string
	Tags    []string

	// Match are the patterns of the names that it enrols. In a pattern * stands for any text, and
	// everything else for itself; capitals count. At least one is needed to enrol.
	Match []string

	// Derivation says how the key of a device follows from a key of the group; empty is
	// DerivationHKDF. KeyLength is the length of such a key in bytes, zero the default; only with
	// DerivationHKDF.
	Derivation Derivation
	KeyLength  int

	// Keys are the keys of the group, the current one first. There are two while a key is changed:
	// devices may have a key derived from either.
	Keys []GroupKey

	// CAs are the certificates, DER, of CAs that issue certificates for its devices; RevocationLists
	// are lists of revoked certificates, DER, that these CAs have signed.
	CAs             [][]byte
	RevocationLists [][]byte

	// Denied are the names of devices that are neither enrolled nor served, sorted.
	Denied []lwm2m.EndpointName

	// Approve lets a device wait for approval in place of enrolling it.
	Approve bool

	// Disabled groups enrol no devices. Those that they have go on.
	Disabled bool

	// MaxDevices is how many devices it may have; zero is no limit.
	MaxDevices int

	// Until is when it stops to enrol; zero is never.
	Until time.Time

	// Note is free text of the operator.
	Note string

	// Unknown are members of the stored record that a newer lwbs wrote and this one does not know,
	// as a JSON object; usually empty. An edit keeps them.
	Unknown string

	Created time.Time // set by the store
	Updated time.Time // set by the store
}

// A GroupKey is one key of a group.
type GroupKey struct {
	ID      int // from 1; greater than those of earlier keys of the group
	Key     lwm2m.Secret
	Created time.Time
}

// A Derivation is a way to derive the key of a device from the key of its group.
type Derivation string

// The derivations.
const (
	DerivationHKDF  Derivation = "hkdf-sha256" // RFC 5869
	DerivationAzure Derivation = "azure-dps"   // HMAC-SHA256 of the name, as Azure DPS has it
)

// Groups are all groups of a store. They are shared and must not be changed.
type Groups struct {
	// Version differs from that of other Groups of the same store, unless they are the same.
	Version uint64

	All []Group // in the order of their names
}

// Named returns the group of this name.
func (g Groups) Named(name string) (Group, bool) {
	i, found := slices.BinarySearchFunc(g.All, name, func(g Group, name string) int { return strings.Compare(g.Name, name) })
	if !found {
		return Group{}, false
	}
	return g.All[i], true
}

// Limits of groups.
const (
	MaxGroups         = 1000
	MaxPatterns       = 64       // of one group
	MaxGroupKeys      = 2        // the current one, and the one before it
	MinGroupKey       = 16       // bytes
	MaxGroupKey       = 128      // bytes
	MaxGroupCAs       = 16       // of one group
	MaxGroupLists     = 16       // of revoked certificates
	MaxDenied         = 4000     // names
	MaxGroup          = 1 << 20  // bytes of its stored form
	MinDerivedKey     = 16       // bytes
	DefaultDerivedKey = 16       // bytes, with DerivationHKDF
	MaxGroupDevices   = 10 << 20 // that MaxDevices can be
)

// Clone returns a copy that shares nothing with g.
func (g Group) Clone() Group {
	g.Tags, g.Match, g.Keys, g.Denied = slices.Clone(g.Tags), slices.Clone(g.Match), slices.Clone(g.Keys), slices.Clone(g.Denied)
	g.CAs, g.RevocationLists = cloneAll(g.CAs), cloneAll(g.RevocationLists)
	return g
}

func cloneAll(all [][]byte) [][]byte {
	out := slices.Clone(all)
	for i := range out {
		out[i] = slices.Clone(out[i])
	}
	return out
}

// Denies reports whether ep is among the denied names.
func (g Group) Denies(ep lwm2m.EndpointName) bool {
	_, denied := slices.BinarySearch(g.Denied, ep)
	return denied
}

// Key returns the key with this ID.
func (g Group) Key(id int) (GroupKey, bool) {
	i := slices.IndexFunc(g.Keys, func(k GroupKey) bool { return k.ID == id })
	if i < 0 {
		return GroupKey{}, false
	}
	return g.Keys[i], true
}

// Validate reports why g cannot be stored.
func (g Group) Validate() error {
	if err := validName("name of a group", g.Name); err != nil {
		return err
	}
	if g.Profile == "" {
		return fmt.Errorf("%w: a group needs a profile", ErrInvalid)
	}
	for _, l := range []struct {
		have  int
		what  string
		limit int
	}{
		{len(g.Match), "patterns", MaxPatterns},
		{len(g.Keys), "keys", MaxGroupKeys},
		{len(g.CAs), "CAs", MaxGroupCAs},
		{len(g.RevocationLists), "lists of revoked certificates", MaxGroupLists},
		{len(g.Denied), "denied names", MaxDenied},
		{len(g.Tags), "tags", MaxTags},
		{len(g.Note), "bytes of note", MaxNote},
		{g.MaxDevices, "devices", MaxGroupDevices},
	} {
		if err := AtMost(l.have, l.what, l.limit); err != nil {
			return err
		}
	}
	for _, check := range []func() error{g.validTexts, g.validDerivation, g.validKeys, g.validDenied} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (g Group) validTexts() error {
	for _, tag := range g.Tags {
		if err := validName("tag", tag); err != nil {
			return err
		}
	}
	for _, pattern := range g.Match {
		switch {
		case pattern == "" || len(pattern) > lwm2m.MaxEndpointName:
			return fmt.Errorf("%w: pattern has %d bytes, 1 to %d are possible", ErrInvalid, len(pattern), lwm2m.MaxEndpointName)
		case strings.ContainsFunc(pattern, unprintable):
			return fmt.Errorf("%w: pattern %.100q has a control character or is not UTF-8", ErrInvalid, pattern)
		}
	}
	if !utf8.ValidString(g.Note) {
		return fmt.Errorf("%w: note is not UTF-8", ErrInvalid)
	}
	if g.MaxDevices < 0 {
		return fmt.Errorf("%w: %d devices at most, which is negative", ErrInvalid, g.MaxDevices)
	}
	return nil
}

func (g Group) validDerivation() error {
	switch g.Derivation {
	case "", DerivationHKDF:
		if g.KeyLength != 0 && (g.KeyLength < MinDerivedKey || g.KeyLength > MaxKey) {
			return fmt.Errorf("%w: keys of devices with %d bytes, %d to %d are possible", ErrInvalid, g.KeyLength, MinDerivedKey, MaxKey)
		}
	case DerivationAzure:
		if g.KeyLength != 0 {
			return fmt.Errorf("%w: keys of devices always have 32 bytes with the derivation %s", ErrInvalid, g.Derivation)
		}
	default:
		return fmt.Errorf("%w: derivation %.100q, %s and %s are possible", ErrInvalid, g.Derivation, DerivationHKDF, DerivationAzure)
	}
	return nil
}

func (g Group) validKeys() error {
	for i, k := range g.Keys {
		switch {
		case k.Key.Len() < MinGroupKey || k.Key.Len() > MaxGroupKey:
			return fmt.Errorf("%w: key of a group has %d bytes, %d to %d are possible", ErrInvalid, k.Key.Len(), MinGroupKey, MaxGroupKey)
		case k.ID < 1:
			return fmt.Errorf("%w: key of a group has the ID %d", ErrInvalid, k.ID)
		case slices.ContainsFunc(g.Keys[:i], func(other GroupKey) bool { return other.ID == k.ID || other.Key.Equal(k.Key) }):
			return fmt.Errorf("%w: the two keys of the group are the same", ErrInvalid)
		}
	}
	return nil
}

func (g Group) validDenied() error {
	if !slices.IsSorted(g.Denied) {
		return fmt.Errorf("%w: the denied names are not sorted", ErrInvalid)
	}
	for i, ep := range g.Denied {
		if err := ep.Validate(); err != nil {
			return fmt.Errorf("%w: denied name: %w", ErrInvalid, err)
		}
		if i > 0 && g.Denied[i-1] == ep {
			return fmt.Errorf("%w: the name %q is denied twice", ErrInvalid, ep)
		}
	}
	return nil
}
