package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/postgres"
	"lwbs/store/postgres/pgtest"
	"lwbs/store/seal"
)

// schemaOf is the name of the schema that a pool reaches.
func schemaOf(pool *pgxpool.Config) string { return pool.ConnConfig.RuntimeParams["search_path"] }

// What a newer lwbs has made is left alone.
func TestNewerSchema(t *testing.T) {
	server := pgtest.Shared(t)
	pool, k := server.Fresh(t), keyring(t)
	want(t, open(t, pool, k, postgres.Options{}).Close(), nil)
	server.Exec(t, "update "+schemaOf(pool)+".meta set v = '99' where k = 'schema'")
	_, err := postgres.Open(t.Context(), pool.Copy(), "test", func(bool) (*seal.Keyring, error) { return k, nil }, postgres.Options{})
	want(t, err, store.ErrSchema)
	if err != nil && !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("error %v", err)
	}
}

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error %v, want %v", err, target)
	}
}

// A key is made for a fresh database only, and another key opens none.
func TestSealingKey(t *testing.T) {
	server := pgtest.Shared(t)
	pool, k := server.Fresh(t), keyring(t)
	for i, wantFresh := range []bool{true, false} {
		db, err := postgres.Open(t.Context(), pool.Copy(), "test", func(fresh bool) (*seal.Keyring, error) {
			if fresh != wantFresh {
				t.Errorf("opening %d: fresh %v", i, fresh)
			}
			return k, nil
		}, postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want(t, db.Close(), nil)
	}
	_, err := postgres.Open(t.Context(), pool.Copy(), "test", func(bool) (*seal.Keyring, error) { return keyring(t), nil }, postgres.Options{})
	want(t, err, store.ErrNoKey)
}

// Several servers that start at the same moment make the tables once.
func TestOpenedAtOnce(t *testing.T) {
	pool, k := pgtest.Shared(t).Fresh(t), keyring(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db, err := postgres.Open(t.Context(), pool.Copy(), "test", func(bool) (*seal.Keyring, error) { return k, nil }, postgres.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			want(t, db.Close(), nil)
		})
	}
	wg.Wait()
}

// No secret is in the database in the clear, in no table.
func TestSecretsAreSealed(t *testing.T) {
	server := pgtest.Shared(t)
	pool := server.Fresh(t)
	db := open(t, pool, keyring(t), postgres.Options{})
	defer db.Close()
	ctx, secret := t.Context(), []byte("in-the-clear-0123456789abcdef")
	key := lwm2m.NewSecret(secret)
	_, err := db.PutProfile(ctx, store.Profile{Name: "p"})
	want(t, err, nil)
	_, err = db.PutGroup(ctx, store.Group{Name: "g", Profile: "p", Keys: []store.GroupKey{{ID: 1, Key: key}}})
	want(t, err, nil)
	_, err = db.PutLwM2MServer(ctx, store.LwM2MServer{Name: "s", Kind: store.KindWebhook, Address: "http://127.0.0.1:1", Secret: key, Events: []store.EventType{store.EventExpiring}})
	want(t, err, nil)
	_, err = db.PutUser(ctx, store.User{Name: "u", Role: "admin", Password: key})
	want(t, err, nil)
	_, err = db.PutDevice(ctx, store.Device{Endpoint: "d", Profile: "p", Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: "i", Key: key}},
		Accounts: map[string]store.AccountKeys{"a": {Key: key, MasterSecret: key, Pending: key}}, Secrets: map[lwm2m.Path]lwm2m.Secret{lwm2m.ResourcePath(11, 0, 6): key},
		HandedOver: []store.HandedOver{{Server: "s", Account: "a", Endpoint: "d", Digest: key, At: time.Now()}}})
	want(t, err, nil)
	_, err = db.AppendEvent(ctx, store.Event{Type: store.EventExpiring, At: time.Now(), Data: map[string]string{"body": string(secret)}})
	want(t, err, nil)
	dump := server.Dump(t, schemaOf(pool))
	if !bytes.Contains(dump, []byte("device_profile")) || bytes.Count(dump, []byte("\n")) < 20 {
		t.Fatalf("the dump has %d bytes", len(dump))
	}
	for _, form := range []string{string(secret), fmt.Sprintf("%x", secret)} {
		if bytes.Contains(dump, []byte(form)) {
			t.Errorf("the dump has the secret as %s", form)
		}
	}
}

