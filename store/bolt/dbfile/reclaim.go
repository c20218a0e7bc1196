package dbfile

import (
	"math"
	"os"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"lwbs/store/bolt/pages"
)

// A large file that was not closed in order is served at once, with an empty list of free pages.
// bbolt then writes behind the end of the file, and to pages that it has freed since. Meanwhile the
// pages are read, as they were at the opening. Those that were free then have stayed as they were,
// and are put on the list. A file that is closed before that is not closed in order, so that the
// next opening looks for them again.

const (
	// surveyAtOnce is the size of a file, in bytes, up to which it is read before it is served.
	surveyAtOnce = 64 << 20

	// mapAhead is how much more than its size a large file is mapped, in bytes. To map more later,
	// bbolt would wait for the end of the search.
	mapAhead = 1 << 30

	// RelistAgain is how long after a try that reads were in the way of the list is written.
	RelistAgain = time.Minute
)

// A reclaim is the search for the free pages of a file that is served. All but stop is the
// writer's.
type reclaim struct {
	pending bool             // pages may be free that are not on the list
	found   chan *freePages  // has one when the search ends; nil where none goes on
	again   <-chan time.Time // when to try again to write the list; nil for not
	free    *freePages       // to be written then

	stop atomic.Bool // ends the search
}

// freePages are what the search has found.
type freePages struct {
	complete bool // else there is nothing here
	damaged  bool // something cannot be read, so that it is unknown what is free
	pages    []uint64
}

// deferSurvey writes an empty list of free pages, so that the file can be read later, and reports
// whether it did. Both metas and the names of the buckets were found to be right.
func (db *File) deferSurvey(f *os.File, file *pages.File, meta pages.Meta) bool {
	if int64(meta.End)*int64(meta.PageSize) <= db.opts.SurveyAtOnce || file.Lacks(meta) > 0 {
		return false
	}
	if db.mend(f, file.List(meta, nil)) != nil {
		return false
	}
	db.reclaim.pending = true
	return true
}

// beginReclaim begins the search in what the file has now. There was no edit yet.
func (db *File) beginReclaim() error {
	file, err := PagesOf(db.file)
	if err != nil {
		return err
	}
	meta, _ := file.Newest()
	tx, err := db.db.Begin(false) // no page is written to that it sees
	if err != nil {
		return err
	}
	found := make(chan *freePages, 1)
	db.reclaim.found = found
	db.use.RLock()
	go func() {
		free := new(freePages)
		defer func() { found <- free }()
		defer db.use.RUnlock()
		_ = db.Reading(func() error {
			*free = db.searchFree(file, meta)
			return nil
		})
		_ = db.contain(tx.Rollback)
	}()
	return nil
}

// searchFree reads the whole file for the free pages that no list has.
func (db *File) searchFree(file *pages.File, meta pages.Meta) freePages {
	survey, complete := file.Survey(meta, func(read uint64) bool { return db.progress(read, meta) && !db.reclaim.stop.Load() })
	if !complete || len(survey.Lost) > 0 {
		return freePages{complete: complete, damaged: complete}
	}
	free, err := survey.Unlisted(file, meta)
	return freePages{complete: err == nil, pages: free}
}

// endReclaim ends the search where it goes on.
func (db *File) endReclaim() {
	db.reclaim.stop.Store(true)
	if db.reclaim.found != nil {
		<-db.reclaim.found
		db.reclaim.found = nil
	}
	db.reclaim.again, db.reclaim.free = nil, nil
}

// reclaimed takes what the search has found. Where something is damaged, the file is healed.
func (db *File) reclaimed(free *freePages) {
	db.reclaim.found, db.reclaim.again, db.reclaim.free = nil, nil, nil
	switch {
	case !free.complete:
	case free.damaged:
		db.healNow()
	case db.relist(free.pages) == nil:
		db.reclaim.pending = false
	default:
		db.reclaim.again, db.reclaim.free = time.After(RelistAgain), free
	}
}

// relist adds free pages to the list, and opens the file anew with it.
func (db *File) relist(free []uint64) (err error) {
	db.written = true
	db.db.NoFreelistSync = false
	defer func() {
		if err != nil {
			db.db.NoFreelistSync = !db.degraded.Load()
		}
	}()
	if err := db.Reading(func() error { return db.db.Update(func(*bbolt.Tx) error { return nil }) }); err != nil {
		return err
	}
	file, err := PagesOf(db.file)
	if err != nil {
		return err
	}
	meta, _ := file.Newest()
	repair, err := file.Relist(meta, free)
	if err != nil {
		return err
	}
	return db.replace(repair)
}

// makeRoom waits for the search, since a page that it finds may be the room that an edit lacks,
// and reports whether there may be more room than before. It has the file read before it is served
// again where the list cannot be written, which takes room, too.
func (db *File) makeRoom() bool {
	if !db.reclaim.pending {
		return false
	}
	if db.reclaim.found != nil {
		db.reclaimed(<-db.reclaim.found)
	}
	if db.reclaim.pending {
		db.endReclaim()
		db.reclaim.pending = db.reopenSurveyed() != nil
	}
	return !db.reclaim.pending
}

// reopenSurveyed opens the file anew as an opening does that reads all pages first.
func (db *File) reopenSurveyed() error {
	if !db.lockUse() {
		return errInUse
	}
	defer db.use.Unlock()
	db.hooks.Reopened()
	if err := db.Reading(db.db.Close); err != nil {
		return err
	}
	db.opts.SurveyAtOnce = math.MaxInt64
	return db.openFile(db.path, db.inspect)
}
