package bolt

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/seal"
)

// openNew returns a new database, which the end of the test closes.
func openNew(t *testing.T, opts Options) *DB {
	t.Helper()
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(filepath.Join(t.TempDir(), "x.db"), k, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.PutProfile(t.Context(), store.Profile{Name: "p"}); err != nil {
		t.Fatal(err)
	}
	return db
}

// together hands edits to the writer so that they are one group, and returns their ends.
func together(t *testing.T, db *DB, edits ...func(*transaction) (refused, failed error)) []error {
	t.Helper()
	busy, free := make(chan struct{}), make(chan struct{})
	blocked := make(chan error, 1)
	go func() {
		blocked <- db.edit(t.Context(), func(*transaction) (error, error) {
			close(busy)
			<-free
			return nil, nil
		})
	}()
	<-busy
	ends := make([]chan error, len(edits))
	for i, apply := range edits {
		ends[i] = make(chan error, 1)
		err := db.file.Queue(t.Context(), func(tx *dbfile.Tx) (refused, failed error) { return apply(of(tx)) }, ends[i])
		if err != nil {
			t.Fatal(err)
		}
	}
	close(free)
	if err := <-blocked; err != nil {
		t.Fatal(err)
	}
	out := make([]error, len(edits))
	for i, end := range ends {
		out[i] = <-end
	}
	return out
}

func putNote(name string) func(*transaction) (error, error) {
	return func(tx *transaction) (error, error) {
		return nil, tx.Bucket(bucketMeta).Put([]byte(name), []byte("note"))
	}
}

func noted(t *testing.T, db *DB, name string) (is bool) {
	t.Helper()
	if err := db.view(t.Context(), func(tx *transaction) error {
		is = tx.Bucket(bucketMeta).Get([]byte(name)) != nil
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return is
}

// One edit of a group that fails, in whatever way, takes no other with it and leaves
// nothing of itself.
func TestFailureOfOneEdit(t *testing.T) {
	broken := errors.New("broken")
	var nowhere *error
	tests := []struct {
		name string
		fail func() (refused, failed error)
		want error
	}{
		{"refused", func() (error, error) { return broken, nil }, broken},
		{"failed", func() (error, error) { return nil, broken }, broken},
		{"panics", func() (error, error) { panic("of the database") }, store.ErrCorrupt},
		{"reads where no memory is", func() (error, error) { return nil, *nowhere }, store.ErrCorrupt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := openNew(t, Options{})
			failing := func(tx *transaction) (error, error) {
				if tt.name != "refused" {
					if err := tx.Bucket(bucketMeta).Put([]byte("half"), []byte("done")); err != nil {
						return nil, err
					}
				}
				return tt.fail()
			}
			ends := together(t, db, putNote("a"), failing, putNote("b"), failing, putNote("c"))
			for i, end := range ends {
				if i%2 == 0 && end != nil || i%2 == 1 && !errors.Is(end, tt.want) {
					t.Errorf("edit %d ended with %v", i, end)
				}
			}
			for _, name := range []string{"a", "b", "c"} {
				if !noted(t, db, name) {
					t.Errorf("edit %s is lost", name)
				}
			}
			if noted(t, db, "half") {
				t.Error("half of the edit that failed is kept")
			}
		})
	}
}

// An edit that is too big for what is left of the file fails by itself.
func TestTooBigForTheFile(t *testing.T) {
	db := openNew(t, Options{MaxSize: 4 << 20})
	big := func(tx *transaction) (error, error) {
		return nil, tx.Bucket(bucketMeta).Put([]byte("big"), make([]byte, 8<<20))
	}
	ends := together(t, db, putNote("a"), putNote("b"), big, putNote("c"))
	for i, end := range ends {
		if i == 2 && !errors.Is(end, store.ErrFull) || i != 2 && end != nil {
			t.Errorf("edit %d ended with %v", i, end)
		}
	}
}

// A session that cannot be read, since a newer lwbs wrote it or it is damaged, is dropped
// like another when it is the oldest. Until then it is in no one's way: edits are kept,
// and lists have the others.
func TestUnreadableSessions(t *testing.T) {
	for _, limit := range []string{"of the device", "of all"} {
		t.Run(limit, func(t *testing.T) {
			opts := Options{SessionsPerDevice: 3}
			if limit == "of all" {
				opts = Options{Sessions: 3}
			}
			db := openNew(t, opts)
			for i := range 3 {
				appendSession(t, db, i)
			}
			if err := db.edit(t.Context(), func(tx *transaction) (error, error) {
				return nil, tx.Bucket(bucketSession).Put([]byte("s001"), []byte(`{"of":"a newer lwbs"`))
			}); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Session(t.Context(), "s001"); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("the session that cannot be read: error %v, want %v", err, store.ErrCorrupt)
			}
			for i, want := range []string{"s003 s002", "s004 s003 s002", "s005 s004 s003"} {
				appendSession(t, db, i+3)
				if got := listed(t, db, store.SessionQuery{Endpoint: "dev"}); got != want {
					t.Errorf("after session %d the list has %s, want %s", i+3, got, want)
				}
				if got := listed(t, db, store.SessionQuery{Identity: "identity"}); got != want {
					t.Errorf("after session %d the identity has %s, want %s", i+3, got, want)
				}
			}
			if err := db.Check(t.Context()); err != nil {
				t.Errorf("after it is gone: %v", err)
			}
		})
	}
}

func appendSession(t testing.TB, db *DB, i int) {
	t.Helper()
	err := db.AppendSession(t.Context(), store.Session{ID: fmt.Sprintf("s%03d", i), Endpoint: "dev", Known: true, Identity: "identity", Cause: store.CauseRefused})
	if err != nil {
		t.Fatal(err)
	}
}

func listed(t *testing.T, db *DB, q store.SessionQuery) string {
	t.Helper()
	page, err := db.Sessions(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range page {
		ids = append(ids, s.ID)
	}
	return strings.Join(ids, " ")
}

// A device record that cannot be read is not in the way of lists either.
func TestUnreadableDevices(t *testing.T) {
	db := openNew(t, Options{})
	for i := range 3 {
		d := store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprintf("dev-%d", i)), Profile: "p", Tags: []string{"t"}}
		if _, err := db.PutDevice(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.edit(t.Context(), func(tx *transaction) (error, error) {
		return nil, tx.Bucket(bucketDevice).Put([]byte("dev-1"), []byte(`{"endpoint":"dev-1"`))
	}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []store.DeviceQuery{{}, {Profile: "p"}, {Tag: "t"}} {
		page, err := db.Devices(t.Context(), q)
		if err != nil || len(page) != 2 || page[0].Endpoint != "dev-0" || page[1].Endpoint != "dev-2" {
			t.Errorf("%+v gives %v, %v", q, page, err)
		}
	}
	if _, err := db.Device(t.Context(), "dev-1"); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("error %v, want %v", err, store.ErrCorrupt)
	}
	if parts := db.Unreadable(); len(parts) != 1 || parts[0].What() != `device "dev-1"` {
		t.Errorf("what cannot be read is %v", parts)
	}
}

// A damaged device can be deleted and added again, a damaged profile replaced; then nothing
// is wrong any more.
func TestMendDamagedRecords(t *testing.T) {
	told := 0
	db := openNew(t, Options{Unreadable: func(*store.UnreadableError) { told++ }})
	d := store.Device{Endpoint: "dev", Profile: "p", Tags: []string{"t"}, Credentials: []store.Credential{{
		Kind: store.CredentialPSK, Identity: "id", Key: lwm2m.NewSecret([]byte("key"))}}}
	if _, err := db.PutDevice(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := db.edit(t.Context(), func(tx *transaction) (error, error) {
		return nil, errors.Join(tx.Bucket(bucketDevice).Put([]byte("dev"), []byte(`{`)), tx.Bucket(bucketProfile).Put([]byte("p"), []byte(`{`)))
	}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := db.DeviceByIdentity(t.Context(), store.CredentialPSK, "id"); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("error %v, want %v", err, store.ErrCorrupt)
		}
		if _, err := db.Profile(t.Context(), "p"); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("error %v, want %v", err, store.ErrCorrupt)
		}
	}
	if told != 2 || len(db.Unreadable()) != 2 {
		t.Errorf("told of %d parts, there are %v", told, db.Unreadable())
	}
	if _, err := db.PutProfile(t.Context(), store.Profile{Name: "p"}); err != nil {
		t.Error(err)
	}
	if err := db.DeleteDevice(t.Context(), "dev", 0); err != nil {
		t.Error(err)
	}
	if _, err := db.PutDevice(t.Context(), d); err != nil {
		t.Error(err)
	}
	if parts := db.Unreadable(); len(parts) != 0 {
		t.Errorf("what cannot be read is %v still", parts)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A panic of the writer fails the edits that it was about; those that follow are kept.
func TestWriterAfterPanic(t *testing.T) {
	var panics []any
	db := openNew(t, Options{
		Unreadable: func(*store.UnreadableError) { panic("told") },
		Panicked:   func(v any) { panics = append(panics, v) },
	})
	damaged := func(*transaction) (error, error) {
		return nil, &store.UnreadableError{Bucket: store.KindDevice, Key: "x", Err: store.ErrCorrupt}
	}
	for i, err := range together(t, db, putNote("a"), damaged, putNote("b")) {
		if !errors.Is(err, dbfile.ErrPanicked) {
			t.Errorf("edit %d ended with %v", i, err)
		}
	}
	if len(panics) != 1 || panics[0] != "told" {
		t.Errorf("told of the panics %v", panics)
	}
	for i, err := range together(t, db, putNote("c"), putNote("d")) {
		if err != nil {
			t.Errorf("edit %d after it ended with %v", i, err)
		}
	}
	if noted(t, db, "a") || noted(t, db, "b") || !noted(t, db, "c") || !noted(t, db, "d") {
		t.Error("what is kept is not what was told")
	}
}
