// Package bolt keeps devices, profiles and sessions in one bbolt file.
//
// The buckets, all at the top:
//
//	meta              schema → number, keycheck → sealed text, known|strangers|devices|profiles|associations → count, run → mark
//	device            endpoint → record
//	identity          kind 0 identity → endpoint
//	device_tag        tag 0 endpoint → ∅
//	device_profile    profile 0 endpoint → ∅
//	profile           name → record
//	session           id → record
//	session_endpoint  endpoint 0 id → ∅
//	session_identity  identity 0 id → ∅   (unless it is the endpoint)
//	session_failed    id → ∅
//	session_known     id → endpoint   (of devices; oldest out first)
//	session_stranger  id → endpoint   (of unknown devices; likewise)
//	association       time 8 bytes, id 16 bytes → record   (not in a backup)
//	device_handed_over  server 0 identity 0 endpoint → ∅
//	outbox            receiver 0 id 8 bytes → record
//	outbox_dead       receiver 0 id 8 bytes → record   (dead letters)
//	outbox_count      receiver → counts; 0 → those of all
//	outbox_told       once 0 text → until when; series 0 endpoint → failures
//	user, token       name → record
//	web_session       SHA-256 of the cookie → record
//	audit             id 8 bytes → record
//
// 0 is a zero byte, which no endpoint, tag or profile name can have.
//
// How the file is opened, read and written is in package store/bolt/dbfile. What it asks of the records,
// such as to fill an index again that was on a damaged page, are its hooks: see [Open].
package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/bolt/memory"
	"lwbs/store/bolt/runfile"
	"lwbs/store/bolt/workers"
	"lwbs/store/seal"
)

// A DB is a bbolt file that keeps the records. It implements [store.Store].
type DB struct {
	file    *dbfile.File
	path    string
	keyring *seal.Keyring
	opts    Options

	caches caches
	sizes  memory.Sizes
	deep   *workers.Workers // for what needs a deep stack
	run    runfile.Run      // whether associations are kept

	appended chan struct{} // there may be messages in the outbox that were not looked at
}

// schema is the version of the layout that this package writes.
//
//	1  devices and sessions are rows of JSON
//	2  those that are written are rows in the binary form
const schema = 2