// Two servers on one database keep the promises that one keeps: of edits of one revision one is stored, a limited group
// takes no device too many, numbers of messages are those of one order, and each sees what the other has edited.
func TestTwoServers(t *testing.T) {
	pool, k := pgtest.Shared(t).Fresh(t), keyring(t)
	a, b := open(t, pool, k, postgres.Options{}), open(t, pool, k, postgres.Options{})
	defer a.Close()
	defer b.Close()
	ctx := t.Context()
	_, err := a.PutProfile(ctx, store.Profile{Name: "p"})
	want(t, err, nil)
	group, err := a.PutGroup(ctx, store.Group{Name: "g", Profile: "p", MaxDevices: 5})
	want(t, err, nil)
	if all, err := b.Groups(ctx); err != nil || len(all.All) != 1 {
		t.Errorf("the other server has the groups %+v, %v", all, err)
	}
	group.Note = "edited"
	group, err = b.PutGroup(ctx, group)
	want(t, err, nil)
	if all, err := a.Groups(ctx); err != nil || all.All[0].Note != "edited" {
		t.Errorf("the first server has the groups %+v, %v", all, err)
	}
	_, err = a.PutLwM2MServer(ctx, store.LwM2MServer{Name: "s", Kind: store.KindLeshan, Address: "http://127.0.0.1:1"})
	want(t, err, nil)

	var mu sync.Mutex
	enrolled, edited := 0, 0
	var wg sync.WaitGroup
	d, err := a.PutDevice(ctx, store.Device{Endpoint: "edited", Profile: "p"})
	want(t, err, nil)
	for i := range 24 {
		db := []*postgres.DB{a, b}[i%2]
		wg.Go(func() {
			_, err := db.EnrolDevice(ctx, store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprint("g", i/2)), Profile: "p", Group: "g"}, group.Revision)
			_, edit := db.PutDevice(ctx, d)
			told := store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprint("told", i)), Profile: "p", HandedOver: []store.HandedOver{{Server: "s", Account: "a", Endpoint: "x", At: time.Now()}}}
			_, put := db.PutDevice(ctx, told)
			want(t, put, nil)
			want(t, db.DeleteDevice(ctx, told.Endpoint, 0), nil)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				enrolled++
			} else if !errors.Is(err, store.ErrExists) && !errors.Is(err, store.ErrGroupFull) {
				t.Errorf("enrolment: %v", err)
			}
			if edit == nil {
				edited++
			} else {
				want(t, edit, store.ErrConflict)
			}
		})
	}
	wg.Wait()
	size, err := a.GroupSize(ctx, "g")
	want(t, err, nil)
	if enrolled != 5 || size != 5 || edited != 1 {
		t.Errorf("%d were enrolled, %d are counted, %d edits of one revision were stored", enrolled, size, edited)
	}
	all, err := b.Messages(ctx, store.MessageQuery{})
	want(t, err, nil)
	for i, m := range all {
		if m.ID != store.MessageID(i+1) {
			t.Errorf("message %d has the number %v", i, m.ID)
		}
	}
	if stats, err := b.Stats(ctx); err != nil || len(all) != 24 || stats.Devices != 6 {
		t.Errorf("there are %d messages and %d devices, %v", len(all), stats.Devices, err)
	}
}

