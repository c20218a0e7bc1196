package bolt

import (
	"errors"
	"os"
	"time"

	"go.etcd.io/bbolt"

	"lwbs/store"
	"lwbs/store/bolt/pages"
)

const (
	// healEvery is how often the file is opened anew in the long run, so that a disk which goes on
	// failing does not keep edits waiting all the time; healBurst is how often at once, since
	// pages may be found damaged one after the other.
	healEvery = time.Minute
	healBurst = 8

	// healPatience is how long that waits for reads to end; a backup takes longer.
	healPatience = time.Second
)

// askToHeal has the writer heal an index that a read found damaged, at most once a second.
// Where it is busy, the next read asks again.
func (db *DB) askToHeal(part *store.UnreadableError) {
	now := time.Now().Unix()
	if last := db.asked.Load(); !ofIndexes[part.Bucket] || last == now || !db.asked.CompareAndSwap(last, now) || !db.mu.TryRLock() {
		return
	}
	defer db.mu.RUnlock()
	if db.closed {
		return
	}
	look := func(tx *transaction) (refused, failed error) {
		return nil, tx.change(part.Bucket, []byte(part.Key), false)
	}
	select {
	case db.edits <- edit{look, make(chan error, 1)}:
	default:
	}
}

// heal opens the file anew, without what is lost of the history and the indexes, and fills
// the indexes again, where err is an edit's that failed over that: else no session could be
// kept any more whose place is on the damaged page. It reports whether it did. Reads go on
// until the last moment; edits wait.
func (db *DB) heal(err error) bool {
	var part *store.UnreadableError
	if !errors.As(err, &part) || !cutOff[part.Bucket] {
		return false
	}
	now := time.Now()
	if db.healed.Before(now) {
		db.healed = now
	}
	if db.healed.Sub(now) > (healBurst-1)*healEvery {
		return false
	}
	db.healed = db.healed.Add(healEvery)
	return db.healNow()
}

// healNow is heal whatever the reason and the time.
func (db *DB) healNow() bool {
	db.endReclaim()                  // it reads all pages, too
	if db.markHealing(true) != nil { // a crash that follows leaves entries of sessions that are cut off
		return false
	}
	if !db.reopen() {
		_ = db.markHealing(false)
		return false
	}
	db.reclaim.pending = false
	return db.fill(false) == nil
}

// markHealing notes in the database that it is healed, or that this has ended.
func (db *DB) markHealing(on bool) error {
	return db.changeIndex(func(tx *transaction) error {
		if on {
			return tx.Bucket(bucketMeta).Put(keyHealing, present)
		}
		return tx.Bucket(bucketMeta).Delete(keyHealing)
	})
}

// isHealing reports whether that was noted.
func (db *DB) isHealing() (on bool) {
	_ = db.reading(func() error {
		return db.db.View(func(b *bbolt.Tx) error {
			on = db.over(b).Bucket(bucketMeta).Get(keyHealing) != nil
			return nil
		})
	})
	return on
}

// reopen opens the file anew without what is to be cut off of it, if that is anything.
func (db *DB) reopen() bool {
	file, err := pagesOf(db.file)
	if err != nil {
		return false
	}
	repair, err := db.survey(file)
	if err != nil || repair == nil {
		return false
	}
	return db.replace(*repair) == nil
}

// replace writes a repair and opens the file anew with it.
func (db *DB) replace(repair pages.Repair) error {
	if !db.lockUse() {
		return errInUse
	}
	defer db.use.Unlock()
	db.caches.clear()
	db.sizes.clear()
	if err := db.mend(db.file, repair); err != nil {
		return err
	}
	if err := db.reading(db.db.Close); err != nil {
		return err
	}
	return db.openFile(db.path, func(*os.File) error { return nil })
}

// errInUse is why the file cannot be opened anew: a read takes long, such as a backup.
var errInUse = errors.New("the file is being read")

// lockUse waits for the end of reads, for a while, and reports whether there is none any more.
func (db *DB) lockUse() bool {
	for end := time.Now().Add(healPatience); !db.use.TryLock(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
