package store

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"lwbs/lwm2m"
)

// MaxAssociation is the most that the State of an [Association] may have, in bytes.
const MaxAssociation = 64 << 10

// An Association is a DTLS association that hibernates, as it is kept over a restart of the
// server. It is replaced by keeping another one with its ID and removing this one, in one
// edit.
type Association struct {
	AssociationKey
	State lwm2m.Secret // its keys and all else; not empty, at most MaxAssociation bytes
}

// An AssociationKey tells an Association from others.
type AssociationKey struct {
	Heard time.Time // when its device was last heard, from 1970 on; to the nanosecond
	ID    [16]byte  // random
}

// Associations keeps associations while the server does not run. All methods may be called
// concurrently.
//
// What is kept must never go on from an older state: record numbers would be used twice,
// which gives away what was encrypted with them. So a backup has no associations, a restored
// or copied database gives none, and VoidAssociations ends what cannot be kept up to date.
type Associations interface {
	// ResumeAssociations is called before all other methods, and again after
	// VoidAssociations. Where it cannot be told that nothing has happened since the last edit
	// of associations here, those that are kept are removed: lost is how many, and why is the
	// reason, empty where there is none. Where it has been called already it does nothing.
	ResumeAssociations(ctx context.Context) (lost int, why string, err error)

	// KeepAssociations keeps those of put and removes those with the keys of ended, all or
	// nothing; keys that there are not do not matter. Above the limit the ones heard of least
	// recently are removed. Errors: ErrInvalid, ErrFull, ErrVoid. After any other error than
	// ErrInvalid, the edit may have been kept.
	KeepAssociations(ctx context.Context, put []Association, ended []AssociationKey) error

	// Associations returns a page of those heard of before that one, the zero key for all,
	// the one heard of last first. Limit is as in a [DeviceQuery]. A page that is shorter
	// need not be the last; an empty one is. Those that cannot be read are left out.
	Associations(ctx context.Context, before AssociationKey, limit int) ([]Association, error)

	// VoidAssociations sees to it that nothing of what is kept goes on after a restart, also
	// on a full disk. Its error says that it could not, as after Close.
	VoidAssociations() error
}

type associationRow struct {
	ID    string    `json:"association"` // hexadecimal
	Heard time.Time `json:"heard"`
	State []byte    `json:"state"`
}

// String is the key in hexadecimal, in the order of time.
func (k AssociationKey) String() string { return hex.EncodeToString(k.Bytes()) }

// Bytes is the key as 24 bytes, in the order of time.
func (k AssociationKey) Bytes() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(max(0, k.Heard.UnixNano()))), k.ID[:]...)
}

// IsZero reports whether k is no key.
func (k AssociationKey) IsZero() bool { return k.Heard.IsZero() && k.ID == [16]byte{} }

// associationPlace binds the sealed state to its key.
func associationPlace(key AssociationKey) string { return "lwbs/1\x00association\x00" + key.String() }

// EncodeAssociation returns the bytes to keep of an association. Its error wraps ErrInvalid.
func EncodeAssociation(k *Keyring, a Association) ([]byte, error) {
	switch n := a.State.Len(); {
	case n == 0:
		return nil, fmt.Errorf("%w: an association needs a state", ErrInvalid)
	case a.Heard.Unix() < 0:
		return nil, fmt.Errorf("%w: an association of before 1970", ErrInvalid)
	case n > MaxAssociation:
		return nil, atMost(n, "bytes of association", MaxAssociation)
	}
	return encodeRow(associationRow{
		ID: hex.EncodeToString(a.ID[:]), Heard: a.Heard.UTC(),
		State: k.Seal(a.State.Reveal(), associationPlace(a.AssociationKey)),
	})
}

// DecodeAssociation reads what EncodeAssociation wrote; with a nil Keyring all but the state,
// which is empty then. Its error wraps ErrCorrupt, ErrNewer or ErrNoKey.
func DecodeAssociation(k *Keyring, b []byte) (a Association, err error) {
	var row associationRow
	if _, err = decodeRow(b, &row); err != nil {
		return a, err
	}
	id, err := hex.DecodeString(row.ID)
	if err != nil || len(id) != len(a.ID) {
		return a, fmt.Errorf("%w: it has no ID", ErrCorrupt)
	}
	a.AssociationKey = AssociationKey{Heard: row.Heard, ID: [16]byte(id)}
	if k == nil {
		return a, nil
	}
	state, err := k.Open(row.State, associationPlace(a.AssociationKey))
	if err != nil {
		return Association{}, err
	}
	a.State = lwm2m.NewSecret(state)
	return a, nil
}
