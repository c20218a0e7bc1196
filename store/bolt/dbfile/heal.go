package dbfile

import (
	"errors"
	"os"
	"time"

	"lwbs/store"
	"lwbs/store/bolt/pages"
)

const (
	// HealEvery is how often the file is opened anew in the long run, so that a disk which goes on
	// failing does not keep edits waiting all the time; HealBurst is how often at once, since
	// pages may be found damaged one after the other.
	HealEvery = time.Minute
	HealBurst = 8

	// HealPatience is how long that waits for reads to end; a backup takes longer.
	HealPatience = time.Second
)

// AskToHeal has the writer heal an index that a read found damaged, at most once a second.
// Where it is busy, the next read asks again.
func (db *File) AskToHeal(part *store.UnreadableError) {
	now := time.Now().Unix()
	if last := db.asked.Load(); !db.hooks.Indexes[part.Bucket] || last == now || !db.asked.CompareAndSwap(last, now) || !db.mu.TryRLock() {
		return
	}
	defer db.mu.RUnlock()
	if db.closed {
		return
	}
	look := func(tx *Tx) (refused, failed error) {
		return nil, tx.Change(part.Bucket, []byte(part.Key), false)
	}
	select {
	case db.edits <- edit{look, make(chan error, 1), true}:
	default:
	}
}

// heal opens the file anew, without what is lost of the history and the indexes, and has the indexes filled
// again, where err is that of an edit which failed over such a page. Otherwise no session could be kept any
// more whose place is on the damaged page. It reports whether it did. Reads go on until the last moment;
// edits wait.
func (db *File) heal(err error) bool {
	var part *store.UnreadableError
	if !errors.As(err, &part) || !db.hooks.CutOff[part.Bucket] {
		return false
	}
	now := time.Now()
	if db.healed.Before(now) {
		db.healed = now
	}
	if db.healed.Sub(now) > (HealBurst-1)*HealEvery {
		return false
	}
	db.healed = db.healed.Add(HealEvery)
	return db.healNow()
}

// healNow is heal whatever the reason and the time.
func (db *File) healNow() bool {
	db.endReclaim() // it reads all pages, too
	return db.hooks.Heal(func() bool {
		reopened := db.reopen()
		if reopened {
			db.reclaim.pending = false
		}
		return reopened
	})
}

// reopen opens the file anew without what is to be cut off of it, if that is anything.
func (db *File) reopen() bool {
	file, err := PagesOf(db.file)
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
func (db *File) replace(repair pages.Repair) error {
	if !db.lockUse() {
		return errInUse
	}
	defer db.use.Unlock()
	db.hooks.Reopened()
	if err := db.mend(db.file, repair); err != nil {
		return err
	}
	if err := db.Reading(db.db.Close); err != nil {
		return err
	}
	return db.openFile(db.path, func(*os.File) error { return nil })
}

// errInUse is why the file cannot be opened anew: a read takes long, such as a backup.
var errInUse = errors.New("the file is being read")

// lockUse waits for the end of reads, for a while, and reports whether there is none any more.
func (db *File) lockUse() bool {
	for end := time.Now().Add(HealPatience); !db.use.TryLock(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
