package store

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"time"

	"lwbs/lwm2m"
)

// MaxAssociation is the largest State of an [Association], in bytes.
const MaxAssociation = 64 << 10

// An Association is a hibernated DTLS association, stored so that it outlives a restart of the
// server. To replace it, one edit stores another with its ID and removes it.
type Association struct {
	AssociationKey
	State lwm2m.Secret // its keys and everything else of it; 1 to MaxAssociation bytes
}

// An AssociationKey identifies an Association.
type AssociationKey struct {
	Heard time.Time // when its client was last heard, to the nanosecond; not before 1970
	ID    [16]byte  // random
}

// Associations stores associations while the server does not run. All methods may be called
// concurrently.
//
// An association must never resume from an older state: record numbers would be used twice, which
// reveals what was encrypted with them. So a backup has no associations, a restored or copied
// database returns none, and VoidAssociations invalidates those that cannot be kept up to date.
type Associations interface {
	// ResumeAssociations is called before all other methods, and again after VoidAssociations.
	// Unless it is certain that the stored associations are those of the last edit, it removes
	// them: lost is their number and why the reason, empty where none was removed. A second call
	// does nothing.
	ResumeAssociations(ctx context.Context) (lost int, why string, err error)

	// KeepAssociations stores put and removes those with the keys of ended, all or nothing. Unknown
	// keys are ignored. Above the limit the ones with the oldest Heard are removed. Errors:
	// ErrInvalid, ErrFull, ErrVoid. After any error but ErrInvalid the edit may be stored.
	KeepAssociations(ctx context.Context, put []Association, ended []AssociationKey) error

	// Associations returns a page of those older than before, the newest first; the zero key stands
	// for all. Limit is as in a [DeviceQuery]. A page may be shorter than the limit without being
	// the last; an empty page is the last. Associations that cannot be read are left out.
	Associations(ctx context.Context, before AssociationKey, limit int) ([]Association, error)

	// VoidAssociations ensures that no stored association resumes after a restart, also on a full
	// disk. Its error says that it could not, such as after Close.
	VoidAssociations() error
}

// String returns the key in hexadecimal; keys sort by time.
func (k AssociationKey) String() string { return hex.EncodeToString(k.Bytes()) }

// Bytes returns the key as 24 bytes; keys sort by time.
func (k AssociationKey) Bytes() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(max(0, k.Heard.UnixNano()))), k.ID[:]...)
}

// IsZero reports whether k is the zero key.
func (k AssociationKey) IsZero() bool { return k.Heard.IsZero() && k.ID == [16]byte{} }
