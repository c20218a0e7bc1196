package bolt

import (
	"os"
	"time"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
)

// Options configure a [DB]. Zero means the default stated at the field.
type Options struct {
	// LockTimeout is how long to wait for another process to let go of the file.
	// Default 1 s.
	LockTimeout time.Duration

	// MaxSize limits the file, in bytes; edits that need more fail with
	// store.ErrFull. Default: no limit.
	MaxSize int

	// SessionsPerDevice and Sessions limit the history, of one device and of all: that of
	// peers that proved to hold its credential, and as much again over plain CoAP of peers
	// that proved their address. The oldest goes first. Defaults 20 and 1,000,000.
	SessionsPerDevice int
	Sessions          int

	// UnprovedPerDevice and UnprovedSessions limit, apart from that, the history of peers
	// that gave the name or the identity of a device and proved nothing; UnknownSessions
	// that of peers that belong to no device. Defaults 8, 50,000 and 10,000.
	UnprovedPerDevice int
	UnprovedSessions  int
	UnknownSessions   int

	// Associations limits how many are kept. Default 200,000, about 200 MB without certificates.
	Associations int

	// Messages limits how many messages wait in the outbox, and MessageBytes how many bytes they and the
	// dead letters have. Half of Messages, and of one receiver EventsOfReceiver, may be events: those
	// above are lost, and counted. DeadLetters is how many dead letters of one receiver are kept; the
	// oldest goes first. Defaults 200,000, 128 MiB, 20,000 and 10,000.
	Messages         int
	MessageBytes     int
	EventsOfReceiver int
	DeadLetters      int

	// AuditEntries limits how many entries of the audit are kept; the oldest goes first. Default 100,000.
	AuditEntries int

	// Unreadable, where set, is told of each part of the database that cannot be read, when
	// that shows for the first time. It may be called from any goroutine, and must not wait.
	Unreadable func(*store.UnreadableError)

	// Panicked, where set, is told of a panic of the writer with its value, from within the
	// deferred function. The edits that it was about have failed.
	Panicked func(value any)

	// Progress, where set, is called while a file is read that was not closed in order, with
	// the number of bytes that were read so far, of all. Where it returns false, the opening
	// ends with context.Canceled. A file of more than 64 MiB is read while it is served: then it
	// is called after the opening, by another goroutine, and false ends the reading only.
	Progress func(read, all int64) bool

	// ReadOnly opens without the right to edit, for a check; several processes can
	// do so at once.
	ReadOnly bool

	// For tests.
	noSync  bool                                  // edits are told to be kept before the disk has them
	opened  func(*os.File)                        // told of the file
	mapped  func(*dbfile.File)                    // told that bbolt has opened it
	writeAt func(b []byte, at int64) (int, error) // writes to it what bbolt does not

	groupWait    time.Duration // for how long patient edits wait for others
	surveyAtOnce int64         // size of a file in bytes up to which it is read before it is served
}

func (o Options) withDefaults() Options {
	for _, limit := range []struct {
		field     *int
		byDefault int
	}{{&o.SessionsPerDevice, 20}, {&o.Sessions, 1_000_000}, {&o.UnprovedPerDevice, 8}, {&o.UnprovedSessions, 50_000}, {&o.UnknownSessions, 10_000}, {&o.Associations, 200_000},
		{&o.Messages, 200_000}, {&o.MessageBytes, 128 << 20}, {&o.EventsOfReceiver, 20_000}, {&o.DeadLetters, 10_000}, {&o.AuditEntries, 100_000}} {
		if *limit.field <= 0 {
			*limit.field = limit.byDefault
		}
	}
	return o
}

// ofFile are the options of the file.
func (o Options) ofFile() dbfile.Options {
	return dbfile.Options{
		LockTimeout: o.LockTimeout, MaxSize: o.MaxSize, ReadOnly: o.ReadOnly,
		Unreadable: o.Unreadable, Panicked: o.Panicked, Progress: o.Progress,
		NoSync: o.noSync, Opened: o.opened, Mapped: o.mapped, WriteAt: o.writeAt, SurveyAtOnce: o.surveyAtOnce, GroupWait: o.groupWait,
	}
}
