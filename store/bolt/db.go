package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"lwbs/store"
	"lwbs/store/bolt/pages"
	"lwbs/store/bolt/unread"
	"lwbs/store/bolt/workers"
	"lwbs/store/seal"
)

// A DB is a bbolt file that keeps the records. It implements [store.Store].
type DB struct {
	use   sync.RWMutex // held for reading while db is used, for writing while it is replaced
	db    *bbolt.DB
	file  *os.File    // that of db, which closes it
	pages *pages.File // of it

	forest atomic.Pointer[forest] // that a read came to last; nil for none
	gaps   atomic.Pointer[gaps]   // that the opening has left, and that are not filled yet

	path    string
	keyring *seal.Keyring
	opts    Options

	degraded atomic.Bool  // pages are damaged
	closedOK bool         // the file was closed in order when it was opened
	written  bool         // there was an edit since; of the writer, until done is closed
	healed   time.Time    // when the allowance for opening the file anew is whole again; of the writer
	reclaim  reclaim      // of pages that were free when the file was opened
	asked    atomic.Int64 // when a read asked for that last, Unix time in seconds
	writing  atomic.Int64 // when the write under way began, Unix time in ns; zero where none is

	caches caches
	deep   *workers.Workers // for what needs a deep stack
	unread *unread.Parts
	sizes  sizes

	run run // whether associations are kept

	edits chan edit
	done  chan struct{} // closed when the writer has ended

	mu     sync.RWMutex // held for reading while an edit is handed over
	closed bool         // guarded by mu
}

// schema is the version of the layout that this package writes.
const schema = 1

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
	added                 = [][]byte{bucketSessionClaimed, bucketSessionPlain, bucketSessionUnproved, bucketAssociation, bucketGroup, bucketDeviceGroup, bucketPendingDevice, bucketLwM2MServer, bucketFormerProfile}
	bucketLwM2MServer     = []byte(store.KindLwM2MServer)
	bucketFormerProfile   = []byte(store.KindFormerProfile)

	// ofDevices and ofSessions are the indexes: the buckets that say nothing that records do
	// not.
	ofDevices  = [][]byte{bucketDeviceProfile, bucketIdentity, bucketDeviceTag, bucketDeviceGroup}
	ofSessions = [][]byte{bucketSessionEndpoint, bucketSessionIdentity, bucketSessionClaimed, bucketSessionFailed,
		bucketSessionKnown, bucketSessionPlain, bucketSessionUnproved, bucketSessionUnknown}

	buckets = [][]byte{bucketMeta, bucketDevice, bucketIdentity, bucketDeviceTag, bucketDeviceProfile, bucketProfile,
		bucketSession, bucketSessionEndpoint, bucketSessionIdentity, bucketSessionFailed, bucketSessionKnown, bucketSessionUnknown,
		bucketSessionClaimed, bucketSessionPlain, bucketSessionUnproved, bucketAssociation, bucketGroup, bucketDeviceGroup, bucketPendingDevice, bucketLwM2MServer, bucketFormerProfile}

	// ofIndexes are the names of the indexes.
	ofIndexes = names(slices.Concat(ofDevices, ofSessions))

	// cutOff are the buckets that lose what lies on damaged pages when the file is opened:
	// indexes, since the records tell what it was, and the sessions, associations, pending
	// devices and former profiles, so that new ones can be kept. Of others it is told, and edits there fail.
	cutOff = names(slices.Concat([][]byte{bucketSession, bucketAssociation, bucketPendingDevice, bucketFormerProfile}, ofDevices, ofSessions))

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
	db := &DB{
		path: file, keyring: keyring, opts: opts,
		caches: newCaches(),
		edits:  make(chan edit, maxGroup), done: make(chan struct{}),
	}
	db.unread = unread.New(db.learn)
	db.gaps.Store(&gaps{})
	if err := db.openFile(file, db.inspect); err != nil {
		return nil, fmt.Errorf("open database %s: %w", file, adapt(err))
	}
	db.deep = workers.Start()
	if db.reclaim.pending {
		_ = db.beginReclaim() // before any edit; where it fails, the next opening tries again
	}
	if err := db.reading(func() error { return db.prepare(file) }); err != nil {
		db.endReclaim()
		db.deep.Stop()
		return nil, errors.Join(fmt.Errorf("open database %s: %w", file, adapt(err)), db.db.Close())
	}
	if !opts.ReadOnly {
		_ = db.fill(db.isHealing()) // where it fails, these parts stay unreadable, which is told
	}
	go db.write()
	return db, nil
}

