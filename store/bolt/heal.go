package bolt

import (
	"errors"
	"os"
	"time"

	"lwbs/store"
)

const (
	// healEvery is how often the file is opened anew at most, so that a disk which goes on
	// failing does not keep edits waiting all the time.
	healEvery = time.Minute

	// healPatience is how long that waits for reads to end; a backup takes longer.
	healPatience = time.Second
)

// heal opens the file anew, without what is lost of the history, where err is an edit's that
// failed over that: else no session could be kept any more whose place is on the damaged
// page. It reports whether it did. Reads go on until the last moment; edits wait.
func (db *DB) heal(err error) bool {
	var part *store.UnreadableError
	if !errors.As(err, &part) || !ofHistory[part.Bucket] {
		return false
	}
	if !db.healed.IsZero() && time.Since(db.healed) < healEvery {
		return false
	}
	db.healed = time.Now()
	file, err := pagesOf(db.file)
	if err != nil {
		return false
	}
	repair, err := db.survey(file)
	if err != nil || repair == nil {
		return false
	}
	for end := time.Now().Add(healPatience); !db.use.TryLock(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	defer db.use.Unlock()
	if db.mend(db.file, *repair) != nil || db.reading(db.db.Close) != nil {
		return false
	}
	return db.openFile(db.path, func(*os.File) error { return nil }) == nil
}
