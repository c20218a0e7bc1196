package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/bolt/pages"
	"lwbs/store/seal"
)

// fragmented makes a database that was not closed in order, with devices and many free pages.
func fragmented(t *testing.T) (file string, k *seal.Keyring) {
	t.Helper()
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "x.db")
	db, err := Open(file, k, Options{noSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.PutProfile(t.Context(), store.Profile{Name: "p"}); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		d := store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprintf("dev-%03d", i)), Profile: "p", Note: strings.Repeat("x", 2000)}
		if _, err := db.PutDevice(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 200 {
		if err := db.DeleteDevice(t.Context(), lwm2m.EndpointName(fmt.Sprintf("dev-%03d", i)), 0); err != nil {
			t.Fatal(err)
		}
	}
	db.file.Internals().Degrade(true) // so that it is not closed in order
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return file, k
}

// unused is how many pages of a file are neither used nor on its list, and how many are on it.
func unused(t *testing.T, file string) (leaked, listed int) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := dbfile.PagesOf(f)
	if err != nil {
		t.Fatal(err)
	}
	meta, _ := p.Newest()
	survey, _ := p.Survey(meta, nil)
	free, err := survey.Unlisted(p, meta)
	if err != nil || len(survey.Lost) > 0 {
		t.Fatalf("lost %v, error %v", survey.Lost, err)
	}
	list, err := p.FreePages(meta)
	if err != nil {
		t.Fatal(err)
	}
	return len(free), len(list)
}

// settled waits until the search for free pages has ended.
func settled(t *testing.T, db *DB) {
	t.Helper()
	for {
		done := false
		if err := db.edit(t.Context(), func(*transaction) (refused, failed error) {
			_, searching := db.file.Internals().Reclaiming()
			done = !searching
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
		if done {
			return
		}
	}
}

// A large file that was not closed in order is served, and edited, while it is read. In the end its
// free pages are used again, and none is lost.
func TestServedWhileFileIsRead(t *testing.T) {
	file, k := fragmented(t)
	reading, on := make(chan struct{}), make(chan struct{})
	db, err := Open(file, k, Options{noSync: true, surveyAtOnce: 1, Progress: func(read, all int64) bool {
		select {
		case <-on:
		case reading <- struct{}{}:
			<-on
		}
		return true
	}})
	if err != nil {
		t.Fatal(err)
	}
	<-reading
	d, err := db.Device(t.Context(), "dev-250")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		d.Note = strings.Repeat("y", 3000+i)
		if d, err = db.PutDevice(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	before, err := db.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	close(on)
	settled(t, db)
	after, err := db.Stats(t.Context())
	if err != nil || after.Free < before.Free+200*2000 {
		t.Errorf("%d bytes are free after the file was read, %d before, error %v", after.Free, before.Free, err)
	}
	if got, err := db.Device(t.Context(), "dev-250"); err != nil || got.Note != d.Note {
		t.Errorf("the edit is lost: %v", err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if leaked, listed := unused(t, file); leaked > 0 || listed < 100 {
		t.Errorf("%d free pages are lost, %d are not", leaked, listed)
	}
	if db, err = Open(file, k, Options{noSync: true}); err != nil || !db.file.Internals().ClosedInOrder() {
		t.Fatalf("it was not closed in order, error %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// Where the file is closed before its free pages are known, the next opening looks for them.
func TestClosedWhileFileIsRead(t *testing.T) {
	file, k := fragmented(t)
	for range 3 {
		reading := make(chan struct{}, 1)
		db, err := Open(file, k, Options{noSync: true, surveyAtOnce: 1, Progress: func(read, all int64) bool {
			reading <- struct{}{}
			return false
		}})
		if err != nil {
			t.Fatal(err)
		}
		if db.file.Internals().ClosedInOrder() {
			t.Fatal("it passes for closed in order")
		}
		<-reading
		if _, err := db.PutDevice(t.Context(), store.Device{Endpoint: "new", Profile: "p"}); err != nil {
			t.Fatal(err)
		}
		if err := db.DeleteDevice(t.Context(), "new", 0); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := CheckFile(t.Context(), file, k); err != nil {
			t.Fatal(err)
		}
	}
	db, err := Open(file, k, Options{noSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if leaked, _ := unused(t, file); leaked > 0 {
		t.Errorf("%d free pages are lost", leaked)
	}
}

// While a read goes on that takes long, such as a backup, the file is not opened anew: the free
// pages are listed later.
func TestFreePagesAreListedAfterALongRead(t *testing.T) {
	file, k := fragmented(t)
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(file, k, Options{noSync: true, surveyAtOnce: 1})
		if err != nil {
			t.Fatal(err)
		}
		release := db.file.Internals().Hold()
		settled(t, db)
		release()
		if _, err := db.PutDevice(t.Context(), store.Device{Endpoint: "new", Profile: "p"}); err != nil {
			t.Fatal(err)
		}
		pending := true
		for range 3 * int(dbfile.RelistAgain/dbfile.HealPatience) {
			if err := db.edit(t.Context(), func(*transaction) (refused, failed error) {
				pending, _ = db.file.Internals().Reclaiming()
				return nil, nil
			}); err != nil {
				t.Fatal(err)
			}
			if !pending {
				break
			}
			time.Sleep(dbfile.HealPatience)
		}
		if pending {
			t.Error("the free pages were never listed")
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if leaked, _ := unused(t, file); leaked > 0 {
		t.Errorf("%d free pages are lost", leaked)
	}
}

// An edit that lacks room waits until the free pages are known.
func TestEditWaitsForFreePages(t *testing.T) {
	file, k := fragmented(t)
	edited, once := make(chan struct{}), sync.Once{}
	db, err := Open(file, k, Options{noSync: true, surveyAtOnce: 1, MaxSize: 1, Progress: func(read, all int64) bool {
		<-edited
		return true
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tries := 0
	err = db.edit(t.Context(), func(tx *transaction) (refused, failed error) {
		once.Do(func() { close(edited) })
		tries++
		for i := range 60 {
			failed = errors.Join(failed, tx.Bucket(bucketMeta).Put(fmt.Appendf(nil, "test-%d", i), bytes.Repeat([]byte{'z'}, 3000)))
		}
		return nil, failed
	})
	if err != nil || tries < 2 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// A page that is listed twice would be given away twice.
func TestRelistRefusesAPageTwice(t *testing.T) {
	file, k := fragmented(t)
	db, err := Open(file, k, Options{noSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := dbfile.PagesOf(f)
	if err != nil {
		t.Fatal(err)
	}
	meta, _ := p.Newest()
	list, err := p.FreePages(meta)
	if err != nil || len(list) == 0 {
		t.Fatalf("%d pages are free, error %v", len(list), err)
	}
	if _, err := p.Relist(meta, list[rand.IntN(len(list)):]); err == nil {
		t.Error("a page is free twice, and nothing was said")
	}
	var damage *pages.Error
	if _, err := p.Relist(meta, []uint64{meta.Free}); err == nil || errors.As(err, &damage) {
		t.Errorf("the list itself is free, and listed: %v", err)
	}
}