var (
	bucketMeta            = []byte("meta")
	bucketDevice          = []byte(store.KindDevice)
	bucketIdentity        = []byte("identity")
	bucketDeviceTag       = []byte("device_tag")
	bucketDeviceProfile   = []byte("device_profile")
	bucketProfile         = []byte(store.KindProfile)
	bucketSession         = []byte(store.KindSession)
	bucketSessionEndpoint = []byte("session_endpoint")
	bucketSessionIdentity = []byte("session_identity")
	bucketSessionFailed   = []byte("session_failed")
	bucketSessionKnown    = []byte("session_known")
	bucketSessionUnknown  = []byte("session_stranger")

	// Those that the first files of this schema lack; see addBuckets.
	bucketSessionClaimed  = []byte("session_claimed")
	bucketSessionPlain    = []byte("session_plain")
	bucketSessionUnproved = []byte("session_unproved")
	bucketAssociation     = []byte(store.KindAssociation)
	bucketGroup           = []byte(store.KindGroup)
	bucketDeviceGroup     = []byte("device_group")
	bucketPendingDevice   = []byte(store.KindPendingDevice)
	added                 = [][]byte{bucketSessionClaimed, bucketSessionPlain, bucketSessionUnproved, bucketAssociation, bucketGroup, bucketDeviceGroup, bucketPendingDevice, bucketLwM2MServer, bucketFormerProfile, bucketCampaign, bucketCampaignProgress, bucketCampaignDevice,
		bucketOutbox, bucketOutboxDead, bucketOutboxCount, bucketOutboxTold, bucketDeviceHandedOver, bucketUser, bucketToken, bucketWebSession, bucketAudit}
	bucketLwM2MServer   = []byte(store.KindLwM2MServer)
	bucketFormerProfile = []byte(store.KindFormerProfile)

	// Those of the outbox: messages that wait, dead letters, how many there are of each, and what is told
	// once only.
	bucketOutbox           = []byte(store.KindMessage)
	bucketOutboxDead       = []byte("outbox_dead")
	bucketOutboxCount      = []byte("outbox_count")
	bucketOutboxTold       = []byte("outbox_told")
	bucketDeviceHandedOver = []byte("device_handed_over")

	bucketCampaign         = []byte(store.KindCampaign)
	bucketCampaignProgress = []byte("campaign_progress")
	bucketCampaignDevice   = []byte("campaign_device")
	ofCampaigns            = [][]byte{bucketCampaign, bucketCampaignProgress, bucketCampaignDevice}

	// Those of who may administer the server from elsewhere, and of what was changed.
	bucketUser       = []byte(store.KindUser)
	bucketToken      = []byte(store.KindToken)
	bucketWebSession = []byte(store.KindWebSession)
	ofAccess         = [][]byte{bucketUser, bucketToken, bucketWebSession}
	bucketAudit      = []byte(store.KindAuditEntry)

	// ofDevices and ofSessions are the indexes: the buckets that say nothing that records do
	// not.
	ofDevices  = [][]byte{bucketDeviceProfile, bucketIdentity, bucketDeviceTag, bucketDeviceGroup, bucketDeviceHandedOver}
	ofSessions = [][]byte{bucketSessionEndpoint, bucketSessionIdentity, bucketSessionClaimed, bucketSessionFailed,
		bucketSessionKnown, bucketSessionPlain, bucketSessionUnproved, bucketSessionUnknown}

	buckets = [][]byte{bucketMeta, bucketDevice, bucketIdentity, bucketDeviceTag, bucketDeviceProfile, bucketProfile,
		bucketSession, bucketSessionEndpoint, bucketSessionIdentity, bucketSessionFailed, bucketSessionKnown, bucketSessionUnknown,
		bucketSessionClaimed, bucketSessionPlain, bucketSessionUnproved, bucketAssociation, bucketGroup, bucketDeviceGroup, bucketPendingDevice, bucketLwM2MServer, bucketFormerProfile, bucketCampaign, bucketCampaignProgress, bucketCampaignDevice,
		bucketOutbox, bucketOutboxDead, bucketOutboxCount, bucketOutboxTold, bucketDeviceHandedOver, bucketUser, bucketToken, bucketWebSession, bucketAudit}

	// ofIndexes are the names of the indexes.
	ofIndexes = names(slices.Concat(ofDevices, ofSessions))

	// cutOff are the buckets that lose what lies on damaged pages when the file is opened:
	// indexes, since the records tell what it was, and the sessions, associations, pending devices, former
	// profiles, campaigns, the outbox, web sessions and the audit, so that new ones can be kept, and devices be edited. Of others it is told, and
	// edits there fail.
	cutOff = names(slices.Concat([][]byte{bucketSession, bucketAssociation, bucketPendingDevice, bucketFormerProfile, bucketCampaign, bucketCampaignProgress, bucketCampaignDevice,
		bucketOutbox, bucketOutboxDead, bucketOutboxCount, bucketOutboxTold, bucketWebSession, bucketAudit}, ofDevices, ofSessions))

	keySchema   = []byte("schema")
	keyKeyCheck = []byte("keycheck")
	keyKnown    = []byte("known")
	keyUnknown  = []byte("strangers")
	keyPlain    = []byte("plain")
	keyUnproved = []byte("unproved")
	keyDevices  = []byte("devices")
	keyProfiles = []byte("profiles")
	keyGroups   = []byte("groups")

	keyLwM2MServers = []byte("lwm2m servers")
	keyLastMessage  = []byte("last message") // its number
	keyUsers        = []byte("users")
	keyTokens       = []byte("tokens")
	keyLastAudit    = []byte("last audit") // its number

	// Those of associations, which a backup does not have.
	keyAssociations = []byte("associations")
	keyRun          = []byte("run") // see [runMark]

	// keyHealing is there while lost parts are cut off and the indexes follow: see [DB.fill].
	keyHealing = []byte("healing")
)

// keyCheckPlace and keyCheckText tell at the opening whether the Keyring fits.
const (
	keyCheckPlace = "lwbs/1\x00meta\x00keycheck"
	keyCheckText  = "lwbs"
)

// Open opens the database in file, and creates it where there is none. Errors:
// store.ErrLocked, ErrSchema, ErrNoKey, ErrCorrupt, ErrFull. The caller closes the DB.
func Open(file string, keyring *seal.Keyring, opts Options) (*DB, error) {
	opts = opts.withDefaults()
	switch found, err := os.Stat(file); {
	case errors.Is(err, fs.ErrNotExist) && !opts.ReadOnly:
		if err := create(file, keyring); err != nil {
			return nil, fmt.Errorf("create database %s: %w", file, err)
		}
	case err == nil && found.Mode().IsRegular() && found.Size() == 0: // which bbolt would fill
		return nil, fmt.Errorf("open database %s: %w: it is empty; remove it for a new one, or put a backup in its place", file, store.ErrCorrupt)
	}
	db := &DB{path: file, keyring: keyring, opts: opts, caches: newCaches(), appended: make(chan struct{}, 1)}
	var err error
	if db.file, err = dbfile.Open(file, opts.ofFile(), db.hooks()); err != nil {
		return nil, fmt.Errorf("open database %s: %w", file, err)
	}
	db.deep = workers.Start()
	if err := db.prepare(); err != nil {
		db.deep.Stop()
		return nil, errors.Join(fmt.Errorf("open database %s: %w", file, dbfile.Adapt(err)), db.file.Abandon())
	}
	if !opts.ReadOnly {
		_ = db.fill(db.isHealing()) // where it fails, these parts stay unreadable, which is told
	}
	db.file.Start()
	return db, nil
}