// learn is told of each part of the database that cannot be read, for the first time.
func (db *DB) learn(part *store.UnreadableError) {
	if part.Page != 0 || part.Key == "" {
		db.degraded.Store(true)
	}
	if db.opts.Unreadable != nil {
		db.opts.Unreadable(part)
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

// create makes a complete database under another name and then renames it, so that a
// crash leaves a whole file or none.
func create(file string, keyring *seal.Keyring) (err error) {
	fresh := file + ".new"
	if err := removeIfAny(fresh); err != nil {
		return err
	}
	b, err := bbolt.Open(fresh, 0o600, Options{}.withDefaults().bbolt())
	if err != nil {
		return errors.Join(adapt(err), removeIfAny(fresh))
	}
	err = b.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(bucketMeta)
		return errors.Join(
			meta.Put(keySchema, []byte(strconv.Itoa(schema))),
			meta.Put(keyKeyCheck, keyring.Seal([]byte(keyCheckText), keyCheckPlace)))
	})
	if err = errors.Join(err, b.Sync(), b.Close()); err != nil {
		return errors.Join(adapt(err), removeIfAny(fresh))
	}
	if err := os.Rename(fresh, file); err != nil {
		return err
	}
	return store.SyncDir(filepath.Dir(file))
}

// removeIfAny removes a file; that there is none is no error.
func removeIfAny(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// prepare checks that the file is one of ours that this program and this Keyring can
// read, and brings an older schema up to date.
func (db *DB) prepare(file string) error {
	version, err := db.schemaOf()
	if err != nil {
		return err
	}
	if version < schema {
		db.written = true
		if err := db.migrate(file, version, schema, migrations); err != nil {
			return err
		}
	}
	if err := db.addBuckets(); err != nil {
		return err
	}
	return db.db.View(func(tx *bbolt.Tx) error {
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

// addBuckets makes the buckets that a file of this schema may lack: they hold nothing that
// an older lwbs would have put there.
func (db *DB) addBuckets() error {
	var missing [][]byte
	err := db.db.View(func(tx *bbolt.Tx) error {
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
	db.written = true
	return db.db.Update(func(tx *bbolt.Tx) error {
		var errs []error
		for _, name := range missing {
			_, err := tx.CreateBucket(name)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}

func (db *DB) schemaOf() (version int, err error) {
	err = db.db.View(func(tx *bbolt.Tx) error {
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
	db.mu.Lock()
	already := db.closed
	db.closed = true
	db.mu.Unlock()
	if already {
		return store.ErrClosed
	}
	close(db.edits)
	<-db.done
	if !db.reclaim.pending && (db.written || !db.closedOK) {
		db.closeInOrder() // else the next opening takes longer
	}
	defer db.deep.Stop() // after the last read
	return errors.Join(db.run.close(), db.db.Close())
}

// closeInOrder writes the list and the note. Where that fails, the next opening takes longer.
func (db *DB) closeInOrder() {
	if db.degraded.Load() || db.opts.ReadOnly {
		return
	}
	db.db.NoFreelistSync = false
	err := db.reading(func() error { return db.db.Update(func(*bbolt.Tx) error { return nil }) })
	info, err2 := db.file.Stat()
	if err != nil || err2 != nil {
		return
	}
	file, err := pages.Open(db.file, info.Size())
	if err != nil {
		return
	}
	meta, _ := file.Newest()
	note, at, err := file.ClosedNote(meta)
	if err != nil {
		return
	}
	if err := db.writeAt(db.file, note, at); err == nil {
		_ = db.sync(db.file)
	}
}

// view runs a read.
func (db *DB) view(ctx context.Context, read func(*transaction) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.use.RLock()
	defer db.use.RUnlock()
	err := db.reading(func() error {
		return db.db.View(func(b *bbolt.Tx) error {
			tx := db.over(b)
			return tx.explain(db.contain(func() error { return read(tx) }))
		})
	})
	db.unread.Note(err)
	return adapt(err)
}

// adapt turns the errors of bbolt and of the system into those of the contract.
func adapt(err error) error {
	if err == nil {
		return nil
	}
	for from, to := range map[error]error{
		bolterrors.ErrTimeout:         store.ErrLocked,
		bolterrors.ErrDatabaseNotOpen: store.ErrClosed,
		bolterrors.ErrMaxSizeReached:  store.ErrFull,
		syscall.ENOSPC:                store.ErrFull,
		syscall.EDQUOT:                store.ErrFull,
		syscall.EFBIG:                 store.ErrFull, // a limit of the process or the file system
		bolterrors.ErrInvalid:         store.ErrCorrupt,
		bolterrors.ErrChecksum:        store.ErrCorrupt,
		bolterrors.ErrVersionMismatch: store.ErrCorrupt,
	} {
		if errors.Is(err, from) {
			return fmt.Errorf("%w: %w", to, err)
		}
	}
	return err
}
