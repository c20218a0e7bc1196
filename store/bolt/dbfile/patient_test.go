package dbfile

import (
	"path/filepath"
	"testing"
	"time"
)

// openPatient opens a new file whose last transaction had two edits.
func openPatient(t *testing.T, wait time.Duration) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	if err := Create(path, func(tx *RawTx) error { _, err := tx.CreateBucket([]byte("b")); return err }); err != nil {
		t.Fatal(err)
	}
	db, err := Open(path, Options{GroupWait: wait}, Hooks{
		Attach: func(*Tx) any { return nil }, Commit: func(_ *Tx, end func() error) error { return end() }, Reopened: func() {}, Heal: func(func() bool) bool { return false },
	})
	if err != nil {
		t.Fatal(err)
	}
	db.Start()
	t.Cleanup(func() { db.Close() })
	busy, free := make(chan struct{}), make(chan struct{})
	ends := make(chan error, 3)
	queueEdit(t, db, false, ends, func(*Tx) { close(busy); <-free })
	<-busy
	queueEdit(t, db, true, ends, func(*Tx) {})
	queueEdit(t, db, true, ends, func(*Tx) {})
	close(free)
	for range 3 {
		if err := <-ends; err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func queueEdit(t *testing.T, db *File, patient bool, ends chan<- error, apply func(*Tx)) {
	t.Helper()
	put := func(tx *Tx) (refused, failed error) {
		apply(tx)
		return nil, tx.Bucket([]byte("b")).Put([]byte("key"), []byte("value"))
	}
	if err := db.queue(t.Context(), edit{put, ends, patient}); err != nil {
		t.Fatal(err)
	}
}

// A patient edit waits for others after a transaction of several, until one comes that somebody waits for, and then
// goes with it.
func TestPatientEditsAreGrouped(t *testing.T) {
	db := openPatient(t, time.Hour)
	ends, in := make(chan error, 4), make(map[int]int)
	for i := range 4 {
		queueEdit(t, db, i < 3, ends, func(tx *Tx) { in[tx.ID()]++ })
	}
	for range 4 {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
	if len(in) != 1 {
		t.Errorf("the edits were in these transactions: %v", in)
	}
}

// It does not wait longer than it may.
func TestPatientEditsEnd(t *testing.T) {
	db := openPatient(t, time.Millisecond)
	ends := make(chan error, 1)
	for range 20 {
		queueEdit(t, db, true, ends, func(*Tx) {})
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
}

// Where edits come one at a time, a patient one does not wait.
func TestPatientEditOfALoneCaller(t *testing.T) {
	db := openPatient(t, time.Hour)
	if err := db.Edit(t.Context(), func(*Tx) (refused, failed error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := db.EditPatiently(t.Context(), func(*Tx) (refused, failed error) { return nil, nil }); err != nil {
			t.Error(err)
		}
	}
}

// Where there are enough of them, they wait for no more.
func TestEnoughPatientEdits(t *testing.T) {
	db := openPatient(t, time.Hour)
	ends := make(chan error, enough)
	for range enough {
		queueEdit(t, db, true, ends, func(*Tx) {})
	}
	for range enough {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
}

// To close the file ends the wait, and the edits with it.
func TestPatientEditsAtTheEnd(t *testing.T) {
	db := openPatient(t, time.Hour)
	ends := make(chan error, 2)
	queueEdit(t, db, true, ends, func(*Tx) {})
	queueEdit(t, db, true, ends, func(*Tx) {})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
}