// hooks are what the file asks of the records in it.
func (db *DB) hooks() dbfile.Hooks {
	return dbfile.Hooks{
		Indexes: ofIndexes, CutOff: cutOff,
		Attach: func(tx *dbfile.Tx) any { return &transaction{Tx: tx, db: db} },
		Commit: func(tx *dbfile.Tx, end func() error) error { return of(tx).commit(end) },
		Reopened: func() {
			db.caches.clear()
			db.sizes.Clear()
		},
		Heal: db.heal,
	}
}

// names are those of buckets.
func names(buckets [][]byte) map[string]bool {
	out := make(map[string]bool, len(buckets))
	for _, name := range buckets {
		out[string(name)] = true
	}
	return out
}

// create makes a complete database, or none.
func create(file string, keyring *seal.Keyring) error {
	return dbfile.Create(file, func(tx *dbfile.RawTx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return errors.Join(stamp(tx, schema), tx.Bucket(bucketMeta).Put(keyKeyCheck, keyring.Seal([]byte(keyCheckText), keyCheckPlace)))
	})
}

// prepare checks that the file is one of ours that this program and this Keyring can
// read, and brings an older schema up to date.
func (db *DB) prepare() error {
	version, err := db.schemaOf()
	if err != nil {
		return err
	}
	if version < schema {
		if err := db.file.Migrate(version, schema, migrations, stamp); err != nil {
			return err
		}
	}
	if err := db.addBuckets(); err != nil {
		return err
	}
	return db.file.RawView(func(tx *dbfile.RawTx) error {
		for _, name := range buckets {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("%w: bucket %s is missing", store.ErrCorrupt, name)
			}
		}
		text, err := db.keyring.Open(tx.Bucket(bucketMeta).Get(keyKeyCheck), keyCheckPlace)
		if err != nil || string(text) != keyCheckText {
			return store.ErrNoKey
		}
		return nil
	})
}

// migrations are by the schema that they start from.
var migrations = map[int]dbfile.Step{
	1: func(*dbfile.RawTx) error { return nil }, // rows of JSON are read, and a record gets the binary form when it is written
}

// stamp notes the schema that the file has.
func stamp(tx *dbfile.RawTx, schema int) error {
	return tx.Bucket(bucketMeta).Put(keySchema, []byte(strconv.Itoa(schema)))
}

// addBuckets makes the buckets that a file of this schema may lack: they hold nothing that
// an older lwbs would have put there.
func (db *DB) addBuckets() error {
	var missing [][]byte
	err := db.file.RawView(func(tx *dbfile.RawTx) error {
		for _, name := range added {
			if tx.Bucket(name) == nil {
				missing = append(missing, name)
			}
		}
		return nil
	})
	switch {
	case err != nil || len(missing) == 0:
		return err
	case db.opts.ReadOnly:
		return fmt.Errorf("%w: the file must be brought up to date first, by any command that edits", store.ErrSchema)
	}
	return db.file.RawChange(func(tx *dbfile.RawTx) error {
		var errs []error
		for _, name := range missing {
			_, err := tx.CreateBucket(name)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}

func (db *DB) schemaOf() (version int, err error) {
	err = db.file.RawView(func(tx *dbfile.RawTx) error {
		meta := tx.Bucket(bucketMeta)
		if meta == nil {
			return fmt.Errorf("%w: it is no lwbs database", store.ErrCorrupt)
		}
		version, err = strconv.Atoi(string(meta.Get(keySchema)))
		if err != nil || version < 1 {
			return fmt.Errorf("%w: schema %q", store.ErrCorrupt, meta.Get(keySchema))
		}
		if version > schema {
			return fmt.Errorf("%w: it has schema %d, this program knows %d: use a newer lwbs", store.ErrSchema, version, schema)
		}
		return nil
	})
	return version, err
}

// Close waits for edits under way and closes the file.
func (db *DB) Close() error {
	err := db.file.Close()
	if errors.Is(err, store.ErrClosed) {
		return err
	}
	defer db.deep.Stop() // after the last read
	return errors.Join(db.run.Close(), err)
}

// Writing is how long the write that is under way has taken so far, zero where none is.
func (db *DB) Writing() time.Duration { return db.file.Writing() }

// skips reports whether a list goes on without a record that cannot be read, or that an
// index has and that is missing.
func (db *DB) skips(err error) bool {
	db.file.Unread().Note(err)
	return errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNewer) || errors.Is(err, store.ErrNotFound)
}

// unreadable says of which record an error of its decoding is.
func unreadable(bucket []byte, key string, err error) error {
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNewer) {
		return &store.UnreadableError{Bucket: string(bucket), Key: key, Err: err}
	}
	return err
}

// Unreadable returns what of the database could not be read so far, at most 1,000 parts.
func (db *DB) Unreadable() []*store.UnreadableError { return db.file.Unread().All() }