// The history is divided by time: new sessions are in a part with a day in its name, and a part that as a whole is
// above the limit is dropped.
func TestPartsOfTheHistory(t *testing.T) {
	server := pgtest.Shared(t)
	pool := server.Fresh(t)
	db := open(t, pool, keyring(t), postgres.Options{Sessions: 10, TidyEvery: time.Hour})
	defer db.Close()
	want(t, db.Tidy(t.Context()), nil)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	if n := server.Int(t, schemaOf(pool), "select count(*) from pg_class where relname = 'session_"+today.Format("20060102")+"' and relnamespace = current_schema::regnamespace"); n != 1 {
		t.Fatal("there is no part for today")
	}
	old := today.Add(-10 * 24 * time.Hour)
	server.Exec(t, "set search_path = "+schemaOf(pool), fmt.Sprintf("create table session_%s partition of session for values from ('%s') to ('%s')", old.Format("20060102"), store.SessionIDAt(old), store.SessionIDAt(old.Add(24*time.Hour))))
	add := func(at time.Time, n int) {
		for i := range n {
			want(t, db.AppendSession(t.Context(), store.Session{ID: store.SessionIDAt(at.Add(time.Duration(i) * time.Second)), Endpoint: lwm2m.EndpointName(fmt.Sprint("d", i)), Known: true, Cause: store.CauseDone}), nil)
		}
	}
	in := func(table string) int { return server.Int(t, schemaOf(pool), "select count(*) from "+table) }
	add(old.Add(time.Hour), 7)
	add(today, 5)
	want(t, db.Tidy(t.Context()), nil)
	if before, now := in("session_"+old.Format("20060102")), in("session_"+today.Format("20060102")); before != 5 || now != 5 || in("session_other") != 0 {
		t.Errorf("the parts have %d and %d sessions", before, now)
	}
	add(today.Add(time.Hour), 6)
	want(t, db.Tidy(t.Context()), nil)
	if n := server.Int(t, schemaOf(pool), "select count(*) from pg_class where relname = 'session_"+old.Format("20060102")+"' and relnamespace = current_schema::regnamespace"); n != 0 {
		t.Error("the part that is above the limit is there")
	}
	if all, err := db.Sessions(t.Context(), store.SessionQuery{}); err != nil || len(all) != 10 || all[9].ID < store.SessionIDAt(today) {
		t.Errorf("%d sessions are left, %v", len(all), err)
	}
}

// A record that is damaged is left out of lists, is told of, and can be deleted or replaced.
func TestDamagedRecords(t *testing.T) {
	server := pgtest.Shared(t)
	pool := server.Fresh(t)
	told := make(chan *store.UnreadableError, 10)
	db := open(t, pool, keyring(t), postgres.Options{Unreadable: func(part *store.UnreadableError) { told <- part }})
	defer db.Close()
	ctx := context.Background()
	_, err := db.PutProfile(ctx, store.Profile{Name: "p"})
	want(t, err, nil)
	for _, ep := range []lwm2m.EndpointName{"a", "b", "c"} {
		_, err := db.PutDevice(ctx, store.Device{Endpoint: ep, Profile: "p"})
		want(t, err, nil)
	}
	server.Exec(t, "update "+schemaOf(pool)+".device set row = '\\x00ff' where endpoint = 'b'")
	_, err = db.Device(ctx, "b")
	want(t, err, store.ErrCorrupt)
	if part := <-told; part.What() != `device "b"` || len(db.Unreadable()) != 1 {
		t.Errorf("it is told of %s", part.What())
	}
	if page, err := db.Devices(ctx, store.DeviceQuery{Limit: 2}); err != nil || len(page) != 2 || page[1].Endpoint != "c" {
		t.Errorf("the list is %+v, %v", page, err)
	}
	want(t, db.DeleteDevice(ctx, "b", 0), nil)
	if len(db.Unreadable()) != 0 {
		t.Error("it is told of after it was deleted")
	}
}

// Of several servers one leads, and another one does once that has ended. Messages that one appends are told to the
// others.
func TestLead(t *testing.T) {
	pool, k := pgtest.Shared(t).Fresh(t), keyring(t)
	a, b := open(t, pool, k, postgres.Options{}), open(t, pool, k, postgres.Options{})
	defer b.Close()
	ofA, ofB := a.Lead("x"), b.Lead("x")
	if !ofA() || ofB() || !b.Lead("y")() {
		t.Errorf("the first leads: %v, the second: %v", ofA(), ofB())
	}
	_, err := a.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "s", Kind: store.KindCommand, Address: "/none", Events: []store.EventType{store.EventExpiring}})
	want(t, err, nil)
	n, err := a.AppendEvent(t.Context(), expiring)
	if err != nil || n != 1 {
		t.Errorf("%d messages, %v", n, err)
	}
	select {
	case <-b.MessagesAppended():
	case <-time.After(time.Minute):
		t.Error("the other server is not told of the message")
	}
	want(t, a.Close(), nil)
	if ofA() {
		t.Error("a server that has ended leads")
	}
	for deadline := time.Now().Add(time.Minute); !ofB(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no server leads")
		}
	}
}
