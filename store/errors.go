package store

import "errors"

// The errors that callers branch on. A [Store] wraps them, with the record's name
// in front.
var (
	// ErrNotFound: there is no such record.
	ErrNotFound = errors.New("not found")

	// ErrExists: the edit would create a record, and one of this name exists.
	ErrExists = errors.New("exists already")

	// ErrConflict: the record has another revision than the edit was based on.
	ErrConflict = errors.New("changed meanwhile")

	// ErrIdentityTaken: another device has a credential with this identity.
	ErrIdentityTaken = errors.New("identity is taken")

	// ErrInUse: devices refer to the profile or the group, groups to the profile, or profiles to the
	// LwM2M Server, or messages wait for it.
	ErrInUse = errors.New("in use")

	// ErrGroupFull: the group has as many devices as it may have.
	ErrGroupFull = errors.New("group is full")

	// ErrLocked: another process has the database open.
	ErrLocked = errors.New("database is in use by another process")

	// ErrSchema: the database was written by a newer version of lwbs.
	ErrSchema = errors.New("database schema is newer than this program")

	// ErrNoKey: the key that sealed the secrets of the database is missing.
	ErrNoKey = errors.New("sealing key is missing or does not fit")

	// ErrCorrupt: a record, a page or the file is damaged. An [UnreadableError] says which.
	ErrCorrupt = errors.New("damaged")

	// ErrNewer: a record is not damaged, and only a newer version of lwbs can read it.
	ErrNewer = errors.New("written by a newer lwbs")

	// ErrFull: the disk or the configured size limit is full.
	ErrFull = errors.New("no space left")

	// ErrOutboxFull: an LwM2M Server is to be told to forget a device, and there is no room for the
	// message.
	ErrOutboxFull = errors.New("outbox is full")

	// ErrVoid: associations are not stored, since ResumeAssociations was not called after opening or
	// after VoidAssociations.
	ErrVoid = errors.New("associations are not kept now")

	// ErrUnreachable: the database is on other machines, and none of them that takes edits answers.
	ErrUnreachable = errors.New("database cannot be reached")

	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
)
